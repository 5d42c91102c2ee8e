//! `loki_quality_report`: what is known of a run's result, apart from what was only said about it.

use std::fs;
use std::path::Path;

use loki_ledger::run::Run;
use loki_operation::Answer;
use serde_json::{Value, json};

use super::{OfRun, OperationError, Place, read};
use crate::receipt::{GateFact, Receipt, folder};

/// A receipt longer than this is none.
const RECEIPT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Entries of one list that a report holds.
const ENTRIES_MAX: usize = 50;

/// Carries `loki_quality_report` out.
pub(super) fn operation(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let OfRun { run } = read("loki_quality_report", input)?;
    let (_, run) = place.run(run.as_deref())?;
    let path = folder(&place.state, run.id.as_str()).join("receipt.json");
    let (summary, data) = match path.exists() {
        true => of_receipt(&read_receipt(&path)?, &path),
        false => of_run(&run),
    };
    // Gates cite the project, and claims are a model's words.
    Ok(Answer::new(summary, data).untrusted())
}

/// Reads a receipt.
pub fn read_receipt(path: &Path) -> Result<Receipt, OperationError> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| OperationError::Receipt {
        path: path.to_owned(),
        source,
    };
    let size = fs::metadata(path).map_err(|error| unreadable(error.into()))?.len();
    if size > RECEIPT_BYTES_MAX {
        return Err(unreadable(format!("it has {size} bytes and is no receipt").into()));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(error.into()))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))
}

fn of_receipt(receipt: &Receipt, path: &Path) -> (String, Value) {
    let (facts, said) = (&receipt.facts, &receipt.assessments);
    let council: Vec<Value> = said
        .council
        .iter()
        .take(ENTRIES_MAX)
        .map(|verdict| json!({ "subject": verdict.subject, "approved": verdict.approved, "reason": verdict.reason }))
        .collect();
    let data = json!({
        "run": receipt.run,
        "verdict": receipt.verdict,
        "facts": {
            "gates": facts.gates.iter().map(gate).collect::<Vec<_>>(),
            "gaps": facts.gaps.iter().take(ENTRIES_MAX).collect::<Vec<_>>(),
            "approvals": facts.approvals.iter().take(ENTRIES_MAX).collect::<Vec<_>>(),
            "files_changed": facts.files_changed.iter().take(ENTRIES_MAX).collect::<Vec<_>>(),
            "files_changed_in_all": facts.files_changed.len(),
            "diff_sha256": facts.diff_sha256,
            "iterations": facts.iterations,
            "micro_usd": facts.cost.micro_usd,
            "cost_source": facts.cost.source,
            "ledger": facts.ledger,
        },
        "assessments": {
            "provider": said.provider,
            "claim": said.claim,
            "evidence": said.evidence.iter().take(ENTRIES_MAX).collect::<Vec<_>>(),
            "council": council,
        },
        "receipt": path,
        "signed": receipt.signature.is_some(),
    });
    (format!("run {}: {}", receipt.run, receipt.verdict.replace('_', " ")), data)
}

/// A run that has left no receipt yet: what its gates said so far.
fn of_run(run: &Run) -> (String, Value) {
    let gates: Vec<Value> = run
        .gates
        .iter()
        .map(|gate| json!({ "gate": gate.gate, "verdict": gate.verdict, "summary": gate.summary }))
        .collect();
    let gaps: Vec<&String> = run.gates.iter().flat_map(|gate| &gate.gaps).take(ENTRIES_MAX).collect();
    let data = json!({
        "run": run.id,
        "verdict": null,
        "facts": { "gates": gates, "gaps": gaps, "iterations": run.iteration },
        "assessments": {
            "provider": run.started.as_ref().and_then(|started| started.provider.as_ref()),
            "claim": run.claim.as_ref().map(|claim| &claim.summary),
        },
        "receipt": null,
        "signed": false,
    });
    (format!("run {} has left no receipt yet", run.id), data)
}

fn gate(fact: &GateFact) -> Value {
    let mut told = json!({ "gate": fact.gate, "verdict": fact.verdict, "summary": fact.summary });
    for known in ["command", "exit_code"] {
        if let Some(value) = fact.facts.get(known) {
            told[known] = value.clone();
        }
    }
    told
}

pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "verdict": { "type": ["string", "null"] },
            "facts": { "type": "object" },
            "assessments": { "type": "object" },
            "receipt": { "type": ["string", "null"] },
            "signed": { "type": "boolean" },
        },
        "required": ["run", "verdict", "facts", "assessments", "receipt", "signed"],
    })
}
