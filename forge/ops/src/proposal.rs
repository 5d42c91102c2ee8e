//! What an operation answers: that it is done, or what would have to be approved.

use forge_database::lint::{Area, Finding};
use forge_database::pipeline::Trial;
use serde::Serialize;
use serde_json::Value;

/// What came of an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was carried out.
    Done {
        /// What was done, in one line.
        summary: String,
        /// The answer.
        data: Value,
    },
    /// It waits for an approval of [`Proposal::subject_hash`], or cannot be approved at all.
    Review(Box<Proposal>),
}

/// A change that was worked out, judged and tried on a copy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// What an approval is bound to.
    pub subject_hash: String,
    /// The change's name.
    pub title: String,
    /// What the linter found, the worst first.
    pub findings: Vec<Finding>,
    /// What was tried, and whether it held.
    pub facts: Vec<Fact>,
    /// Why only a person may approve it; `None` when nothing would be lost.
    pub needs_person: Option<String>,
    /// What would run.
    pub up: Vec<String>,
    /// What would undo it.
    pub down: Vec<String>,
    /// The change as people write it.
    pub spec: String,
}

/// Something that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What, such as `shadow_up_down_up`.
    pub name: &'static str,
    /// Whose concern it is.
    pub area: Area,
    /// Whether it held; `None` when there was nothing to check.
    pub passed: Option<bool>,
    /// What was found.
    pub detail: String,
}

impl Proposal {
    /// Whether every fact held, so that an approval would be worth something.
    pub fn proven(&self) -> bool {
        self.facts.iter().all(|fact| fact.passed != Some(false))
    }

    pub(crate) fn of(trial: &Trial) -> Proposal {
        Proposal {
            subject_hash: trial.subject_hash().to_owned(),
            title: trial.name(),
            findings: trial.findings().to_vec(),
            facts: facts(trial),
            needs_person: trial.needs_person().map(str::to_owned),
            up: trial.up(),
            down: trial.down(),
            spec: trial.text(),
        }
    }
}

impl Fact {
    /// A check that holds or says why not.
    pub(crate) fn of(name: &'static str, area: Area, outcome: Result<String, String>) -> Fact {
        let passed = Some(outcome.is_ok());
        Fact { name, area, passed, detail: outcome.unwrap_or_else(|why| why) }
    }
}

fn facts(trial: &Trial) -> Vec<Fact> {
    let shadow = trial.shadow();
    let tried = if shadow.passed {
        Ok(format!("{} steps held on a copy with the data", shadow.steps.len()))
    } else {
        Err(shadow.failures().collect::<Vec<_>>().join("; "))
    };
    let rls = match trial.rls() {
        Some(proof) => crate::verify::policies(proof),
        None => Fact {
            name: "rls_two_identities",
            area: Area::Security,
            passed: None,
            detail: "not tried, because the change does not hold on a copy".to_owned(),
        },
    };
    let proven = shadow.passed && rls.passed != Some(false);
    let (passed, detail) = match trial.backup() {
        Some(backup) => (Some(true), format!("{}, {} bytes", backup.file, backup.bytes)),
        None if proven => (Some(true), "there are no rows to lose".to_owned()),
        None => (None, "not taken, because the change does not hold on a copy".to_owned()),
    };
    vec![
        Fact::of("shadow_up_down_up", Area::Safety, tried),
        rls,
        Fact { name: "backup_verified", area: Area::Operations, passed, detail },
    ]
}
