//! Runs the project's commands confined, in a place of the gates' own.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loki_sandbox::workshop::{Job, Process, Workshop};
use loki_sandbox::{CallError, End, Limit, Outcome};
use tokio::net::TcpStream;

/// Bytes that are kept of each stream: enough for the events of some ten thousand tests.
const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Variables that every command gets, so that it asks nothing, colours nothing, and keeps what it installs
/// in the checkout.
const VARIABLES: &[(&str, &str)] = &[
    ("CI", "true"),
    ("NO_COLOR", "1"),
    ("TERM", "dumb"),
    ("CARGO_TERM_COLOR", "never"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PIP_NO_INPUT", "1"),
    ("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
    ("COREPACK_ENABLE_DOWNLOAD_PROMPT", "0"),
    ("npm_config_update_notifier", "false"),
];

/// Where commands run.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The folder that stands in for the project.
    pub(crate) project: PathBuf,
    /// Their home.
    pub(crate) home: PathBuf,
    /// Their folder for passing files.
    pub(crate) tmp: PathBuf,
}

/// A command to be run.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The folder it starts in, below the place's project.
    pub(crate) folder: String,
    /// Seconds it may take.
    pub(crate) seconds_max: u64,
}

/// What came of a command.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// How it ended.
    pub(crate) end: Ended,
    /// What it printed as its results.
    pub(crate) stdout: String,
    /// What it printed beside them.
    pub(crate) stderr: String,
    /// Both as they came.
    pub(crate) both: String,
    /// Milliseconds it took.
    pub(crate) wall_ms: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this exit code; 128 and the signal's number where a signal ended it.
    Code(i32),
    /// Its program could not be started.
    NotStarted,
    /// By the limit of time.
    Slow,
    /// By another limit, by its key.
    Limit(&'static str),
    /// Because it was ended from outside.
    Stopped,
}

/// Why a command could not be run at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unable(pub(crate) String);

/// Runs commands.
#[async_trait]
pub(crate) trait Hands: Send + Sync {
    /// Runs one to its end.
    async fn run(&self, place: &Place, task: &Task) -> Result<Ran, Unable>;

    /// Starts one that goes on. Dropping what is returned ends it.
    async fn start(&self, place: &Place, task: &Task) -> Result<Box<dyn Running>, Unable>;
}

/// A command that goes on.
#[async_trait]
pub(crate) trait Running: Send + Sync {
    /// The ports it listens on.
    async fn listening(&self) -> io::Result<Vec<u16>>;

    /// A connection to one of them.
    async fn connect(&self, port: u16) -> io::Result<TcpStream>;

    /// Its end, where it ends within `timeout`.
    async fn wait(&self, timeout: Duration) -> Result<Option<Ended>, Unable>;

    /// The end of what it has printed.
    fn tail(&self) -> String;

    /// Ends it, and waits until nothing of it is left.
    async fn kill(&self);
}

#[async_trait]
impl Hands for Arc<Workshop> {
    async fn run(&self, place: &Place, task: &Task) -> Result<Ran, Unable> {
        let done = there(self, place)?.run(job(place, task)).await.map_err(|error| unable(&error))?;
        Ok(Ran {
            end: ended(&done.outcome),
            stdout: done.stdout.text(),
            stderr: done.stderr.text(),
            both: done.both.text(),
            wall_ms: done.outcome.usage.wall_ms,
        })
    }

    async fn start(&self, place: &Place, task: &Task) -> Result<Box<dyn Running>, Unable> {
        let process = there(self, place)?.start(job(place, task)).await.map_err(|error| unable(&error))?;
        Ok(Box::new(process))
    }
}

#[async_trait]
impl Running for Process {
    async fn listening(&self) -> io::Result<Vec<u16>> {
        Process::listening(self).await
    }

    async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        Process::connect(self, port).await
    }

    async fn wait(&self, timeout: Duration) -> Result<Option<Ended>, Unable> {
        let outcome = Process::wait(self, timeout).await.map_err(|error| unable(&error))?;
        Ok(outcome.as_ref().map(ended))
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&Process::tail(self)).into_owned()
    }

    async fn kill(&self) {
        // Where its end cannot be told, dropping it has the same effect.
        drop(Process::kill(self).await);
    }
}

fn there(workshop: &Workshop, place: &Place) -> Result<Workshop, Unable> {
    workshop.elsewhere(&place.project, &place.home, &place.tmp).map_err(|error| Unable(told(&error)))
}

fn job(place: &Place, task: &Task) -> Job {
    let mut job = Job::new(&task.command, place.project.join(&task.folder));
    job.variables = VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    job.seconds_max = Some(task.seconds_max);
    job.output_bytes_max = OUTPUT_BYTES_MAX;
    job.listens = true; // Tests bring servers of their own.
    job
}

fn ended(outcome: &Outcome) -> Ended {
    match outcome.end {
        End::Exited { code } => Ended::Code(code),
        End::Signaled { signal } => Ended::Code(128_i32.saturating_add(signal)),
        End::Limit { limit: Limit::Wall } => Ended::Slow,
        End::Limit { limit } => Ended::Limit(limit.key()),
        End::Stopped => Ended::Stopped,
        End::NotStarted { .. } => Ended::NotStarted,
    }
}

fn unable(error: &CallError) -> Unable {
    Unable(told(error))
}

/// An error with its causes, in one line.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
