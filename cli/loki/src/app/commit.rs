//! A verified run as a commit, where settings ask for one.

use loki_engine::worktree::Committed;
use loki_ledger::run::Run;

use super::{App, AppError, by_model};

impl App {
    /// Commits what a verified run changed, in the user's name, where `git.commit` asks for it. Files that
    /// somebody else changed meanwhile are theirs to commit. Doing it twice is doing it once.
    pub(crate) fn commit(&self, run: &Run) -> Result<Option<Committed>, AppError> {
        let Some(work) = self.work.as_ref().filter(|work| work.commits() && by_model(run)) else {
            return Ok(None);
        };
        let (Some(base), Some(started)) = (run.snapshots.first(), &run.started) else { return Ok(None) };
        let gates: Vec<&str> = run.gates.iter().map(|gate| gate.gate.as_str()).collect();
        let message = format!(
            "Build what {} asks for\n\nRun {} of loki, verified by: {}.\n",
            started.document_name,
            run.id,
            gates.join(", ")
        );
        let co_author = work.co_author();
        let at_ms = self.clock.now().as_millisecond();
        let committed =
            self.worktree().commit(&base.commit, &run.edited, &message, co_author.as_deref(), at_ms)?;
        Ok(committed)
    }
}
