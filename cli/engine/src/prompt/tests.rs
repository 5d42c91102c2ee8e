//! What a prompt must hold, whatever happened before.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use loki_ledger::event::{Event, Limits, Note, NoteKind, Phase, RunId, RunStarted, VERSION, Verdict};
use loki_ledger::run::{GateResult, Run};
use loki_ledger::{Ledger, LedgerError};
use loki_store::FixedClock;

use super::*;

/// A run in its second iteration whose tests gate failed.
fn run(ledger: &Ledger) -> Result<Run, LedgerError> {
    let mut run = Run::new(RunId::parse("r1").unwrap());
    let started = RunStarted {
        version: VERSION,
        document: ledger.put(b"# Calculator\nIt adds.")?,
        document_name: "prd.md".into(),
        requirements: ledger.put(b"{}")?,
        backend: false,
        provider: Some("script".into()),
        acts: false,
        backend_first: false,
        gates: vec!["tests".into()],
        checklist: vec!["`GET /total` answers 200".into()],
        limits: Limits::default(),
    };
    run.apply(1, 1, &Event::RunStarted(started)).unwrap();
    run.iteration = 2;
    run.phase = Some(Phase::Reason);
    run.checklist = vec!["add numbers".into()];
    run.notes = vec![Note { kind: NoteKind::Decision, text: "integers only".into() }];
    run.steers = vec!["mind the minus".into()];
    run.edited.insert("README.md".into());
    let report = serde_json::to_vec("test add ... FAILED").unwrap();
    run.gates_before = vec![GateResult {
        gate: "tests".into(),
        verdict: Verdict::Fail,
        summary: "1 of 3 tests fails".into(),
        facts: ledger.put(b"{\"secret\": \"held-out\"}")?,
        gaps: vec![],
        report: Some(ledger.put(&report)?),
        failing: "f".into(),
    }];
    Ok(run)
}

fn ledger(dir: &Path) -> Ledger {
    let clock = FixedClock::new("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_millis(1));
    Ledger::open(dir, Arc::new(clock)).unwrap()
}

#[test]
fn a_prompt_holds_all_that_must_not_be_forgotten_and_no_gates_facts() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path());
    let run = run(&ledger).unwrap();
    let sources = Sources {
        reader: ledger.reader(),
        briefings: &[],
        tools: &[],
        skills: &Catalog::default(),
        output_bytes_max: MODEL_OUTPUT_BYTES_MAX,
        acts: false,
    };
    let request = request(&sources, &run).unwrap();
    for pinned in [
        "It adds.",
        "- [ ] `GET /total` answers 200",
        "add numbers",
        "integers only",
        "mind the minus",
        "README.md",
        "1 of 3 tests fails",
        "test add ... FAILED",
    ] {
        assert!(request.system.contains(pinned), "{pinned}: {}", request.system);
    }
    assert!(!request.system.contains("held-out"), "facts are not for the provider");
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["plan", "note", "read_output"], "planning only looks");
}
