//! What whoever takes a stopped run over should know: what was tried, and what is still in the way.

use std::fmt::Write;

use loki_ledger::event::{Stop, Verdict};
use loki_ledger::run::Run;

use super::verdict;
use crate::engine::{Engine, EngineError};

/// The note of a run that a model worked on and that is not verified; `None` for any other.
pub(super) fn note(engine: &Engine, run: &Run, stop: &Stop) -> Result<Option<String>, EngineError> {
    let verified = matches!(stop, Stop::Verified | Stop::VerifiedWithGaps);
    if verified || run.spent.models.is_empty() {
        return Ok(None);
    }
    let mut reports = Vec::new();
    for gate in run.gates.iter().filter(|gate| matches!(gate.verdict, Verdict::Fail | Verdict::Inconclusive))
    {
        let report = gate.report.as_ref().map(|report| engine.read::<String>("a gate's report", report));
        reports.push((format!("{}: {}", gate.gate, gate.summary), report.transpose()?));
    }
    let mut out = String::new();
    // Writing to a string cannot fail.
    Ok(render(&mut out, run, stop, &reports).is_ok().then_some(out))
}

fn render(
    out: &mut String,
    run: &Run,
    stop: &Stop,
    reports: &[(String, Option<String>)],
) -> std::fmt::Result {
    writeln!(out, "# Hand-over of run {}\n", run.id)?;
    writeln!(out, "It ended {} after {} iterations.\n", verdict(stop).replace('_', " "), run.iteration)?;
    writeln!(out, "## What is in the way\n")?;
    for (summary, report) in reports {
        writeln!(out, "- {summary}")?;
        if let Some(report) = report {
            let indented: Vec<String> = report.lines().map(|line| format!("      {line}")).collect();
            writeln!(out, "\n{}\n", indented.join("\n"))?;
        }
    }
    list(out, "The plan", run.checklist.iter().map(String::as_str))?;
    list(out, "What was written down", run.notes.iter().map(|note| note.text.as_str()))?;
    let trees: Vec<String> = run
        .marks
        .iter()
        .map(|mark| {
            let open: Vec<&str> = mark.failing.iter().map(|(gate, _)| gate.as_str()).collect();
            let tree = mark.tree.get(..12).unwrap_or(&mark.tree);
            format!("iteration {}: tree {tree}, not passed: {}", mark.iteration, open.join(", "))
        })
        .collect();
    list(out, "Iterations", trees.iter().map(String::as_str))?;
    if let Some(claim) = &run.claim {
        writeln!(out, "## What the provider says\n\n{}\n", claim.summary)?;
    }
    writeln!(out, "`loki why` tells more; `loki steer` gives guidance; `loki rollback` undoes the changes.")
}

fn list<'a>(out: &mut String, title: &str, items: impl Iterator<Item = &'a str>) -> std::fmt::Result {
    let lines: Vec<String> = items.map(|item| format!("- {item}")).collect();
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {title}\n\n{}\n", lines.join("\n"))
}
