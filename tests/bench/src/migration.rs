//! A migration of ten tables on its way: its proof on a copy, and its application.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use forge_core::{ApprovalBy, Catalog};
use forge_database::pipeline::{Database, Draft, Limits, Proof};
use loki_store::SystemClock;
use serde_json::json;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};

const TABLES: usize = 10;
const ROUNDS: usize = 9;
const NOW: &str = "2026-01-01T00:00:00Z";

/// How long one migration took to prove, and to apply.
struct Took {
    proof: Duration,
    apply: Duration,
}

/// Up, down, up again on a copy, and two identities at its policies.
pub(crate) fn migration_proof(_: &Setup) -> Result<Vec<Figure>, BenchError> {
    figure(|took| took.proof, 400.0)
}

/// One transaction; the backup is part of the proof.
pub(crate) fn migration_apply(_: &Setup) -> Result<Vec<Figure>, BenchError> {
    figure(|took| took.apply, 50.0)
}

fn figure(part: fn(&Took) -> Duration, below: f64) -> Result<Vec<Figure>, BenchError> {
    let rounds =
        (0..ROUNDS).map(|_| migrate()).collect::<Result<Vec<_>, _>>().map_err(BenchError::Migration)?;
    let rounds = rounds.iter().map(|took| milliseconds(part(took))).collect();
    Ok(vec![Figure::new(format!("{TABLES} tables"), "ms", Target::Below(below), rounds)])
}

fn migrate() -> Result<Took, Box<dyn Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let database = Database::open(folder.path(), Limits::default())?;
    let catalog = Catalog::open(folder.path(), Arc::new(SystemClock))?;
    let Draft::Pending(drafted) = database.draft_text(&spec())? else { return Err("nothing to do".into()) };
    let (proof, proof_took) = timed(|| database.prove(*drafted));
    let Proof::Proven(proven) = proof? else { return Err("the migration is refuted".into()) };
    let by = ApprovalBy::Person { name: "bench".to_owned(), reason: "it is measured".to_owned() };
    let approval = catalog.approve(proven.trial().subject_hash(), by, &json!({}))?;
    let (applied, apply_took) = timed(|| database.apply(proven, &approval, NOW));
    applied?;
    Ok(Took { proof: proof_took, apply: apply_took })
}

/// Ten tables, each of a user, all but the first of another table as well.
fn spec() -> String {
    let mut text = String::from("migration: ten_tables\nchanges:\n");
    for number in 0..TABLES {
        let above = match number.checked_sub(1) {
            Some(above) => format!("table_{above}_id fk->table_{above}.id, "),
            None => String::new(),
        };
        text.push_str(&format!(
            "  - add_table: {{name: table_{number}, columns: [id uuid pk, user_id uuid not null, {above}title text not null, \
             amount numeric(10,2), created_at timestamp default now()], rls: own-row, indices: [user_id]}}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migration_measured_is_proven_and_applied() {
        migrate().unwrap();
    }
}
