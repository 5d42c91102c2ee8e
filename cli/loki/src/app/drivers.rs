//! Drivers of their own: processes that go on when whoever started them is gone.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use loki_ledger::Reader;
use loki_ledger::event::{Event, RunId};

use super::App;
use crate::error::{CommandError, ErrorKind};

/// Time between two looks at a driver that begins.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Bytes kept of what a driver says.
const SAID_BYTES_MAX: usize = 16 << 10;

/// Looks at a driver that begins, at the most: ten minutes.
const LOOKS_MAX: u32 = 30_000;

/// Runs in which a driver is looked for: the newest.
const RUNS_LOOKED_AT: usize = 100;

/// A driver that was started.
pub(crate) struct Driver {
    pub(crate) child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

/// What came of starting a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Driven {
    /// A process has the run.
    By(u32, RunId),
    /// There was nothing to drive: it is done, and has said this.
    Ended(i32, String),
}

/// The drivers that this process has started. They outlive it; those that end before are let go.
#[derive(Default)]
pub(crate) struct Drivers(Mutex<Vec<Child>>);

impl Driver {
    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Drivers {
    /// Starts this very program on a project, and waits until it has a run or has ended without one. It blocks.
    pub(crate) fn drive(&self, app: &App, arguments: &[&str]) -> Result<Driven, CommandError> {
        let before = heads(app)?;
        let mut driver = spawn(app.root(), arguments)?;
        let pid = driver.child.id();
        let mut run = None;
        until(&mut driver, || {
            run = attached(app, &before, pid);
            run.is_some()
        })?;
        match run {
            Some(run) => {
                self.keep(driver.child);
                Ok(Driven::By(pid, run))
            }
            None => {
                let ended = driver.child.wait().map_err(|source| failed("look at", &source))?;
                Ok(Driven::Ended(ended.code().unwrap_or(-1), driver.said()))
            }
        }
    }

    /// Lets those go that have ended.
    pub(crate) fn reap(&self) {
        let mut children = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
    }

    fn keep(&self, child: Child) {
        self.reap();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    }
}

/// Starts this very program on a project, with what it says kept in part.
pub(crate) fn spawn(project: &Path, arguments: &[&str]) -> Result<Driver, CommandError> {
    let mut command = Command::new(program()?);
    command.arg("--project").arg(project).arg("--headless").args(arguments);
    begin(command)
}

/// The program that this is.
pub(crate) fn program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|source| failed("start", &source))
}

/// Starts a driver, with what it says kept in part.
pub(crate) fn begin(mut command: Command) -> Result<Driver, CommandError> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| failed("start", &source))?;
    let said = Arc::new(Mutex::new(Vec::new()));
    if let Some(mut stderr) = child.stderr.take() {
        let kept = Arc::clone(&said);
        // Read to its end, so that the driver never waits for a reader.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut bytes) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = SAID_BYTES_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..read.min(room)]);
            }
        });
    }
    Ok(Driver { child, said })
}

/// Waits until something holds (`true`), or the driver has ended without it.
pub(crate) fn until(driver: &mut Driver, mut holds: impl FnMut() -> bool) -> Result<bool, CommandError> {
    for _ in 0..LOOKS_MAX {
        if holds() {
            return Ok(true);
        }
        let ended = driver.child.try_wait().map_err(|source| failed("look at", &source))?;
        if ended.is_some() {
            // It may have done so just before it ended.
            return Ok(holds());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Err(CommandError::new(ErrorKind::Stopped, "the process that drives the run does not begin"))
}

/// The newest runs, each with its last event.
pub(crate) fn heads(app: &App) -> Result<BTreeMap<RunId, u64>, CommandError> {
    let Some(reader) = app.reader()? else { return Ok(BTreeMap::new()) };
    let runs = reader.runs()?;
    Ok(runs.into_iter().take(RUNS_LOOKED_AT).map(|run| (run.id, run.seq)).collect())
}

/// The run that this process has begun to drive since then.
pub(crate) fn attached(app: &App, before: &BTreeMap<RunId, u64>, pid: u32) -> Option<RunId> {
    let reader: Reader = app.reader().ok().flatten()?;
    let drives = |event: &Event| matches!(event, Event::Attached { pid: driver, .. } if *driver == pid);
    for run in reader.runs().ok()?.into_iter().take(RUNS_LOOKED_AT) {
        let mut after = before.get(&run.id).copied().unwrap_or(0);
        while after < run.seq {
            let page = reader.events(&run.id, after).ok()?;
            if page.events.iter().any(|recorded| drives(&recorded.event)) {
                return Some(run.id);
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
    }
    None
}

fn failed(what: &str, source: &std::io::Error) -> CommandError {
    CommandError::new(ErrorKind::Io, format_args!("failed to {what} the process that drives the run"))
        .caused_by(source)
}
