//! Drivers of their own: processes that go on when the terminal, and whoever watched them, is gone.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use loki_ledger::Reader;
use loki_ledger::event::{Event, RunId};

use super::{look, of_signal, show};
use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::session;
use crate::ui::Ui;
use loki_tui::app::Left;

/// Time between two looks at a driver that begins.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Bytes kept of what a driver says.
const SAID_BYTES_MAX: usize = 16 << 10;

/// Looks at a driver that begins, at the most: ten minutes.
const LOOKS_MAX: u32 = 30_000;

/// A driver that was started.
pub(super) struct Driver {
    pub(super) child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Driver {
    /// What it has said so far.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Makes this process the head of a session of its own, so that nothing that happens to a terminal ends it.
pub(crate) fn leave_session() {
    // It fails where the process heads one already.
    rustix::process::setsid().ok();
}

/// Starts this very program on a project, with what it says kept in part.
pub(super) fn spawn(project: &Path, arguments: &[&str]) -> Result<Driver, CommandError> {
    let failed = |source: std::io::Error| {
        CommandError::new(ErrorKind::Io, "failed to start a process that drives the run").caused_by(&source)
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.arg("--project").arg(project).args(arguments).arg("--headless");
    begin(command).map_err(failed)
}

fn begin(mut command: Command) -> std::io::Result<Driver> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
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
pub(super) fn until(driver: &mut Driver, mut holds: impl FnMut() -> bool) -> Result<bool, CommandError> {
    for _ in 0..LOOKS_MAX {
        if holds() {
            return Ok(true);
        }
        let ended = driver.child.try_wait().map_err(|source| {
            CommandError::new(ErrorKind::Io, "failed to look at the process that drives the run")
                .caused_by(&source)
        })?;
        if ended.is_some() {
            // It may have done so just before it ended.
            return Ok(holds());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Err(CommandError::new(ErrorKind::Stopped, "the process that drives the run does not begin"))
}

/// Lets another process do what this one was started for, and shows it.
pub(crate) fn watched(ui: &mut Ui, context: &Context, app: &App) -> Result<Status, CommandError> {
    let before = newest(app)?;
    let failed = |source: std::io::Error| {
        CommandError::new(ErrorKind::Io, "failed to start a process that drives the run").caused_by(&source)
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(std::env::args_os().skip(1)).args(["--headless", "--detached"]);
    let mut driver = begin(command).map_err(failed)?;
    ui.status(format_args!("Starting; `--no-tui` says the same line by line."))?;
    let pid = driver.child.id();
    let mut run = None;
    until(&mut driver, || {
        run = attached(app, before.as_ref(), pid);
        run.is_some()
    })?;
    let Some(run) = run else {
        let status = refused(ui, &mut driver)?;
        // It had nothing to drive: what there is to say is how the last run ended.
        if let Some(reader) = app.reader()?
            && let Some(last) = app.latest(&reader)?
            && let Some(stop) = last.stopped.as_ref().filter(|stop| session::status(stop) == status)
        {
            session::report(ui, app, &last, stop)?;
        }
        return Ok(status);
    };
    let left = show(context, look(&context.environment, ui, &super::LookArgs::default()), Some(run.clone()))?;
    if driver.child.try_wait().ok().flatten().is_none() {
        ui.status(format_args!(
            "Run {run} goes on in process {pid}. `loki tui` shows it, `loki stop` ends it."
        ))?;
        return Ok(match left {
            Left::Key | Left::TerminalGone => Status::Success,
            Left::Signal(number) => of_signal(number),
        });
    }
    let (_, run) = app.run(Some(run.as_str()))?;
    match &run.stopped {
        Some(stop) => {
            session::report(ui, app, &run, stop)?;
            Ok(session::status(stop))
        }
        None => refused(ui, &mut driver),
    }
}

/// The newest run and its last event.
fn newest(app: &App) -> Result<Option<(RunId, u64)>, CommandError> {
    let Some(reader) = app.reader()? else { return Ok(None) };
    let runs = reader.runs().map_err(AppError::from)?;
    Ok(runs.into_iter().next().map(|run| (run.id, run.seq)))
}

/// The run that this process has begun to drive since then.
fn attached(app: &App, before: Option<&(RunId, u64)>, pid: u32) -> Option<RunId> {
    let reader: Reader = app.reader().ok().flatten()?;
    let run = reader.runs().ok()?.into_iter().next()?;
    let mut after = before.filter(|(known, _)| *known == run.id).map_or(0, |(_, seq)| *seq);
    loop {
        let page = reader.events(&run.id, after).ok()?;
        let drives = |event: &Event| matches!(event, Event::Attached { pid: driver, .. } if *driver == pid);
        if page.events.iter().any(|recorded| drives(&recorded.event)) {
            return Some(run.id);
        }
        after = page.next?;
    }
}

/// Says what the driver said before it ended, and ends as it did.
fn refused(ui: &mut Ui, driver: &mut Driver) -> Result<Status, CommandError> {
    let ended = driver.child.wait();
    ui.usage(&driver.said())?;
    let code = ended.ok().and_then(|ended| ended.code()).and_then(|code| u8::try_from(code).ok());
    Ok(Status::ALL.into_iter().find(|status| Some(status.code()) == code).unwrap_or(Status::Refused))
}
