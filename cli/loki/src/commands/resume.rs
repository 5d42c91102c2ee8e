//! `loki resume`.

use loki_ledger::event::Command;

use super::tui::detached;
use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::session;
use crate::ui::Ui;

/// Go on with a run that was interrupted, paused or stopped
///
/// Reads the ledger, recovers the step that was in flight, and drives the run until it is verified or
/// reaches a limit. Wider limits let a run that had used its own up go on.
#[derive(clap::Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The run (default: the newest)
    run: Option<String>,
    #[command(flatten)]
    limits: super::LimitArgs,
    /// Drive it for a dashboard: in a session of its own, and a person can answer
    #[arg(long, hide = true)]
    detached: bool,
}

pub(crate) fn resume(ui: &mut Ui, context: &Context, args: &ResumeArgs) -> Result<Status, CommandError> {
    if args.detached {
        detached::leave_session();
    }
    let app = App::to_drive(context)?;
    let (reader, run) = app.run(args.run.as_deref())?;
    app.lift_pause()?;
    if run.paused {
        reader.send(&run.id, &Command::Resume).map_err(AppError::from)?;
        if let Some(holder) = app.holder() {
            ui.status(format_args!("Told run {}, which process {} drives: it goes on.", run.id, holder.pid))?;
            return Ok(Status::Success);
        }
    }
    let limits = args.limits.widened(&run.limits);
    super::start::resume(ui, &app, run, limits, session::attended(ui, args.detached))
}
