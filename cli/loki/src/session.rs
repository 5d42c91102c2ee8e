//! A run as a person or a script sees it while it is driven: live progress, or one JSON event a line.
//!
//! What is shown is read from the ledger by cursor, like any other door does it. The engine only says
//! that there is something new.

mod show;

use std::sync::Arc;

use loki_engine::iteration::Attended;
use loki_engine::receipt::{self, exit_code};
use loki_engine::story::Story;
use loki_engine::{Engine, Observer, drive, reopen};
use loki_ledger::event::{Limits, Stop};
use loki_ledger::run::Run;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::app::{App, AppError};
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable};
use show::Show;

/// How driving ended.
enum Ended {
    Stopped(Stop),
    Signal(Status),
}

/// Whether a person can answer: here, or at a dashboard that this process drives the run for.
pub(crate) fn attended(ui: &Ui, detached: bool) -> Attended {
    if ui.is_headless() && !detached { Attended::No } else { Attended::Yes }
}

/// Tells whoever shows the run that there is something new.
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    /// A bell nobody rang yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Notify::new()))
    }

    /// What the engine rings it with.
    pub(crate) fn observer(&self) -> Observer {
        let bell = Arc::clone(&self.0);
        Box::new(move |_, _| bell.notify_one())
    }
}

/// Drives a run to its end and reports it.
pub(crate) fn run(
    ui: &mut Ui,
    app: &App,
    engine: &Engine,
    bell: &Bell,
    mut run: Run,
) -> Result<Status, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let mut show = Show::new(ui, &run);
    let ended = runtime.block_on(follow(ui, engine, bell, &mut run, &mut show));
    // A blocked database call must not keep an interrupted program alive.
    runtime.shutdown_background();
    match ended? {
        Ended::Stopped(stop) => {
            show.finish();
            commit(ui, app, &run, &stop)?;
            report(ui, app, &run, &stop)?;
            Ok(status(&stop))
        }
        Ended::Signal(status) => {
            show.finish();
            ui.status(format_args!("Interrupted. Nothing is lost: `loki resume` goes on."))?;
            Ok(status)
        }
    }
}

/// Lets a stopped run go on where it can, else reports it as it stands.
pub(crate) fn go_on(
    ui: &mut Ui,
    app: &App,
    engine: &Engine,
    bell: &Bell,
    mut run: Run,
    limits: Option<Limits>,
) -> Result<Status, CommandError> {
    if reopen(engine, &mut run, limits).map_err(AppError::from)? {
        return self::run(ui, app, engine, bell, run);
    }
    match run.stopped.clone() {
        Some(stop) => {
            report(ui, app, &run, &stop)?;
            Ok(status(&stop))
        }
        None => self::run(ui, app, engine, bell, run),
    }
}

/// Commits what a verified run changed, where settings ask for it. What stands in the way of that changes nothing
/// about the run.
fn commit(ui: &mut Ui, app: &App, run: &Run, stop: &Stop) -> Result<(), CommandError> {
    if !matches!(stop, Stop::Verified | Stop::VerifiedWithGaps) {
        return Ok(());
    }
    match app.commit(run) {
        Ok(None) => {}
        Ok(Some(committed)) => {
            let short = committed.commit.get(..12).unwrap_or(&committed.commit);
            ui.status(format_args!("Committed {short}: {} files.", committed.paths.len()))?;
            for path in &committed.left_out {
                ui.status(format_args!("Left out of the commit: {}.", printable(path)))?;
            }
        }
        Err(error) => {
            let error = CommandError::from(error);
            ui.status(format_args!("Not committed: {}.", printable(&error.message)))?;
        }
    }
    Ok(())
}

async fn follow(
    ui: &mut Ui,
    engine: &Engine,
    bell: &Bell,
    run: &mut Run,
    show: &mut Show,
) -> Result<Ended, CommandError> {
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let mut terminate = listen_for(SignalKind::terminate())?;
    let reader = engine.ledger.reader().clone();
    let ended = {
        let driving = drive(engine, run);
        tokio::pin!(driving);
        loop {
            tokio::select! {
                biased;
                stop = &mut driving => break Ended::Stopped(stop.map_err(AppError::from)?),
                _ = interrupt.recv() => break Ended::Signal(Status::Interrupted),
                _ = terminate.recv() => break Ended::Signal(Status::Terminated),
                () = bell.0.notified() => show.catch_up(ui, &reader)?,
            }
        }
    };
    show.catch_up(ui, &reader)?;
    Ok(ended)
}

/// What tells of a signal.
pub(crate) fn listen_for(kind: SignalKind) -> Result<Signal, CommandError> {
    signal(kind)
        .map_err(|source| CommandError::new(ErrorKind::Io, "failed to listen for signals").caused_by(&source))
}

/// The exit status that a stop means.
pub(crate) fn status(stop: &Stop) -> Status {
    let code = exit_code(stop);
    Status::ALL.into_iter().find(|status| status.code() == code).unwrap_or(Status::Stopped)
}

/// Says how the run ended, what is known and what to do next.
pub(crate) fn report(ui: &mut Ui, app: &App, run: &Run, stop: &Stop) -> Result<(), CommandError> {
    let path = receipt::folder(app.state(), run.id.as_str()).join("receipt.json");
    let story = Story::of(run, stop);
    if ui.is_headless() || ui.is_json() {
        let gates: Vec<_> = run
            .gates
            .iter()
            .map(|gate| serde_json::json!({"gate": gate.gate, "verdict": gate.verdict, "summary": gate.summary}))
            .collect();
        ui.event(&serde_json::json!({
            "type": "result",
            "run": run.id,
            "verdict": receipt::verdict(stop),
            "exit_code": exit_code(stop),
            "why": story.why,
            "gates": gates,
            "gaps": story.gaps,
            "next": story.next,
            "receipt": path,
        }))?;
        return Ok(());
    }
    crate::story::tell(ui, &story, run)?;
    if path.exists() {
        ui.result(format_args!("Receipt: {}", path.display()))?;
    }
    Ok(())
}
