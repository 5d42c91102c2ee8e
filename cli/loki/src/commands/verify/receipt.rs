//! `loki verify --receipt`: whether a receipt still holds.

use std::path::Path;

use loki_engine::receipt::{Receipt, Signer, folder};
use loki_engine::verify::{Evidence, verify as check};
use serde_json::json;

use crate::app::{App, AppError, by_model};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

/// A receipt longer than this is none.
const RECEIPT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Computes everything again that the receipt says: in the file, or the newest run's.
pub(super) fn verify(ui: &mut Ui, context: &Context, file: Option<&Path>) -> Result<Status, CommandError> {
    let app = App::to_judge(context)?;
    let path = match file {
        Some(path) => context.current_dir.join(path),
        None => folder(app.state(), app.run(None)?.1.id.as_str()).join("receipt.json"),
    };
    let receipt = read(&path)?;
    let (reader, run) = app.run(Some(&receipt.run))?;
    let requirements = app.requirements(&reader, &run)?;
    let signer = Signer::open(&app.key()).map_err(AppError::from)?;
    let (worktree, gates, public_key) =
        (app.worktree(), app.gates(&requirements, by_model(&run)), signer.public());
    let evidence = Evidence { reader: &reader, worktree: &worktree, gates: &gates, public_key: &public_key };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let checks = runtime.block_on(check(&receipt, &evidence));
    let holds = checks.iter().all(|check| check.holds);
    if ui.is_json() {
        ui.result_json(&json!({
            "run": receipt.run,
            "receipt": path,
            "verdict": receipt.verdict,
            "holds": holds,
            "checks": checks,
        }))?;
    } else {
        for check in &checks {
            let sign = if check.holds { ui.paint(Paint::Good, "ok  ") } else { ui.paint(Paint::Bad, "FAIL") };
            ui.result(format_args!("{sign} {}: {}", check.name, printable(&check.detail)))?;
        }
        let verdict = receipt.verdict.replace('_', " ");
        match holds {
            true => ui.result(format_args!("The receipt holds: run {} is {verdict}.", receipt.run))?,
            false => ui.result(format_args!("The receipt does not hold.\nNext:\n  loki start DOCUMENT"))?,
        }
    }
    Ok(if holds { Status::Success } else { Status::GateFailed })
}

/// Reads a receipt.
pub(crate) fn read(path: &Path) -> Result<Receipt, CommandError> {
    let unreadable = |source: &dyn std::error::Error| {
        CommandError::new(
            ErrorKind::NotFound,
            format_args!("failed to read the receipt `{}`", path.display()),
        )
        .caused_by(source)
        .hint("`loki start` leaves one; `loki verify --receipt FILE` checks another.")
    };
    let size = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if size > RECEIPT_BYTES_MAX {
        let message = format_args!("`{}` has {size} bytes and is no receipt", path.display());
        return Err(CommandError::new(ErrorKind::Input, message));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
}
