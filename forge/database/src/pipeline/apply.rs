//! The last step: a proven and approved change, carried out in one transaction.

use forge_core::Approval;
use rusqlite::Transaction;
use serde::Serialize;

use super::draft::{Drafted, Kind};
use super::history::{self, Entry, NewEntry};
use super::prove::{Proven, Trial, at_risk, subject_hash};
use super::{Database, PipelineError, has_rows};
use crate::backup::{self, Backup, BackupError};
use crate::execute::{ExecuteError, execute};
use crate::introspect::{IntrospectError, fingerprint, introspect};

/// A change that is in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The newest version that now holds.
    pub version: u32,
    /// The change's name; empty where there was nothing to do.
    pub name: String,
    /// The hash that was approved.
    pub subject_hash: String,
    /// Whether it was there before, so that nothing was done.
    pub already: bool,
    /// The backup taken just before; `None` when there were no rows, or nothing was done.
    pub backup: Option<Backup>,
}

/// Why a change was not applied. The database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The approval is for something else.
    #[error("the approval is for {approved}, not for {subject}")]
    OtherSubject {
        /// The hash that was approved.
        approved: String,
        /// The hash of what was to be applied.
        subject: String,
    },
    /// Data would be lost, or a finding blocks, and no person approved.
    #[error("`{name}` needs the approval of a person: {reason}")]
    NeedsPerson {
        /// The change.
        name: String,
        /// What would be lost, or what was found.
        reason: String,
    },
    /// The database is not the one that was proven and approved.
    #[error("the approval of `{name}` no longer holds: {why}")]
    Stale {
        /// The change.
        name: String,
        /// What changed.
        why: String,
    },
    /// The change led elsewhere than on the copy.
    #[error("`{name}` did not lead to the schema that was approved")]
    Diverged {
        /// The change.
        name: String,
    },
    /// A statement failed.
    #[error("`{name}` could not be carried out")]
    Execute {
        /// The change.
        name: String,
        /// Which statement, and why.
        #[source]
        source: Box<ExecuteError>,
    },
    /// A statement of the way back failed.
    #[error("the rollback to version {version} could not be carried out")]
    RollbackFailed {
        /// The version.
        version: u32,
        /// Which statement, and why.
        #[source]
        source: Box<ExecuteError>,
    },
    /// The backup failed, so nothing was begun.
    #[error("the backup before the change failed")]
    Backup(#[from] BackupError),
    /// The schema cannot be read.
    #[error("the database's schema cannot be read")]
    Introspect(#[from] IntrospectError),
    /// SQLite refused.
    #[error("failed to {attempt}")]
    Sqlite {
        /// What was attempted.
        attempt: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The database cannot be opened.
    #[error("the database cannot be used")]
    Database(#[source] Box<PipelineError>),
}

impl Applied {
    /// There was nothing to do.
    pub(super) fn nothing(version: u32) -> Applied {
        Applied { version, name: String::new(), subject_hash: String::new(), already: true, backup: None }
    }

    /// The migration behind `entry` was applied before.
    pub(super) fn again(entry: Entry) -> Applied {
        let Entry { version, name, subject_hash, .. } = entry;
        Applied { version, name, subject_hash, already: true, backup: None }
    }
}

/// Why the transaction ended without a commit.
enum Stop {
    Already(Box<Entry>),
    Refused(ApplyError),
    Failed(Box<ExecuteError>),
}

impl From<ExecuteError> for Stop {
    fn from(error: ExecuteError) -> Self {
        Stop::Failed(Box::new(error))
    }
}

impl From<ApplyError> for Stop {
    fn from(error: ApplyError) -> Self {
        Stop::Refused(error)
    }
}

impl From<IntrospectError> for Stop {
    fn from(error: IntrospectError) -> Self {
        Stop::Refused(error.into())
    }
}

impl Database {
    /// Carries out what was proven, as approved; `now` is written into the history.
    pub fn apply(&self, proven: Proven, approval: &Approval, now: &str) -> Result<Applied, ApplyError> {
        let trial = *proven.0;
        let name = trial.name();
        may(&trial, approval)?;
        let mut conn = self.connect().map_err(|error| ApplyError::Database(Box::new(error)))?;
        let failed = |source| ApplyError::Sqlite { attempt: "read the database", source };
        let backup = if has_rows(&conn).map_err(failed)? {
            let version = history::version(&conn).map_err(failed)?;
            Some(backup::back_up(&conn, &self.backups_dir(), version, self.limits.backups_max)?)
        } else {
            None
        };
        let first = |live: &Transaction<'_>| still_holds(live, &trial, approval);
        let last = |live: &Transaction<'_>| record(live, &trial, approval, now);
        match execute(&mut conn, &trial.up(), first, last) {
            Ok(version) => {
                let subject_hash = trial.evidence.subject_hash;
                Ok(Applied { version, name, subject_hash, already: false, backup })
            }
            Err(Stop::Already(entry)) => Ok(Applied::again(*entry)),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Failed(source)) => Err(match &trial.drafted.kind {
                Kind::Migrate { .. } => ApplyError::Execute { name, source },
                Kind::Rollback { version, .. } => ApplyError::RollbackFailed { version: *version, source },
            }),
        }
    }
}

/// Whether this approval allows this change at all.
fn may(trial: &Trial, approval: &Approval) -> Result<(), ApplyError> {
    if approval.subject_hash() != trial.evidence.subject_hash {
        return Err(ApplyError::OtherSubject {
            approved: approval.subject_hash().to_owned(),
            subject: trial.evidence.subject_hash.clone(),
        });
    }
    if approval.by_person() {
        return Ok(());
    }
    let needs_person = |reason| Err(ApplyError::NeedsPerson { name: trial.name(), reason });
    if let Some(reason) = &trial.evidence.needs_person {
        return needs_person(reason.clone());
    }
    match trial.drafted.findings.iter().find(|finding| finding.severity.blocks()) {
        Some(finding) => {
            needs_person(format!("{} in `{}`: {}", finding.rule, finding.subject, finding.message))
        }
        None => Ok(()),
    }
}

/// Whether the database that is about to change is the one that was proven: asked inside the
/// transaction, so that nothing can come between the answer and the change.
fn still_holds(live: &Transaction<'_>, trial: &Trial, approval: &Approval) -> Result<(), Stop> {
    let failed = |source| ApplyError::Sqlite { attempt: "compare the database with the proof", source };
    let drafted = &trial.drafted;
    if let Kind::Migrate { migration, .. } = &drafted.kind
        && let Some(entry) = history::by_name(live, &migration.name).map_err(failed)?
        && entry.subject_hash == approval.subject_hash()
    {
        return Err(Stop::Already(Box::new(entry)));
    }
    let stale = |why: &str| ApplyError::Stale { name: trial.name(), why: why.to_owned() };
    if subject_hash(drafted, &fingerprint(live)?) != approval.subject_hash() {
        return Err(stale("the schema changed after the proof").into());
    }
    if !same_history(live, drafted).map_err(failed)? {
        return Err(stale("other migrations were applied or undone after the proof").into());
    }
    let now = at_risk(live, drafted).map_err(failed)?;
    let grown = now.iter().find(|(table, rows)| trial.evidence.at_risk.get(*table) < Some(*rows));
    match grown {
        Some((table, _)) => Err(stale(&format!("`{table}` got more rows, which would be lost")).into()),
        None => Ok(()),
    }
}

/// Whether a rollback still undoes exactly what holds above its version.
fn same_history(live: &Transaction<'_>, drafted: &Drafted) -> rusqlite::Result<bool> {
    let Kind::Rollback { version, entries } = &drafted.kind else { return Ok(true) };
    let holding = history::holding(live)?;
    let above = holding.iter().map(|entry| entry.version).filter(|above| above > version);
    Ok(above.eq(entries.iter().map(|entry| entry.version)))
}

/// Checks where the statements led and writes the history, before the commit.
fn record(live: &Transaction<'_>, trial: &Trial, approval: &Approval, now: &str) -> Result<u32, Stop> {
    let failed = |source| ApplyError::Sqlite { attempt: "write the history", source };
    let Drafted { kind, before, target, .. } = &trial.drafted;
    if introspect(live)?.schema != *target {
        return Err(ApplyError::Diverged { name: trial.name() }.into());
    }
    let subject_hash = &trial.evidence.subject_hash;
    match kind {
        Kind::Migrate { migration, plan } => {
            let entry = NewEntry {
                migration,
                subject_hash,
                up: &plan.up,
                down: &plan.down,
                down_losses: &plan.down_losses,
                schema_before: before,
                approved_by: approval.by(),
                applied_at: now,
            };
            Ok(history::insert(live, &entry).map_err(failed)?)
        }
        Kind::Rollback { version, .. } => {
            history::undo_above(live, *version, subject_hash).map_err(failed)?;
            Ok(history::version(live).map_err(failed)?)
        }
    }
}
