//! What can happen in a run, as it is written down.
//!
//! Every effect on the world is two events: [`Event::EffectIntended`] before it and
//! [`Event::EffectEnded`] after it. Everything large is an artifact, named by its hash.

mod skill;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use skill::Skill;

/// The version of the event format; part of every hash.
pub const VERSION: u32 = 1;

/// A run's name: `20261121-053112-7f3a`, the UTC time of its start and four random digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

/// An artifact's name: the lower-case hex SHA-256 of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArtifactId(String);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run exists. Always the first event, and only the first.
    RunStarted(RunStarted),
    /// A process drives the run from here on: at its start, and after every death or pause of a driver.
    Attached {
        /// The driver's process id.
        pid: u32,
        /// Whether a person can answer this driver.
        attended: bool,
    },
    /// An iteration begins.
    IterationStarted {
        /// Counts from 1.
        iteration: u32,
    },
    /// A phase of the current iteration begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// An effect is about to be carried out. Its id is this event's `seq`.
    EffectIntended(Intent),
    /// A process died with the effect open; it is carried out again under the same id.
    EffectRetried {
        /// The intent's `seq`.
        effect: u64,
    },
    /// A process died with the effect open; the work tree was put back and the phase starts over.
    EffectRolledBack {
        /// The intent's `seq`.
        effect: u64,
        /// The snapshot that was put back.
        snapshot: String,
    },
    /// The effect was carried out, or failed.
    EffectEnded {
        /// The intent's `seq`.
        effect: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// The current phase ends.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// Whether the run may go on to the next phase (for verify: whether every gate passed).
        passed: bool,
    },
    /// The run needs something from outside before it can go on.
    WaitOpened(Wait),
    /// What the run waited for came, or did not.
    WaitEnded {
        /// The wait's `seq`.
        wait: u64,
        /// How it ended.
        how: WaitEnd,
    },
    /// A command from the inbox reached the run.
    CommandTaken {
        /// The command's number in the inbox.
        id: i64,
        /// The command.
        command: Command,
        /// The iteration that took it (0: before the first).
        iteration: u32,
    },
    /// Files changed that no step of the run changed: somebody else works here too.
    FilesEdited {
        /// The first of them, in order.
        paths: Vec<String>,
        /// How many more.
        more: u32,
    },
    /// The next step may cost more than is left of the budget, so it is not taken.
    Overdrawn {
        /// What it may cost at the most, in millionths of a US dollar; `None`: nobody knows.
        needed_micro_usd: Option<u64>,
    },
    /// A stopped run goes on.
    Reopened {
        /// Limits in force from here on.
        limits: Limits,
    },
    /// The run stops. Only [`Event::Reopened`] may follow.
    RunStopped {
        /// Why.
        stop: Stop,
    },
}

/// How a run starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`VERSION`] at the time of writing.
    pub version: u32,
    /// The document's text.
    pub document: ArtifactId,
    /// The document's file name, or `-` for standard input, or `brief`.
    pub document_name: String,
    /// What was detected in it, as JSON.
    pub requirements: ArtifactId,
    /// Whether the document asks for a backend.
    pub backend: bool,
    /// The provider that works on it, or `None` when nothing configured can.
    pub provider: Option<String>,
    /// Whether the provider changes files by itself, with tools of its own.
    #[serde(default)]
    pub acts: bool,
    /// Whether the first iteration belongs to the blueprint, which makes the backend without a model.
    #[serde(default)]
    pub backend_first: bool,
    /// The gates that must pass, in order.
    pub gates: Vec<String>,
    /// What the document lists to be done, item by item: part of every prompt, whatever is planned.
    #[serde(default)]
    pub checklist: Vec<String>,
    /// What the run may use up.
    pub limits: Limits,
}

/// What a run may use up. Reaching one is an outcome, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Iterations in all.
    pub iterations_max: u32,
    /// Time in which a process drove the run, waits for people excluded, in seconds.
    pub duration_seconds_max: u64,
    /// Money in millionths of a US dollar; `None`: no limit was set.
    pub budget_micro_usd_max: Option<u64>,
    /// Bytes of turns and tool outputs kept.
    pub output_bytes_max: u64,
    /// Turns of one phase.
    pub turns_max: u32,
    /// Seconds that one wait for a provider may last; a longer one stops the run.
    #[serde(default = "wait_seconds_max")]
    pub wait_seconds_max: u64,
    /// Times one effect is recovered after the death of its process.
    pub recoveries_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            iterations_max: 10,
            duration_seconds_max: 4 * 3600,
            budget_micro_usd_max: None,
            output_bytes_max: 1 << 30,
            turns_max: 200,
            wait_seconds_max: wait_seconds_max(),
            recoveries_max: 8,
        }
    }
}

fn wait_seconds_max() -> u64 {
    3600
}

/// A phase of an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Make or mend the plan.
    Reason,
    /// Carry it out with tools.
    Act,
    /// Establish what changed.
    Reflect,
    /// Let the gates judge it.
    Verify,
}

/// An effect about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What it does.
    pub kind: EffectKind,
    /// What to do if the process dies before its outcome is written.
    pub recovery: Recovery,
    /// What it may cost at the most, in millionths of a US dollar. If its process dies, this is what it
    /// is taken to have cost.
    #[serde(default)]
    pub reserved_micro_usd: u64,
}

/// What an effect does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EffectKind {
    /// Keeps the whole work tree.
    Snapshot,
    /// Asks the provider.
    Turn {
        /// The request, as sent.
        request: ArtifactId,
    },
    /// Calls a tool.
    Tool {
        /// The call.
        call: CallRef,
        /// What the tool found before it acted, and will compare with when it is called again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expects: Option<String>,
    },
    /// Lets the council judge a proposal.
    Council {
        /// The proposal's hash.
        subject: String,
        /// The proposal.
        proposal: ArtifactId,
    },
    /// Stores an approval with the tool that made the proposal.
    Approve {
        /// The proposal's hash.
        subject: String,
        /// Who approves.
        by: Approver,
    },
    /// Answers a call whose proposal was refused.
    Refuse {
        /// The call.
        call: CallRef,
        /// The proposal's hash.
        subject: String,
    },
    /// Compares the work tree with the snapshot before this iteration's acts.
    Compare,
    /// Runs a gate.
    Gate {
        /// Which.
        gate: String,
    },
    /// Writes the receipt.
    Receipt {
        /// The stop it testifies to.
        stop: Stop,
    },
}

/// What to do with an effect whose process died before the outcome was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// Carry it out again: doing it twice is the same as doing it once.
    Repeat,
    /// Put the work tree back to the newest snapshot, and go on from there.
    RollBack,
    /// Do not do it again: answer that it was cut short, and that what it did is not known.
    Report,
}

/// A tool call that a turn asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRef {
    /// The provider's name for the call, unique in the phase.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// Its input, as JSON.
    pub input: ArtifactId,
    /// Whether the provider wrote no JSON: the input is then what it wrote, as a string.
    #[serde(default)]
    pub malformed: bool,
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The snapshot's commit.
    Snapshot {
        /// Hex object id.
        commit: String,
    },
    /// The provider answered.
    Turn {
        /// The answer, as received.
        turn: ArtifactId,
        /// The calls it asks for, in order.
        calls: Vec<CallRef>,
        /// What it cost.
        usage: Usage,
        /// Bytes kept of it.
        bytes: u64,
        /// The model that answered; empty where there is none.
        #[serde(default)]
        model: String,
        /// How it ended.
        #[serde(default)]
        end: TurnEnd,
    },
    /// The tool answered.
    Tool {
        /// Whether it did what was asked.
        ok: bool,
        /// One line for people.
        summary: String,
        /// The answer, as the provider will see it.
        output: ArtifactId,
        /// Bytes kept of it.
        bytes: u64,
    },
    /// The provider's plan was taken over as the checklist.
    Planned {
        /// Its items.
        items: Vec<String>,
    },
    /// The provider claims to be done. A claim, not a fact.
    Claimed {
        /// What it says.
        summary: String,
        /// Whether the provider has nothing more to offer: asking again would bring the same.
        exhausted: bool,
        /// What it names as evidence.
        #[serde(default)]
        evidence: Vec<String>,
    },
    /// The provider wrote something down that every later prompt will hold.
    Noted {
        /// What it is.
        note: Note,
    },
    /// The provider took a skill up.
    Activated {
        /// Which, as it was then.
        skill: Skill,
        /// The answer, as the provider will see it.
        output: ArtifactId,
        /// Bytes kept of it.
        bytes: u64,
    },
    /// The tool made a proposal that must be approved before it acts.
    Review {
        /// The proposal's hash, which an approval is bound to.
        subject: String,
        /// The proposal.
        proposal: ArtifactId,
        /// Why a person must decide, where one must.
        needs_person: Option<String>,
    },
    /// The council judged.
    Council {
        /// Whether it approves.
        approved: bool,
        /// Votes and findings.
        verdict: ArtifactId,
        /// One line for people.
        summary: String,
        /// What the reviewers cost.
        #[serde(default)]
        usage: Usage,
    },
    /// The approval is stored.
    Approved,
    /// What the iteration changed.
    Compared {
        /// The work tree's hash.
        tree: String,
        /// Files that differ from the snapshot before this iteration.
        files: u32,
        /// SHA-256 of the difference between the run's first snapshot and now.
        diff_sha256: String,
    },
    /// A gate judged.
    Gate {
        /// Its verdict. Inconclusive is never a pass.
        verdict: Verdict,
        /// One line for people.
        summary: String,
        /// What it saw, as JSON.
        facts: ArtifactId,
        /// What is still missing, by name.
        gaps: Vec<String>,
        /// What whoever must mend it is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<ArtifactId>,
        /// What is worth a look and stops nothing.
        #[serde(default)]
        concerns: Vec<String>,
        /// Hash over what fails, hex; the same failures have the same. Empty where nothing fails.
        #[serde(default)]
        failing: String,
        /// What judging cost, where a model judged.
        #[serde(default)]
        usage: Usage,
    },
    /// The receipt is written.
    Receipt {
        /// Its JSON.
        receipt: ArtifactId,
    },
    /// The effect could not be carried out.
    Failed {
        /// A stable code.
        code: String,
        /// What was attempted and what went wrong.
        message: String,
        /// Whether trying again later may help.
        transient: bool,
        /// When it may be tried again, where that is known, in milliseconds since the epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at_ms: Option<i64>,
        /// What it cost all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    },
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnEnd {
    /// It said what it had to say.
    #[default]
    Complete,
    /// It was cut off at the most tokens it may write.
    CutOff,
    /// The model refused to answer.
    Refused,
    /// It said nothing and asked for nothing.
    Empty,
}

/// Something that every later prompt holds, word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What kind.
    pub kind: NoteKind,
    /// The words.
    pub text: String,
}

/// What a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Something that was decided, and why.
    Decision,
    /// Something that must stay true.
    Constraint,
    /// Something that was found out.
    Finding,
}

/// A gate's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It could not be found out.
    Inconclusive,
    /// There is nothing here that it could judge.
    NotApplicable,
}

/// Tokens and money of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens that were not cached.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
    /// Money, and how it is known.
    pub cost: Cost,
}

impl Default for Usage {
    fn default() -> Self {
        Self::FREE
    }
}

impl Usage {
    /// What was not paid for.
    pub const FREE: Usage =
        Usage { input: 0, output: 0, cache_read: 0, cache_write: 0, cost: Cost::Measured { micro_usd: 0 } };

    /// Both together. What is known of the cost is what is known of the less known one.
    pub fn plus(self, other: Usage) -> Usage {
        let cost = match (self.cost, other.cost) {
            (Cost::Unknown, _) | (_, Cost::Unknown) => Cost::Unknown,
            (Cost::Measured { micro_usd: one }, Cost::Measured { micro_usd: other }) => {
                Cost::Measured { micro_usd: one.saturating_add(other) }
            }
            (
                Cost::Measured { micro_usd: one } | Cost::Estimated { micro_usd: one },
                Cost::Measured { micro_usd: other } | Cost::Estimated { micro_usd: other },
            ) => Cost::Estimated { micro_usd: one.saturating_add(other) },
        };
        Usage {
            input: self.input + other.input,
            output: self.output + other.output,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
            cost,
        }
    }
}

/// Money in millionths of a US dollar, with its source. Unknown is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Cost {
    /// Reported by the provider, as money or as tokens that have a list price; or nothing was paid for.
    Measured {
        /// The amount.
        micro_usd: u64,
    },
    /// Computed from tokens that were counted here.
    Estimated {
        /// The amount.
        micro_usd: u64,
    },
    /// Not known.
    #[default]
    Unknown,
}

/// Who approves a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Approver {
    /// The council.
    Council {
        /// Its verdict.
        verdict: ArtifactId,
    },
    /// A person.
    Person {
        /// Who.
        name: String,
        /// What they said.
        reason: String,
    },
}

/// Something the run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", rename_all = "snake_case")]
pub enum Wait {
    /// A person's approval.
    Approval {
        /// The proposal's hash.
        subject: String,
        /// The proposal.
        proposal: ArtifactId,
        /// Why a person must decide.
        reason: String,
    },
    /// A time, after which the provider may be asked again.
    Timer {
        /// Milliseconds since the epoch.
        until_ms: i64,
        /// Why.
        reason: String,
    },
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum WaitEnd {
    /// The time came.
    Elapsed,
}

/// A command that any door can send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Do nothing new until told to go on.
    Pause,
    /// Go on.
    Resume,
    /// Stop for good, with a receipt.
    Stop,
    /// A word of guidance for the next turn.
    Steer {
        /// The words.
        text: String,
    },
    /// Approve a proposal.
    Approve {
        /// Its hash.
        subject: String,
        /// Who.
        name: String,
        /// Why.
        reason: String,
    },
    /// Refuse a proposal.
    Reject {
        /// Its hash.
        subject: String,
        /// Who.
        name: String,
        /// Why.
        reason: String,
    },
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stop", rename_all = "snake_case")]
pub enum Stop {
    /// Every gate passed and nothing is missing.
    Verified,
    /// Every gate passed; what is missing is named in the receipt.
    VerifiedWithGaps,
    /// A gate failed and the provider has nothing more to offer.
    GateFailed {
        /// The first that failed.
        gate: String,
    },
    /// A person must decide.
    NeedsPerson {
        /// The proposal's hash.
        subject: String,
    },
    /// No configured provider can do what the document asks.
    NeedsModel,
    /// The provider failed for good.
    ProviderFailed {
        /// Its error.
        message: String,
    },
    /// Iterations brought nothing new: the same tests failed on the same files with the same plan.
    Stuck,
    /// The provider said nothing, and nothing again when it was asked once more.
    EmptyTurn,
    /// The provider refused to answer, and again when it was asked once more.
    Refused,
    /// The provider may only be asked again much later.
    RateLimited {
        /// When, in milliseconds since the epoch.
        until_ms: i64,
    },
    /// A person or a program said stop.
    Requested,
    /// The iterations are used up.
    IterationsSpent,
    /// The time is used up.
    TimeSpent,
    /// The money is used up.
    BudgetSpent,
    /// The output is used up.
    OutputSpent,
    /// The turns of a phase are used up.
    TurnsSpent,
    /// An effect took its process down too often.
    RecoveriesSpent,
}

impl Event {
    /// Whether losing this event with the power would be worse than the time a flush costs:
    /// approvals, what was paid for, what changed a database, and how a run stands.
    pub fn must_reach_disk(&self) -> bool {
        match self {
            Self::RunStarted(_) | Self::RunStopped { .. } | Self::Reopened { .. } => true,
            Self::CommandTaken { .. } | Self::WaitEnded { .. } => true,
            Self::EffectEnded { outcome, .. } => match outcome {
                Outcome::Turn { usage, .. } => usage.cost != Cost::Measured { micro_usd: 0 },
                Outcome::Approved | Outcome::Receipt { .. } | Outcome::Council { .. } => true,
                Outcome::Gate { usage, .. } => usage.cost != Cost::Measured { micro_usd: 0 },
                Outcome::Failed { usage, .. } => usage.is_some(),
                Outcome::Snapshot { .. }
                | Outcome::Tool { .. }
                | Outcome::Planned { .. }
                | Outcome::Claimed { .. }
                | Outcome::Noted { .. }
                | Outcome::Activated { .. }
                | Outcome::Review { .. }
                | Outcome::Compared { .. } => false,
            },
            Self::EffectIntended(intent) => intent.reserved_micro_usd > 0,
            Self::Attached { .. }
            | Self::IterationStarted { .. }
            | Self::PhaseStarted { .. }
            | Self::FilesEdited { .. }
            | Self::Overdrawn { .. }
            | Self::EffectRetried { .. }
            | Self::EffectRolledBack { .. }
            | Self::PhaseEnded { .. }
            | Self::WaitOpened(_) => false,
        }
    }
}

impl RunId {
    /// A run's name from its text: letters, digits and `-`, at most 64.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ArtifactId {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// An artifact's name from its text: 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Phase {
    /// Its name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Act => "act",
            Self::Reflect => "reflect",
            Self::Verify => "verify",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
