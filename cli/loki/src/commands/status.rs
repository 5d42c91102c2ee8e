//! `loki status`.

use loki_engine::receipt::verdict;
use loki_ledger::event::Verdict;
use loki_ledger::run::Run;
use serde_json::json;

use crate::app::App;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::session::describe;
use crate::ui::{Ui, printable, table};

/// Show how a run stands
#[derive(clap::Args, Debug)]
pub(crate) struct StatusArgs {
    /// The run (default: the newest)
    run: Option<String>,
}

pub(crate) fn status(ui: &mut Ui, context: &Context, args: &StatusArgs) -> Result<Status, CommandError> {
    let app = App::of(context);
    let (_, run) = app.run(args.run.as_deref())?;
    if ui.is_json() {
        ui.result_json(&json!({
            "run": run.id,
            "document": run.started.as_ref().map(|started| &started.document_name),
            "provider": run.started.as_ref().and_then(|started| started.provider.as_ref()),
            "state": state(&app, &run),
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
            "gates": run.gates.iter().map(|gate| json!({"gate": gate.gate, "verdict": gate.verdict, "summary": gate.summary})).collect::<Vec<_>>(),
            "checklist": run.checklist,
        }))?;
        return Ok(Status::Success);
    }
    let cost = match run.spent.turns_unknown {
        0 => {
            let estimated = if run.spent.estimated { ", in part estimated" } else { "" };
            let usd = |micro: u64| micro as f64 / 1e6;
            let of = run.limits.budget_micro_usd_max.map(|max| format!(" of at most {:.2}", usd(max)));
            format!("{:.4}{} USD{estimated}", usd(run.spent.micro_usd), of.unwrap_or_default())
        }
        _ => "unknown".to_owned(),
    };
    let document = run.started.as_ref().map_or("?", |started| &started.document_name);
    let mut rows = vec![
        row("run", run.id.to_string()),
        row("document", printable(document).into_owned()),
        row("state", state(&app, &run)),
        row("iteration", format!("{} of at most {}", run.iteration, run.limits.iterations_max)),
    ];
    rows.extend(run.phase.map(|phase| row("phase", phase.to_string())));
    rows.extend(run.open.as_ref().map(|open| row("step", describe(&open.intent.kind))));
    rows.push(row("driven for", format!("{:.1} s", run.spent.active_ms as f64 / 1000.0)));
    rows.push(row("cost", cost));
    rows.push(row("events", run.seq.to_string()));
    ui.result_text(&table(&rows))?;
    for gate in &run.gates {
        let verdict = match gate.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotApplicable => "not applicable",
        };
        ui.result(format_args!("gate {}: {verdict}, {}", gate.gate, printable(&gate.summary)))?;
    }
    Ok(Status::Success)
}

/// A run's state in a few words.
fn state(app: &App, run: &Run) -> String {
    match (&run.stopped, &run.wait, run.paused) {
        (Some(stop), ..) => verdict(stop).replace('_', " "),
        (None, _, true) => "paused".to_owned(),
        (None, Some(_), _) => "waiting".to_owned(),
        (None, None, false) if app.holder().is_some() => "running".to_owned(),
        (None, None, false) => "interrupted".to_owned(),
    }
}

fn row(name: &str, value: String) -> [String; 2] {
    [name.to_owned(), value]
}
