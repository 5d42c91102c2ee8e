//! `loki verify`: what the gates say about a change, whoever made it.

use std::sync::Arc;

use loki_engine::tool::{Case, Gate, Judgement};
use loki_ledger::event::Verdict;
use serde_json::{Value, json};

use crate::app::{App, AppError};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

/// Nothing speaks against the change.
const VERIFIED: u8 = 0;
/// Something is worth a look.
const CONCERNS: u8 = 1;
/// A gate does not hold.
const BLOCKED: u8 = 2;
/// A gate could not find out.
const UNCHECKED: u8 = 3;

pub(super) fn verify(
    ui: &mut Ui,
    context: &Context,
    base: Option<&str>,
    only: &[String],
) -> Result<Status, CommandError> {
    let app = App::to_judge(context)?;
    app.prepare().map_err(CommandError::from)?;
    let worktree = app.worktree();
    let named = base.unwrap_or("HEAD");
    let commit = match worktree.resolve(named) {
        Ok(commit) => commit,
        Err(error) => return unchecked(ui, named, &AppError::from(error).to_string()),
    };
    // The gates' home folder is for one verification at a time.
    let _lock = match app.lock_gates() {
        Ok(lock) => lock,
        Err(why) => return unchecked(ui, named, &why),
    };
    let gates = asked(app.application_gates(), only)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let case = Case { base: Some(commit.clone()), ..Case::default() };
    let mut judged: Vec<(String, Judgement)> = Vec::new();
    for gate in &gates {
        let judgement = runtime.block_on(gate.judge(&case));
        if !ui.is_json() {
            tell(ui, gate.id(), &judgement)?;
        }
        judged.push((gate.id().to_owned(), judgement));
    }
    let code = code(judged.iter().map(|(_, judgement)| judgement));
    if ui.is_json() {
        let tree = worktree.tree().map_err(AppError::from)?;
        let shown: Vec<Value> = judged.iter().map(|(gate, judgement)| shown(gate, judgement)).collect();
        ui.result_json(&json!({
            "base": named,
            "commit": commit,
            "tree": tree,
            "verdict": word(code),
            "exit_code": code,
            "gates": shown,
        }))?;
    } else {
        ui.result(format_args!("{}", sentence(code, named)))?;
    }
    Ok(Status::OfCommand(code))
}

/// The gates to ask: all, or those that are named.
fn asked(gates: Vec<Arc<dyn Gate>>, only: &[String]) -> Result<Vec<Arc<dyn Gate>>, CommandError> {
    if let Some(unknown) = only.iter().find(|name| !gates.iter().any(|gate| gate.id() == *name)) {
        let names: Vec<&str> = gates.iter().map(|gate| gate.id()).collect();
        return Err(CommandError::new(ErrorKind::Usage, format_args!("there is no gate `{unknown}`"))
            .hint(format_args!("The gates are {}.", names.join(", "))));
    }
    let wanted = |gate: &Arc<dyn Gate>| only.is_empty() || only.iter().any(|name| gate.id() == name);
    Ok(gates.into_iter().filter(wanted).collect())
}

/// The exit code that the judgements come to: what is worst counts.
fn code<'a>(judgements: impl Iterator<Item = &'a Judgement>) -> u8 {
    let mut worst = VERIFIED;
    let (mut unchecked, mut passed) = (false, false);
    for judgement in judgements {
        match judgement.verdict {
            Verdict::Fail => worst = BLOCKED,
            Verdict::Inconclusive => unchecked = true,
            Verdict::Pass => passed = true,
            Verdict::NotApplicable => {}
        }
        if worst == VERIFIED && !judgement.concerns.is_empty() {
            worst = CONCERNS;
        }
    }
    if worst != BLOCKED && (unchecked || !passed) { UNCHECKED } else { worst }
}

fn word(code: u8) -> &'static str {
    match code {
        VERIFIED => "verified",
        CONCERNS => "concerns",
        BLOCKED => "blocked",
        _ => "could_not_check",
    }
}

fn sentence(code: u8, base: &str) -> String {
    match code {
        VERIFIED => format!("Verified: nothing speaks against what changed since {base}."),
        CONCERNS => format!("Verified, with concerns: have a look at what changed since {base}."),
        BLOCKED => format!("Blocked: what changed since {base} must not be taken over like this."),
        _ => format!("Not checked: it could not be found out whether what changed since {base} holds."),
    }
}

fn shown(gate: &str, judgement: &Judgement) -> Value {
    json!({
        "gate": gate,
        "verdict": judgement.verdict,
        "summary": judgement.summary,
        "concerns": judgement.concerns,
        "failing": judgement.failing,
        "report": judgement.report,
        "facts": judgement.facts,
    })
}

fn tell(ui: &mut Ui, gate: &str, judgement: &Judgement) -> Result<(), CommandError> {
    let sign = match judgement.verdict {
        Verdict::Pass => ui.paint(Paint::Good, "ok  "),
        Verdict::NotApplicable => ui.paint(Paint::Faint, "--  "),
        Verdict::Fail => ui.paint(Paint::Bad, "FAIL"),
        Verdict::Inconclusive => ui.paint(Paint::Bad, "??  "),
    };
    ui.result(format_args!("{sign} {gate}: {}", printable(&judgement.summary)))?;
    for concern in &judgement.concerns {
        ui.result(format_args!("       concern: {}", printable(concern)))?;
    }
    if matches!(judgement.verdict, Verdict::Fail | Verdict::Inconclusive) {
        for line in judgement.report.lines() {
            ui.result(format_args!("       {}", printable(line)))?;
        }
    }
    Ok(())
}

/// Nothing could be found out.
fn unchecked(ui: &mut Ui, base: &str, why: &str) -> Result<Status, CommandError> {
    if ui.is_json() {
        ui.result_json(&json!({
            "base": base,
            "verdict": word(UNCHECKED),
            "exit_code": UNCHECKED,
            "why": why,
            "gates": [],
        }))?;
    } else {
        ui.result(format_args!("Not checked: {}.", printable(why)))?;
        ui.result(format_args!("`loki verify --help` says what is needed."))?;
    }
    Ok(Status::OfCommand(UNCHECKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(verdict: Verdict, concerns: usize) -> Judgement {
        Judgement { concerns: vec!["look".to_owned(); concerns], ..Judgement::new(verdict, "") }
    }

    #[test]
    fn what_is_worst_counts_and_nothing_judged_is_nothing_verified() {
        use Verdict::{Fail, Inconclusive, NotApplicable, Pass};
        for (judged, expected) in [
            (vec![(Pass, 0)], VERIFIED),
            (vec![(Pass, 0), (NotApplicable, 0)], VERIFIED),
            (vec![(NotApplicable, 0)], UNCHECKED),
            (vec![], UNCHECKED),
            (vec![(Pass, 1)], CONCERNS),
            (vec![(Pass, 1), (Inconclusive, 0)], UNCHECKED),
            (vec![(Pass, 0), (Fail, 0), (Inconclusive, 0)], BLOCKED),
            (vec![(Fail, 2)], BLOCKED),
        ] {
            let judgements: Vec<Judgement> = judged.iter().map(|(v, c)| judgement(*v, *c)).collect();
            assert_eq!(code(judgements.iter()), expected, "{judged:?}");
        }
    }
}
