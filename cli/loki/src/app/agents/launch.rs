//! Runs an agent's program in the project's sandbox.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use loki_provider::agent::{Flow, Launch, LaunchError, Launcher, Lines, Ran, Rights, RunEnd};
use loki_sandbox::{CallError, End, Ended, Job, Kept, Output, Stream, Workshop};
use tokio::sync::Notify;

use super::door::Door;
use super::program::Program;
use super::reach::Reach;

/// Bytes of stderr that are kept.
const LAST_WORDS_BYTES_MAX: usize = 8 * 1024;

/// Gives the agent a folder for its settings that is empty, and takes it away again. All of it happens inside,
/// since the home is a place where the project's commands write what they like. Folders of runs that were cut
/// short are taken away after a day.
const SCRIPT: &str = "umask 077
variable=$1 folder=$HOME/.loki-agent/$2
shift 2
mkdir -p \"$HOME/.loki-agent\" && mkdir \"$folder\" || exit 125
find \"$HOME/.loki-agent\" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} + 2>/dev/null
export \"$variable=$folder\"
\"$@\"
code=$?
rm -rf \"$folder\"
exit $code";

/// Makes the project's sandbox, or says why there is none.
pub(super) type MakeWorkshop = Box<dyn Fn() -> Result<Workshop, String> + Send + Sync>;

/// A launcher that confines.
pub(super) struct Confined {
    pub(super) program: Program,
    /// The program of loki itself: the agent's bridge to its door.
    pub(super) own: PathBuf,
    pub(super) reach: Reach,
    /// Where doors are made.
    pub(super) temporary: PathBuf,
    pub(super) make: MakeWorkshop,
    /// Made when the first agent is started: that writes into the project's state.
    pub(super) workshop: OnceLock<Result<Workshop, String>>,
}

/// Why there is no sandbox to start it in.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Confined {
    /// The project's sandbox, with the way to the agent's API.
    fn workshop(&self, rights: Rights) -> Result<Workshop, Refused> {
        let project = self.workshop.get_or_init(&self.make).as_ref().map_err(|why| Refused(why.clone()))?;
        Ok(match rights {
            Rights::Change => project.with_document(&self.reach.document),
            Rights::Read => project.read_only().with_document(&self.reach.document),
        })
    }

    fn job(&self, launch: &Launch, workshop: &Workshop, door: &Door) -> Job {
        let folder = folder_name((workshop.now_ms)());
        let words = ["/bin/sh", "-c", SCRIPT, "sh", launch.settings_variable, &folder];
        let mut command: Vec<OsString> = words.map(OsString::from).into();
        command.push(self.program.path.clone().into_os_string());
        command.extend(launch.arguments.iter().map(OsString::from));
        let mut programs = self.program.programs.clone();
        programs.push(self.own.clone());
        Job {
            stdin: launch.stdin.clone().into_bytes(),
            variables: launch.variables.clone(),
            seconds_max: Some(launch.seconds_max),
            door: Some(door.path()),
            programs,
            read: self.program.read.clone(),
            ..Job::new(command, workshop.places.project())
        }
    }
}

#[async_trait]
impl Launcher for Confined {
    async fn launch(&self, launch: Launch, lines: &mut dyn Lines) -> Result<Ran, LaunchError> {
        let workshop = self.workshop(launch.rights).map_err(|source| refused(Box::new(source)))?;
        let door = Door::open(&self.temporary, Arc::clone(&launch.desk))
            .map_err(|source| failed(Box::new(source)))?;
        let job = self.job(&launch, &workshop, &door);
        let enough = Notify::new();
        let mut feed =
            Feed { lines, enough: &enough, stopped: false, last_words: Kept::new(LAST_WORDS_BYTES_MAX) };
        let ended = tokio::select! {
            ended = workshop.pass(job, None, None, &mut feed, enough.notified()) => ended,
            () = door.serve() => unreachable_end(),
        };
        let last_words = String::from_utf8_lossy(&feed.last_words.tail()).into_owned();
        let ended = ended.map_err(of_call)?;
        Ok(Ran { end: end(ended, feed.stopped), last_words })
    }
}

/// Passes stdout on, and keeps the end of stderr.
struct Feed<'a> {
    lines: &'a mut dyn Lines,
    enough: &'a Notify,
    stopped: bool,
    last_words: Kept,
}

impl Output for Feed<'_> {
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Stderr => self.last_words.push(bytes),
            Stream::Stdout if self.stopped => {}
            Stream::Stdout => {
                if self.lines.take(bytes) == Flow::Stop {
                    self.stopped = true;
                    self.enough.notify_one();
                }
            }
        }
        Ok(())
    }
}

fn end(ended: Ended, stopped: bool) -> RunEnd {
    match ended.outcome.end {
        _ if stopped => RunEnd::Stopped,
        End::Exited { code } => RunEnd::Exited(code),
        End::Stopped => RunEnd::Stopped,
        End::Signaled { signal } => RunEnd::Ended(format!("was ended by signal {signal}")),
        End::Limit { limit } => {
            RunEnd::Ended(format!("was ended by the limit `{}` of its policy", limit.key()))
        }
        End::NotStarted { errno } => {
            RunEnd::Ended(format!("was not started: {}", io::Error::from_raw_os_error(errno)))
        }
    }
}

/// The door serves for as long as the agent runs; an end of it would be one of the call.
fn unreachable_end() -> Result<Ended, CallError> {
    Err(CallError::Io { attempt: "serve the agent's door", source: io::ErrorKind::BrokenPipe.into() })
}

/// Whether another try may go well is a matter of what failed.
fn of_call(error: CallError) -> LaunchError {
    match error {
        CallError::TooWeak(_) | CallError::Confine(_) | CallError::Job(_) => refused(Box::new(error)),
        CallError::Io { .. } | CallError::Proxy(_) | CallError::Record(_) | CallError::Lost(_) => {
            failed(Box::new(error))
        }
    }
}

fn refused(source: Box<dyn std::error::Error + Send + Sync>) -> LaunchError {
    LaunchError::Refused { source }
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> LaunchError {
    LaunchError::Failed { source }
}

/// A name that no other run of an agent has: neither now nor one that was cut short.
fn folder_name(now_ms: i64) -> String {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    format!("{now_ms}-{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}
