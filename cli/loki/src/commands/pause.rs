//! `loki pause`.

use loki_ledger::event::Command;

use super::inbox::send;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Let a run do nothing new until it is resumed
#[derive(clap::Args, Debug)]
pub(crate) struct PauseArgs {
    /// The run (default: the newest)
    run: Option<String>,
}

pub(crate) fn pause(ui: &mut Ui, context: &Context, args: &PauseArgs) -> Result<Status, CommandError> {
    send(ui, context, args.run.as_deref(), Command::Pause, "It pauses before its next step.")
}
