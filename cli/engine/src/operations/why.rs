//! `loki_why`: why a run stands where it stands.

use loki_ledger::Reader;
use loki_ledger::event::{RunId, Wait};
use loki_ledger::run::Run;
use loki_operation::Answer;
use serde::Serialize;
use serde_json::{Value, json};

use super::{OfRun, OperationError, Place, read};
use crate::CouncilVerdict;
use crate::council::frozen;
use crate::receipt::{exit_code, verdict};
use crate::story::{Story, describe};

/// Lines of evidence that doors are given.
const EVIDENCE_MAX: usize = 40;

/// Why a run stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The run.
    pub run: RunId,
    /// How it stands, in a word.
    pub state: String,
    /// The exit code that its stop means; `None` where it has not stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Why, in a sentence.
    pub why: String,
    /// What speaks for that, a line each.
    pub evidence: Vec<String>,
    /// What is still missing.
    pub gaps: Vec<String>,
    /// What to do next, most useful first.
    pub next: Vec<String>,
}

/// Carries `loki_why` out.
pub(super) fn operation(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let OfRun { run } = read("loki_why", input)?;
    let (reader, run) = place.run(run.as_deref())?;
    let mut told = why(place, &reader, &run)?;
    let more = told.evidence.len().saturating_sub(EVIDENCE_MAX);
    told.evidence.truncate(EVIDENCE_MAX);
    let mut data = serde_json::to_value(&told)?;
    if more > 0 {
        data["evidence_left_out"] = json!(more);
    }
    // Evidence cites what tools and models said.
    Ok(Answer::new(format!("run {}: {}", told.run, told.why), data).untrusted())
}

/// Why `run` stands where it stands.
pub fn why(place: &Place, reader: &Reader, run: &Run) -> Result<Why, OperationError> {
    let evidence = evidence(reader, run)?;
    let Some(stop) = &run.stopped else { return Ok(unfinished(place, run, evidence)) };
    let Story { why, gaps, mut next, .. } = Story::of(run, stop);
    next.retain(|next| next != "loki why");
    Ok(Why {
        run: run.id.clone(),
        state: verdict(stop).to_owned(),
        exit_code: Some(exit_code(stop)),
        why,
        evidence,
        gaps,
        next,
    })
}

/// What a run that has not stopped is doing, or was doing when it was cut short.
fn unfinished(place: &Place, run: &Run, evidence: Vec<String>) -> Why {
    let step = match &run.open {
        Some(open) => describe(&open.intent.kind),
        None => "between two steps".to_owned(),
    };
    let (state, why, next) = match (place.holder(), run.paused) {
        (Some(holder), true) => ("paused", format!("process {} has it, paused", holder.pid), "loki resume"),
        (Some(holder), false) => {
            ("running", format!("process {} is at work on it: {step}", holder.pid), "loki status")
        }
        (None, true) => ("paused", "it is paused, and no process has it".to_owned(), "loki resume"),
        (None, false) => ("interrupted", format!("it was interrupted: {step}"), "loki resume"),
    };
    Why {
        run: run.id.clone(),
        state: state.to_owned(),
        exit_code: None,
        why,
        evidence,
        gaps: Vec::new(),
        next: vec![next.to_owned()],
    }
}

fn evidence(reader: &Reader, run: &Run) -> Result<Vec<String>, OperationError> {
    let mut evidence = Vec::new();
    for taken in &run.steps.turns {
        for (call, answer) in &taken.calls {
            if let Some(answer) = answer.as_ref().filter(|answer| !answer.ok) {
                evidence.push(format!("{}: {}", call.id, answer.summary));
            }
        }
    }
    for (_, council, _) in run.reviews.values().filter_map(|review| review.council.as_ref()) {
        let bytes = reader.artifact(council)?;
        let Ok(council) = serde_json::from_slice::<CouncilVerdict>(&bytes) else { continue };
        evidence.push(format!("council on {}: {}", short(&council.subject), council.reason));
        let findings = council.rounds.first().map(frozen).unwrap_or_default();
        evidence.extend(
            findings.iter().map(|f| format!("{} {}: {} Fix: {}", f.rule, f.subject, f.message, f.fix)),
        );
    }
    if let Some(Wait::Approval { reason, subject, .. }) = run.wait.as_ref().map(|open| &open.wait) {
        evidence.push(format!("waits for approval of {}: {reason}", short(subject)));
    }
    Ok(evidence)
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

pub(super) fn output() -> Value {
    let lines = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "state": { "type": "string" },
            "exit_code": { "type": "integer" },
            "why": { "type": "string" },
            "evidence": lines,
            "evidence_left_out": { "type": "integer" },
            "gaps": lines,
            "next": lines,
        },
        "required": ["run", "state", "why", "evidence", "next"],
    })
}
