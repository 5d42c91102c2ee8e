//! Going through all events of a run, checking each against the chain.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::chain::{Broken, Chain, Head, Link, Recorded};
use crate::error::LedgerError;
use crate::event::{Event, RunId};
use crate::references::artifacts;
use crate::run::Run;
use crate::tables;
use crate::tables::events::Span;

/// What [`crate::Reader::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// The run.
    pub run: RunId,
    /// Events that hold, from the first on.
    pub events: u64,
    /// Different artifacts that they name and that hold.
    pub artifacts: u64,
    /// The last event that holds; its hash stands for all of them.
    pub head: Head,
    /// The first event that does not hold, and why; `None` when everything does.
    pub broken: Option<Broken>,
}

/// Hands over each event that holds, and returns the last. All in the caller's transaction.
pub(crate) fn walk(
    conn: &Connection,
    run: &RunId,
    mut each: impl FnMut(&Link<'_>, Event) -> Result<(), LedgerError>,
) -> Result<Head, LedgerError> {
    let tampered = |source| LedgerError::Tampered { run: run.clone(), source };
    tables::runs::expect(conn, run)?;
    let mut chain = Chain::new(run);
    tables::events::for_each(conn, run, Span::All, |link| {
        let event = chain.follow(link).map_err(tampered)?;
        each(link, event)
    })?;
    chain.end(tables::heads::get(conn, run)?).map_err(tampered)
}

/// Adds up the events of a run.
pub(crate) fn fold(conn: &Connection, run: &RunId) -> Result<Run, LedgerError> {
    let mut state = Run::new(run.clone());
    walk(conn, run, |link, event| {
        state
            .apply(link.seq, link.at_ms, &event)
            .map_err(|source| LedgerError::Fold { run: run.clone(), source })
    })?;
    Ok(state)
}

/// Checks all there is to check of a run.
pub(crate) fn verify(conn: &Connection, run: &RunId) -> Result<ChainReport, LedgerError> {
    let mut state = Run::new(run.clone());
    let mut named = HashSet::new();
    let mut last = Chain::new(run).last();
    let result = walk(conn, run, |link, event| {
        let broken = |reason: String| LedgerError::Tampered {
            run: run.clone(),
            source: Broken { seq: link.seq, reason },
        };
        state.apply(link.seq, link.at_ms, &event).map_err(|error| broken(error.reason.to_owned()))?;
        for id in artifacts(&event) {
            if !named.contains(id) {
                match tables::artifacts::get(conn, id) {
                    Ok(_) => named.insert(id.clone()),
                    Err(
                        error @ (LedgerError::UnknownArtifact { .. } | LedgerError::TamperedArtifact { .. }),
                    ) => return Err(broken(error.to_string())),
                    Err(error) => return Err(error),
                };
            }
        }
        if let Some(hash) = link.hash {
            last = Head { seq: link.seq, hash };
        }
        Ok(())
    });
    let broken = match result {
        Ok(_) => None,
        Err(LedgerError::Tampered { source, .. }) => Some(source),
        Err(error) => return Err(error),
    };
    let artifacts = named.len() as u64;
    Ok(ChainReport { run: run.clone(), events: last.seq, artifacts, head: last, broken })
}

/// One event by itself, without those before it.
pub(crate) fn recorded(run: &RunId, link: &Link<'_>) -> Result<Recorded, LedgerError> {
    let broken =
        |reason: String| LedgerError::Tampered { run: run.clone(), source: Broken { seq: link.seq, reason } };
    let event =
        serde_json::from_slice(link.body).map_err(|error| broken(format!("it cannot be read: {error}")))?;
    let hash = link.hash.ok_or_else(|| broken("it has no hash".to_owned()))?;
    Ok(Recorded { run: run.clone(), seq: link.seq, at_ms: link.at_ms, event, hash })
}
