//! What screens show beside a run's events: read from artifacts, the backend and the work tree, each with
//! the time it was read at.

use std::collections::BTreeMap;
use std::path::PathBuf;

use loki_engine::CouncilVerdict;
use loki_engine::tool::Proposal;
use loki_ledger::event::{ArtifactId, RunId};

use crate::diff::FileDiff;

/// Artifacts kept at once.
const ARTIFACTS_MAX: usize = 32;

/// Something that is read when a screen needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Loaded<T> {
    /// Nobody has asked for it.
    #[default]
    Unasked,
    /// It is being read.
    Asked,
    /// It was read.
    Ready {
        /// It.
        value: T,
        /// When, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// It could not be read.
    Failed {
        /// Why.
        reason: String,
        /// When, in milliseconds since the epoch.
        at_ms: i64,
    },
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    /// The runs of every project.
    pub projects: Loaded<Vec<ProjectRuns>>,
    /// The process that drives the run on the screen; `None` inside: none does.
    pub driver: Loaded<Option<u32>>,
    /// Artifacts by name.
    pub artifacts: BTreeMap<ArtifactId, Loaded<Artifact>>,
    /// The backend; `None` inside: the project has none.
    pub forge: Loaded<Option<ForgeState>>,
    /// Tables before and after, by the artifact that holds the call's input.
    pub previews: BTreeMap<ArtifactId, Loaded<(Schema, Schema)>>,
    /// How files changed, and over which stretch.
    pub changes: Option<(Stretch, Loaded<Vec<FileDiff>>)>,
}

/// An artifact as screens use it.
#[derive(Debug, Clone, PartialEq)]
pub enum Artifact {
    /// A proposal.
    Proposal(Box<Proposal>),
    /// What the council did with one.
    Verdict(Box<CouncilVerdict>),
    /// Anything else, as text, cut where it is long.
    Text(String),
}

/// What an artifact is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// A proposal.
    Proposal,
    /// A verdict of the council.
    Verdict,
    /// Text.
    Text,
}

/// A project and its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRuns {
    /// Its folder.
    pub root: PathBuf,
    /// The process that drives there.
    pub driver: Option<u32>,
    /// Its runs, newest first; `Err`: why they could not be read.
    pub runs: Result<Vec<RunDigest>, String>,
}

/// A run as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDigest {
    /// Its name.
    pub id: RunId,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: i64,
    /// Events so far.
    pub events: u64,
    /// What it is about; `None`: not read.
    pub document: Option<String>,
    /// How it stands; `None`: not read.
    pub end: Option<RunEnd>,
    /// When its last event was written; `None`: not read.
    pub last_ms: Option<i64>,
}

/// How a run stands, from its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// It stopped so.
    Stopped(String),
    /// It has not stopped.
    Open,
}

/// A backend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForgeState {
    /// Its tables and what comes with them.
    pub schema: Schema,
    /// Views and functions, as `view notes_public`.
    pub routines: Vec<String>,
    /// Buckets, schedules and whatever else was declared.
    pub resources: Vec<Resource>,
    /// Migrations, oldest first.
    pub migrations: Vec<Migration>,
    /// Backups, as one line each.
    pub backups: Vec<String>,
    /// What the server of the backend answered last, newest first; `None`: nothing was written down.
    pub requests: Option<Vec<Answered>>,
}

/// A request that the server of the backend has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// How it was asked, such as `GET`.
    pub method: String,
    /// What for, without what is behind the question mark.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Microseconds until the answer.
    pub took_us: u64,
    /// The role that asked; `None`: nobody was found out.
    pub role: Option<String>,
}

/// Something that was declared for a service to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What kind, such as `bucket`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it was made.
    pub status: String,
    /// What it is, in a line.
    pub detail: String,
    /// When it runs next, where it is a schedule, in milliseconds since the epoch.
    pub next_ms: Option<i64>,
}

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Who approved it.
    pub approved_by: String,
    /// When it was applied, as it is written down.
    pub applied_at: String,
    /// Whether it was undone.
    pub undone: bool,
}

/// Tables of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// In the order of their names.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// What else holds, a line each: keys, uniques, checks, indices.
    pub rules: Vec<String>,
    /// How its policies are called together; `None`: nothing is said about rows.
    pub policies: Option<String>,
    /// What each role may do, in the order in which roles are shown.
    pub access: Vec<Access>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: String,
    /// What else is said of it, such as `not null`.
    pub notes: String,
}

/// What one role may do with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The role.
    pub role: String,
    /// Select, insert, update and delete, in this order.
    pub commands: [Reach; 4],
}

/// The rows that a command reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// None.
    None,
    /// All of them.
    All,
    /// Those for which this holds.
    Where(String),
}

/// What lies between two snapshots of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The commit of the earlier one.
    pub from: String,
    /// The commit of the later one; `None`: the files as they are now.
    pub until: Option<String>,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path in the project.
    pub path: String,
    /// What it held before.
    pub before: Contents,
    /// What it holds now.
    pub after: Contents,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// It is not there.
    Absent,
    /// Text.
    Text(String),
    /// So many bytes that are no text, or too many to be shown.
    Bytes(u64),
}

impl<T> Loaded<T> {
    /// The outcome of reading it at that time.
    pub fn of(outcome: Result<T, String>, at_ms: i64) -> Self {
        match outcome {
            Ok(value) => Self::Ready { value, at_ms },
            Err(reason) => Self::Failed { reason, at_ms },
        }
    }

    /// What was read, and when.
    pub fn ready(&self) -> Option<(&T, i64)> {
        match self {
            Self::Ready { value, at_ms } => Some((value, *at_ms)),
            Self::Unasked | Self::Asked | Self::Failed { .. } => None,
        }
    }

    /// When it was last read, or tried to be; `None`: never.
    pub fn at_ms(&self) -> Option<i64> {
        match self {
            Self::Ready { at_ms, .. } | Self::Failed { at_ms, .. } => Some(*at_ms),
            Self::Unasked | Self::Asked => None,
        }
    }

    /// Whether nobody has asked for it.
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::Unasked)
    }
}

impl Data {
    /// Keeps an artifact; the least in order goes where there are too many.
    pub fn keep_artifact(&mut self, id: ArtifactId, loaded: Loaded<Artifact>) {
        if self.artifacts.len() >= ARTIFACTS_MAX && !self.artifacts.contains_key(&id) {
            self.artifacts.pop_first();
        }
        self.artifacts.insert(id, loaded);
    }

    /// Keeps a preview; the least in order goes where there are too many.
    pub fn keep_preview(&mut self, id: ArtifactId, loaded: Loaded<(Schema, Schema)>) {
        if self.previews.len() >= ARTIFACTS_MAX && !self.previews.contains_key(&id) {
            self.previews.pop_first();
        }
        self.previews.insert(id, loaded);
    }

    /// A proposal, if it was read.
    pub fn proposal(&self, id: &ArtifactId) -> Option<&Proposal> {
        match self.artifacts.get(id)?.ready()?.0 {
            Artifact::Proposal(proposal) => Some(proposal),
            Artifact::Verdict(_) | Artifact::Text(_) => None,
        }
    }

    /// A verdict of the council, if it was read.
    pub fn verdict(&self, id: &ArtifactId) -> Option<&CouncilVerdict> {
        match self.artifacts.get(id)?.ready()?.0 {
            Artifact::Verdict(verdict) => Some(verdict),
            Artifact::Proposal(_) | Artifact::Text(_) => None,
        }
    }
}
