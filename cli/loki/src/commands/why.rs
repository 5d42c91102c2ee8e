//! `loki why`.

use loki_engine::CouncilVerdict;
use loki_engine::council::frozen;
use loki_engine::receipt::{exit_code, verdict};
use loki_ledger::event::Wait;
use loki_ledger::run::Run;
use serde_json::json;

use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::session::describe;
use crate::story::Story;
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
    let mut evidence = Vec::new();
    for taken in &run.steps.turns {
        for (call, answer) in &taken.calls {
            if let Some(answer) = answer.as_ref().filter(|answer| !answer.ok) {
                evidence.push(format!("{}: {}", call.id, answer.summary));
            }
        }
    }
    for (_, council, _) in run.reviews.values().filter_map(|review| review.council.as_ref()) {
        let bytes = reader.artifact(council).map_err(AppError::from)?;
        let Ok(council) = serde_json::from_slice::<CouncilVerdict>(&bytes) else { continue };
        evidence.push(format!("council on {}: {}", council.subject.get(..12).unwrap_or("?"), council.reason));
        let findings = council.rounds.first().map(frozen).unwrap_or_default();
        evidence.extend(
            findings.iter().map(|f| format!("{} {}: {} Fix: {}", f.rule, f.subject, f.message, f.fix)),
        );
    }
    if let Some(Wait::Approval { reason, subject, .. }) = run.wait.as_ref().map(|open| &open.wait) {
        evidence.push(format!("waits for approval of {}: {reason}", subject.get(..12).unwrap_or(subject)));
    }
    let Some(stop) = &run.stopped else {
        return unfinished(ui, &app, &run, &evidence);
    };
    let mut story = Story::of(&run, stop);
    story.next.retain(|next| next != "loki why");
    if ui.is_json() {
        ui.result_json(&json!({
            "run": run.id,
            "state": verdict(stop),
            "exit_code": exit_code(stop),
            "why": story.why,
            "evidence": evidence,
            "gaps": story.gaps,
            "next": story.next,
        }))?;
        return Ok(Status::Success);
    }
    ui.result(format_args!("Run {} (exit code {})", run.id, exit_code(stop)))?;
    story.tell_what(ui, &run)?;
    show(ui, &evidence)?;
    story.tell_next(ui)?;
    Ok(Status::Success)
}

/// Says what a run that has not stopped is doing, or was doing when it was cut short.
fn unfinished(ui: &mut Ui, app: &App, run: &Run, evidence: &[String]) -> Result<Status, CommandError> {
    let step = match &run.open {
        Some(open) => describe(&open.intent.kind),
        None => "between two steps".to_owned(),
    };
    let (state, doing, next) = match (app.holder(), run.paused) {
        (Some(holder), true) => ("paused", format!("process {} has it, paused", holder.pid), "loki resume"),
        (Some(holder), false) => {
            ("running", format!("process {} is at work on it: {step}", holder.pid), "loki status")
        }
        (None, true) => ("paused", "it is paused, and no process has it".to_owned(), "loki resume"),
        (None, false) => ("interrupted", format!("it was interrupted: {step}"), "loki resume"),
    };
    if ui.is_json() {
        ui.result_json(
            &json!({"run": run.id, "state": state, "why": doing, "evidence": evidence, "next": [next]}),
        )?;
        return Ok(Status::Success);
    }
    ui.result(format_args!("Run {} has not stopped: {doing}.", run.id))?;
    show(ui, evidence)?;
    ui.result(format_args!("Next:\n  {next}"))?;
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
