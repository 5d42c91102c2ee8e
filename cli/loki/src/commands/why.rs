//! `loki why`.

use loki_engine::operations;
use loki_engine::story::Story;

use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::story;
use crate::ui::{Ui, printable};

/// Answers and evidence at most shown of one run.
const LINES_MAX: usize = 12;

/// Say why a run stands where it stands
///
/// What stopped it, on what evidence, and the next command.
#[derive(clap::Args, Debug)]
pub(crate) struct WhyArgs {
    /// The run (default: the newest)
    run: Option<String>,
}

pub(crate) fn why(ui: &mut Ui, context: &Context, args: &WhyArgs) -> Result<Status, CommandError> {
    let app = App::of(context);
    let (reader, run) = app.run(args.run.as_deref())?;
    let why = operations::why(&app.place(), &reader, &run).map_err(AppError::from)?;
    if ui.is_json() {
        ui.result_json(&why)?;
        return Ok(Status::Success);
    }
    match (&run.stopped, why.exit_code) {
        (Some(stop), Some(code)) => {
            ui.result(format_args!("Run {} (exit code {code})", run.id))?;
            story::tell_what(ui, &Story::of(&run, stop), &run)?;
        }
        (Some(_), None) | (None, _) => {
            ui.result(format_args!("Run {} has not stopped: {}.", run.id, why.why))?;
        }
    }
    show(ui, &why.evidence)?;
    story::tell_next(ui, &why.next)?;
    Ok(Status::Success)
}

fn show(ui: &mut Ui, evidence: &[String]) -> Result<(), CommandError> {
    if evidence.is_empty() {
        return Ok(());
    }
    ui.result(format_args!("Evidence:"))?;
    for line in evidence.iter().take(LINES_MAX) {
        ui.result(format_args!("  - {}", printable(line)))?;
    }
    if evidence.len() > LINES_MAX {
        ui.result(format_args!("  … {} more in `loki ledger show`", evidence.len() - LINES_MAX))?;
    }
    Ok(())
}
