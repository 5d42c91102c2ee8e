//! `loki receipt`.

use loki_engine::operations::read_receipt;
use loki_engine::receipt::folder;

use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable};

/// Print the receipt of a run
#[derive(clap::Args, Debug)]
pub(crate) struct ReceiptArgs {
    /// The run (default: the newest)
    run: Option<String>,
}

pub(crate) fn receipt(ui: &mut Ui, context: &Context, args: &ReceiptArgs) -> Result<Status, CommandError> {
    let app = App::of(context);
    let (_, run) = app.run(args.run.as_deref())?;
    let folder = folder(app.state(), run.id.as_str());
    if ui.is_json() {
        ui.result_json(&read_receipt(&folder.join("receipt.json")).map_err(AppError::from)?)?;
        return Ok(Status::Success);
    }
    let path = folder.join("receipt.md");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::new(ErrorKind::NotFound, format_args!("run {} has no receipt", run.id))
            .caused_by(&error)
            .hint("A receipt is written when a run stops; `loki resume` goes on with it.")
    })?;
    ui.result_text(&printable(&text))?;
    Ok(Status::Success)
}
