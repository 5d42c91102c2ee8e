//! What doors ask for that changes something: written down before it is done and after, so that a call that is
//! made twice under one key acts once. And what waits for a person outside of runs.

use std::path::Path;
use std::sync::Arc;

use loki_store::{Clock, Durability, Store};

use crate::error::LedgerError;
use crate::ledger::shared;
use crate::tables::{calls, proposals};

/// Calls that are remembered: the newest.
pub const CALLS_MAX: u32 = 10_000;

/// Calls of one page.
pub const CALLS_PAGE_MAX: u32 = 1_000;

/// Bytes of an answer that are kept to be given again.
pub const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Proposals that are remembered: the newest.
const PROPOSALS_MAX: u32 = 1_000;

/// Bytes of a proposal's title, and of what a person says.
const TEXT_BYTES_MAX: usize = 2_000;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 200;

/// The journal. Any process may open it.
#[derive(Clone)]
pub struct Journal {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// A call that is about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// The door it came through.
    pub door: String,
    /// The operation.
    pub operation: String,
    /// The key under which the same call may be made again.
    pub key: Option<String>,
    /// What the input is told by.
    pub input_hash: String,
}

/// A call, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number.
    pub id: i64,
    /// When it was made, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The door it came through.
    pub door: String,
    /// The operation.
    pub operation: String,
    /// The key under which it may be made again.
    pub key: Option<String>,
    /// What the input is told by.
    pub input_hash: String,
    /// When it ended, in milliseconds since the epoch; `None`: it is under way, or was cut short.
    pub ended_ms: Option<i64>,
    /// `done`, or the code of the refusal.
    pub outcome: Option<String>,
    /// The answer, where it was kept.
    pub answer: Option<String>,
}

/// How a call begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is written down under this number and may be carried out.
    New(i64),
    /// It was carried out before.
    Answered(Box<Call>),
    /// It was begun before, and nobody knows how it ended.
    Unknown(Box<Call>),
    /// Another call was made under its key.
    Other(Box<Call>),
}

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The hash that a decision is bound to.
    pub subject: String,
    /// The operation that waits.
    pub operation: String,
    /// What it would do, in one line.
    pub title: String,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may happen.
    pub approved: bool,
    /// Who said so.
    pub person: String,
    /// Why.
    pub reason: String,
}

impl Journal {
    /// Opens the journal of the project whose state is in `dir` (the `.loki` folder, which must be there).
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        Ok(Self { store: shared(dir)?, clock })
    }

    /// Writes down that a call is about to be carried out, unless its key says that it was.
    pub fn begin(&self, call: NewCall) -> Result<Begun, LedgerError> {
        if let Some(key) = &call.key
            && (key.is_empty() || key.len() > KEY_BYTES_MAX)
        {
            return Err(LedgerError::TooLarge { what: "key", bytes: key.len(), bytes_max: KEY_BYTES_MAX });
        }
        let now_ms = self.now_ms();
        self.store.write(Durability::Disk, move |tx| {
            if let Some(key) = &call.key
                && let Some(known) = calls::of_key(tx, key)?
            {
                let same = known.operation == call.operation && known.input_hash == call.input_hash;
                let known = Box::new(known);
                return Ok(match (same, known.ended_ms) {
                    (false, _) => Begun::Other(known),
                    (true, None) => Begun::Unknown(known),
                    (true, Some(_)) => Begun::Answered(known),
                });
            }
            calls::prune(tx, CALLS_MAX)?;
            calls::insert(tx, &call, now_ms).map(Begun::New)
        })
    }

    /// Writes down that a call succeeded. An answer that is longer than [`ANSWER_BYTES_MAX`] is not kept.
    pub fn done(&self, id: i64, answer: &str) -> Result<(), LedgerError> {
        let (now_ms, kept) = (self.now_ms(), (answer.len() <= ANSWER_BYTES_MAX).then(|| answer.to_owned()));
        self.store.write(Durability::Disk, move |tx| calls::done(tx, id, kept.as_deref(), now_ms))
    }

    /// Writes down that a call was refused. Nothing was done, so its key may be used again.
    pub fn refused(&self, id: i64, code: &str) -> Result<(), LedgerError> {
        let (now_ms, code) = (self.now_ms(), code.to_owned());
        self.store.write(Durability::Process, move |tx| calls::refused(tx, id, &code, now_ms))
    }

    /// Calls after the one numbered `after` (0: from the oldest).
    pub fn calls(&self, after: i64) -> Result<Vec<Call>, LedgerError> {
        self.store.read(|conn| calls::page(conn, after, CALLS_PAGE_MAX))
    }

    /// Puts a proposal on the list of what waits for a person; one that is on it stays as it is.
    pub fn propose(&self, proposed: &Proposed) -> Result<(), LedgerError> {
        let mut proposed = proposed.clone();
        cut(&mut proposed.title, TEXT_BYTES_MAX);
        let now_ms = self.now_ms();
        self.store.write(Durability::Disk, move |tx| {
            proposals::prune(tx, PROPOSALS_MAX)?;
            proposals::insert(tx, &proposed, now_ms)
        })
    }

    /// What waits for a person, oldest first.
    pub fn proposals(&self) -> Result<Vec<Proposed>, LedgerError> {
        self.store.read(|conn| proposals::open(conn, PROPOSALS_MAX))
    }

    /// What a person said about a proposal; `None` where nobody has.
    pub fn decision(&self, subject: &str) -> Result<Option<Decision>, LedgerError> {
        self.store.read(|conn| proposals::decision(conn, subject))
    }

    /// Writes down what a person says about a proposal; false where it does not wait any more.
    pub fn decide(&self, subject: &str, decision: Decision) -> Result<bool, LedgerError> {
        let (now_ms, subject, mut decision) = (self.now_ms(), subject.to_owned(), decision);
        cut(&mut decision.person, TEXT_BYTES_MAX);
        cut(&mut decision.reason, TEXT_BYTES_MAX);
        self.store.write(Durability::Disk, move |tx| proposals::decide(tx, &subject, &decision, now_ms))
    }

    /// Takes a proposal off the list, decision included: it was acted on, so it allows nothing more. False
    /// where somebody else has done so before.
    pub fn settle(&self, subject: &str) -> Result<bool, LedgerError> {
        let subject = subject.to_owned();
        self.store.write(Durability::Disk, move |tx| proposals::remove(tx, &subject))
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

/// Shortens a text to so many bytes, between two characters.
fn cut(text: &mut String, bytes_max: usize) {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
}

#[cfg(test)]
mod tests;
