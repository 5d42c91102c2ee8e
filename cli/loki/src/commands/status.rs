//! `loki status`.

use loki_engine::operations;
use loki_engine::story::describe;
use loki_ledger::event::Verdict;

use crate::app::App;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
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
        ui.result_json(&operations::status(&app.place(), &run))?;
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
        row("state", operations::state_word(&app.place(), &run)),
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

fn row(name: &str, value: String) -> [String; 2] {
    [name.to_owned(), value]
}
