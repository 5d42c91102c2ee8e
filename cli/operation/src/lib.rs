//! What an operation is, for whoever defines one and for every door that offers it.
//!
//! An operation is a name, JSON in, and JSON or a refusal out. [`Info`] tells doors of it, [`Answer`] is what it
//! gives, [`Refusal`] is what a door gets when nothing was done: the same at each of them. [`Allow`] is what whoever
//! asks may do.

mod refusal;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use refusal::{Awaited, Refusal, RefusalKind};

/// What an operation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It changes something that can be changed back.
    Write,
    /// It may lose something: a person decides.
    Destructive,
}

/// What it takes to carry an operation out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Nothing worth naming.
    Free,
    /// A look at the disk: milliseconds.
    Instant,
    /// A proof on a copy, or the project's own checks: seconds and more.
    Proof,
    /// It starts work that takes long and may spend money.
    Run,
}

/// Whether an operation can be carried out by this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Available {
    /// It can.
    Here,
    /// The service it is about does not exist yet: it is known by name and not listed.
    NotYet {
        /// The service.
        service: &'static str,
        /// What can be done instead, in a sentence.
        instead: &'static str,
    },
}

/// An operation, as every door tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    /// Its name, such as `forge_db_query`.
    pub name: &'static str,
    /// What it belongs to, such as `database`.
    pub group: &'static str,
    /// What it does, in one line of at most [`SUMMARY_BYTES_MAX`]: it is paid for in tokens.
    pub summary: &'static str,
    /// What it may do.
    pub access: Access,
    /// What it takes.
    pub cost: Cost,
    /// Whether asking twice is the same as asking once.
    pub idempotent: bool,
    /// JSON Schema of its input: an object without additional properties.
    pub input_schema: fn() -> Value,
    /// JSON Schema of [`Answer::data`]: an object.
    pub output_schema: fn() -> Value,
    /// Whether it can be carried out.
    pub available: Available,
}

/// Bytes of a summary.
pub const SUMMARY_BYTES_MAX: usize = 90;

impl Info {
    /// Whether it can be carried out by this version, and so is listed.
    pub fn is_here(&self) -> bool {
        matches!(self.available, Available::Here)
    }

    /// Why it cannot be carried out; `None` where it can.
    pub fn not_available(&self) -> Option<Refusal> {
        match self.available {
            Available::Here => None,
            Available::NotYet { service, instead } => Some(
                Refusal::new(
                    RefusalKind::NotAvailable,
                    "not_available",
                    format!("`{}` needs {service}, which this version does not have", self.name),
                )
                .next(instead),
            ),
        }
    }
}

/// What an operation gives when it is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What was done or found, in one line.
    pub summary: String,
    /// The answer, as the output schema says.
    pub data: Value,
    /// Whether strangers wrote part of the data: doors fence it, so that nobody takes it for instructions.
    pub untrusted: bool,
}

impl Answer {
    /// An answer of our own words.
    pub fn new(summary: impl Into<String>, data: Value) -> Answer {
        Answer { summary: summary.into(), data, untrusted: false }
    }

    /// The same with data that strangers wrote.
    #[must_use]
    pub fn untrusted(self) -> Answer {
        Answer { untrusted: true, ..self }
    }
}

/// What whoever asks may do. Reading is always allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allow {
    /// Operations of [`Access::Write`].
    pub write: bool,
    /// Operations of [`Access::Destructive`]. It takes `write` too, and a person decides all the same.
    pub destructive: bool,
    /// The groups that may be used; `None`: every one.
    pub groups: Option<Vec<String>>,
}

impl Allow {
    /// Everything is allowed.
    pub const EVERYTHING: Allow = Allow { write: true, destructive: true, groups: None };

    /// Whether operations of this group that may do this may be used.
    pub fn permits(&self, group: &str, access: Access) -> bool {
        let open = self.groups.as_ref().is_none_or(|groups| groups.iter().any(|known| known == group));
        open && match access {
            Access::Read => true,
            Access::Write => self.write,
            Access::Destructive => self.write && self.destructive,
        }
    }

    /// Why an operation must not be carried out; `None` where it may.
    pub fn denies(&self, info: &Info) -> Option<Refusal> {
        if self.permits(info.group, info.access) {
            return None;
        }
        let denied = |message: String, next: &str| {
            Some(Refusal::new(RefusalKind::Denied, "permission_denied", message).next(next))
        };
        if self.groups.as_ref().is_some_and(|groups| !groups.iter().any(|group| group == info.group)) {
            let message =
                format!("`{}` is of the group `{}`, which may not be used here", info.name, info.group);
            return denied(message, "Ask whoever started this door to allow the group.");
        }
        let word = if info.access == Access::Destructive { "write,destructive" } else { "write" };
        denied(
            format!("`{}` changes something, and this door was not allowed to", info.name),
            &format!("Ask the user to allow it: `loki mcp --allow {word}`, or the setting `mcp.allow`."),
        )
    }
}

/// The JSON Schema of an object with these properties and no others.
pub fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

#[cfg(test)]
mod tests;
