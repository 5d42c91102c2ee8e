//! The project that operations are about.

use std::path::PathBuf;
use std::sync::Arc;

use loki_ledger::run::Run;
use loki_ledger::{LedgerError, Reader};
use loki_store::{Clock, Holder, ProcessLock};

use super::OperationError;
use crate::worktree::Worktree;

/// A project: its files, its state, and the time there.
#[derive(Clone)]
pub struct Place {
    /// The project's folder.
    pub root: PathBuf,
    /// Its `.loki` folder, which need not be there.
    pub state: PathBuf,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Place {
    /// The ledger, for reading only; `None` where no run ever started.
    pub fn reader(&self) -> Result<Option<Reader>, LedgerError> {
        match Reader::open(&self.state) {
            Ok(reader) => Ok(Some(reader)),
            Err(LedgerError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The run that is meant, by its name or the beginning of it; the newest where none is named.
    pub fn run(&self, named: Option<&str>) -> Result<(Reader, Run), OperationError> {
        let reader = self.reader()?.ok_or(OperationError::NoRun)?;
        let runs = reader.runs()?;
        let mut meant = runs.iter().filter(|run| named.is_none_or(|name| run.id.as_str().starts_with(name)));
        let first = meant.next().ok_or(OperationError::NoRun)?;
        let run = reader.fold(&first.id)?;
        Ok((reader, run))
    }

    /// The process that drives a run here.
    pub fn holder(&self) -> Option<Holder> {
        ProcessLock::holder(&self.state.join("lock"))
    }

    /// The project's files and their snapshots.
    pub fn worktree(&self) -> Worktree {
        Worktree::new(&self.root, &self.state)
    }
}
