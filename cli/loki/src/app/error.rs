//! Why the project could not be worked on.

use std::path::PathBuf;

use forge_database::spec::SpecError;
use forge_ops::ForgeError;
use loki_engine::EngineError;
use loki_engine::operations::OperationError;
use loki_engine::receipt::SignError;
use loki_engine::worktree::WorktreeError;
use loki_ledger::LedgerError;
use loki_ledger::run::FoldError;
use loki_ledger::tasks::TaskError;

use crate::error::{CommandError, ErrorKind, of_ledger};

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
    /// An operation on a run.
    #[error(transparent)]
    Operation(#[from] OperationError),
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
    /// The project's folder.
    #[error("failed to open the project's folder")]
    Project {
        /// Why.
        #[source]
        source: loki_tools::files::FileError,
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
    /// A file of the project.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A migration of the project's own.
    #[error("the migration `{}` cannot be read", path.display())]
    Migration {
        /// Where.
        path: PathBuf,
        /// What is wrong, with line and column.
        #[source]
        source: SpecError,
    },
    /// There is no run.
    #[error("there is no run here")]
    NoRun,
}

impl From<AppError> for CommandError {
    fn from(error: AppError) -> CommandError {
        let (kind, hint) = match &error {
            AppError::Ledger(ledger) | AppError::Engine(EngineError::Ledger(ledger)) => of_ledger(ledger),
            AppError::Migration { source, .. } => {
                let hint = "`docs/guide/forge.md` shows how a migration is written.".to_owned();
                let hint = source.hint.clone().unwrap_or(hint);
                return CommandError::from_error(ErrorKind::Input, &error).hint(hint);
            }
            AppError::Engine(EngineError::NoRoom { .. }) => {
                (ErrorKind::Io, "Free space on the disk; `loki cleanup` removes what is not needed.")
            }
            AppError::Operation(operation) => return of_operation(operation),
            AppError::Read { .. } => (ErrorKind::Input, "Mend the file, or take it out of the folder."),
            AppError::NoRun => (ErrorKind::NotFound, "Start one with `loki start ./prd.md`."),
            AppError::Write { .. }
            | AppError::Project { .. }
            | AppError::Worktree(_)
            | AppError::Sign(_)
            | AppError::Engine(_) => {
                (ErrorKind::Io, "Look at the folder's rights and at the space left on its disk.")
            }
            AppError::Forge(_) | AppError::Fold(_) | AppError::Requirements { .. } => {
                (ErrorKind::State, "Run `loki doctor` to see what is wrong.")
            }
        };
        CommandError::from_error(kind, &error).hint(hint)
    }
}

/// What sort of trouble an operation on a run has, and what can be done on the command line.
fn of_operation(error: &OperationError) -> CommandError {
    let (kind, hint) = match error {
        OperationError::Ledger(ledger) | OperationError::Task(TaskError::Ledger(ledger)) => of_ledger(ledger),
        OperationError::NoRun => (ErrorKind::NotFound, "Start one with `loki start ./prd.md`."),
        OperationError::Stopped { .. } => (ErrorKind::Stopped, "`loki why` says why."),
        OperationError::NothingWaits => (ErrorKind::NotFound, "`loki why` says what a run waits for."),
        OperationError::Ambiguous => {
            (ErrorKind::Usage, "Give more digits of its hash; `loki why` shows them.")
        }
        OperationError::NoSnapshot { .. } => (ErrorKind::NotFound, "`loki rollback --list` shows them."),
        OperationError::Receipt { .. } => {
            (ErrorKind::NotFound, "`loki start` leaves one; `loki verify --receipt FILE` checks another.")
        }
        OperationError::Worktree(_) => {
            (ErrorKind::Io, "Look at the folder's rights and at the space left on its disk.")
        }
        OperationError::Unknown { .. } | OperationError::Input { .. } | OperationError::Task(_) => {
            (ErrorKind::Usage, "`docs/reference/mcp.md` tells what operations take.")
        }
        OperationError::Json(_) => (ErrorKind::State, "Run `loki doctor` to see what is wrong."),
    };
    CommandError::from_error(kind, error).hint(hint)
}
