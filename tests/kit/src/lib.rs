//! What tests of the built program need: a folder of their own, a clean environment, and assertions
//! that show both streams when they fail.

pub mod errand;
pub mod examples;
pub mod fakes;
pub mod http;
pub mod packages;
pub mod postgres;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// SQLite, for tests that look into a database the way a stranger would.
pub use rusqlite;
use tempfile::TempDir;

/// A command that takes longer has hung; the test fails rather than the whole gate.
const COMMAND_SECONDS_MAX: u64 = 120;

/// A project folder, a home folder, and the program to run in them. Both folders go with it.
pub struct TestEnv {
    program: PathBuf,
    root: TempDir,
    home: TempDir,
    variables: BTreeMap<String, String>,
}

impl TestEnv {
    /// Fresh folders for `program`.
    pub fn new(program: impl Into<PathBuf>) -> TestEnv {
        let root = tempfile::tempdir().expect("a temporary project folder");
        let home = tempfile::tempdir().expect("a temporary home folder");
        let variables = BTreeMap::from([
            ("HOME".to_owned(), home.path().display().to_string()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
        ]);
        TestEnv { program: program.into(), root, home, variables }
    }

    /// The same with one more variable.
    pub fn with_variable(mut self, name: &str, value: &str) -> TestEnv {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A path in the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Writes a file in the project, with the folders it needs.
    pub fn write(&self, relative: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(relative);
        let folder = path.parent().expect("a folder above the file");
        std::fs::create_dir_all(folder).expect("folders for the file");
        std::fs::write(&path, contents).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }

    /// The text of a file in the project.
    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    }

    /// The JSON in a file of the project.
    pub fn read_json(&self, relative: &str) -> serde_json::Value {
        let text = self.read(relative);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{relative} is no JSON: {error}\n{text}"))
    }

    /// True where the project has such a file or folder.
    pub fn has(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }

    /// Every file in the project, sorted, relative to it.
    pub fn tree(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(self.root(), self.root(), &mut files);
        files.sort();
        files
    }

    /// The program with `arguments`, not started yet: no inherited variable, stdin empty.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.root())
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn loki(&self, arguments: &[&str]) -> Run {
        self.loki_with_stdin(arguments, "")
    }

    /// Runs the program to its end with `stdin` to read.
    pub fn loki_with_stdin(&self, arguments: &[&str], stdin: impl Into<Vec<u8>>) -> Run {
        let output = assert_cmd::Command::from_std(self.command(arguments))
            .write_stdin(stdin)
            .timeout(Duration::from_secs(COMMAND_SECONDS_MAX))
            .output()
            .unwrap_or_else(|error| panic!("run {}: {error}", self.program.display()));
        Run::of(arguments, &output)
    }
}

/// What a command came to.
#[derive(Debug)]
pub struct Run {
    arguments: String,
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Run {
    /// What a command with these arguments printed and returned.
    pub fn of(arguments: &[&str], output: &Output) -> Run {
        Run {
            arguments: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails, with both streams shown, unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Run {
        assert_eq!(
            self.code,
            Some(code),
            "loki {}\n--- stdout\n{}\n--- stderr\n{}",
            self.arguments,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Stdout as one JSON value.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("loki {}: no JSON: {error}\n{}", self.arguments, self.stdout))
    }

    /// Stdout as one JSON value a line.
    #[track_caller]
    pub fn events(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("loki {}: no JSON: {error}\n{line}", self.arguments))
        };
        self.stdout.lines().map(parse).collect()
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be listed") {
        let path = entry.expect("an entry that can be read").path();
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, files);
        } else {
            let relative = path.strip_prefix(root).expect("a path below the root");
            files.push(relative.display().to_string());
        }
    }
}
