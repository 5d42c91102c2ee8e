//! `loki reject`.

use loki_ledger::event::Command;

use super::inbox::{DecideArgs, decision, send};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Refuse what a run waits for
///
/// The run goes on without it, as far as it can.
#[derive(clap::Args, Debug)]
pub(crate) struct RejectArgs {
    #[command(flatten)]
    decide: DecideArgs,
}

pub(crate) fn reject(ui: &mut Ui, context: &Context, args: &RejectArgs) -> Result<Status, CommandError> {
    let (subject, name) = decision(context, &args.decide)?;
    let command = Command::Reject { subject, name, reason: args.decide.reason.clone() };
    send(ui, context, args.decide.run.as_deref(), command, "`loki resume` goes on without it.")
}
