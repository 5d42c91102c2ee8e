//! What is said to a run, through its inbox: shared by the commands that say it.
//!
//! A running loki takes it before its next step; otherwise the next `loki resume` does.

use loki_engine::operations::tell;
use loki_ledger::event::Command;
use loki_ledger::journal::Decision;
use loki_ledger::run::Run;
use serde_json::json;

use crate::app::decisions::Waits;
use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, printable};

/// A decision on a proposal.
#[derive(clap::Args, Debug)]
pub(crate) struct DecideArgs {
    /// The proposal's hash, or the first digits of it (default: the one that is waited for)
    subject: Option<String>,
    /// Why
    #[arg(long, default_value = "no reason given")]
    reason: String,
    /// Who decides (default: the name of the user)
    #[arg(long)]
    name: Option<String>,
    /// The run (default: the newest)
    #[arg(long)]
    run: Option<String>,
}

/// Writes a person's decision down: for the run that waits for it, or for whoever asked at the desk.
pub(crate) fn decide(
    ui: &mut Ui,
    context: &Context,
    args: &DecideArgs,
    approved: bool,
    then: &str,
) -> Result<Status, CommandError> {
    let app = App::of(context);
    let waits = app.waiting(args.run.as_deref(), args.subject.as_deref())?;
    let person = args.name.clone().or_else(|| context.environment.get("USER").map(str::to_owned));
    let person = person.unwrap_or_else(|| "somebody".to_owned());
    let command = app.decide(&waits, Decision { approved, person, reason: args.reason.clone() })?;
    match (&waits, ui.is_json()) {
        (Waits::OfRun { run, .. }, true) => ui.result_json(&json!({"run": run.id, "command": command}))?,
        (Waits::OfRun { run, .. }, false) => ui.status(format_args!("Told run {}. {then}", run.id))?,
        (Waits::AtDesk(proposed), true) => {
            ui.result_json(&json!({"operation": proposed.operation, "subject": proposed.subject}))?;
        }
        (Waits::AtDesk(proposed), false) => {
            let what = if approved { "Approved" } else { "Rejected" };
            ui.status(format_args!("{what}: {}. It counts for the next call.", printable(&proposed.title)))?;
        }
    }
    Ok(Status::Success)
}

/// Sends a command to the run that is meant.
pub(crate) fn send(
    ui: &mut Ui,
    context: &Context,
    run: Option<&str>,
    command: Command,
    then: &str,
) -> Result<Status, CommandError> {
    let (app, run) = of(context, run)?;
    deliver(ui, &app, &run, command, then)?;
    Ok(Status::Success)
}

/// The run that is meant, and its project.
pub(crate) fn of(context: &Context, run: Option<&str>) -> Result<(App, Run), CommandError> {
    let app = App::of(context);
    let (_, run) = app.run(run)?;
    Ok((app, run))
}

/// Puts a command into a run's inbox.
pub(crate) fn deliver(
    ui: &mut Ui,
    app: &App,
    run: &Run,
    command: Command,
    then: &str,
) -> Result<(), CommandError> {
    let id = tell(&app.place(), run, &command).map_err(AppError::from)?;
    if ui.is_json() {
        ui.result_json(&json!({"run": run.id, "command": id}))?;
    } else {
        ui.status(format_args!("Told run {}. {then}", run.id))?;
    }
    Ok(())
}
