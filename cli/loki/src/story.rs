//! A stopped run, told to a person.

use loki_engine::story::Story;
use loki_ledger::event::Verdict;
use loki_ledger::run::Run;

use crate::error::CommandError;
use crate::ui::{Paint, Ui, printable};

/// Tells how a run stopped, and what to do next.
pub(crate) fn tell(ui: &mut Ui, story: &Story, run: &Run) -> Result<(), CommandError> {
    tell_what(ui, story, run)?;
    tell_next(ui, &story.next)
}

/// How it ended, what the gates said, and what is missing.
pub(crate) fn tell_what(ui: &mut Ui, story: &Story, run: &Run) -> Result<(), CommandError> {
    let paint = match story.title {
        "Verified" => Paint::Good,
        "Verified with gaps" | "Waiting for a person" => Paint::Warning,
        _ => Paint::Bad,
    };
    let title = ui.paint(paint, story.title);
    ui.result(format_args!("{title}: {}", printable(&story.why)))?;
    for gate in &run.gates {
        let verdict = match gate.verdict {
            Verdict::Pass => ui.paint(Paint::Good, "pass"),
            Verdict::Fail => ui.paint(Paint::Bad, "FAIL"),
            Verdict::Inconclusive => ui.paint(Paint::Bad, "inconclusive"),
            Verdict::NotApplicable => ui.paint(Paint::Faint, "not applicable"),
        };
        ui.result(format_args!("  gate {}: {verdict}, {}", gate.gate, printable(&gate.summary)))?;
    }
    if !story.gaps.is_empty() {
        ui.result(format_args!("Gaps:"))?;
        for gap in &story.gaps {
            ui.result(format_args!("  - {}", printable(gap)))?;
        }
    }
    Ok(())
}

/// What to do next.
pub(crate) fn tell_next(ui: &mut Ui, next: &[String]) -> Result<(), CommandError> {
    if !next.is_empty() {
        ui.result(format_args!("Next:"))?;
        for next in next {
            ui.result(format_args!("  {}", printable(next)))?;
        }
    }
    Ok(())
}
