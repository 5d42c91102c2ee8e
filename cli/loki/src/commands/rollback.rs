//! `loki rollback`.

use loki_engine::operations::put_back;
use serde_json::json;

use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Put the project's files back to a snapshot
///
/// The files as they are now are kept first, so that a rollback can itself be undone. The database is
/// not touched; ignored files stay.
#[derive(clap::Args, Debug)]
pub(crate) struct RollbackArgs {
    /// The snapshot's commit, or the first digits of it (default: the one before the newest run's first act)
    #[arg(long, value_name = "COMMIT")]
    to: Option<String>,
    /// List the snapshots and do nothing
    #[arg(long)]
    list: bool,
    /// The run (default: the newest)
    #[arg(long)]
    run: Option<String>,
}

pub(crate) fn rollback(ui: &mut Ui, context: &Context, args: &RollbackArgs) -> Result<Status, CommandError> {
    let app = App::of(context);
    let (_, run) = app.run(args.run.as_deref())?;
    let worktree = app.worktree();
    let kept = worktree.kept(&run.id).map_err(AppError::from)?;
    if args.list {
        let rows: Vec<[String; 2]> =
            kept.iter().map(|(number, commit)| [number.to_string(), commit.clone()]).collect();
        if ui.is_json() {
            ui.result_json(&kept.iter().map(|(n, c)| json!({"number": n, "commit": c})).collect::<Vec<_>>())?;
        } else {
            ui.result_text(&table(&rows))?;
        }
        return Ok(Status::Success);
    }
    let back = put_back(&app.place(), &run, args.to.as_deref()).map_err(AppError::from)?;
    if ui.is_json() {
        ui.result_json(&json!({"run": run.id, "to": back.to, "files": back.files, "undo": back.undo}))?;
    } else {
        ui.result(format_args!("{} files put back to {}.", back.files, back.to))?;
        ui.warning(format_args!("The database was not touched: only files are put back."))?;
        ui.result(format_args!("To undo it: loki rollback --to {}", &back.undo[..12]))?;
    }
    Ok(Status::Success)
}
