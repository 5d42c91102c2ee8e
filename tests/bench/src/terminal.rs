//! A terminal that a program is given, and whose screen is read.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::measure::BenchError;

/// How long a program may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Columns and rows.
pub(crate) type Size = (NonZeroU16, NonZeroU16);

/// A program in a terminal of its own. It is ended when this goes.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: vt100::Parser,
    began: Instant,
}

impl Terminal {
    /// Starts the program that `command` names, with its arguments and variables.
    pub(crate) fn start(command: &Command, (columns, rows): Size) -> Result<Self, BenchError> {
        let failed = |error: rustix::io::Errno| BenchError::io("open a terminal")(error.into());
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(failed)?;
        grantpt(&master).and_then(|()| unlockpt(&master)).map_err(failed)?;
        let size = Winsize { ws_row: rows.get(), ws_col: columns.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).map_err(failed)?;
        let name = ptsname(&master, Vec::new()).map_err(failed)?;
        let path = name.to_string_lossy().into_owned();
        let end = || File::options().read(true).write(true).open(&path).map(OwnedFd::from);
        let open = || Ok([end()?, end()?, end()?]);
        let [input, output, errors] = open().map_err(BenchError::io("open a terminal"))?;
        // The terminal becomes the one that governs the program.
        let mut whole = Command::new("setsid");
        whole.arg("--ctty").arg(command.get_program()).args(command.get_args());
        whole.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            whole.current_dir(folder);
        }
        whole.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::from(errors));
        let began = now();
        let child = whole.spawn().map_err(BenchError::io("start a program in a terminal"))?;
        let screen = vt100::Parser::new(rows, columns, 0);
        Ok(Self { child, keyboard: File::from(master), screen, began })
    }

    /// The process of the program.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types.
    pub(crate) fn types(&mut self, keys: &str) -> Result<(), BenchError> {
        self.keyboard.write_all(keys.as_bytes()).map_err(BenchError::io("type into a terminal"))
    }

    /// Reads until the screen shows something: how long after the program's start that was.
    pub(crate) fn until(&mut self, what: &str, shows: impl Fn(&str) -> bool) -> Result<Duration, BenchError> {
        let deadline = now() + PATIENCE;
        while !shows(&self.screen.screen().contents()) {
            if now() > deadline {
                let seen = self.screen.screen().contents();
                return Err(BenchError::Terminal(format!("{what} was not seen on its screen:\n{seen}")));
            }
            self.read(Duration::from_millis(100))?;
        }
        Ok(self.began.elapsed())
    }

    /// Reads whatever comes for so long.
    pub(crate) fn watch(&mut self, long: Duration) -> Result<(), BenchError> {
        let until = now() + long;
        while let Some(left) = until.checked_duration_since(now()) {
            self.read(left)?;
        }
        Ok(())
    }

    fn read(&mut self, patience: Duration) -> Result<(), BenchError> {
        let mut watched = [PollFd::new(&self.keyboard, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        match poll(&mut watched, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(BenchError::io("wait for a terminal")(error.into())),
        }
        let mut bytes = [0; 64 << 10];
        let read = self.keyboard.read(&mut bytes).map_err(|_| {
            // Its other end was closed.
            BenchError::Terminal(format!("it ended, and left:\n{}", self.screen.screen().contents()))
        })?;
        self.screen.process(&bytes[..read]);
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
