//! `loki approve`.

use super::inbox::{DecideArgs, decide};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Approve what a run waits for
///
/// The approval is bound to the proposal's hash: if its statements or the schema they were proven
/// against change, it counts for nothing.
#[derive(clap::Args, Debug)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    decide: DecideArgs,
}

pub(crate) fn approve(ui: &mut Ui, context: &Context, args: &ApproveArgs) -> Result<Status, CommandError> {
    decide(ui, context, &args.decide, true, "`loki resume` goes on with it.")
}
