//! The gates over what a run changed: the files that differ between the snapshot before its first act and
//! the work tree. They read those files alone, ask no model and change nothing.

pub(crate) mod found;
mod leftovers;
pub(crate) mod scope;

use std::sync::{Arc, Mutex, PoisonError};

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
    let compared = Arc::new(Compared::default());
    let gate = |(place, judge)| {
        let (worktree, compared) = (worktree.clone(), Arc::clone(&compared));
        Arc::new(DiffGate { place, worktree, compared, judge }) as Arc<dyn Gate>
    };
    judges.into_iter().enumerate().map(gate).collect()
}

/// What one gate compared, for the gates after it: looking at every file takes longer than judging. Each
/// takes it once, so that the next pass compares anew.
#[derive(Default)]
struct Compared(Mutex<[Option<Slot>; DIFF_GATES.len()]>);

/// A base, and what differs from it.
type Slot = (String, Arc<Vec<Edit>>);

impl Compared {
    /// What a gate before this one compared with `base`, if this one has not taken it yet.
    fn take(&self, place: usize, base: &str) -> Option<Arc<Vec<Edit>>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, edits) = slots.get_mut(place)?.take()?;
        (of == base).then_some(edits)
    }

    /// Keeps what a gate compared for those after it.
    fn keep(&self, place: usize, base: &str, edits: &Arc<Vec<Edit>>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.iter_mut().skip(place + 1) {
            *slot = Some((base.to_owned(), Arc::clone(edits)));
        }
    }
}

/// What a gate makes of the files that differ.
type Judge = Arc<dyn Fn(&[Edit]) -> Judgement + Send + Sync>;

/// One of the gates over the difference.
struct DiffGate {
    /// Among [`DIFF_GATES`].
    place: usize,
    worktree: Worktree,
    compared: Arc<Compared>,
    judge: Judge,
}

#[async_trait]
impl Gate for DiffGate {
    fn id(&self) -> &str {
        DIFF_GATES[self.place]
    }

    async fn judge(&self, case: &Case) -> Judgement {
        let Some(base) = case.base.clone() else {
            return Judgement::new(Verdict::NotApplicable, "there is nothing to compare with");
        };
        let (worktree, judge) = (self.worktree.clone(), Arc::clone(&self.judge));
        let (place, compared) = (self.place, Arc::clone(&self.compared));
        // Git's library reads and hashes files: that is no work for the thread that waits.
        let judged = tokio::task::spawn_blocking(move || {
            if let Some(edits) = compared.take(place, &base) {
                return judge(&edits);
            }
            match changes(&worktree, &base) {
                Ok(changes) => {
                    let edits = Arc::new(edits(changes));
                    compared.keep(place, &base, &edits);
                    judge(&edits)
                }
                Err(why) => Judgement::new(Verdict::Inconclusive, why),
            }
        });
        judged.await.unwrap_or_else(|_panic| {
            Judgement::new(Verdict::Inconclusive, "the difference could not be judged: the gate broke down")
        })
    }
}

/// The files that differ from a commit.
pub(crate) fn changes(worktree: &Worktree, base: &str) -> Result<Vec<Change>, String> {
    worktree.changes(base, None, FILE_BYTES_MAX).map_err(|error| {
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
