//! What the engine asks of the world: tools to act with, briefings to know by, gates to be judged by.
//!
//! The engine knows no service. Whoever wires it adapts theirs to these traits.

use async_trait::async_trait;
use loki_ledger::event::{Approver, Recovery, Verdict};
use loki_provider::ToolSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something a provider can have done.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Its name, description and input schema.
    fn spec(&self) -> ToolSpec;

    /// Whether it only reads. Such tools may be called while planning.
    fn reads_only(&self) -> bool;

    /// What to do when a process died while it was at work. Say [`Recovery::Repeat`] only where doing
    /// it twice is the same as doing it once.
    fn recovery(&self) -> Recovery;

    /// Does it. An error is an answer for the provider, not the end of the run.
    async fn call(&self, input: &Value) -> Result<Answer, ToolError>;

    /// Stores an approval of a proposal that [`Tool::call`] made, so that the same call acts next time.
    async fn approve(&self, subject: &str, by: &Approver) -> Result<(), ToolError>;
}

/// A tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is done.
    Done {
        /// One line for people.
        summary: String,
        /// The whole answer, for the provider.
        output: String,
    },
    /// It must be approved first. Nothing has been changed.
    Review(Box<Proposal>),
}

/// Why a tool did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// A stable code.
    pub code: String,
    /// What was attempted and what went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Something that will happen once it is approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Hash over everything an approval must be bound to, hex.
    pub subject: String,
    /// One line for people.
    pub title: String,
    /// What deterministic checks found.
    pub findings: Vec<Finding>,
    /// What was tried, and what came of it.
    pub facts: Vec<Fact>,
    /// Why a person must decide, where one must.
    pub needs_person: Option<String>,
    /// What would be carried out, as text (for a migration: the statements up).
    pub act: Vec<String>,
    /// What would undo it.
    pub undo: Vec<String>,
}

/// Something a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whose business it is.
    pub area: Area,
    /// What it is about.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// How to mend it.
    pub fix: String,
    /// Whether a person may decide to go ahead all the same: it blocks unless one is asked.
    #[serde(default)]
    pub person: bool,
}

/// Something that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Whose business it is.
    pub area: Area,
    /// Whether it held; `None`: it could not be found out.
    pub passed: Option<bool>,
    /// What was seen.
    pub detail: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth mending.
    Medium,
    /// Must be mended.
    High,
    /// Must never happen.
    Critical,
}

/// Whose business a finding or fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Data stays whole.
    Safety,
    /// Nobody reaches what is not theirs.
    Security,
    /// It can be run, undone and kept fast.
    Operations,
}

impl Severity {
    /// Whether a finding of this kind blocks.
    pub fn blocks(self) -> bool {
        self >= Self::High
    }
}

/// Bounded context for every prompt.
pub trait Briefing: Send + Sync {
    /// The block, at most `bytes_max` bytes; `None` when there is nothing to say.
    fn render(&self, bytes_max: usize) -> Option<String>;
}

/// A judge of facts.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Its name.
    fn id(&self) -> &str;

    /// Judges the project as it stands. Changes nothing.
    async fn judge(&self) -> Judgement;
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Its verdict.
    pub verdict: Verdict,
    /// One line for people.
    pub summary: String,
    /// What it saw.
    pub facts: Value,
    /// What is still missing, by name.
    pub gaps: Vec<String>,
}
