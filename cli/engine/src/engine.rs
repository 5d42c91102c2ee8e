//! What a run is driven with: everything the loop was handed, in one place.

use std::path::PathBuf;
use std::sync::Arc;

use loki_ledger::event::{ArtifactId, Event};
use loki_ledger::run::{FoldError, Run};
use loki_ledger::{Ledger, LedgerError, Reader, Recorded};
use loki_provider::Provider;
use loki_skills::Catalog;
use loki_store::Clock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::council::reviewers::Reviewer;
use crate::iteration::Attended;
use crate::prompt::{MODEL_OUTPUT_BYTES_MAX, Sources};
use crate::receipt::Signer;
use crate::tool::{Briefing, Gate, Tool};
use crate::watch::Edits;
use crate::worktree::{Worktree, WorktreeError};

/// Told of an event, and of the run after it.
pub type Observer = Box<dyn Fn(&Recorded, &Run) + Send + Sync>;

/// Everything a run is driven with.
pub struct Engine {
    /// The ledger, held by this process.
    pub ledger: Ledger,
    /// The `.loki` folder.
    pub state: PathBuf,
    /// The project's files.
    pub worktree: Worktree,
    /// Who does the thinking; `None` when nothing configured can.
    pub provider: Option<Arc<dyn Provider>>,
    /// What it can act with.
    pub tools: Vec<Arc<dyn Tool>>,
    /// What every prompt tells it.
    pub briefings: Vec<Arc<dyn Briefing>>,
    /// The skills it can take up.
    pub skills: Catalog,
    /// What judges the result.
    pub gates: Vec<Arc<dyn Gate>>,
    /// Who sits on the council.
    pub reviewers: Vec<Arc<dyn Reviewer>>,
    /// Who argues the other side.
    pub advocate: Arc<dyn Reviewer>,
    /// Signs receipts.
    pub signer: Signer,
    /// Notices what others change in the project; `None` where nobody asks.
    pub edits: Option<Edits>,
    /// Whether a person can answer.
    pub attended: Attended,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Told of every event once it is written.
    pub observer: Observer,
}

/// Why a run could not be driven on. The ledger holds what happened so far.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The ledger refused to write or read: the run stops rather than act unrecorded.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// The engine tried something that cannot follow.
    #[error("the run cannot go on like this")]
    Fold(#[from] FoldError),
    /// The work tree could not be kept or put back.
    #[error("the work tree could not be kept or put back")]
    Worktree(#[from] WorktreeError),
    /// Something written down could not be understood.
    #[error("failed to read {what}")]
    Artifact {
        /// What it was.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A tool found no room to act in. Its call has no answer, so that the run makes it again when it goes on.
    #[error("`{tool}` could not act: the disk is full")]
    NoRoom {
        /// Which one.
        tool: String,
    },
    /// The receipt could not be written.
    #[error("failed to write the receipt to `{}`", path.display())]
    Receipt {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Engine {
    /// Writes an event down and takes it over into the run. Returns its number.
    pub fn record(&self, run: &mut Run, event: Event) -> Result<u64, EngineError> {
        run.admits(&event)?;
        let recorded = self.ledger.append(&run.id, event)?;
        run.apply(recorded.seq, recorded.at_ms, &recorded.event)?;
        (self.observer)(&recorded, run);
        Ok(recorded.seq)
    }

    /// Keeps a value as an artifact.
    pub(crate) fn keep<T: Serialize>(&self, what: &'static str, value: &T) -> Result<Kept, EngineError> {
        let bytes = serde_json::to_vec(value).map_err(|source| EngineError::Artifact { what, source })?;
        Ok(Kept { id: self.ledger.put(&bytes)?, bytes: bytes.len() as u64 })
    }

    /// Reads a value back.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        what: &'static str,
        id: &ArtifactId,
    ) -> Result<T, EngineError> {
        read(self.ledger.reader(), what, id)
    }

    /// What prompts of an iteration are built from.
    pub fn sources(&self, iteration: u32) -> Sources<'_> {
        let exact = self.provider.as_ref().is_some_and(|provider| provider.exact(iteration));
        Sources {
            reader: self.ledger.reader(),
            briefings: &self.briefings,
            tools: &self.tools,
            skills: &self.skills,
            output_bytes_max: if exact { usize::MAX } else { MODEL_OUTPUT_BYTES_MAX },
            acts: self.provider.as_ref().is_some_and(|provider| provider.acts()),
        }
    }

    /// The gate of that name.
    pub(crate) fn gate(&self, name: &str) -> Option<&Arc<dyn Gate>> {
        self.gates.iter().find(|gate| gate.id() == name)
    }

    /// The tool of that name.
    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().find(|tool| tool.spec().name == name)
    }
}

/// A kept artifact.
pub(crate) struct Kept {
    pub(crate) id: ArtifactId,
    pub(crate) bytes: u64,
}

/// Reads a value that was kept as JSON.
pub(crate) fn read<T: DeserializeOwned>(
    reader: &Reader,
    what: &'static str,
    id: &ArtifactId,
) -> Result<T, EngineError> {
    let bytes = reader.artifact(id)?;
    serde_json::from_slice(&bytes).map_err(|source| EngineError::Artifact { what, source })
}
