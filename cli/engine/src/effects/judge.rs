//! A gate: what asking it may cost, what it is asked about, and how its judgement is kept.

use loki_ledger::event::{ArtifactId, Outcome, Verdict};
use loki_ledger::run::Run;
use serde_json::Value;

use super::head;
use crate::engine::{Engine, EngineError};
use crate::limits;
use crate::tool::{Case, Judgement, REPORT_BYTES_MAX};

/// Gaps and concerns that one gate may name.
const NAMED_MAX: usize = 200;

/// What asking the gate may cost at the most, in millionths of a US dollar; `None`: nobody knows.
pub(super) fn quote(engine: &Engine, run: &Run, name: &str) -> Result<Option<u64>, EngineError> {
    match engine.gate(name) {
        Some(gate) => Ok(gate.quote(&case(engine, run)?)),
        None => Ok(Some(0)),
    }
}

/// Asks the gate.
pub(super) async fn judge(engine: &Engine, run: &Run, name: &str) -> Result<Outcome, EngineError> {
    let judged = match engine.gate(name) {
        Some(gate) => gate.judge(&case(engine, run)?).await,
        None => Judgement::new(Verdict::Inconclusive, format!("there is no gate called `{name}` here")),
    };
    let facts = if judged.facts.is_null() { Value::Object(serde_json::Map::new()) } else { judged.facts };
    let report = head(&judged.report, REPORT_BYTES_MAX);
    let named = |list: Vec<String>| list.into_iter().take(NAMED_MAX).collect();
    Ok(Outcome::Gate {
        verdict: judged.verdict,
        summary: judged.summary,
        facts: engine.keep("a gate's facts", &facts)?.id,
        gaps: named(judged.gaps),
        report: match report.is_empty() {
            true => None,
            false => Some(engine.keep("a gate's report", &report)?.id),
        },
        concerns: named(judged.concerns),
        failing: fingerprint(judged.failing),
        usage: judged.usage,
    })
}

/// What the gates of a run are asked about.
fn case(engine: &Engine, run: &Run) -> Result<Case, EngineError> {
    let document = match &run.started {
        Some(started) => engine.ledger.reader().artifact(&started.document)?,
        None => Vec::new(),
    };
    Ok(Case {
        base: run.snapshots.first().map(|snapshot| snapshot.commit.clone()),
        document: String::from_utf8_lossy(&document).into_owned(),
        checklist: run.checklist.clone(),
        allowance_micro_usd: limits::left(run),
    })
}

/// The same for the same failures, in whatever order; empty where there are none.
fn fingerprint(mut failing: Vec<String>) -> String {
    if failing.is_empty() {
        return String::new();
    }
    failing.sort_unstable();
    failing.dedup();
    ArtifactId::of(failing.join("\n").as_bytes()).to_string()
}
