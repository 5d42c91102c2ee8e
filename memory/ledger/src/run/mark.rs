//! What an iteration came to, in a form that two iterations can be compared by.

use super::Run;
use crate::event::{ArtifactId, Verdict};

/// What an iteration came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which iteration.
    pub iteration: u32,
    /// The work tree's hash; empty where it was not compared.
    pub tree: String,
    /// The gates that did not pass, and a hash over what failed in each.
    pub failing: Vec<(String, String)>,
    /// Hash over the checklist.
    pub checklist: ArtifactId,
}

impl Mark {
    /// What the run's present iteration came to.
    pub(super) fn of(run: &Run) -> Self {
        let failing =
            |gate: &&super::GateResult| !matches!(gate.verdict, Verdict::Pass | Verdict::NotApplicable);
        Self {
            iteration: run.iteration,
            tree: run.trees.last().map(|(_, tree)| tree.clone()).unwrap_or_default(),
            failing: run
                .gates
                .iter()
                .filter(failing)
                .map(|gate| (gate.gate.clone(), gate.failing.clone()))
                .collect(),
            checklist: ArtifactId::of(run.checklist.join("\n").as_bytes()),
        }
    }

    /// Whether the two came to the same: the same failures of the same files under the same plan.
    pub fn same_as(&self, other: &Self) -> bool {
        (&self.tree, &self.failing, &self.checklist) == (&other.tree, &other.failing, &other.checklist)
    }
}
