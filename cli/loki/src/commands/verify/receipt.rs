//! `loki verify --receipt`: whether a receipt still holds.

use std::path::Path;

use loki_engine::receipt::folder;
use serde_json::json;

use crate::app::App;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

/// Computes everything again that the receipt says: in the file, or the newest run's.
pub(super) fn verify(ui: &mut Ui, context: &Context, file: Option<&Path>) -> Result<Status, CommandError> {
    let app = App::to_judge(context)?;
    let path = match file {
        Some(path) => context.current_dir.join(path),
        None => folder(app.state(), app.run(None)?.1.id.as_str()).join("receipt.json"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let (receipt, checks) = runtime.block_on(app.check_receipt(&path))?;
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
