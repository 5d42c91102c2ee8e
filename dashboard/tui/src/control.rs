//! What the dashboard asks of the program around it: where projects are, and to carry commands out.
//!
//! The dashboard itself writes nothing. Everything a person decides on a screen is an [`Order`], carried
//! out by the same functions as the commands of that name.

use std::path::{Path, PathBuf};

use loki_ledger::Reader;
use loki_ledger::event::RunId;

use crate::data::{FileChange, ForgeState, Schema, Stretch};

/// What a person can tell a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Do nothing new until told to go on.
    Pause,
    /// Go on.
    Resume,
    /// Stop for good, with a receipt.
    Stop,
    /// A word of guidance.
    Steer {
        /// The words.
        text: String,
    },
    /// Approve the proposal with this hash, and no other.
    Approve {
        /// The whole hash.
        subject: String,
        /// Why.
        reason: String,
    },
    /// Refuse the proposal with this hash.
    Reject {
        /// The whole hash.
        subject: String,
        /// Why.
        reason: String,
    },
    /// Put the files back to a snapshot.
    Rollback {
        /// Its commit.
        to: String,
    },
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The number of the command in the run's inbox, where it went there: that it was taken shows in the
    /// run's events.
    pub command: Option<i64>,
    /// What was done, in a sentence.
    pub message: String,
}

/// The program around the dashboard. Called on a thread of its own, one call at a time.
pub trait Control: Send {
    /// The folders of the user's projects, the one the program was started in first.
    fn projects(&mut self) -> Vec<PathBuf>;

    /// The ledger of a project, to be read.
    fn ledger(&mut self, project: &Path) -> Result<Reader, String>;

    /// The process that drives a run in the project, if one does.
    fn driver(&mut self, project: &Path) -> Option<u32>;

    /// Carries an order out.
    fn carry_out(&mut self, project: &Path, run: &RunId, order: &Order) -> Result<Done, String>;

    /// The project's backend; `None` where it has none.
    fn forge(&mut self, project: &Path) -> Result<Option<ForgeState>, String>;

    /// The tables before and after the change that a tool was called with (its input, JSON).
    fn preview(&mut self, project: &Path, input: &str) -> Result<(Schema, Schema), String>;

    /// How the project's files changed over a stretch.
    fn changes(&mut self, project: &Path, stretch: &Stretch) -> Result<Vec<FileChange>, String>;
}
