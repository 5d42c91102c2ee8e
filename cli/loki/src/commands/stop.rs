//! `loki stop`.

use loki_ledger::event::Command;

use super::inbox::{deliver, of};
use crate::context::Context;
use crate::error::CommandError;
use crate::error::ErrorKind;
use crate::exit::Status;
use crate::session;
use crate::ui::Ui;

/// End a run, with a receipt of what it did
#[derive(clap::Args, Debug)]
pub(crate) struct StopArgs {
    /// The run (default: the newest)
    run: Option<String>,
}

pub(crate) fn stop(ui: &mut Ui, context: &Context, args: &StopArgs) -> Result<Status, CommandError> {
    let (app, run) = of(context, args.run.as_deref())?;
    deliver(ui, &app, &run, Command::Stop, "It stops before its next step.")?;
    // Nobody drives it: end it here, so that its receipt is written and another run may start.
    match super::start::resume(ui, &app, run, None, session::attended(ui, false)) {
        Err(error) if error.kind == ErrorKind::Busy => Ok(Status::Success),
        Ok(_) => Ok(Status::Success),
        Err(error) => Err(error),
    }
}
