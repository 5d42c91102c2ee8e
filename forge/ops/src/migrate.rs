//! Migrations and rollbacks: proposed, approved elsewhere, applied.

use std::sync::PoisonError;

use forge_database::pipeline::{Applied, Draft, Drafted, Proof, Proven};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::operations::read;
use crate::{Forge, OpError, Outcome, Proposal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Migrate {
    spec: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollBack {
    version: u32,
}

pub(crate) fn dry_run(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Migrate { spec } = read(name, input)?;
    let drafted = match forge.database.draft_text(&spec)? {
        Draft::Applied(applied) => return Ok(done(&applied)),
        Draft::Pending(drafted) => drafted,
    };
    let proof = forge.database.prove(*drafted)?;
    let proposal = Proposal::of(proof.trial());
    let verdict = if proposal.proven() { "holds on a copy" } else { "does not hold on a copy" };
    let summary = format!("`{}` {verdict}; {} findings", proposal.title, proposal.findings.len());
    let data = json!(proposal);
    if let Proof::Proven(proven) = proof {
        keep(forge, proven);
    }
    Ok(Outcome::Done { summary, data })
}

pub(crate) fn migrate(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Migrate { spec } = read(name, input)?;
    carry_out(forge, forge.database.draft_text(&spec)?)
}

pub(crate) fn roll_back(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let RollBack { version } = read(name, input)?;
    carry_out(forge, forge.database.draft_rollback(version)?)
}

pub(crate) fn carry_out(forge: &Forge, draft: Draft) -> Result<Outcome, OpError> {
    let drafted = match draft {
        Draft::Applied(applied) => {
            forge.database.reconcile(&forge.catalog)?;
            return Ok(done(&applied));
        }
        Draft::Pending(drafted) => *drafted,
    };
    let proven = match kept(forge, &drafted) {
        Some(proven) => proven,
        None => match forge.database.prove(drafted)? {
            Proof::Proven(proven) => proven,
            Proof::Refuted(trial) => return Ok(Outcome::Review(Box::new(Proposal::of(&trial)))),
        },
    };
    let Some(approval) = forge.catalog.approval(proven.trial().subject_hash())? else {
        let proposal = Proposal::of(proven.trial());
        keep(forge, proven);
        return Ok(Outcome::Review(Box::new(proposal)));
    };
    let applied = forge.database.apply(proven, &approval, &format!("{:.3}", forge.clock.now()))?;
    forge.database.reconcile(&forge.catalog)?;
    Ok(done(&applied))
}

fn done(applied: &Applied) -> Outcome {
    let summary = match (applied.already, applied.name.as_str()) {
        (true, "") => format!("version {} holds already", applied.version),
        (true, name) => format!("`{name}` was applied before, as version {}", applied.version),
        (false, name) => format!("`{name}` is applied; version {} holds", applied.version),
    };
    Outcome::Done { summary, data: json!(applied) }
}

pub(crate) fn keep(forge: &Forge, proven: Proven) {
    *forge.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(proven);
}

/// The proof of exactly this draft, if it is the one that was made last.
pub(crate) fn kept(forge: &Forge, drafted: &Drafted) -> Option<Proven> {
    let mut kept = forge.proven.lock().unwrap_or_else(PoisonError::into_inner);
    kept.take_if(|proven| proven.trial().subject_hash() == drafted.subject_hash())
}
