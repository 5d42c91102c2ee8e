//! `loki start`.

use std::sync::Arc;

use forge_detect::{Options, detect};
use loki_engine::iteration::Attended;
use loki_ledger::event::{Command, Limits, RunId, Stop};
use loki_ledger::run::Run;

use super::tui::{self, detached, index};
use crate::app::{App, AppError, Job, by_model};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::input::{Origin, Spec, read_spec};
use crate::session::{self, Bell};
use crate::ui::Ui;

/// Turn a document into a proven application with its backend
///
/// Reads the document, works out which backend it needs and which it must not get, generates
/// migrations, proves and reviews them, and applies them: without a model and without a network. With a
/// model (`provider.name`) it then has the application written, by iterations that end when the project's
/// own tests and the other gates pass in a clean checkout. Leaves a signed receipt. Killed at any moment,
/// the same command goes on where it was.
#[derive(clap::Args, Debug)]
pub(crate) struct StartArgs {
    /// A document, a folder that holds one, `-` for standard input, or a brief in quotes
    #[arg(value_name = "DOCUMENT")]
    document: String,
    #[command(flatten)]
    limits: super::LimitArgs,
    /// Say line by line what happens, also in a terminal
    #[arg(long)]
    no_tui: bool,
    /// Drive it for a dashboard: in a session of its own, and a person can answer
    #[arg(long, hide = true)]
    detached: bool,
}

pub(crate) fn start(ui: &mut Ui, context: &Context, args: &StartArgs) -> Result<Status, CommandError> {
    if args.detached {
        detached::leave_session();
    }
    let job = job(context, &args.document)?;
    let app = App::to_drive(context)?;
    if app.state().exists() {
        remember(ui, context)?;
    }
    if opens_dashboard(ui, context, args) {
        return detached::watched(ui, context, &app);
    }
    let attended = session::attended(ui, args.detached);
    let limits = args.limits.limits(context)?;
    let reader = app.reader()?;
    if let Some(reader) = &reader
        && let Some(last) = app.latest(reader)?
    {
        let same = last.started.as_ref().is_some_and(|started| started.document == job.id());
        match (&last.stopped, same) {
            (None, true) => {
                // Whoever starts it again wants it to go on. A file `PAUSE` still holds it back.
                if last.paused && app.holder().is_none() {
                    reader.send(&last.id, &Command::Resume).map_err(AppError::from)?;
                }
                return resume(ui, &app, last, None, attended);
            }
            (None, false) => return Err(unfinished(&last)),
            (Some(stop), true) => {
                if let Some(status) = settled(ui, &app, &job, &last, (stop, attended))? {
                    return Ok(status);
                }
            }
            (Some(_), false) => {}
        }
    }
    let bell = Bell::new();
    let engine = app.engine(&job.requirements, None, attended, bell.observer())?;
    let run = app.begin(&engine, &job, new_id(&app)?, limits)?;
    app.write_required(&job.requirements)?;
    remember(ui, context)?;
    ui.status(format_args!("Run {} on {}.", run.id, job.name))?;
    let provider = engine.provider.as_ref().map_or("none", |provider| provider.name());
    ui.detail(format_args!(
        "Provider: {provider}. At most {} iterations and {} seconds.",
        run.limits.iterations_max, run.limits.duration_seconds_max
    ))?;
    session::run(ui, &app, &engine, &bell, run)
}

/// Puts the project into the user's index. One that cannot be written changes nothing about the run.
fn remember(ui: &mut Ui, context: &Context) -> Result<(), CommandError> {
    if let Err(error) = index::remember(context) {
        ui.detail(format_args!("The index of projects was not written: {error}."))?;
    }
    Ok(())
}

/// Whether the run is shown on a dashboard while another process drives it.
fn opens_dashboard(ui: &Ui, context: &Context, args: &StartArgs) -> bool {
    let quiet = ui.is_headless() || ui.is_json() || ui.is_quiet();
    let able = tui::in_terminal() && context.environment.get("TERM").is_some_and(|term| term != "dumb");
    // What was read from standard input is gone for whoever would drive the run.
    able && !quiet && !args.no_tui && !args.detached && args.document != "-"
}

/// Goes on with a run, in this process.
pub(crate) fn resume(
    ui: &mut Ui,
    app: &App,
    run: Run,
    limits: Option<Limits>,
    attended: Attended,
) -> Result<Status, CommandError> {
    if by_model(&run) && !app.has_model() {
        let message = format_args!("run {} needs a model to go on, and none is configured", run.id);
        return Err(CommandError::new(ErrorKind::Config, message)
            .hint("Name its provider: `loki config set --user provider.name NAME`."));
    }
    let Some(reader) = app.reader()? else { return Err(AppError::NoRun.into()) };
    let requirements = app.requirements(&reader, &run)?;
    drop(reader);
    let bell = Bell::new();
    let engine = app.engine(&requirements, run.started.as_ref(), attended, bell.observer())?;
    // Another process may have written since: what counts is what is there now that the lock is ours.
    let run = engine.ledger.reader().fold(&run.id).map_err(AppError::from)?;
    app.write_required(&requirements)?;
    if run.paused {
        // Whoever starts it wants it to go on; the file `PAUSE` would hold it all the same.
        engine.ledger.reader().send(&run.id, &Command::Resume).map_err(AppError::from)?;
    }
    ui.status(format_args!("Run {} goes on.", run.id))?;
    session::go_on(ui, app, &engine, &bell, run, limits)
}

/// The end of the newest run on this very document, where starting again would change nothing.
fn settled(
    ui: &mut Ui,
    app: &App,
    job: &Job,
    last: &Run,
    (stop, attended): (&Stop, Attended),
) -> Result<Option<Status>, CommandError> {
    match stop {
        // What a model was missing for can be done now.
        Stop::NeedsModel | Stop::VerifiedWithGaps if app.has_model() && !by_model(last) => return Ok(None),
        Stop::Verified | Stop::VerifiedWithGaps if app.still_holds(job, last)? => {
            ui.status(format_args!(
                "Nothing to do: run {} built this document, and it still holds.",
                last.id
            ))?;
        }
        Stop::NeedsModel => {}
        Stop::NeedsPerson { .. } => return resume(ui, app, last.clone(), None, attended).map(Some),
        Stop::Verified
        | Stop::VerifiedWithGaps
        | Stop::GateFailed { .. }
        | Stop::ProviderFailed { .. }
        | Stop::Stuck
        | Stop::EmptyTurn
        | Stop::Refused
        | Stop::RateLimited { .. }
        | Stop::Requested
        | Stop::IterationsSpent
        | Stop::TimeSpent
        | Stop::BudgetSpent
        | Stop::OutputSpent
        | Stop::TurnsSpent
        | Stop::RecoveriesSpent => return Ok(None),
    }
    session::report(ui, app, last, stop)?;
    Ok(Some(session::status(stop)))
}

/// Reads the document and detects what it asks for.
pub(crate) fn job(context: &Context, argument: &str) -> Result<Job, CommandError> {
    let spec = read_spec(argument, &context.current_dir, &mut std::io::stdin().lock())?;
    let options = Options { file_name: spec.file_name.as_deref() };
    let requirements = detect(&spec.text, &options).map_err(|error| {
        CommandError::from_error(ErrorKind::Input, &error)
            .hint("`loki forge-detect` shows what is found in a document.")
    })?;
    Ok(Job {
        name: name(&spec),
        checklist: spec.checklist.clone(),
        document: spec.text.into_bytes(),
        requirements: Arc::new(requirements),
    })
}

fn name(spec: &Spec) -> String {
    match (&spec.origin, &spec.file_name) {
        (Origin::File(_), Some(name)) => name.clone(),
        (Origin::File(path), None) => path.display().to_string(),
        (Origin::Stdin, _) => "-".to_owned(),
        (Origin::Brief, _) => "brief".to_owned(),
    }
}

/// A new run's name: the time, and the process, so that two within a second differ.
fn new_id(app: &App) -> Result<RunId, CommandError> {
    let time = app.now().strftime("%Y%m%d-%H%M%S");
    let nanos = app.now().subsec_nanosecond().unsigned_abs();
    let text = format!("{time}-{:04x}", (nanos ^ std::process::id()) & 0xffff);
    RunId::parse(&text).ok_or_else(|| CommandError::new(ErrorKind::State, format_args!("`{text}` is no run")))
}

fn unfinished(run: &Run) -> CommandError {
    let name = run.started.as_ref().map_or("another document", |started| &started.document_name);
    CommandError::new(ErrorKind::Busy, format_args!("run {} on {name} is not finished", run.id))
        .hint("`loki resume` goes on with it.")
        .hint("`loki stop` ends it; then start again.")
}
