//! `loki verify`: what the gates say about a change, whoever made it.

use loki_engine::tool::Judgement;
use loki_ledger::event::Verdict;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::judge::{Opinion, Unjudged};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

pub(super) fn verify(
    ui: &mut Ui,
    context: &Context,
    base: Option<&str>,
    only: &[String],
) -> Result<Status, CommandError> {
    let app = App::to_judge(context)?;
    let named = base.unwrap_or("HEAD");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let mut said = Ok(());
    let mut told = |gate: &str, judgement: &Judgement| {
        if !ui.is_json() && said.is_ok() {
            said = tell(ui, gate, judgement);
        }
    };
    let judged = runtime.block_on(app.judge(named, only, &mut told));
    said?;
    let judged = match judged {
        Ok(judged) => judged,
        Err(Unjudged::Unchecked(why)) => return unchecked(ui, named, &why),
        Err(error @ Unjudged::NoGate { .. }) => return Err(no_gate(&error)),
        Err(Unjudged::App(error)) => return Err(error.into()),
    };
    let code = judged.opinion.code();
    if ui.is_json() {
        let shown: Vec<Value> = judged.gates.iter().map(|(gate, judgement)| shown(gate, judgement)).collect();
        ui.result_json(&json!({
            "base": named,
            "commit": judged.commit,
            "tree": judged.tree,
            "verdict": judged.opinion.word(),
            "exit_code": code,
            "gates": shown,
        }))?;
    } else {
        ui.result(format_args!("{}", sentence(judged.opinion, named)))?;
    }
    Ok(Status::OfCommand(code))
}

fn no_gate(error: &Unjudged) -> CommandError {
    let refused = CommandError::new(ErrorKind::Usage, error);
    match error {
        Unjudged::NoGate { known, .. } => refused.hint(format_args!("The gates are {}.", known.join(", "))),
        Unjudged::Unchecked(_) | Unjudged::App(_) => refused,
    }
}

fn sentence(opinion: Opinion, base: &str) -> String {
    match opinion {
        Opinion::Verified => format!("Verified: nothing speaks against what changed since {base}."),
        Opinion::Concerns => format!("Verified, with concerns: have a look at what changed since {base}."),
        Opinion::Blocked => format!("Blocked: what changed since {base} must not be taken over like this."),
        Opinion::Unchecked => {
            format!("Not checked: it could not be found out whether what changed since {base} holds.")
        }
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
            "verdict": Opinion::Unchecked.word(),
            "exit_code": Opinion::Unchecked.code(),
            "why": why,
            "gates": [],
        }))?;
    } else {
        ui.result(format_args!("Not checked: {}.", printable(why)))?;
        ui.result(format_args!("`loki verify --help` says what is needed."))?;
    }
    Ok(Status::OfCommand(Opinion::Unchecked.code()))
}
