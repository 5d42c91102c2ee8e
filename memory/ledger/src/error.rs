//! Why the ledger could not do what it was asked.

use std::io;
use std::path::PathBuf;

use loki_store::{LockError, StoreError, Timestamp};

use crate::chain::Broken;
use crate::event::{ArtifactId, RunId};
use crate::run::FoldError;

/// Why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process drives here.
    #[error("process {pid} has the ledger since {started_at}")]
    Held {
        /// Its process id.
        pid: u32,
        /// When it took the ledger.
        started_at: Timestamp,
    },
    /// The lock on the ledger could not be had.
    #[error("failed to lock the ledger")]
    Lock(#[source] LockError),
    /// There is no ledger in that folder.
    #[error("there is no ledger in `{}`", dir.display())]
    Absent {
        /// The folder.
        dir: PathBuf,
    },
    /// The database could not do it: busy, full, read-only, corrupted, newer, ...
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No run has that name.
    #[error("there is no run `{run}`")]
    UnknownRun {
        /// The name.
        run: RunId,
    },
    /// A run of that name exists, with other events.
    #[error("a run `{run}` exists already, with other events")]
    RunExists {
        /// The name.
        run: RunId,
    },
    /// No artifact has that name.
    #[error("there is no artifact `{id}`")]
    UnknownArtifact {
        /// The name.
        id: ArtifactId,
    },
    /// No command has that number.
    #[error("there is no command {id}")]
    UnknownCommand {
        /// The number.
        id: i64,
    },
    /// The events of a run are not the ones that were written.
    #[error("the events of run `{run}` were tampered with")]
    Tampered {
        /// The run.
        run: RunId,
        /// Where and how.
        #[source]
        source: Broken,
    },
    /// An artifact's bytes are not the ones that were written.
    #[error("the artifact `{id}` was tampered with")]
    TamperedArtifact {
        /// Its name.
        id: ArtifactId,
    },
    /// The events of a run are as they were written, but do not make sense.
    #[error("the events of run `{run}` do not add up")]
    Fold {
        /// The run.
        run: RunId,
        /// Where and how.
        #[source]
        source: FoldError,
    },
    /// Something is larger than the ledger takes.
    #[error("the {what} has {bytes} bytes; at most {bytes_max} are taken")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Too many commands wait for the run.
    #[error("{pending_max} commands wait for run `{run}` already")]
    InboxFull {
        /// The run.
        run: RunId,
        /// The limit.
        pending_max: usize,
    },
    /// Something could not be written as JSON, or read back.
    #[error("failed to convert the {what} from or to JSON")]
    Json {
        /// What it is.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// An exported file is not one, or not a whole one. Nothing of it was taken over.
    #[error("line {line} of the exported ledger is refused: {reason}")]
    Import {
        /// The line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// A run could not be read from or written to a stream.
    #[error("failed to {what} an exported ledger")]
    Stream {
        /// What was attempted.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A test stopped the ledger here.
    #[error("the ledger was stopped by a test")]
    Crashed,
}

/// Makes SQLite's error while doing `what` one of the ledger's.
pub(crate) fn doing(what: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Store(StoreError::sqlite(what, source))
}
