//! Errors of every part, as the one form that doors give.

use std::error::Error;

use forge_core::Explain;
use forge_database::is_disk_full;
use forge_database::pipeline::PipelineError;
use forge_ops::{ForgeError, OpError, PeopleError};
use loki_engine::operations::OperationError;
use loki_engine::tool::DISK_FULL;
use loki_ledger::LedgerError;
use loki_ledger::journal::Call;
use loki_operation::{Answer, Info, Refusal, RefusalKind};

use crate::app::AppError;
use crate::app::judge::Unjudged;
use crate::error::{CommandError, ErrorKind};

/// The project cannot be worked on.
pub(super) fn of_app(error: AppError) -> Refusal {
    match error {
        AppError::Operation(error) => error.into(),
        AppError::Ledger(error) => of_ledger(error),
        error @ (AppError::Engine(_)
        | AppError::Forge(_)
        | AppError::Sign(_)
        | AppError::Worktree(_)
        | AppError::Fold(_)
        | AppError::Requirements { .. }
        | AppError::Project { .. }
        | AppError::Write { .. }
        | AppError::Read { .. }
        | AppError::Migration { .. }
        | AppError::NoRun) => of_command(CommandError::from(error)),
    }
}

/// The ledger could not do it.
pub(super) fn of_ledger(error: LedgerError) -> Refusal {
    OperationError::Ledger(error).into()
}

/// What a command would have said.
pub(super) fn of_command(error: CommandError) -> Refusal {
    let (kind, code) = match error.kind {
        ErrorKind::Usage => (RefusalKind::Input, "usage"),
        ErrorKind::Input => (RefusalKind::Input, "input"),
        ErrorKind::Config => (RefusalKind::Failed, "config"),
        ErrorKind::NotFound => (RefusalKind::Unknown, "not_found"),
        ErrorKind::Busy => (RefusalKind::Conflict, "busy"),
        ErrorKind::Io => (RefusalKind::Failed, "io"),
        ErrorKind::State => (RefusalKind::Failed, "state"),
        ErrorKind::Machine => (RefusalKind::Failed, "machine"),
        ErrorKind::Stopped => (RefusalKind::Conflict, "stopped"),
    };
    let mut message = error.message;
    for cause in error.causes {
        message.push_str(": ");
        message.push_str(&cause);
    }
    let refusal = Refusal::new(kind, code, message);
    match error.hints.is_empty() {
        true => refusal.next("Run `loki doctor` to see what is wrong."),
        false => Refusal { next_actions: error.hints, ..refusal },
    }
}

/// A change was not judged.
pub(super) fn of_unjudged(info: &Info, error: Unjudged) -> Refusal {
    match error {
        Unjudged::NoGate { ref known, .. } => {
            input(info, &error.to_string()).hint(format!("the gates are {}", known.join(", ")))
        }
        Unjudged::Unchecked(why) => Refusal::new(RefusalKind::Conflict, "could_not_check", why)
            .next("Commit something, or wait until whoever is at it is done."),
        Unjudged::App(error) => of_app(error),
    }
}

/// Forge cannot be used.
pub(crate) fn of_forge(error: &ForgeError) -> Refusal {
    if is_disk_full(error) {
        return no_room(error);
    }
    explained(error, RefusalKind::Failed, "Run `loki doctor`.")
}

/// The disk is full: nothing is wrong with what was asked for.
fn no_room(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(RefusalKind::Failed, DISK_FULL, format!("the disk is full: {error}"))
        .next("Free space on the disk, and make the call again.")
}

/// Forge did not carry an operation out.
pub(crate) fn of_op(error: &OpError) -> Refusal {
    if is_disk_full(error) {
        return no_room(error);
    }
    let kind = match error {
        OpError::Unknown { .. } => RefusalKind::Unknown,
        OpError::NotAvailable { .. } => RefusalKind::NotAvailable,
        OpError::Input { .. } | OpError::People(PeopleError::Refused(_)) => RefusalKind::Input,
        OpError::Pipeline(
            PipelineError::Spec(_)
            | PipelineError::Plan { .. }
            | PipelineError::NameTaken { .. }
            | PipelineError::NoVersion { .. },
        ) => RefusalKind::Input,
        OpError::Pipeline(PipelineError::Stale | PipelineError::Drift { .. }) | OpError::Apply(_) => {
            RefusalKind::Conflict
        }
        OpError::Rows { source, .. } | OpError::Row { source, .. } if source.status.is_client_error() => {
            RefusalKind::Input
        }
        OpError::Catalog(_)
        | OpError::Pipeline(_)
        | OpError::Unserved { .. }
        | OpError::Rows { .. }
        | OpError::Row { .. }
        | OpError::File { .. }
        | OpError::People(PeopleError::Unreachable { .. }) => RefusalKind::Failed,
    };
    let otherwise = match kind {
        RefusalKind::Input => "Make the call again as its input schema says.",
        RefusalKind::Conflict => "Read the schema again with `forge_db_introspect`, and plan anew.",
        RefusalKind::Unknown
        | RefusalKind::Denied
        | RefusalKind::NotAvailable
        | RefusalKind::NeedsApproval(_)
        | RefusalKind::Failed => "Run `loki doctor`.",
    };
    explained(error, kind, otherwise)
}

/// The error with everything below it, and what can be done about it.
fn explained<E: Explain + Error>(error: &E, kind: RefusalKind, otherwise: &str) -> Refusal {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    let mut next_actions = error.next_actions();
    if next_actions.is_empty() {
        next_actions.push(otherwise.to_owned());
    }
    Refusal { code: error.code().to_owned(), message, hint: error.hint(), next_actions, kind }
}

/// The input is not what the operation takes.
pub(super) fn input(info: &Info, why: &str) -> Refusal {
    OperationError::Input { operation: info.name, why: why.to_owned() }.into()
}

/// The project has no backend to do it with.
pub(super) fn no_backend(name: &str) -> Refusal {
    let message = format!("`{name}` needs a backend, and this project has none");
    Refusal::new(RefusalKind::Unknown, "no_backend", message)
        .next("Start a run on a document that asks for one: `loki_start_project`.")
}

/// The answer that was given under this key before.
pub(super) fn answered(kept: Option<&str>) -> Result<Answer, Refusal> {
    kept.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| {
        let message = "this call was carried out before under the same key; its answer was too long to keep";
        Refusal::new(RefusalKind::Conflict, "carried_out_before", message)
            .next("Read what is there now; do not make the call again.")
    })
}

/// The key's call was begun, and nobody knows how it ended.
pub(super) fn unknown_outcome(call: &Call) -> Refusal {
    let message =
        format!("a call of `{}` under this key was begun, and how it ended is not known", call.operation);
    Refusal::new(RefusalKind::Conflict, "outcome_unknown", message)
        .hint("it may still be under way, or was cut short")
        .next("Look whether it has happened; if not, make the call under another key.")
}

/// The key stands for another call.
pub(super) fn key_reused(call: &Call) -> Refusal {
    let message = format!("the key stands for another call of `{}` already", call.operation);
    Refusal::new(RefusalKind::Conflict, "key_reused", message).next("Use another key for another call.")
}
