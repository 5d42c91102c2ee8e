//! What is said to a run, through its inbox: shared by the commands that say it.
//!
//! A running loki takes it before its next step; otherwise the next `loki resume` does.

use loki_ledger::event::Command;
use loki_ledger::run::Run;
use serde_json::json;

use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// A decision on a proposal.
#[derive(clap::Args, Debug)]
pub(crate) struct DecideArgs {
    /// The proposal's hash, or the first digits of it (default: the one that is waited for)
    subject: Option<String>,
    /// Why
    #[arg(long, default_value = "no reason given")]
    pub(crate) reason: String,
    /// Who decides (default: the name of the user)
    #[arg(long)]
    name: Option<String>,
    /// The run (default: the newest)
    #[arg(long)]
    pub(crate) run: Option<String>,
}

/// The proposal that is meant, and who decides.
pub(crate) fn decision(context: &Context, args: &DecideArgs) -> Result<(String, String), CommandError> {
    let (_, run) = of(context, args.run.as_deref())?;
    let open = undecided(&run);
    let meant: Vec<&&str> = match &args.subject {
        Some(prefix) => open.iter().filter(|subject| subject.starts_with(prefix.as_str())).collect(),
        None => open.iter().collect(),
    };
    let name = args.name.clone().or_else(|| context.environment.get("USER").map(str::to_owned));
    match meant.as_slice() {
        [one] => Ok(((**one).to_owned(), name.unwrap_or_else(|| "somebody".to_owned()))),
        [] => Err(CommandError::new(ErrorKind::NotFound, "nothing of that name waits for approval")
            .hint("`loki why` says what a run waits for.")),
        _ => Err(CommandError::new(ErrorKind::Usage, "more than one proposal waits")
            .hint("Give more digits of its hash; `loki why` shows them.")),
    }
}

/// The proposals of a run that only a person may approve, and that none has, by their hashes.
pub(crate) fn undecided(run: &Run) -> Vec<&str> {
    let waits = run.reviews.iter().filter(|(_, review)| review.needs_person.is_some() && !review.approved);
    waits.map(|(subject, _)| subject.as_str()).collect()
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
    let id = tell(app, run, &command)?;
    if ui.is_json() {
        ui.result_json(&json!({"run": run.id, "command": id}))?;
    } else {
        ui.status(format_args!("Told run {}. {then}", run.id))?;
    }
    Ok(())
}

/// Puts a command into a run's inbox, and returns its number there.
pub(crate) fn tell(app: &App, run: &Run, command: &Command) -> Result<i64, CommandError> {
    let decides = matches!(command, Command::Approve { .. } | Command::Reject { .. });
    if run.stopped.is_some() && !decides && !matches!(command, Command::Steer { .. }) {
        return Err(CommandError::new(ErrorKind::Stopped, format_args!("run {} has stopped", run.id))
            .hint("`loki why` says why."));
    }
    let Some(reader) = app.reader()? else { return Err(AppError::NoRun.into()) };
    Ok(reader.send(&run.id, command).map_err(AppError::from)?)
}
