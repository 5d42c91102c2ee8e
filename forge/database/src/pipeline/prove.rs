//! The second step: the change tried on a copy, with the policies it leaves.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::draft::{Drafted, Kind};
use super::{Database, ENGINE, PipelineError, has_rows, history};
use crate::backup::{self, Backup};
use crate::change::Change;
use crate::contents::{column_names, table_names};
use crate::ddl::Loss;
use crate::ddl::sqlite::quote_name;
use crate::introspect::fingerprint;
use crate::lint::Finding;
use crate::prove::rls::{RlsProof, prove_rls};
use crate::prove::shadow::{Shadow, ShadowProof, Subject, prove_there, prove_there_and_back};
use crate::schema::Schema;
use forge_core::sha256_hex;

/// The proof's outcome.
#[derive(Debug)]
pub enum Proof {
    /// Everything held.
    Proven(Proven),
    /// Something did not: it cannot be applied.
    Refuted(Box<Trial>),
}

/// A change that held on a copy. What [`Database::apply`] takes, and nothing else makes one.
#[derive(Debug)]
pub struct Proven(pub(super) Box<Trial>);

/// A change and what became of it on a copy.
#[derive(Debug)]
pub struct Trial {
    pub(super) drafted: Drafted,
    pub(super) evidence: Evidence,
}

/// What the proof showed.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) subject_hash: String,
    pub(super) shadow: ShadowProof,
    pub(super) rls: Option<RlsProof>,
    pub(super) backup: Option<Backup>,
    pub(super) needs_person: Option<String>,
    /// Rows that the losses touch, by table, when the proof was made.
    pub(super) at_risk: BTreeMap<String, u64>,
}

impl Proven {
    /// What was tried, and what it showed.
    pub fn trial(&self) -> &Trial {
        &self.0
    }
}

impl Proof {
    /// What was tried, and what it showed.
    pub fn trial(&self) -> &Trial {
        match self {
            Proof::Proven(proven) => &proven.0,
            Proof::Refuted(trial) => trial,
        }
    }
}

impl Trial {
    /// What an approval is bound to: the statements and the schemas before and after.
    pub fn subject_hash(&self) -> &str {
        &self.evidence.subject_hash
    }

    /// The change's name.
    pub fn name(&self) -> String {
        self.drafted.kind.name()
    }

    /// What the linter found, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.drafted.findings
    }

    /// What happened on the copy.
    pub fn shadow(&self) -> &ShadowProof {
        &self.evidence.shadow
    }

    /// Whether two people's rows stay apart; `None` when the copy did not get that far.
    pub fn rls(&self) -> Option<&RlsProof> {
        self.evidence.rls.as_ref()
    }

    /// The verified backup taken with the proof; `None` when there are no rows to back up.
    pub fn backup(&self) -> Option<&Backup> {
        self.evidence.backup.as_ref()
    }

    /// Why only a person may approve; `None` when nothing would be lost.
    pub fn needs_person(&self) -> Option<&str> {
        self.evidence.needs_person.as_deref()
    }

    /// The change as people write it: a migration's spec.
    pub fn text(&self) -> String {
        self.drafted.kind.text()
    }

    /// The schema it leads to.
    pub fn target(&self) -> &Schema {
        &self.drafted.target
    }

    /// What would run.
    pub fn up(&self) -> Vec<String> {
        self.drafted.kind.up()
    }

    /// What would undo it.
    pub fn down(&self) -> Vec<String> {
        self.drafted.kind.down()
    }
}

impl Database {
    /// Tries a draft on a copy of the database.
    pub fn prove(&self, drafted: Drafted) -> Result<Proof, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "read the database", source };
        let conn = self.connect()?;
        let moment = conn.unchecked_transaction().map_err(failed)?;
        if fingerprint(&moment)? != drafted.fingerprint_before {
            return Err(PipelineError::Stale);
        }
        let at_risk = at_risk(&moment, &drafted).map_err(failed)?;
        let mut shadow = Shadow::copy(&moment, &self.shadow_dir(), &self.limits.shadow)?;
        drop(moment);
        let (proof, lost) = run(&mut shadow, &drafted).map_err(failed)?;
        let rls = if proof.passed {
            Some(prove_rls(shadow.conn(), &drafted.target, &changed(&drafted))?)
        } else {
            None
        };
        drop(shadow);
        let passed = proof.passed && rls.as_ref().is_some_and(|rls| rls.violations().is_empty());
        let backup = if passed && has_rows(&conn).map_err(failed)? {
            let version = history::version(&conn).map_err(failed)?;
            Some(backup::back_up(&conn, &self.backups_dir(), version, self.limits.backups_max)?)
        } else {
            None
        };
        let needs_person = needs_person(&lost, rls.as_ref());
        let subject_hash = subject_hash(&drafted, &drafted.fingerprint_before);
        let evidence = Evidence { subject_hash, shadow: proof, rls, backup, needs_person, at_risk };
        let trial = Box::new(Trial { drafted, evidence });
        Ok(if passed { Proof::Proven(Proven(trial)) } else { Proof::Refuted(trial) })
    }
}

/// What nobody but a person may answer for: data that goes, and policies that could not be tried.
fn needs_person(lost: &[String], rls: Option<&RlsProof>) -> Option<String> {
    let untried = rls.map(RlsProof::inconclusive).unwrap_or_default();
    let mut reasons = Vec::new();
    if !lost.is_empty() {
        reasons.push(format!("it gives up {}", lost.join(", ")));
    }
    if !untried.is_empty() {
        reasons.push(format!("policies could not be tried: {}", untried.join("; ")));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// What is approved: the statements both ways, and the schemas they lead between.
pub(super) fn subject_hash(drafted: &Drafted, fingerprint_before: &str) -> String {
    let (up, down, name) = (drafted.kind.up(), drafted.kind.down(), drafted.kind.name());
    let (target, count) = (drafted.target.to_json(), up.len().to_string());
    let mut parts = vec!["loki migration 1", ENGINE, &name, fingerprint_before, &target, &count];
    parts.extend(up.iter().chain(&down).map(String::as_str));
    sha256_hex(&parts)
}

/// Runs the draft on the copy; says what of the copy's data it gave up.
fn run(shadow: &mut Shadow, drafted: &Drafted) -> rusqlite::Result<(ShadowProof, Vec<String>)> {
    match &drafted.kind {
        Kind::Migrate { migration, plan } => {
            let lost = lost(shadow.conn(), &plan.losses)?;
            let given_up = given_up(shadow.conn(), &plan.losses)?;
            let seeded = migration.changes.iter().filter_map(|change| match change {
                Change::Seed { table, .. } => Some(table.clone()),
                _ => None, // Only a seed writes rows.
            });
            let seeded = seeded.collect();
            let subject =
                Subject { run: &plan.up, target: &plan.target, given_up: &given_up, seeded: &seeded };
            Ok((prove_there_and_back(shadow, subject, &plan.down), lost))
        }
        Kind::Rollback { entries, .. } => {
            let (mut all, mut losses) = (ShadowProof { passed: true, steps: Vec::new() }, Vec::new());
            for entry in entries {
                losses.extend(lost(shadow.conn(), &entry.down_losses)?);
                let given_up = given_up(shadow.conn(), &entry.down_losses)?;
                let seeded = BTreeSet::new();
                let subject = Subject {
                    run: &entry.down,
                    target: &entry.schema_before,
                    given_up: &given_up,
                    seeded: &seeded,
                };
                let proof = prove_there(shadow, subject);
                all.steps.extend(proof.steps);
                all.passed = proof.passed;
                if !all.passed {
                    break;
                }
            }
            Ok((all, losses))
        }
    }
}

/// The losses that meet data, in words.
pub(super) fn lost(conn: &Connection, losses: &[Loss]) -> rusqlite::Result<Vec<String>> {
    let mut said = Vec::new();
    for loss in losses {
        let table = quote_name(&loss.table);
        let values = loss.column.as_deref().map_or_else(|| "*".to_owned(), quote_name);
        let filled = format!("SELECT count({values}) FROM {table}");
        let rows: i64 = conn.query_row(&filled, [], |row| row.get(0))?;
        if rows > 0 {
            said.push(format!("{loss} ({rows} rows)"));
        }
    }
    Ok(said)
}

/// The columns that the losses touch, by table.
fn given_up(conn: &Connection, losses: &[Loss]) -> rusqlite::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut columns: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for loss in losses {
        let lost = columns.entry(loss.table.clone()).or_default();
        match &loss.column {
            Some(column) => {
                lost.insert(column.clone());
            }
            None => lost.extend(column_names(conn, &loss.table)?),
        }
    }
    Ok(columns)
}

/// Rows of the tables from which the change may take something. More of them when it is applied than
/// when it was proven means that the proof, and whoever read it, did not see what would be lost.
pub(super) fn at_risk(conn: &Connection, drafted: &Drafted) -> rusqlite::Result<BTreeMap<String, u64>> {
    let losses: BTreeSet<&str> = match &drafted.kind {
        Kind::Migrate { plan, .. } => plan.losses.iter().map(|loss| loss.table.as_str()).collect(),
        Kind::Rollback { entries, .. } => {
            // Names may change on the way back, so every table that will not be the same counts.
            let any = entries.iter().any(|entry| !entry.down_losses.is_empty());
            let (before, target) = (&drafted.before.tables, &drafted.target.tables);
            let differs = before.iter().filter(|(name, table)| any && target.get(*name) != Some(table));
            differs.map(|(name, _)| name.as_str()).collect()
        }
    };
    let mut rows = BTreeMap::new();
    for table in table_names(conn)?.into_iter().filter(|name| losses.contains(name.as_str())) {
        let sql = format!("SELECT count(*) FROM {}", quote_name(&table));
        let count: i64 = conn.query_row(&sql, [], |row| row.get(0))?;
        rows.insert(table, count.unsigned_abs());
    }
    Ok(rows)
}

/// The tables that are new or no longer the same.
fn changed(drafted: &Drafted) -> BTreeSet<String> {
    let (before, target) = (&drafted.before.tables, &drafted.target.tables);
    target
        .iter()
        .filter(|(name, table)| before.get(*name) != Some(table))
        .map(|(name, _)| name.clone())
        .collect()
}
