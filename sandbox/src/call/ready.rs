//! A helper that has made its namespaces and waits for a command.
//!
//! Most of what a confined command costs does not depend on the command: the process, its namespaces, the
//! beginnings of its file system. Whoever runs many keeps one ahead, made while the one before runs.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

use super::{CallError, doing};
use crate::confine::{self, Ground, HELPER_ARGUMENT};
use crate::level::Level;
use crate::sys::{self, Fork};

/// A helper that waits for a command. Dropping it ends it.
pub struct Ready {
    pub(super) helper: Helper,
    pub(super) control: UnixStream,
    pub(super) stdout: Receiver,
    pub(super) stderr: Receiver,
    ground: Ground,
}

impl Ready {
    /// Starts a helper for commands at this level. Must be called in a runtime.
    pub fn start(level: Level) -> Result<Ready, CallError> {
        Ready::start_as(level, None)
    }

    /// Starts another program as the helper, where one is named.
    pub(super) fn start_as(level: Level, program: Option<&Path>) -> Result<Ready, CallError> {
        let ground = ground_of(level);
        let attempt = || {
            let (control, theirs) = UnixStream::pair()?;
            let ((stdout, theirs_out), (stderr, theirs_err)) = (io::pipe()?, io::pipe()?);
            let helper = Helper::start(program, ground, theirs.into(), theirs_out.into(), theirs_err.into())?;
            let stdout = Receiver::from_owned_fd(stdout.into())?;
            let stderr = Receiver::from_owned_fd(stderr.into())?;
            Ok(Ready { helper, control, stdout, stderr, ground })
        };
        attempt().map_err(doing("start the helper"))
    }

    /// Whether it will do for a command at this level.
    pub(super) fn serves(&self, level: Level) -> bool {
        self.ground == ground_of(level)
    }
}

fn ground_of(level: Level) -> Ground {
    if level.has_namespaces() { Ground::OwnNamespaces } else { Ground::Shared }
}

/// The process that confines.
pub(super) enum Helper {
    /// This program, started anew.
    Started(Child),
    /// A copy of this process.
    Forked(Pid),
}

impl Helper {
    /// Starts it with these as its stdin, stdout and stderr.
    ///
    /// A program with one thread that has hardly begun, such as `loki sandbox run`, is as small as a new one,
    /// so that a copy of it will do. Copying a large one costs with its memory, and of one with threads a
    /// copy may do nothing: those start anew.
    fn start(
        program: Option<&Path>,
        ground: Ground,
        control: OwnedFd,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<Helper> {
        if program.is_some() || !sys::is_single_threaded() {
            // What this very program is, wherever its file has gone since.
            let mut program = Command::new(program.unwrap_or(Path::new("/proc/self/exe")));
            program.args([HELPER_ARGUMENT, ground.argument()]).env_clear().current_dir("/");
            let child = program.stdin(control).stdout(stdout).stderr(stderr).spawn()?;
            return Ok(Helper::Started(child));
        }
        match sys::fork()? {
            Fork::Parent(pid) => Ok(Helper::Forked(pid)),
            Fork::Child => {
                let set_up = || {
                    rustix::stdio::dup2_stdin(&control)?;
                    rustix::stdio::dup2_stdout(&stdout)?;
                    rustix::stdio::dup2_stderr(&stderr)
                };
                sys::exit_now(if set_up().is_ok() { i32::from(confine::confine(ground)) } else { 2 })
            }
        }
    }

    /// Its number; none where it has been waited for.
    pub(super) fn id(&self) -> Option<u32> {
        match self {
            Helper::Started(child) => child.id(),
            Helper::Forked(pid) => Some(pid.as_raw_nonzero().get().cast_unsigned()),
        }
    }

    /// Waits for its end, which is near: it has closed everything.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        match self {
            Helper::Started(child) => child.wait().await.map(drop),
            Helper::Forked(pid) => sys::wait_for(*pid),
        }
    }
}
