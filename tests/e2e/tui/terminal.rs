//! A terminal that a test reads and types into: a `tmux` server of its own.

#![expect(clippy::disallowed_methods, reason = "a real terminal is watched with the real clock")]

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use loki_kit::TestEnv;

/// How long something on a screen may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Terminals opened by this process.
static OPENED: AtomicU32 = AtomicU32::new(0);

/// A terminal. It is closed with everything in it when it goes.
pub(crate) struct Terminal {
    server: String,
}

impl Terminal {
    /// A terminal in which the program runs. When it has ended, its exit code and the terminal's settings
    /// are written below what it left.
    pub(crate) fn open(env: &TestEnv, arguments: &[&str], size: (u16, u16)) -> Terminal {
        let then = "echo EXIT $?; stty -a | tr ';' '\\n' | grep -o -- '-\\?\\(icanon\\|echo\\) '; cat";
        Terminal::run(env, &format!("{}; {then}", line(env, arguments)), size)
    }

    /// A terminal with a shell that knows jobs.
    pub(crate) fn shell(env: &TestEnv, size: (u16, u16)) -> Terminal {
        Terminal::run(env, "exec env PS1='$ ' bash --norc --noprofile -i", size)
    }

    fn run(env: &TestEnv, script: &str, (columns, rows): (u16, u16)) -> Terminal {
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let terminal = Terminal { server: format!("loki-{}-{number}", std::process::id()) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let size = ["-x", &columns, "-y", &rows];
        let folder = env.root().display().to_string();
        let begin = ["-f", "/dev/null", "new-session", "-d", "-c", &folder];
        let command = [script];
        terminal.ask(&[&begin[..], &size, &command].concat());
        terminal.ask(&["set-option", "-g", "window-size", "manual"]);
        terminal
    }

    /// Presses keys, by the names that tmux has for them.
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"][..], keys].concat());
    }

    /// Types a text.
    pub(crate) fn text(&self, text: &str) {
        self.ask(&["send-keys", "-l", text]);
    }

    /// Makes it another size.
    pub(crate) fn resize(&self, (columns, rows): (u16, u16)) {
        self.ask(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.ask(&["capture-pane", "-p"]).trim_end().to_owned()
    }

    /// The same with its colours, as escape sequences.
    pub(crate) fn coloured(&self) -> String {
        self.ask(&["capture-pane", "-p", "-e"])
    }

    /// The process of the program.
    pub(crate) fn program(&self) -> u32 {
        let shell = self.ask(&["list-panes", "-F", "#{pane_pid}"]);
        until("the program is there", || {
            let children = Command::new("pgrep").args(["-P", shell.trim()]).output().expect("pgrep");
            String::from_utf8_lossy(&children.stdout).lines().next().and_then(|pid| pid.parse().ok())
        })
    }

    /// Waits until the screen shows something, and returns it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, shows: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{what}, within {PATIENCE:?}; the screen:\n{screen}");
            std::thread::yield_now();
        }
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = Command::new("tmux")
            .args(["-L", &self.server])
            .args(arguments)
            .output()
            .expect("tmux is installed");
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "tmux {arguments:?}: {said}");
        String::from_utf8_lossy(&stdout).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let ended = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
        drop(ended); // It may have ended with the last program in it.
    }
}

/// The command line that runs the program as a test's environment has it, for a shell.
pub(crate) fn line(env: &TestEnv, arguments: &[&str]) -> String {
    let command = env.command(arguments);
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_string_lossy().replace('\'', "'\\''"));
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let variables: Vec<String> = variables.collect();
    let arguments: Vec<String> = command.get_args().map(quoted).collect();
    let program = quoted(command.get_program());
    format!("env -i TERM=screen-256color {} {program} {}", variables.join(" "), arguments.join(" "))
}

/// Waits until there is something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}, within {PATIENCE:?}");
        std::thread::yield_now();
    }
}
