//! Why an operation on a run was not carried out, what it is called at every door, and what to do about it.

use std::path::PathBuf;

use loki_ledger::LedgerError;
use loki_ledger::event::RunId;
use loki_ledger::tasks::TaskError;
use loki_operation::{Refusal, RefusalKind};

use crate::worktree::WorktreeError;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is no such operation.
    #[error("there is no operation `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The input is not what the operation takes.
    #[error("`{operation}` cannot take this input: {why}")]
    Input {
        /// The operation.
        operation: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is no run, or none of that name.
    #[error("there is no run here")]
    NoRun,
    /// The run has stopped and takes no such command.
    #[error("run {run} has stopped")]
    Stopped {
        /// The run.
        run: RunId,
    },
    /// Nothing of that name waits for a person.
    #[error("nothing of that name waits for approval")]
    NothingWaits,
    /// More than one proposal waits.
    #[error("more than one proposal waits")]
    Ambiguous,
    /// The run kept no such snapshot.
    #[error("run {run} has no such snapshot")]
    NoSnapshot {
        /// The run.
        run: RunId,
    },
    /// The run left no receipt that can be read.
    #[error("failed to read the receipt `{}`", path.display())]
    Receipt {
        /// Where it would be.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The files.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The queue.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Something could not be told as JSON.
    #[error("failed to write the answer as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Refusal {
        let (kind, code, next) = told(&error);
        let refusal = Refusal::new(kind, code, with_causes(&error));
        match next {
            "" => refusal,
            next => refusal.next(next),
        }
    }
}

/// An error with everything below it that says something new.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let below = source.to_string();
        if !text.ends_with(&below) {
            text.push_str(": ");
            text.push_str(&below);
        }
        cause = source.source();
    }
    text
}

fn told(error: &OperationError) -> (RefusalKind, &'static str, &'static str) {
    use RefusalKind::{Conflict, Failed, Input, Unknown};
    match error {
        OperationError::Unknown { .. } => {
            (Unknown, "unknown_operation", "Find its name with `tools_search`, or `GET /api/operations`.")
        }
        OperationError::Input { .. } => {
            (Input, "invalid_input", "Make the call again as its input schema says.")
        }
        OperationError::NoRun => (
            Unknown,
            "no_run",
            "Start one with `loki_start_project` (or `loki start ./prd.md`), or leave `run` out to mean the newest.",
        ),
        OperationError::Stopped { .. } => (
            Conflict,
            "run_stopped",
            "Ask `loki_why` why it stopped; `loki_resume` lets it go on where it can.",
        ),
        OperationError::NothingWaits => (Unknown, "nothing_waits", "Ask `loki_why` what the run waits for."),
        OperationError::Ambiguous => {
            (Input, "ambiguous", "Give more digits of the proposal's hash; `loki_why` shows them.")
        }
        OperationError::NoSnapshot { .. } => {
            (Unknown, "no_snapshot", "List the snapshots with `loki_checkpoint_list`.")
        }
        OperationError::Receipt { .. } => (
            Unknown,
            "no_receipt",
            "A receipt is written when a run stops; ask `loki_project_status` how it stands.",
        ),
        OperationError::Ledger(ledger) => of_ledger(ledger),
        OperationError::Worktree(_) => {
            (Failed, "files", "Look at the folder's rights and at the space left on its disk.")
        }
        OperationError::Task(task) => of_task(task),
        OperationError::Json(_) => (Failed, "json", "Report this: it is a mistake in loki."),
    }
}

fn of_task(error: &TaskError) -> (RefusalKind, &'static str, &'static str) {
    use RefusalKind::{Conflict, Input, Unknown};
    match error {
        TaskError::Ledger(ledger) => of_ledger(ledger),
        TaskError::Unknown { .. } => (Unknown, "no_task", "List the tasks with `loki_task_queue_list`."),
        TaskError::KeyReused { .. } => (Conflict, "key_reused", "Use another key for another task."),
        TaskError::LeaseLost { .. } => {
            (Conflict, "lease_lost", "Leave the task alone, and take the next with `loki_task_queue_take`.")
        }
        TaskError::Ended { .. } => (Conflict, "task_ended", "Add a new task if there is more to do."),
        TaskError::Full => {
            (Conflict, "queue_full", "End open tasks with `loki_complete_task` before adding more.")
        }
        TaskError::Field { .. } => (Input, "invalid_input", "Shorten it, or fill it in."),
    }
}

/// What the ledger's trouble is called.
pub(super) fn of_ledger(error: &LedgerError) -> (RefusalKind, &'static str, &'static str) {
    use RefusalKind::{Conflict, Failed, Input, Unknown};
    match error {
        LedgerError::Held { .. } | LedgerError::Lock(_) => (
            Conflict,
            "busy",
            "Wait until that process is done (`loki_project_status`), or end its run with `loki_stop`.",
        ),
        LedgerError::Absent { .. }
        | LedgerError::UnknownRun { .. }
        | LedgerError::UnknownArtifact { .. }
        | LedgerError::UnknownCommand { .. } => {
            (Unknown, "not_found", "Ask `loki_project_status` which run there is.")
        }
        LedgerError::TooLarge { .. } => (Input, "too_large", "Make it shorter."),
        LedgerError::InboxFull { .. } => {
            (Conflict, "inbox_full", "Let the run take its commands: `loki_resume`.")
        }
        LedgerError::Store(_)
        | LedgerError::RunExists { .. }
        | LedgerError::Tampered { .. }
        | LedgerError::TamperedArtifact { .. }
        | LedgerError::Fold { .. }
        | LedgerError::Json { .. }
        | LedgerError::Import { .. }
        | LedgerError::Stream { .. }
        | LedgerError::Crashed => (Failed, "ledger", "Run `loki doctor` to see what is wrong."),
    }
}
