//! `loki steer`.

use loki_ledger::event::Command;

use super::inbox::send;
use crate::context::Context;
use crate::error::CommandError;
use crate::error::ErrorKind;
use crate::exit::Status;
use crate::ui::Ui;

/// Bytes of one word of guidance.
const TEXT_BYTES_MAX: usize = 64 * 1000;

/// Give a run a word of guidance
///
/// It becomes part of every prompt from the next step on.
#[derive(clap::Args, Debug)]
pub(crate) struct SteerArgs {
    /// The words
    text: String,
    /// The run (default: the newest)
    #[arg(long)]
    run: Option<String>,
}

pub(crate) fn steer(ui: &mut Ui, context: &Context, args: &SteerArgs) -> Result<Status, CommandError> {
    if args.text.trim().is_empty() || args.text.len() > TEXT_BYTES_MAX {
        let message = format_args!("guidance takes 1 to {TEXT_BYTES_MAX} bytes");
        return Err(CommandError::new(ErrorKind::Usage, message));
    }
    let command = Command::Steer { text: args.text.clone() };
    send(ui, context, args.run.as_deref(), command, "It is part of every prompt from the next step on.")
}
