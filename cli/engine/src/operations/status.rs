//! `loki_project_status`: how a run stands.

use loki_ledger::event::Wait;
use loki_ledger::run::Run;
use loki_operation::Answer;
use serde_json::{Value, json};

use super::{OfRun, OperationError, Place, read};
use crate::receipt::verdict;
use crate::story::describe;

/// Carries `loki_project_status` out.
pub(super) fn operation(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let OfRun { run: named } = read("loki_project_status", input)?;
    let run = match place.run(named.as_deref()) {
        Ok((_, run)) => run,
        Err(OperationError::NoRun) if named.is_none() => {
            return Ok(Answer::new("no run has started here yet", json!({ "state": "no_run" })));
        }
        Err(error) => return Err(error),
    };
    let summary = format!("run {}: {}, iteration {}", run.id, state_word(place, &run), run.iteration);
    let answer = Answer::new(summary, status(place, &run));
    // What gates say may cite the project's own files and tests.
    Ok(if run.gates.is_empty() { answer } else { answer.untrusted() })
}

/// How a run stands, as every door tells it.
pub fn status(place: &Place, run: &Run) -> Value {
    let gates: Vec<Value> = run
        .gates
        .iter()
        .map(|gate| json!({"gate": gate.gate, "verdict": gate.verdict, "summary": gate.summary}))
        .collect();
    let mut told = json!({
        "run": run.id,
        "document": run.started.as_ref().map(|started| &started.document_name),
        "provider": run.started.as_ref().and_then(|started| started.provider.as_ref()),
        "state": state_word(place, run),
        "iteration": run.iteration,
        "phase": run.phase,
        "effect": run.open.as_ref().map(|open| describe(&open.intent.kind)),
        "events": run.seq,
        "turns": run.spent.turns,
        "calls": run.spent.calls,
        "active_ms": run.spent.active_ms,
        "tokens": {
            "input": run.spent.input,
            "output": run.spent.output,
            "cache_read": run.spent.cache_read,
            "cache_write": run.spent.cache_write,
        },
        "micro_usd_max": run.limits.budget_micro_usd_max,
        "estimated": run.spent.estimated,
        "micro_usd": (run.spent.turns_unknown == 0).then_some(run.spent.micro_usd),
        "gates": gates,
        "checklist": run.checklist,
    });
    if let Some(Wait::Approval { subject, reason, .. }) = run.wait.as_ref().map(|open| &open.wait) {
        told["waits_for"] = json!({ "subject": subject, "reason": reason });
    }
    told
}

/// A run's state in a few words.
pub fn state_word(place: &Place, run: &Run) -> String {
    match (&run.stopped, &run.wait, run.paused) {
        (Some(stop), ..) => verdict(stop).replace('_', " "),
        (None, _, true) => "paused".to_owned(),
        (None, Some(_), _) => "waiting".to_owned(),
        (None, None, false) if place.holder().is_some() => "running".to_owned(),
        (None, None, false) => "interrupted".to_owned(),
    }
}

pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "state": { "type": "string" },
            "iteration": { "type": "integer" },
            "phase": { "type": ["string", "null"] },
            "gates": { "type": "array", "items": { "type": "object" } },
            "checklist": { "type": "array", "items": { "type": "string" } },
            "waits_for": { "type": "object" },
        },
        "required": ["state"],
    })
}
