//! The one place where errors become what a person or a script sees.

use std::error::Error;
use std::fmt;

use loki_ledger::LedgerError;
use loki_store::StoreError;
use serde::Serialize;

use crate::exit::Status;
use crate::ui::OutputError;

/// What sort of trouble it is. Scripts may match on it: the words are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ErrorKind {
    /// The arguments do not fit together.
    Usage,
    /// What was given to work on cannot be used.
    Input,
    /// A configuration file, variable or key is wrong.
    Config,
    /// Something named does not exist: a run, a receipt, a template.
    NotFound,
    /// Another process holds the project.
    Busy,
    /// The disk, a permission or another part of the machine stands in the way.
    Io,
    /// State under `.loki` is damaged, or newer than this program.
    State,
    /// The machine does not offer what is needed.
    Machine,
    /// A limit, a policy or a missing person ends it: trying again alone changes nothing.
    Stopped,
}

impl ErrorKind {
    /// The exit status the kind leads to.
    pub(crate) fn status(self) -> Status {
        match self {
            ErrorKind::Stopped => Status::Stopped,
            ErrorKind::Usage
            | ErrorKind::Input
            | ErrorKind::Config
            | ErrorKind::NotFound
            | ErrorKind::Busy
            | ErrorKind::Io
            | ErrorKind::State
            | ErrorKind::Machine => Status::Refused,
        }
    }
}

/// Why a command ended without its result, in the form it is shown in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandError {
    /// What sort of trouble it is.
    pub(crate) kind: ErrorKind,
    /// What was attempted and what came of it.
    pub(crate) message: String,
    /// The chain of causes below the message, nearest first.
    pub(crate) causes: Vec<String>,
    /// What the person can do, most useful first.
    pub(crate) hints: Vec<String>,
}

impl CommandError {
    /// An error without causes and hints yet.
    pub(crate) fn new(kind: ErrorKind, message: impl fmt::Display) -> CommandError {
        CommandError { kind, message: message.to_string(), causes: Vec::new(), hints: Vec::new() }
    }

    /// The message and the causes of `error`.
    pub(crate) fn from_error(kind: ErrorKind, error: &dyn Error) -> CommandError {
        let shown = CommandError::new(kind, error);
        match error.source() {
            Some(source) => shown.caused_by(source),
            None => shown,
        }
    }

    /// Adds `cause` and everything below it.
    pub(crate) fn caused_by(mut self, cause: &dyn Error) -> CommandError {
        let mut next = Some(cause);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Adds something the person can do.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> CommandError {
        self.hints.push(hint.to_string());
        self
    }

    /// The exit status this error leads to.
    pub(crate) fn status(&self) -> Status {
        self.kind.status()
    }

    /// The form for scripts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": {
                "kind": self.kind,
                "message": self.message,
                "causes": self.causes,
                "hints": self.hints,
                "exit_code": self.status().code(),
            }
        })
    }
}

impl From<OutputError> for CommandError {
    fn from(error: OutputError) -> CommandError {
        CommandError::from_error(ErrorKind::Io, &error)
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> CommandError {
        let (kind, hint) = of_ledger(&error);
        CommandError::from_error(kind, &error).hint(hint)
    }
}

/// What sort of trouble the ledger has, and what can be done.
pub(crate) fn of_ledger(error: &LedgerError) -> (ErrorKind, &'static str) {
    match error {
        LedgerError::Held { .. } | LedgerError::Lock(_) => {
            (ErrorKind::Busy, "Wait for that process, or end its run with `loki stop`.")
        }
        LedgerError::Absent { .. } => (ErrorKind::NotFound, "Start a run with `loki start PRD.md`."),
        LedgerError::Store(store) => of_store(store),
        LedgerError::UnknownRun { .. }
        | LedgerError::UnknownArtifact { .. }
        | LedgerError::UnknownCommand { .. } => (ErrorKind::NotFound, "`loki ledger show` lists the runs."),
        LedgerError::RunExists { .. } => {
            (ErrorKind::Input, "Import it into another project with `--project DIR`.")
        }
        LedgerError::Tampered { .. }
        | LedgerError::TamperedArtifact { .. }
        | LedgerError::Fold { .. }
        | LedgerError::Crashed => (ErrorKind::State, "`loki ledger verify` says which events still hold."),
        LedgerError::TooLarge { .. } | LedgerError::Import { .. } => {
            (ErrorKind::Input, "Make the file anew with `loki ledger export`.")
        }
        LedgerError::InboxFull { .. } => (ErrorKind::Busy, "`loki resume` lets the run take its commands."),
        LedgerError::Json { .. } => (ErrorKind::State, "Run `loki doctor` to see what is wrong."),
        LedgerError::Stream { .. } => {
            (ErrorKind::Io, "Look at the file's rights and at the space left on its disk.")
        }
    }
}

/// What sort of trouble a database of ours has, and what can be done.
pub(crate) fn of_store(error: &StoreError) -> (ErrorKind, &'static str) {
    if error.is_corrupt() {
        return (
            ErrorKind::State,
            "Put back a copy of `.loki`, or move it aside to begin anew; `loki doctor` checks every part of it.",
        );
    }
    match error {
        StoreError::Corrupt { .. } | StoreError::Migrate { .. } | StoreError::Disorder { .. } => {
            (ErrorKind::State, "Run `loki doctor` to see what is wrong.")
        }
        StoreError::Panicked { .. } | StoreError::Nested => {
            (ErrorKind::State, "This is a mistake in loki; nothing was written.")
        }
        StoreError::Newer { .. } => {
            (ErrorKind::State, "Use the version of loki that wrote it, or a later one.")
        }
        StoreError::Older { .. } => {
            (ErrorKind::State, "A command that writes, such as `loki resume`, brings it up to date.")
        }
        StoreError::Busy => (ErrorKind::Busy, "Try again when the other process is done."),
        StoreError::Full => {
            (ErrorKind::Io, "Free space on the disk; `loki cleanup` removes what is not needed.")
        }
        StoreError::ReadOnly | StoreError::Open { .. } => {
            (ErrorKind::Io, "Give this user the right to read and write the `.loki` folder.")
        }
        StoreError::Sqlite { .. } | StoreError::Closed => {
            (ErrorKind::Io, "Run `loki doctor` to see what is wrong.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read the catalog")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("page 3 is torn")]
    struct Inner;

    #[test]
    fn keeps_message_and_causes_apart() {
        let error = CommandError::from_error(ErrorKind::State, &Outer(Inner)).hint("Run `loki doctor`.");
        assert_eq!(error.message, "failed to read the catalog");
        assert_eq!(error.causes, ["page 3 is torn"]);
        assert_eq!(
            error.to_json(),
            serde_json::json!({"error": {
                "kind": "state",
                "message": "failed to read the catalog",
                "causes": ["page 3 is torn"],
                "hints": ["Run `loki doctor`."],
                "exit_code": 2,
            }})
        );
    }

    #[test]
    fn a_database_says_what_can_be_done_about_it() {
        let kind = |error: StoreError| CommandError::from(LedgerError::from(error)).kind;
        assert_eq!(kind(StoreError::Newer { path: "loki.db".into(), found: 9, known: 1 }), ErrorKind::State);
        assert_eq!(kind(StoreError::Full), ErrorKind::Io);
        assert_eq!(kind(StoreError::Busy), ErrorKind::Busy);
        let corrupt = StoreError::Corrupt { path: "loki.db".into(), what: "no header".to_owned() };
        let shown = CommandError::from(LedgerError::from(corrupt));
        assert_eq!((shown.kind, shown.status()), (ErrorKind::State, Status::Refused));
        assert_eq!(shown.message, "the database `loki.db` is corrupted: no header");
        assert_eq!(shown.hints.len(), 1);
    }

    #[test]
    fn only_gates_and_stops_leave_exit_code_two() {
        assert_eq!(ErrorKind::Stopped.status(), Status::Stopped);
        for kind in [ErrorKind::Usage, ErrorKind::Input, ErrorKind::Config, ErrorKind::NotFound] {
            assert_eq!(kind.status(), Status::Refused);
        }
        for kind in [ErrorKind::Busy, ErrorKind::Io, ErrorKind::State] {
            assert_eq!(kind.status(), Status::Refused);
        }
    }
}
