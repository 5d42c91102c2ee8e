//! `loki ledger`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loki_ledger::event::RunId;
use loki_ledger::{ChainReport, Ledger, Reader, Recorded, RunRow};
use loki_store::{SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable, table};

/// Characters of a hash that are shown to people.
const HASH_CHARS: usize = 12;
/// Characters of an event that are shown on its line.
const EVENT_CHARS_MAX: usize = 160;

/// Look at, check, export or import the record of runs
#[derive(clap::Args, Debug)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Check that every event is as it was written
    ///
    /// Follows the chain of hashes from the first event to the head, which is kept apart, and checks
    /// every artifact the events name. Exits with 1 where something does not hold.
    Verify {
        /// The run, or the beginning of its name (default: every run)
        run: Option<String>,
    },
    /// Print the runs, or the events of one
    ///
    /// With `--json`, the events are one JSON object a line.
    Show {
        /// The run, or the beginning of its name (default: list the runs)
        run: Option<String>,
        /// Only events after this number
        #[arg(long, value_name = "SEQ", default_value_t = 0, requires = "run")]
        after: u64,
    },
    /// Write a run as JSON lines, to be read with `import`
    Export {
        /// The run, or the beginning of its name
        run: String,
        /// The file, which must not exist yet (default: standard output)
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take over a run that was exported
    ///
    /// Checks everything first; a run that is here already stays as it is.
    Import {
        /// The exported file, or `-` for standard input
        file: PathBuf,
    },
}

pub(crate) fn ledger(ui: &mut Ui, context: &Context, args: &LedgerArgs) -> Result<Status, CommandError> {
    let state = context.project.state_dir();
    match &args.action {
        Action::Verify { run } => return verify(ui, &Reader::open(&state)?, run.as_deref()),
        Action::Show { run: None, .. } => list(ui, &Reader::open(&state)?)?,
        Action::Show { run: Some(run), after } => show(ui, &Reader::open(&state)?, run, *after)?,
        Action::Export { run, output } => export(ui, &Reader::open(&state)?, run, output.as_deref())?,
        Action::Import { file } => import(ui, &state, &context.current_dir, file)?,
    }
    Ok(Status::Success)
}

fn verify(ui: &mut Ui, reader: &Reader, named: Option<&str>) -> Result<Status, CommandError> {
    let runs = match named {
        Some(named) => vec![find(reader, named)?],
        None => reader.runs()?.into_iter().map(|run| run.id).collect(),
    };
    let reports = runs.iter().map(|run| reader.verify(run)).collect::<Result<Vec<_>, _>>()?;
    let holds = reports.iter().all(|report| report.broken.is_none());
    if ui.is_json() {
        let runs: Vec<Value> = reports.iter().map(report_json).collect();
        ui.result_json(&json!({ "holds": holds, "runs": runs }))?;
    } else {
        for report in &reports {
            report_line(ui, report)?;
        }
    }
    Ok(if holds { Status::Success } else { Status::GateFailed })
}

fn report_line(ui: &mut Ui, report: &ChainReport) -> Result<(), CommandError> {
    let (run, events, artifacts) = (report.run.as_str(), report.events, report.artifacts);
    let hash = report.head.hash.to_string();
    let head = short(&hash);
    match &report.broken {
        None => {
            let sign = ui.paint(Paint::Good, "holds ");
            ui.result(format_args!("{sign}  {run}  {events} events, {artifacts} artifacts, head {head}"))?;
        }
        Some(broken) => {
            let sign = ui.paint(Paint::Bad, "broken");
            let reason = printable(&broken.reason);
            ui.result(format_args!("{sign}  {run}  {events} events hold; event {}: {reason}", broken.seq))?;
        }
    }
    Ok(())
}

fn report_json(report: &ChainReport) -> Value {
    let broken = report.broken.as_ref().map(|broken| json!({ "seq": broken.seq, "reason": broken.reason }));
    json!({
        "run": report.run.as_str(),
        "events": report.events,
        "artifacts": report.artifacts,
        "head": { "seq": report.head.seq, "hash": report.head.hash.to_string() },
        "broken": broken,
    })
}

fn list(ui: &mut Ui, reader: &Reader) -> Result<(), CommandError> {
    let runs = reader.runs()?;
    if ui.is_json() {
        let as_json =
            |run: &RunRow| json!({ "run": run.id.as_str(), "started_ms": run.started_ms, "events": run.seq });
        return Ok(ui.result_json(&runs.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let rows: Vec<[String; 3]> = runs
        .iter()
        .map(|run| [run.id.as_str().to_owned(), time(run.started_ms), format!("{} events", run.seq)])
        .collect();
    Ok(ui.result_text(&table(&rows))?)
}

fn show(ui: &mut Ui, reader: &Reader, named: &str, mut after: u64) -> Result<(), CommandError> {
    let run = find(reader, named)?;
    loop {
        let page = reader.events(&run, after)?;
        for recorded in &page.events {
            if ui.is_json() {
                ui.event(&event_json(recorded))?;
            } else {
                ui.result(format_args!("{}", event_line(recorded)))?;
            }
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

fn event_json(recorded: &Recorded) -> Value {
    json!({
        "run": recorded.run.as_str(),
        "seq": recorded.seq,
        "at_ms": recorded.at_ms,
        "event": recorded.event,
        "hash": recorded.hash.to_string(),
    })
}

/// `   12  2026-01-01T00:00:00Z  phase_started  phase="act"`.
fn event_line(recorded: &Recorded) -> String {
    let event = serde_json::to_value(&recorded.event).unwrap_or_default();
    let name = event["type"].as_str().unwrap_or("?").to_owned();
    let fields = event.as_object().into_iter().flatten().filter(|(field, _)| *field != "type");
    let shown: Vec<String> = fields.map(|(field, value)| format!("{field}={value}")).collect();
    let detail: String = shown.join(" ").chars().take(EVENT_CHARS_MAX).collect();
    let line = format!("{:>6}  {}  {name:<18}  {detail}", recorded.seq, time(recorded.at_ms));
    printable(line.trim_end()).into_owned()
}

fn export(ui: &mut Ui, reader: &Reader, named: &str, output: Option<&Path>) -> Result<(), CommandError> {
    let run = find(reader, named)?;
    let Some(path) = output else {
        reader.export(&run, ui.result_writer())?;
        return Ok(());
    };
    let failed = |error: &io::Error| {
        CommandError::new(ErrorKind::Io, format_args!("failed to write `{}`", path.display()))
            .caused_by(error)
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| failed(&error))?;
    let exported = reader.export(&run, &mut file).map_err(CommandError::from).and_then(|events| {
        file.flush().and_then(|()| file.sync_all()).map(|()| events).map_err(|error| failed(&error))
    });
    match exported {
        Ok(events) => {
            Ok(ui.status(format_args!("Wrote {events} events of {} to {}.", run.as_str(), path.display()))?)
        }
        Err(error) => {
            std::fs::remove_file(path).map_err(|error| failed(&error))?; // Half a run is none.
            Err(error)
        }
    }
}

fn import(ui: &mut Ui, state: &Path, current_dir: &Path, file: &Path) -> Result<(), CommandError> {
    let open = || -> Result<Box<dyn io::BufRead>, CommandError> {
        if file == Path::new("-") {
            return Ok(Box::new(io::stdin().lock()));
        }
        let opened = File::open(current_dir.join(file)).map_err(|error| {
            CommandError::new(ErrorKind::Input, format_args!("failed to read `{}`", file.display()))
                .caused_by(&error)
        })?;
        Ok(Box::new(BufReader::new(opened)))
    };
    // The file first: a ledger is not made for one that is not there.
    let input = open()?;
    let report = Ledger::open(state, Arc::new(SystemClock))?.import(input)?;
    if ui.is_json() {
        return Ok(ui.result_json(&json!({
            "run": report.run.as_str(),
            "events": report.events,
            "artifacts": report.artifacts,
            "known": report.known,
        }))?);
    }
    let what = if report.known { "is here already" } else { "was taken over" };
    ui.status(format_args!("Run {} {what}: {} events.", report.run.as_str(), report.events))?;
    Ok(())
}

/// The one run that is called so, or whose name begins so.
fn find(reader: &Reader, named: &str) -> Result<RunId, CommandError> {
    let runs = reader.runs()?;
    if let Some(exact) = runs.iter().find(|run| run.id.as_str() == named) {
        return Ok(exact.id.clone());
    }
    let mut begin_so = runs.iter().filter(|run| run.id.as_str().starts_with(named));
    match (begin_so.next(), begin_so.next()) {
        (Some(only), None) => Ok(only.id.clone()),
        (None, _) => Err(CommandError::new(ErrorKind::NotFound, format_args!("there is no run `{named}`"))
            .hint("`loki ledger show` lists the runs.")),
        (Some(_), Some(_)) => {
            Err(CommandError::new(ErrorKind::NotFound, format_args!("several runs are called `{named}…`"))
                .hint("Give more of the name; `loki ledger show` lists the runs."))
        }
    }
}

fn time(at_ms: i64) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => format!("{at_ms} ms"), // Further away than the calendar reaches.
    }
}

fn short(hash: &str) -> &str {
    hash.get(..HASH_CHARS).unwrap_or(hash)
}

#[cfg(test)]
mod tests;
