//! The gates over what a run changed: the files that differ between the snapshot before its first act and
//! the work tree. They read those files alone, ask no model and change nothing.

pub(crate) mod found;
mod leftovers;
pub(crate) mod scope;

use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Case, Gate, Judgement};
use loki_engine::worktree::{Change, Worktree};
use loki_ledger::event::Verdict;

use crate::integrity;
use crate::secrets::Searcher;
use found::judgement;
use scope::{Edit, edits};

/// The names of the gates that [`diff_gates`] makes, in their order.
pub const DIFF_GATES: [&str; 3] = ["diff", "secrets", "test-integrity"];

/// Bytes of a file that is read at all. What is larger is not looked into, and that is said.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The gates over the difference between a case's base and the work tree. `known_secrets` are values that
/// are configured and must appear nowhere in what was added; of fewer than six bytes they are not searched
/// for, as they would be found everywhere.
pub fn diff_gates(worktree: Worktree, known_secrets: Vec<Vec<u8>>) -> Vec<Arc<dyn Gate>> {
    let searcher = Arc::new(Searcher::new(&known_secrets));
    let judges: [Judge; 3] = [
        Arc::new(|edits: &[Edit]| leftovers::judge(edits)),
        Arc::new(move |edits: &[Edit]| searcher.judge(edits)),
        Arc::new(|edits: &[Edit]| integrity::judge(edits)),
    ];
    DIFF_GATES
        .into_iter()
        .zip(judges)
        .map(|(id, judge)| Arc::new(DiffGate { id, worktree: worktree.clone(), judge }) as Arc<dyn Gate>)
        .collect()
}

/// What a gate makes of the files that differ.
type Judge = Arc<dyn Fn(&[Edit]) -> Judgement + Send + Sync>;

/// One of the gates over the difference.
struct DiffGate {
    id: &'static str,
    worktree: Worktree,
    judge: Judge,
}

#[async_trait]
impl Gate for DiffGate {
    fn id(&self) -> &str {
        self.id
    }

    async fn judge(&self, case: &Case) -> Judgement {
        let Some(base) = case.base.clone() else {
            return Judgement::new(Verdict::NotApplicable, "there is nothing to compare with");
        };
        let (worktree, judge) = (self.worktree.clone(), Arc::clone(&self.judge));
        // Git's library reads and hashes files: that is no work for the thread that waits.
        let judged = tokio::task::spawn_blocking(move || match changes(&worktree, &base) {
            Ok(changes) => judge(&edits(changes)),
            Err(why) => Judgement::new(Verdict::Inconclusive, why),
        });
        judged.await.unwrap_or_else(|_panic| {
            Judgement::new(Verdict::Inconclusive, "the difference could not be judged: the gate broke down")
        })
    }
}

/// The files that differ from a commit.
pub(crate) fn changes(worktree: &Worktree, base: &str) -> Result<Vec<Change>, String> {
    worktree.changes(base, FILE_BYTES_MAX).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("the work tree could not be compared with what it was: {error}{cause}")
    })
}

/// A judgement over no findings at all.
pub(crate) fn clean(id: &str, edits: &[Edit]) -> Judgement {
    judgement(id, edits, Vec::new())
}

#[cfg(test)]
mod tests;
