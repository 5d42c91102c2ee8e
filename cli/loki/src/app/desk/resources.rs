//! What can be read at the desk: how the project stands, what a run did, its receipt, what the backend holds.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use loki_engine::operations::status;
use loki_engine::receipt::folder;
use loki_ledger::event::RunId;
use loki_mcp::desk::{ResourceInfo, ResourceText};
use loki_operation::{Refusal, RefusalKind};
use serde_json::json;

use super::{blocking, refusals};
use crate::app::App;
use crate::app::forge::LazyForge;

const STATUS: &str = "loki://project/status";
const SUMMARY: &str = "loki://forge/summary";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// Runs whose events and receipts are listed: the newest.
const RUNS_LISTED_MAX: usize = 5;

/// Bytes of one page of events.
const EVENTS_BYTES_MAX: usize = 64 << 10;

/// Bytes of a receipt as text.
const RECEIPT_BYTES_MAX: u64 = 1 << 20;

/// Bytes of the backend's summary.
const SUMMARY_BYTES_MAX: usize = 8 << 10;

/// What an address means.
enum Address {
    Status,
    Summary,
    Events { run: String, after: u64 },
    Receipt { run: String },
}

/// What can be read now.
pub(super) async fn list(app: &App, has_forge: bool) -> Vec<ResourceInfo> {
    let mut all = vec![info(STATUS, "Project status", "How the newest run stands", JSON)];
    if has_forge {
        all.push(info(SUMMARY, "Backend", "What the backend holds, in short", "text/plain"));
    }
    let (place, state) = (app.place(), app.state().to_owned());
    let runs = blocking(move || match place.reader().map_err(refusals::of_ledger)? {
        Some(reader) => reader.runs().map_err(refusals::of_ledger),
        None => Ok(Vec::new()),
    });
    // A ledger that cannot be read is told of by what reads it.
    for run in runs.await.unwrap_or_default().into_iter().take(RUNS_LISTED_MAX) {
        let id = run.id.as_str();
        let (uri, name) = (format!("loki://run/{id}/events"), format!("Events of run {id}"));
        all.push(info(&uri, &name, "What the run did, an event a line", LINES));
        if receipt(&state, id).exists() {
            let (uri, name) = (format!("loki://run/{id}/receipt"), format!("Receipt of run {id}"));
            all.push(info(&uri, &name, "What is known, apart from what was said", "text/markdown"));
        }
    }
    all
}

/// Every address there may be something at, with places left open: for whoever describes them.
pub(crate) fn addresses() -> Vec<ResourceInfo> {
    let fixed = [
        info(STATUS, "Project status", "How the newest run stands", JSON),
        info(SUMMARY, "Backend", "What the backend holds, in short", "text/plain"),
    ];
    fixed.into_iter().chain(templates()).collect()
}

/// Addresses with places left open.
pub(super) fn templates() -> Vec<ResourceInfo> {
    vec![
        info(
            "loki://run/{run}/events?after={after}",
            "Events",
            "What a run did after an event, an event a line",
            LINES,
        ),
        info(
            "loki://run/{run}/receipt",
            "Receipt",
            "What is known of a run, apart from what was said",
            "text/markdown",
        ),
    ]
}

/// Reads what is at an address.
pub(super) async fn read(app: &App, forge: &Arc<LazyForge>, uri: &str) -> Result<ResourceText, Refusal> {
    let address = parse(uri).ok_or_else(|| nothing(uri))?;
    let (place, state, forge, uri) = (app.place(), app.state().to_owned(), Arc::clone(forge), uri.to_owned());
    blocking(move || {
        let (mime_type, text, untrusted) = match address {
            Address::Status => {
                let told = match place.run(None) {
                    Ok((_, run)) => status(&place, &run),
                    Err(loki_engine::operations::OperationError::NoRun) => json!({ "state": "no_run" }),
                    Err(error) => return Err(error.into()),
                };
                (JSON, told.to_string(), true)
            }
            Address::Summary => ("text/plain", summary(&forge, &uri)?, false),
            Address::Events { run, after } => {
                let (reader, run) = place.run(Some(&run))?;
                (LINES, events(&reader, &run.id, after)?, true)
            }
            Address::Receipt { run } => {
                let (_, run) = place.run(Some(&run))?;
                ("text/markdown", read_receipt(&state, run.id.as_str(), &uri)?, true)
            }
        };
        Ok(ResourceText { uri, mime_type, text, untrusted })
    })
    .await
}

/// One page of events, each a line of JSON; the last line says where the next page begins, if there may be more.
fn events(reader: &loki_ledger::Reader, run: &RunId, after: u64) -> Result<String, Refusal> {
    let page = reader.events(run, after).map_err(refusals::of_ledger)?;
    let (mut text, mut last, total) = (String::new(), after, page.events.len());
    let mut told = 0;
    for recorded in page.events {
        let line = json!({ "seq": recorded.seq, "at": recorded.at().to_string(), "event": recorded.event })
            .to_string();
        // One event at least, so that every page leads on.
        if told > 0 && text.len() + line.len() > EVENTS_BYTES_MAX {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        (last, told) = (recorded.seq, told + 1);
    }
    if told < total || page.next.is_some() {
        text.push_str(&json!({ "next": format!("loki://run/{run}/events?after={last}") }).to_string());
        text.push('\n');
    }
    Ok(text)
}

fn summary(forge: &LazyForge, uri: &str) -> Result<String, Refusal> {
    let forge = forge.existing().map_err(|error| refusals::of_forge(&error))?.ok_or_else(|| nothing(uri))?;
    let summary = forge.summary(SUMMARY_BYTES_MAX).map_err(|error| refusals::of_forge(&error))?;
    Ok(summary.unwrap_or_else(|| "The backend holds nothing yet.".to_owned()))
}

fn receipt(state: &Path, run: &str) -> std::path::PathBuf {
    folder(state, run).join("receipt.md")
}

fn read_receipt(state: &Path, run: &str, uri: &str) -> Result<String, Refusal> {
    let path = receipt(state, run);
    let small = fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= RECEIPT_BYTES_MAX);
    let text = if small { fs::read_to_string(&path).ok() } else { None };
    text.ok_or_else(|| nothing(uri))
}

/// What an address means; `None` where it is none of ours.
fn parse(uri: &str) -> Option<Address> {
    match uri {
        STATUS => return Some(Address::Status),
        SUMMARY => return Some(Address::Summary),
        _ => {}
    }
    let (run, rest) = uri.strip_prefix("loki://run/")?.split_once('/')?;
    let run = RunId::parse(run)?.to_string();
    match rest.split_once('?') {
        None if rest == "receipt" => Some(Address::Receipt { run }),
        None if rest == "events" => Some(Address::Events { run, after: 0 }),
        Some(("events", query)) => {
            Some(Address::Events { run, after: query.strip_prefix("after=")?.parse().ok()? })
        }
        None | Some(_) => None,
    }
}

fn nothing(uri: &str) -> Refusal {
    let shown: String = uri.chars().take(120).collect();
    Refusal::new(RefusalKind::Unknown, "no_resource", format!("there is nothing to read at `{shown}`"))
        .next("List what there is with `resources/list`.")
}

fn info(uri: &str, name: &str, description: &str, mime_type: &'static str) -> ResourceInfo {
    ResourceInfo {
        uri: uri.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        mime_type,
    }
}
