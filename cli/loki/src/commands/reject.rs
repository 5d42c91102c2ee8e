//! `loki reject`.

use super::inbox::{DecideArgs, decide};
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
    decide(ui, context, &args.decide, false, "`loki resume` goes on without it.")
}
