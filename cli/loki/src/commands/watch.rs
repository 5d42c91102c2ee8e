//! `loki watch`.

use std::io;
use std::time::Duration;

use loki_ledger::run::Run;
use loki_ledger::{LedgerError, Reader, Recorded};
use loki_tui::model::{Filter, Mark, Model};
use loki_tui::text::clock;
use serde_json::json;

use crate::app::App;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::session;
use crate::ui::{Paint, Ui};

/// How long one wait for events lasts.
const WAIT: Duration = Duration::from_secs(1);

/// Follow a run line by line
///
/// Prints what has happened and then what happens, until the run stops; then it ends with the exit code of
/// the run. For logs and pipes; `loki tui` is for people.
#[derive(clap::Args, Debug)]
pub(crate) struct WatchArgs {
    /// The run, or the beginning of its name (default: the newest)
    run: Option<String>,
    /// Begin after this event
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// End with the last event there is
    #[arg(long)]
    no_follow: bool,
}

pub(crate) fn watch(ui: &mut Ui, context: &Context, args: &WatchArgs) -> Result<Status, CommandError> {
    let app = App::of(context);
    let (reader, run) = app.run(args.run.as_deref())?;
    if run.stopped.is_none() && app.holder().is_none() {
        ui.status(format_args!("No process drives run {}; `loki resume` goes on with it.", run.id))?;
    }
    let mut model = Model::new(run.id.clone());
    let ended = follow(ui, &reader, &run, args, &mut model);
    match ended {
        Ok(()) => {}
        // Whoever read it has seen enough.
        Err(Unprinted::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(Status::Success);
        }
        Err(Unprinted::Output(error)) => {
            return Err(CommandError::new(ErrorKind::Io, "failed to write the output").caused_by(&error));
        }
        Err(Unprinted::Ledger(error)) => return Err(error.into()),
    }
    Ok(model.live.run.stopped.as_ref().map_or(Status::Success, session::status))
}

/// Why nothing more is printed.
enum Unprinted {
    Output(io::Error),
    Ledger(LedgerError),
}

impl From<LedgerError> for Unprinted {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

fn follow(
    ui: &mut Ui,
    reader: &Reader,
    run: &Run,
    args: &WatchArgs,
    model: &mut Model,
) -> Result<(), Unprinted> {
    // What is there already is printed, even after a stop: a run may have been told things since.
    let there = reader.head(&run.id)?.seq;
    let mut tail = reader.tail(&run.id, 0);
    loop {
        if model.log.last() >= there && (args.no_follow || model.live.run.stopped.is_some()) {
            return Ok(());
        }
        let events = tail.wait(WAIT)?;
        let before = model.log.last();
        model.apply(&events);
        print(ui, model, &events, before.max(args.after))?;
        if let Some(disorder) = &model.live.disorder {
            let reason = format!("event {}: {}\n", disorder.seq, disorder.reason);
            return ui.pass_stderr(reason.as_bytes()).map_err(Unprinted::Output);
        }
    }
}

/// Prints what comes after an event.
fn print(ui: &mut Ui, model: &Model, events: &[Recorded], after: u64) -> Result<(), Unprinted> {
    let mut text = String::new();
    if ui.is_json() {
        for recorded in events.iter().filter(|recorded| recorded.seq > after) {
            let line = json!({
                "type": "event",
                "run": recorded.run,
                "seq": recorded.seq,
                "at": recorded.at().to_string(),
                "event": recorded.event,
            });
            text.push_str(&format!("{line}\n"));
        }
    } else {
        let filter = Filter::default();
        let (_, _, rows) = model.log.window(&filter, usize::MAX, |_| 0);
        let new = rows.into_iter().rev().take_while(|row| row.line.seq > after);
        let lines: Vec<String> = new
            .map(|row| {
                let (sign, paint) = match row.line.mark {
                    Mark::Good => ("+", Paint::Good),
                    Mark::Bad => ("x", Paint::Bad),
                    Mark::Warning => ("!", Paint::Warning),
                    Mark::Note => ("-", Paint::Faint),
                };
                let sign = ui.paint(paint, sign);
                format!(
                    "{:>6} {} {:<8} {sign} {}\n",
                    row.line.seq,
                    clock(row.line.at_ms),
                    row.kind.name(),
                    row.line.text
                )
            })
            .collect();
        text.extend(lines.into_iter().rev());
    }
    if text.is_empty() { Ok(()) } else { ui.pass_stdout(text.as_bytes()).map_err(Unprinted::Output) }
}
