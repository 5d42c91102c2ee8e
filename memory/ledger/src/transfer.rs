//! A run as JSON lines: a header, the artifacts, the events.
//!
//! An event's JSON is carried as a string, byte for byte as it was hashed, so that whoever reads the
//! file can recompute the chain without knowing what the events mean.

use std::collections::HashSet;
use std::io::{BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loki_store::{Durability, Store, StoreError};
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use crate::chain::{Chain, EventHash, Head, Link};
use crate::error::LedgerError;
use crate::event::{ArtifactId, RunId};
use crate::ledger::ARTIFACT_BYTES_MAX;
use crate::references::artifacts;
use crate::run::Run;
use crate::tables;
use crate::tables::events::Span;
use crate::walk::walk;

/// The version of the file's format.
const FILE_VERSION: u32 = 1;

/// Bytes of a line at most: the largest artifact in base64, and what is around it.
const LINE_BYTES_MAX: u64 = (ARTIFACT_BYTES_MAX as u64) * 4 / 3 + 1024;

/// Lines read ahead of the one being taken over.
const LINES_AHEAD_MAX: usize = 4;

/// What [`crate::Ledger::import`] took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// The run.
    pub run: RunId,
    /// Its events.
    pub events: u64,
    /// Its artifacts.
    pub artifacts: u64,
    /// Whether it was here already.
    pub known: bool,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Ledger { version: u32, run: RunId, head: Head },
    Artifact { id: ArtifactId, base64: String },
    Event { seq: u64, at_ms: i64, version: u32, body: String, hash: EventHash },
}

/// What goes from the thread that reads to the one that writes: a line and its number, or the end.
enum Item {
    Line(u64, Line),
    End(u64),
}

/// Writes a run that holds; returns how many events it has.
pub(crate) fn export(conn: &Connection, run: &RunId, mut out: impl Write) -> Result<u64, LedgerError> {
    let mut named = HashSet::new();
    let mut order = Vec::new();
    let head = walk(conn, run, |_, event| {
        for id in artifacts(&event) {
            if named.insert(id.clone()) {
                order.push(id.clone());
            }
        }
        Ok(())
    })?;
    write_line(&mut out, &Line::Ledger { version: FILE_VERSION, run: run.clone(), head })?;
    for id in order {
        let base64 = STANDARD.encode(tables::artifacts::get(conn, &id)?);
        write_line(&mut out, &Line::Artifact { id, base64 })?;
    }
    tables::events::for_each(conn, run, Span::All, |link| {
        // Both hold: the walk above went over the same rows.
        let (Some(hash), Ok(body)) = (link.hash, String::from_utf8(link.body.to_vec())) else {
            return Ok(());
        };
        let Link { seq, at_ms, version, .. } = *link;
        write_line(&mut out, &Line::Event { seq, at_ms, version, body, hash })
    })?;
    out.flush().map_err(|source| LedgerError::Stream { what: "write", source })?;
    Ok(head.seq)
}

fn write_line(out: &mut impl Write, line: &Line) -> Result<(), LedgerError> {
    let mut text =
        serde_json::to_vec(line).map_err(|source| LedgerError::Json { what: "exported line", source })?;
    text.push(b'\n');
    out.write_all(&text).map_err(|source| LedgerError::Stream { what: "write", source })
}

/// Takes over a run in one transaction. This thread reads while the writer thread writes, so that the
/// file may be larger than the memory.
pub(crate) fn import(store: &Store, input: impl BufRead) -> Result<ImportReport, LedgerError> {
    let (ahead, items) = sync_channel(LINES_AHEAD_MAX);
    thread::scope(|scope| {
        let writer = scope.spawn(move || store.write(Durability::Disk, move |tx| take_over(tx, &items)));
        let parsed = read_lines(input, &ahead);
        drop(ahead);
        let written = writer.join().unwrap_or_else(|_| Err(StoreError::Closed.into()));
        // Without its end the writer took nothing over; the reason is the reader's.
        parsed.and(written)
    })
}

/// Reads line after line until the end, or until the writer wants no more.
fn read_lines(mut input: impl BufRead, ahead: &SyncSender<Item>) -> Result<(), LedgerError> {
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        input
            .by_ref()
            .take(LINE_BYTES_MAX + 1)
            .read_until(b'\n', &mut text)
            .map_err(|source| LedgerError::Stream { what: "read", source })?;
        if text.len() as u64 > LINE_BYTES_MAX {
            return refuse(number, format!("it is longer than {LINE_BYTES_MAX} bytes"));
        }
        let item = if text.is_empty() {
            Item::End(number)
        } else {
            let line = serde_json::from_slice(&text).or_else(|error| refuse(number, error.to_string()))?;
            Item::Line(number, line)
        };
        if ahead.send(item).is_err() || text.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Takes over everything up to the end, or refuses it.
fn take_over(tx: &Transaction<'_>, items: &Receiver<Item>) -> Result<ImportReport, LedgerError> {
    let Ok(Item::Line(1, Line::Ledger { version, run, head })) = items.recv() else {
        return refuse(1, "it is not the header of an exported ledger");
    };
    if version != FILE_VERSION {
        return refuse(1, format!("the file's format is {version}; only {FILE_VERSION} is known"));
    }
    let Some(run) = RunId::parse(run.as_str()) else { return refuse(1, "that is no name of a run") };
    let known = match tables::heads::get(tx, &run)? {
        Some(here) if here == head => true,
        Some(_) => return Err(LedgerError::RunExists { run }),
        None => false,
    };
    let mut arriving = Arriving {
        tx,
        run: &run,
        known,
        chain: Chain::new(&run),
        state: Run::new(run.clone()),
        here: HashSet::new(),
        named: HashSet::new(),
    };
    loop {
        match items.recv() {
            Ok(Item::Line(number, line)) => arriving.take(number, line)?,
            Ok(Item::End(number)) => {
                arriving.end(number, head)?;
                let artifacts = arriving.here.len() as u64;
                return Ok(ImportReport { events: head.seq, artifacts, known, run });
            }
            Err(_) => return refuse(1, "the file could not be read to its end"),
        }
    }
}

/// A run on its way in.
struct Arriving<'a> {
    tx: &'a Transaction<'a>,
    run: &'a RunId,
    known: bool,
    chain: Chain<'a>,
    state: Run,
    here: HashSet<ArtifactId>,
    named: HashSet<ArtifactId>,
}

impl Arriving<'_> {
    fn take(&mut self, number: u64, line: Line) -> Result<(), LedgerError> {
        match line {
            Line::Ledger { .. } => refuse(number, "it is a second header"),
            Line::Artifact { id, base64 } => {
                let bytes = STANDARD.decode(base64).or_else(|error| refuse(number, error.to_string()))?;
                if bytes.len() > ARTIFACT_BYTES_MAX || ArtifactId::of(&bytes) != id {
                    return refuse(number, "the artifact's bytes are not the ones it is named after");
                }
                tables::artifacts::insert(self.tx, &id, &bytes)?;
                self.here.insert(id);
                Ok(())
            }
            Line::Event { seq, at_ms, version, body, hash } => {
                let link = Link { seq, at_ms, version, body: body.as_bytes(), hash: Some(hash) };
                self.event(number, &link)
            }
        }
    }

    fn event(&mut self, number: u64, link: &Link<'_>) -> Result<(), LedgerError> {
        let event = self.chain.follow(link).or_else(|error| refuse(number, error.to_string()))?;
        self.state.apply(link.seq, link.at_ms, &event).or_else(|error| refuse(number, error.to_string()))?;
        for id in artifacts(&event) {
            if !self.here.contains(id) {
                return refuse(number, format!("it names the artifact {id}, which is not in the file"));
            }
            self.named.insert(id.clone());
        }
        if self.known {
            return Ok(());
        }
        if link.seq == 1 {
            tables::runs::insert(self.tx, self.run, link.at_ms)?;
        }
        tables::events::insert(self.tx, self.run, link, self.chain.last().hash)
    }

    fn end(&self, number: u64, head: Head) -> Result<(), LedgerError> {
        self.chain.end(Some(head)).or_else(|error| refuse(number, error.to_string()))?;
        if head.seq == 0 {
            return refuse(number, "the run has no events");
        }
        if self.named.len() != self.here.len() {
            return refuse(number, "the file has artifacts that no event names");
        }
        if self.known { Ok(()) } else { tables::heads::set(self.tx, self.run, head) }
    }
}

fn refuse<T>(line: u64, reason: impl Into<String>) -> Result<T, LedgerError> {
    Err(LedgerError::Import { line, reason: reason.into() })
}
