//! What the gates say about a change, whoever made it; and whether a receipt still holds.

use std::path::Path;
use std::sync::Arc;

use loki_engine::operations::read_receipt;
use loki_engine::receipt::{Receipt, Signer};
use loki_engine::tool::{Case, Gate, Judgement};
use loki_engine::verify::{Check, Evidence, verify};
use loki_ledger::event::Verdict;

use super::{App, AppError, by_model};

/// What the judgements on a change come to. Its number is the exit code of `loki verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opinion {
    /// Nothing speaks against the change.
    Verified = 0,
    /// Something is worth a look.
    Concerns = 1,
    /// A gate does not hold.
    Blocked = 2,
    /// A gate could not find out.
    Unchecked = 3,
}

/// A change that was judged.
pub(crate) struct Judged {
    /// The commit it was compared with.
    pub(crate) commit: String,
    /// The tree of the project's files as they were judged.
    pub(crate) tree: String,
    /// What the judgements come to.
    pub(crate) opinion: Opinion,
    /// What each gate said.
    pub(crate) gates: Vec<(String, Judgement)>,
}

/// Why a change was not judged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unjudged {
    /// There is nothing to compare with, or somebody else is at it.
    #[error("{0}")]
    Unchecked(String),
    /// There is no such gate.
    #[error("there is no gate `{name}`")]
    NoGate {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The project cannot be worked on.
    #[error(transparent)]
    App(#[from] AppError),
}

impl Opinion {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Opinion::Verified => "verified",
            Opinion::Concerns => "concerns",
            Opinion::Blocked => "blocked",
            Opinion::Unchecked => "could_not_check",
        }
    }

    /// The exit code for it.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What these judgements come to: what is worst counts, and nothing judged is nothing verified.
    pub(crate) fn of<'a>(judgements: impl Iterator<Item = &'a Judgement>) -> Opinion {
        let (mut blocked, mut unchecked, mut passed, mut concerns) = (false, false, false, false);
        for judgement in judgements {
            match judgement.verdict {
                Verdict::Fail => blocked = true,
                Verdict::Inconclusive => unchecked = true,
                Verdict::Pass => passed = true,
                Verdict::NotApplicable => {}
            }
            concerns |= !judgement.concerns.is_empty();
        }
        match (blocked, unchecked || !passed, concerns) {
            (true, ..) => Opinion::Blocked,
            (false, true, _) => Opinion::Unchecked,
            (false, false, true) => Opinion::Concerns,
            (false, false, false) => Opinion::Verified,
        }
    }
}

impl App {
    /// Lets the application's gates judge what the work tree changes since `base`: all of them, or those that
    /// are named. `told` hears of each judgement as it is made. Refused while a run or another judge is at it.
    pub(crate) async fn judge(
        &self,
        base: &str,
        only: &[String],
        told: &mut (dyn FnMut(&str, &Judgement) + Send),
    ) -> Result<Judged, Unjudged> {
        self.prepare()?;
        let worktree = self.worktree();
        let commit =
            worktree.resolve(base).map_err(|error| Unjudged::Unchecked(AppError::from(error).to_string()))?;
        // The gates' home folder is for one verification at a time.
        let _lock = self.lock_gates().map_err(Unjudged::Unchecked)?;
        let asked = asked(self.application_gates(), only)?;
        let case = Case { base: Some(commit.clone()), ..Case::default() };
        let mut gates: Vec<(String, Judgement)> = Vec::new();
        for gate in &asked {
            let judgement = gate.judge(&case).await;
            told(gate.id(), &judgement);
            gates.push((gate.id().to_owned(), judgement));
        }
        let opinion = Opinion::of(gates.iter().map(|(_, judgement)| judgement));
        let tree = worktree.tree().map_err(AppError::from)?;
        Ok(Judged { commit, tree, opinion, gates })
    }

    /// Computes everything again that the receipt in this file says.
    pub(crate) async fn check_receipt(&self, path: &Path) -> Result<(Receipt, Vec<Check>), AppError> {
        let receipt = read_receipt(path)?;
        let (reader, run) = self.run(Some(&receipt.run))?;
        let requirements = self.requirements(&reader, &run)?;
        let signer = Signer::open(&self.key())?;
        let (worktree, gates, public_key) =
            (self.worktree(), self.gates(&requirements, by_model(&run)), signer.public());
        let evidence =
            Evidence { reader: &reader, worktree: &worktree, gates: &gates, public_key: &public_key };
        let checks = verify(&receipt, &evidence).await;
        Ok((receipt, checks))
    }
}

/// The gates to ask: all, or those that are named.
fn asked(gates: Vec<Arc<dyn Gate>>, only: &[String]) -> Result<Vec<Arc<dyn Gate>>, Unjudged> {
    if let Some(unknown) = only.iter().find(|name| !gates.iter().any(|gate| gate.id() == *name)) {
        let known = gates.iter().map(|gate| gate.id().to_owned()).collect();
        return Err(Unjudged::NoGate { name: unknown.clone(), known });
    }
    let wanted = |gate: &Arc<dyn Gate>| only.is_empty() || only.iter().any(|name| gate.id() == name);
    Ok(gates.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(verdict: Verdict, concerns: usize) -> Judgement {
        Judgement { concerns: vec!["look".to_owned(); concerns], ..Judgement::new(verdict, "") }
    }

    #[test]
    fn what_is_worst_counts_and_nothing_judged_is_nothing_verified() {
        use Verdict::{Fail, Inconclusive, NotApplicable, Pass};
        for (judged, expected) in [
            (vec![(Pass, 0)], Opinion::Verified),
            (vec![(Pass, 0), (NotApplicable, 0)], Opinion::Verified),
            (vec![(NotApplicable, 0)], Opinion::Unchecked),
            (vec![], Opinion::Unchecked),
            (vec![(Pass, 1)], Opinion::Concerns),
            (vec![(Pass, 1), (Inconclusive, 0)], Opinion::Unchecked),
            (vec![(Pass, 0), (Fail, 0), (Inconclusive, 0)], Opinion::Blocked),
            (vec![(Fail, 2)], Opinion::Blocked),
        ] {
            let judgements: Vec<Judgement> = judged.iter().map(|(v, c)| judgement(*v, *c)).collect();
            assert_eq!(Opinion::of(judgements.iter()), expected, "{judged:?}");
        }
    }
}
