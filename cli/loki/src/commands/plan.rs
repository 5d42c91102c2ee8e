//! `loki plan`.

use loki_blueprint::{Existing, plan as make};
use serde_json::json;

use crate::app::App;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, printable};

/// Show what a run on a document would make, without making it
#[derive(clap::Args, Debug)]
pub(crate) struct PlanArgs {
    /// A document, a folder that holds one, `-` for standard input, or a brief in quotes
    #[arg(value_name = "DOCUMENT")]
    document: String,
}

pub(crate) fn plan(ui: &mut Ui, context: &Context, args: &PlanArgs) -> Result<Status, CommandError> {
    let job = super::start::job(context, &args.document)?;
    let existing: Existing = App::of(context).existing()?;
    let plan = make(&job.requirements, &existing);
    if ui.is_json() {
        ui.result_json(&json!({
            "none": job.requirements.none,
            "checklist": plan.checklist,
            "migrations": plan.migrations.iter().map(|m| json!({"name": m.name, "spec": m.yaml})).collect::<Vec<_>>(),
            "declarations": plan.declarations.iter().map(|d| json!({"kind": d.kind, "name": d.name, "lines": d.lines})).collect::<Vec<_>>(),
        }))?;
        return Ok(Status::Success);
    }
    if job.requirements.none {
        ui.result(format_args!("The document needs no backend: there is nothing to make without a model."))?;
        return Ok(Status::Success);
    }
    if plan.checklist.is_empty() {
        ui.result(format_args!("Everything the document asks for exists."))?;
    }
    for item in &plan.checklist {
        ui.result(format_args!("- {}", printable(item)))?;
    }
    for migration in &plan.migrations {
        ui.result(format_args!("\n# forge/migrations/{}.yaml", migration.name))?;
        ui.result_text(&printable(&migration.yaml))?;
    }
    Ok(Status::Success)
}
