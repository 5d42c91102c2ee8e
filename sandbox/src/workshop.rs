//! Commands of one project, run with one set of rights: whatever a call needs but its command.
//!
//! A [`Workshop`] carries out a [`Job`] and keeps a bounded part of what it prints; or it starts one that
//! goes on, and hands out a [`Process`] to look at, to connect to and to end. Every job is written into the
//! record of calls before it begins and after it has ended. What of the rights changes for one job alone is
//! in `rights.rs`.

mod kept;
mod process;
mod rights;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncRead;
use tokio::sync::oneshot;

use crate::audit::{AuditLog, What};
use crate::call::{self, Call, CallError, Ended, Extras, Line, Output, Ready};
use crate::level::{Level, Mode, Support};
use crate::outcome::Outcome;
use crate::policy::{Places, Policy};
use crate::proxy::{self, Secrets, UpstreamProxy};

pub use kept::{Captured, Kept};
pub use process::Process;
pub use rights::{ElsewhereError, JobError};

/// The variable that tells a command where its door is ([`Job::door`]).
pub const DOOR_VARIABLE: &str = "LOKI_DOOR";

/// Bytes of each stream that a [`Job`] keeps where nothing else is said.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What every command of a project is run with. A clone shares everything that is large.
#[derive(Clone)]
pub struct Workshop {
    /// What commands may do.
    pub policy: Arc<Policy>,
    /// Where the places that the policy names are.
    pub places: Places,
    /// Variables that loki was started with; the policy says which are passed on.
    pub variables: Arc<BTreeMap<String, String>>,
    /// The proxy's secrets, by the name that the policy gives them. One that is not here is taken from the
    /// variable that the policy names.
    pub secrets: Arc<dyn Secrets>,
    /// The proxy that loki itself has to go through.
    pub upstream_proxy: Option<UpstreamProxy>,
    /// Certificate authorities to trust in place of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// What to do where the machine cannot confine as strongly as it should.
    pub mode: Mode,
    /// How strongly it should.
    pub least: Level,
    /// What the machine offers, as far as it is known without trying.
    pub support: Support,
    /// The program to be started as the helper that confines; none: this very program.
    pub helper: Option<PathBuf>,
    /// Where calls are recorded.
    pub log: Arc<AuditLog>,
    /// The time, in milliseconds since the epoch.
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// A command, and what is special about it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The folder it starts in, within the project.
    pub folder: PathBuf,
    /// What it reads; nothing follows.
    pub stdin: Vec<u8>,
    /// Variables for this job alone, over those that the policy passes on and those that the sandbox sets.
    /// None may hold a secret of the policy.
    pub variables: BTreeMap<String, String>,
    /// Seconds of wall time, where the policy allows more.
    pub seconds_max: Option<u64>,
    /// Bytes that are kept of stdout, of stderr, and of both together. More is counted and left out; only
    /// the policy's own limit ends a command.
    pub output_bytes_max: usize,
    /// A Unix socket that the command may connect to, where loki listens. The command finds its path in
    /// [`DOOR_VARIABLE`]; it is another one in namespaces.
    pub door: Option<PathBuf>,
    /// Whether it may listen on the machine's own loopback, where the level gives it none of its own
    /// ([`Level::Landlock`]): whoever uses the machine can connect to it then, and it only to itself.
    pub listens: bool,
    /// Programs it may run besides those of the policy, by absolute path.
    pub programs: Vec<PathBuf>,
    /// Files and folders it may read besides those of the policy, by absolute path.
    pub read: Vec<PathBuf>,
}

/// What came of a job that was waited for.
#[derive(Debug)]
pub struct Done {
    /// What came of it.
    pub outcome: Outcome,
    /// What it printed as its results.
    pub stdout: Kept,
    /// What it printed beside them.
    pub stderr: Kept,
    /// Both as they came: near enough to the order they were printed in for people to follow.
    pub both: Kept,
    /// What went through the proxy; none where there was none.
    pub egress: Option<proxy::Report>,
}

impl Job {
    /// A command in a folder, with nothing to read, and 64 KiB kept of what it prints.
    pub fn new(command: impl IntoIterator<Item = impl Into<OsString>>, folder: impl Into<PathBuf>) -> Job {
        Job {
            command: command.into_iter().map(Into::into).collect(),
            folder: folder.into(),
            stdin: Vec::new(),
            variables: BTreeMap::new(),
            seconds_max: None,
            output_bytes_max: OUTPUT_BYTES_MAX,
            door: None,
            listens: false,
            programs: Vec::new(),
            read: Vec::new(),
        }
    }
}

impl Workshop {
    /// Runs a job to its end. Must be called in a runtime.
    ///
    /// Dropping the future ends the command; the runtime records that as long as it goes on.
    pub async fn run(&self, job: Job) -> Result<Done, CallError> {
        let (over, ended) = oneshot::channel();
        let running = self.spawn(job, None, move |ended| {
            let _dropped = over.send(ended);
        });
        let ended = ended.await.map_err(|_| abandoned())??;
        let Captured { stdout, stderr, both } = running.printed();
        Ok(Done { outcome: ended.outcome, stdout, stderr, both, egress: ended.egress })
    }

    /// Starts a job that goes on, and returns once it is confined and under way. Must be called in a runtime.
    ///
    /// Dropping the process ends it and everything that it started.
    pub async fn start(&self, job: Job) -> Result<Process, CallError> {
        process::start(self, job).await
    }

    /// Runs a job whose input and output are passed on as they come, and writes it into the record.
    ///
    /// `stdin` stands in for that of the job; `ready` is a helper that was started ahead. Dropping the future
    /// ends the command, and leaves its end unrecorded.
    pub async fn pass(
        &self,
        job: Job,
        stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
        ready: Option<Ready>,
        output: &mut (impl Output + ?Sized),
        stop: impl Future<Output = ()>,
    ) -> Result<Ended, CallError> {
        self.recorded(job, stdin, ready, None, output, stop).await
    }

    async fn recorded(
        &self,
        job: Job,
        stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
        ready: Option<Ready>,
        line: Option<Line>,
        output: &mut (impl Output + ?Sized),
        stop: impl Future<Output = ()>,
    ) -> Result<Ended, CallError> {
        let now = || (self.now_ms)();
        let id = call_id(now());
        let stdin = stdin.or_else(|| given(&job.stdin));
        let call = self.call(&job, stdin, ready);
        let digest = call.as_ref().map_or_else(|_| self.policy.digest(), |(call, _)| call.policy.digest());
        self.log.add(&id, now(), What::began(&job.command, &job.folder, digest))?;
        let ended = match call {
            Ok((call, extras)) => call::carry_out(call, Extras { line, ..extras }, output, stop).await,
            Err(error) => Err(error.into()),
        };
        let what = match &ended {
            Ok(ended) => What::ended(ended),
            Err(error) => What::Refused { reason: error.to_string() },
        };
        self.log.add(&id, now(), what)?;
        ended
    }

    /// Has a job carried out by a task, which tells `over` what came of it.
    fn spawn(
        &self,
        job: Job,
        line: Option<Line>,
        over: impl FnOnce(Result<Ended, CallError>) + Send + 'static,
    ) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let captured = Arc::new(Mutex::new(Captured::new(job.output_bytes_max)));
        let mut sink = Sink(Arc::clone(&captured));
        let workshop = self.clone();
        tokio::spawn(async move {
            let stopped = async {
                // Asked to stop, or nobody is left who could.
                let _either = stopped.await;
            };
            over(workshop.recorded(job, None, None, line, &mut sink, stopped).await);
        });
        Running { captured, _stop: stop }
    }

    /// The job as a call.
    fn call(
        &self,
        job: &Job,
        stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
        ready: Option<Ready>,
    ) -> Result<(Call, Extras), JobError> {
        let rights = rights::of(self, job)?;
        let call = Call {
            command: job.command.clone(),
            folder: job.folder.clone(),
            policy: rights.policy,
            places: self.places.clone(),
            variables: self.variables.as_ref().clone(),
            stdin,
            secrets: rights.secrets,
            upstream_proxy: self.upstream_proxy.clone(),
            ca_bundle: self.ca_bundle.clone(),
            mode: self.mode,
            least: self.least,
            support: self.support.clone(),
            ready,
        };
        let extras = Extras {
            variables: job.variables.clone(),
            door: rights.door,
            listens: job.listens,
            helper: self.helper.clone(),
            line: None,
        };
        Ok((call, extras))
    }
}

/// A job that a task carries out; the task ends it where this is dropped.
struct Running {
    captured: Arc<Mutex<Captured>>,
    _stop: oneshot::Sender<()>,
}

impl Running {
    /// What it has printed so far.
    fn printed(&self) -> Captured {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps what a job prints where its holder can look at it meanwhile.
struct Sink(Arc<Mutex<Captured>>);

impl Output for Sink {
    fn take(&mut self, stream: call::Stream, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(stream, bytes)
    }
}

fn given(bytes: &[u8]) -> Option<Box<dyn AsyncRead + Send + Unpin>> {
    let reader = || Box::new(io::Cursor::new(bytes.to_vec())) as Box<dyn AsyncRead + Send + Unpin>;
    (!bytes.is_empty()).then(reader)
}

/// A name for a call that no other call has.
fn call_id(now_ms: i64) -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    format!("{now_ms}-{}-{}", std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed))
}

fn abandoned() -> CallError {
    CallError::Io { attempt: "run the command", source: io::Error::other("the runtime has ended") }
}

impl std::fmt::Debug for Workshop {
    /// Nothing of the variables, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let project: &Path = self.places.project();
        f.debug_struct("Workshop").field("project", &project).field("preset", &self.policy.preset).finish()
    }
}

#[cfg(test)]
mod tests;
