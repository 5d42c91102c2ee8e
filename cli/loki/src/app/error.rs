//! Why the project could not be worked on.

use std::path::PathBuf;

use forge_ops::ForgeError;
use loki_engine::EngineError;
use loki_engine::receipt::SignError;
use loki_engine::worktree::WorktreeError;
use loki_ledger::LedgerError;
use loki_ledger::run::FoldError;
use loki_store::StoreError;

use crate::error::{CommandError, ErrorKind};

/// Why the project could not be worked on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The loop.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The backend.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The key.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The work tree.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// Events that do not add up.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// What was detected.
    #[error("failed to write or read what was detected in the document")]
    Requirements {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file of ours.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no run.
    #[error("there is no run here")]
    NoRun,
}

/// What sort of trouble the ledger is in, and what to do about it.
fn of_ledger(error: &LedgerError) -> (ErrorKind, &'static str) {
    match error {
        LedgerError::Held { .. } | LedgerError::Lock(_) => {
            (ErrorKind::Busy, "Wait for it, or end it with `loki stop`; `loki status` shows what it does.")
        }
        LedgerError::Store(store) => of_store(store),
        LedgerError::Absent { .. } | LedgerError::UnknownRun { .. } | LedgerError::UnknownCommand { .. } => {
            (ErrorKind::NotFound, "Start a run with `loki start ./prd.md`.")
        }
        LedgerError::TooLarge { .. } | LedgerError::InboxFull { .. } | LedgerError::Import { .. } => {
            (ErrorKind::Input, "Give it less at a time.")
        }
        LedgerError::Stream { .. } => (ErrorKind::Io, "Look at the file and the space left on its disk."),
        LedgerError::RunExists { .. }
        | LedgerError::UnknownArtifact { .. }
        | LedgerError::Tampered { .. }
        | LedgerError::TamperedArtifact { .. }
        | LedgerError::Fold { .. }
        | LedgerError::Json { .. }
        | LedgerError::Crashed => {
            (ErrorKind::State, "`loki ledger verify` says what is wrong; `loki doctor` says what to do.")
        }
    }
}

fn of_store(error: &StoreError) -> (ErrorKind, &'static str) {
    match error {
        StoreError::Newer { .. } => {
            (ErrorKind::State, "A newer loki wrote it: use that one, or a newer one.")
        }
        StoreError::Full => {
            (ErrorKind::Io, "Make room on the disk; nothing is lost, and `loki resume` goes on.")
        }
        StoreError::ReadOnly => (ErrorKind::Io, "Make the project's folder writable."),
        StoreError::Busy => (ErrorKind::Busy, "Another process is writing: try again."),
        StoreError::Open { .. } => (ErrorKind::Io, "Look at the rights of the `.loki` folder."),
        _ => (ErrorKind::State, "Run `loki doctor` to see what is wrong."),
    }
}

impl From<AppError> for CommandError {
    fn from(error: AppError) -> CommandError {
        let (kind, hint) = match &error {
            AppError::Ledger(ledger) | AppError::Engine(EngineError::Ledger(ledger)) => of_ledger(ledger),
            AppError::NoRun => (ErrorKind::NotFound, "Start one with `loki start ./prd.md`."),
            AppError::Write { .. } | AppError::Worktree(_) | AppError::Sign(_) | AppError::Engine(_) => {
                (ErrorKind::Io, "Look at the folder's rights and at the space left on its disk.")
            }
            AppError::Forge(_) | AppError::Fold(_) | AppError::Requirements { .. } => {
                (ErrorKind::State, "Run `loki doctor` to see what is wrong.")
            }
        };
        CommandError::from_error(kind, &error).hint(hint)
    }
}
