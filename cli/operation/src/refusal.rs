//! Why nothing was done, and what to do about it: one form at every door.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a door gets when nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Refusal {
    /// A stable word or number for it.
    pub code: String,
    /// What was attempted and what stood in the way.
    pub message: String,
    /// What is worth knowing beside.
    pub hint: Option<String>,
    /// What to do, in sentences, the most useful first.
    pub next_actions: Vec<String>,
    /// What sort of refusal it is.
    pub kind: RefusalKind,
}

/// What sort of refusal it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// There is no such thing: no operation, run, task or table of that name.
    Unknown,
    /// The input is not what the operation takes.
    Input,
    /// Whoever asks may not.
    Denied,
    /// This version cannot do it.
    NotAvailable,
    /// It waits for an approval.
    NeedsApproval(Box<Awaited>),
    /// Something else has happened, or is happening, that this does not go with.
    Conflict,
    /// It was tried and did not work.
    Failed,
}

/// What an approval is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// What an approval is bound to.
    pub subject: String,
    /// What would happen, in one line.
    pub title: String,
}

impl RefusalKind {
    /// It waits for an approval that is bound to `subject`.
    pub fn needs_approval(subject: impl Into<String>, title: impl Into<String>) -> RefusalKind {
        RefusalKind::NeedsApproval(Box::new(Awaited { subject: subject.into(), title: title.into() }))
    }
}

impl Refusal {
    /// A refusal of which nothing else is to be said.
    pub fn new(kind: RefusalKind, code: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { code: code.into(), message: message.into(), hint: None, next_actions: Vec::new(), kind }
    }

    /// The same, with something worth knowing.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }

    /// The same, with one more thing to do.
    #[must_use]
    pub fn next(mut self, action: impl Into<String>) -> Refusal {
        self.next_actions.push(action.into());
        self
    }

    /// The form that every door gives: `{"error": {...}}`, and the proposal where it waits for an approval.
    pub fn to_json(&self) -> Value {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "next_actions": self.next_actions,
        });
        if let Some(hint) = &self.hint {
            error["hint"] = json!(hint);
        }
        let mut whole = json!({ "error": error });
        if let RefusalKind::NeedsApproval(awaited) = &self.kind {
            whole["proposal"] = json!({ "subject": awaited.subject, "title": awaited.title });
        }
        whole
    }

    /// The status of HTTP for it.
    pub fn http_status(&self) -> u16 {
        match self.kind {
            RefusalKind::Unknown => 404,
            RefusalKind::Input => 422,
            RefusalKind::Denied => 403,
            RefusalKind::NotAvailable => 501,
            RefusalKind::NeedsApproval(_) | RefusalKind::Conflict => 409,
            RefusalKind::Failed => 500,
        }
    }
}
