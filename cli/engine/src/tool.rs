//! What the engine asks of the world: tools to act with, briefings to know by, gates to be judged by.
//!
//! The engine knows no service. Whoever wires it adapts theirs to these traits.

use async_trait::async_trait;
use loki_ledger::event::{Approver, Recovery, Usage, Verdict};
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

    /// Whether it works on the project's files or runs its commands: an agent that brings tools of its
    /// own is not offered it.
    fn is_for_the_workspace(&self) -> bool {
        false
    }

    /// What to do when a process died while it was at work. Say [`Recovery::Repeat`] only where doing
    /// it twice is the same as doing it once.
    fn recovery(&self) -> Recovery;

    /// Looks at what the call will act on, before anything is written down about it, and changes
    /// nothing. What it returns is kept with the intent and handed to [`Tool::call`], so that a call
    /// which is repeated after a crash can tell whether it has acted already. At most 4 KiB.
    async fn prepare(&self, _input: &Value) -> Option<String> {
        None
    }

    /// The same for a tool that must tell one call from another: `call` names this one among all calls of all runs,
    /// and stays the same where it is made again once it is approved.
    async fn prepare_call(&self, _call: &str, input: &Value) -> Option<String> {
        self.prepare(input).await
    }

    /// Does it. `expects` is what [`Tool::prepare`] returned for this very call. An error is an answer
    /// for the provider, not the end of the run.
    async fn call(&self, input: &Value, expects: Option<&str>) -> Result<Answer, ToolError>;

    /// Stores an approval of a proposal that [`Tool::call`] made, so that the same call acts next time.
    async fn approve(&self, _subject: &str, _by: &Approver) -> Result<(), ToolError> {
        Err(ToolError::new("no_proposal", "this tool makes no proposals", Some("call it directly")))
    }
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

/// The code of a [`ToolError`] for want of room on the disk. Nothing is wrong with the call: the run stops before it
/// is answered, and makes it again when it goes on.
pub const DISK_FULL: &str = "disk_full";

impl ToolError {
    /// An error with a stable code, what went wrong, and what to do about it.
    pub fn new(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: hint.map(str::to_owned) }
    }
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
    /// Whether it is nobody's business but that person's: no council judges it.
    #[serde(default)]
    pub person_alone: bool,
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

/// What a gate is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// The commit to compare the project with: the snapshot before the run's first act. `None` where
    /// there is nothing to compare with.
    pub base: Option<String>,
    /// The document.
    pub document: String,
    /// The plan's items.
    pub checklist: Vec<String>,
    /// What judging may cost at the most, in millionths of a US dollar; `None`: no budget is set.
    pub allowance_micro_usd: Option<u64>,
}

/// A judge of facts.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Its name.
    fn id(&self) -> &str;

    /// What asking it may cost at the most, in millionths of a US dollar: 0 where no model is asked,
    /// `None` where nobody knows.
    fn quote(&self, _case: &Case) -> Option<u64> {
        Some(0)
    }

    /// Judges the project as it stands. Changes nothing.
    async fn judge(&self, case: &Case) -> Judgement;
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Its verdict.
    pub verdict: Verdict,
    /// One line for people. The provider sees it too.
    pub summary: String,
    /// What whoever must mend it is told, such as the output of the tests that fail; at most
    /// [`REPORT_BYTES_MAX`]. Empty where there is nothing to say.
    pub report: String,
    /// What it saw, for people and receipts; the provider never sees it. A command that was run is
    /// under `command` (an array of words) and `exit_code`.
    pub facts: Value,
    /// What is still missing, by name.
    pub gaps: Vec<String>,
    /// What is worth a look and stops nothing.
    pub concerns: Vec<String>,
    /// What fails, by names that stay the same as long as the failure does (names of tests, rules with
    /// paths): two iterations in which the same things fail are told by it.
    pub failing: Vec<String>,
    /// What judging cost.
    pub usage: Usage,
}

/// Bytes of a gate's report.
pub const REPORT_BYTES_MAX: usize = 16 * 1024;

impl Judgement {
    /// A judgement of which nothing else is to be said.
    pub fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            verdict,
            summary: summary.into(),
            report: String::new(),
            facts: Value::Null,
            gaps: Vec::new(),
            concerns: Vec::new(),
            failing: Vec::new(),
            usage: Usage::FREE,
        }
    }
}
