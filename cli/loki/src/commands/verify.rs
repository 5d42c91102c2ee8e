//! `loki verify`.

mod change;
mod receipt;

use std::path::PathBuf;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Judge a change, whoever made it, or check a receipt
///
/// Without `--receipt`: runs the gates on what the work tree changes since a commit. The project's own build,
/// tests and checks run confined, in a clean checkout; the difference is searched for leaked secrets and for
/// tests that were deleted, skipped or loosened. Exit code 0: verified; 1: verified, with concerns; 2: blocked;
/// 3: it could not be checked.
///
/// With `--receipt`: computes everything again that a receipt says: signature, ledger chain, work tree,
/// difference, gates and gaps. Exit code 0: the receipt holds; 1: it does not.
#[derive(clap::Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The commit, branch or tag to compare with (default: HEAD)
    #[arg(long, value_name = "REF", conflicts_with = "receipt")]
    base: Option<String>,
    /// Ask this gate only; may be given several times
    #[arg(long = "gate", value_name = "NAME", conflicts_with = "receipt")]
    gates: Vec<String>,
    /// Check this receipt (without a file: the newest run's)
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    receipt: Option<Option<PathBuf>>,
}

pub(crate) fn verify(ui: &mut Ui, context: &Context, args: &VerifyArgs) -> Result<Status, CommandError> {
    match &args.receipt {
        Some(file) => receipt::verify(ui, context, file.as_deref()),
        None => change::verify(ui, context, args.base.as_deref(), &args.gates),
    }
}
