//! Migrations of a Postgres database: drafted, proven on a scratch database, approved, applied.
//!
//! As in [`crate::pipeline`], each step takes what only the step before makes, and the approval is bound
//! to a hash that `apply` computes again from the database itself, under the lock and in the transaction
//! that changes it. The scratch database has the same schema and no rows: that values convert is seen only
//! when the real one changes, in one transaction that then fails whole.

mod count;
mod error;
mod history;
mod trial;

use deadpool_postgres::GenericClient;
use forge_core::{Approval, sha256_hex};
use serde::Serialize;

pub use error::MigrateError;
use trial::{difference, run, trial, within};

use super::scratch::Scratch;
use super::{Pg, PgError, catalog, server};
use crate::change::Migration;
use crate::ddl::Lineage;
use crate::ddl::postgres::{Plan, Step, bootstrap, plan};
use crate::lint::{Finding, lint};
use crate::schema::Schema;
use crate::tables::postgres as sql;

/// The engine's name, part of what is approved: the same change on another engine is another change.
const ENGINE: &str = "postgres";

/// What came of a request.
#[derive(Debug)]
pub enum Draft {
    /// There is something to do.
    Pending(Box<Drafted>),
    /// It was done before.
    Applied(Applied),
}

/// A migration that was planned and judged against the database as it was.
#[derive(Debug)]
pub struct Drafted {
    kind: Kind,
    plan: Plan,
    fingerprint_before: String,
    findings: Vec<Finding>,
}

/// What the change is.
#[derive(Debug)]
enum Kind {
    Migrate(Migration),
    /// Back to a version; 0 is the empty database.
    Rollback(u32),
}

/// A migration that held on a scratch database. What [`Pg::apply`] takes, and nothing else makes one.
#[derive(Debug)]
pub struct Proven {
    drafted: Drafted,
    /// What the transaction leaves in `public`.
    leaves: String,
}

/// A migration that is in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The newest version.
    pub version: u32,
    /// The migration's name.
    pub name: String,
    /// The hash that was approved.
    pub subject_hash: String,
    /// Whether it was there before, so that nothing was done.
    pub already: bool,
    /// Who keeps backups.
    pub backup: Backup,
    /// Indices that were to come after the transaction and did not, with what the server said: the
    /// statements can be run again.
    pub late: Vec<(String, String)>,
}

/// What became of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backup {
    /// None was taken: a server's backups are its operator's.
    Operators,
}

impl Drafted {
    /// What the linter found, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What would run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What an approval is bound to: the engine, the statements and the schemas before and after.
    pub fn subject_hash(&self) -> String {
        subject_hash(&self.plan, &self.fingerprint_before)
    }

    /// Why only a person may approve; `None` when nothing would be lost.
    pub fn needs_person(&self) -> Option<String> {
        let loss = self.plan.losses.first().map(|loss| format!("it gives up {loss}"));
        loss.or_else(|| {
            let blocking = self.findings.iter().find(|finding| finding.severity.blocks());
            blocking.map(|finding| format!("{} in `{}`: {}", finding.rule, finding.subject, finding.message))
        })
    }
}

impl Proven {
    /// What was proven.
    pub fn drafted(&self) -> &Drafted {
        &self.drafted
    }

    /// What an approval is bound to.
    pub fn subject_hash(&self) -> String {
        self.drafted.subject_hash()
    }
}

impl Pg {
    /// Makes the database ready for migrations, for a data plane that logs in as `app_role`. May be
    /// repeated.
    pub async fn prepare(&self, app_role: &str) -> Result<(), MigrateError> {
        let mut connection = self.connection().await?;
        let failed = server("prepare the database");
        let transaction = connection.transaction().await.map_err(&failed)?;
        for statement in bootstrap(app_role) {
            transaction.batch_execute(&statement).await.map_err(&failed)?;
        }
        transaction.batch_execute(sql::CREATE_HISTORY).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(())
    }

    /// The logical schema of the database and its fingerprint.
    pub async fn schema(&self) -> Result<(Schema, String), MigrateError> {
        let connection = self.connection().await?;
        catalog::stored(&connection).await?.ok_or(MigrateError::Unprepared)
    }

    /// Plans and judges a migration.
    pub async fn draft(&self, migration: Migration) -> Result<Draft, MigrateError> {
        let features = self.features().await?;
        let (before, fingerprint_before) = self.schema().await?;
        let connection = self.connection().await?;
        if let Some((version, same, subject_hash)) = history::applied(&connection, &migration).await? {
            let name = migration.name;
            return match same {
                true => Ok(Draft::Applied(again(version, name, subject_hash))),
                false => Err(MigrateError::NameTaken { name, version }),
            };
        }
        let plan = plan(&before, &migration, features).map_err(|source| MigrateError::Plan {
            name: migration.name.clone(),
            source: Box::new(source),
        })?;
        let stats = count::stats(&connection, &before, &migration).await?;
        let findings = lint(&before, &migration, &plan.target, &stats);
        let kind = Kind::Migrate(migration);
        Ok(Draft::Pending(Box::new(Drafted { kind, plan, fingerprint_before, findings })))
    }

    /// Plans the way back to `version`; 0 is the empty database.
    pub async fn draft_rollback(&self, version: u32) -> Result<Draft, MigrateError> {
        let (before, fingerprint_before) = self.schema().await?;
        let connection = self.connection().await?;
        let entries = history::holding(&connection).await?;
        let newest = entries.first().map_or(0, |entry| entry.version);
        if version != 0 && !entries.iter().any(|entry| entry.version == version) {
            return Err(MigrateError::NoVersion { version, newest });
        }
        let undone: Vec<_> = entries.into_iter().filter(|entry| entry.version > version).collect();
        let Some(target) = undone.last().map(|entry| entry.schema_before.clone()) else {
            return Ok(Draft::Applied(again(newest, String::new(), String::new())));
        };
        let plan = Plan {
            name: format!("rollback to version {version}"),
            before,
            target,
            up: together(undone.iter().map(|entry| entry.down.as_slice())),
            down: together(undone.iter().rev().map(|entry| entry.up.as_slice())),
            losses: undone.iter().flat_map(|entry| entry.down_losses.clone()).collect(),
            down_losses: Vec::new(),
            lineage: Lineage::default(),
        };
        // Its statements were judged when they were written.
        let (kind, findings) = (Kind::Rollback(version), Vec::new());
        Ok(Draft::Pending(Box::new(Drafted { kind, plan, fingerprint_before, findings })))
    }

    /// Tries a draft on a scratch database: up, down and up again, and compares what is there each time.
    pub async fn prove(&self, drafted: Drafted) -> Result<Proven, MigrateError> {
        let real = catalog::contents(&self.connection().await?).await?;
        let features = self.features().await?;
        let scratch = Scratch::create(self, &drafted.subject_hash(), features.vector).await?;
        let tried = trial(&scratch.pg, &drafted, &real, features).await;
        let ended = scratch.end(self).await;
        let leaves = tried?;
        ended?;
        Ok(Proven { drafted, leaves })
    }

    /// Carries out what was proven, as approved; `now` is written into the history. Indices that come after
    /// the transaction are made one by one; one that fails is dropped and named, and all else stays.
    pub async fn apply(
        &self,
        proven: Proven,
        approval: &Approval,
        now: &str,
    ) -> Result<Applied, MigrateError> {
        let Proven { drafted, leaves } = proven;
        may(&drafted, approval)?;
        let mut connection = self.connection().await?;
        let failed = server("begin or end the migration");
        let transaction = connection.transaction().await.map_err(&failed)?;
        self.settle(&transaction).await?;
        if let Kind::Migrate(migration) = &drafted.kind
            && let Some((version, true, hash)) = history::applied(&transaction, migration).await?
        {
            return Ok(again(version, drafted.plan.name, hash));
        }
        let name = &drafted.plan.name;
        let stored = catalog::stored(&transaction).await?.ok_or(MigrateError::Unprepared)?;
        if subject_hash(&drafted.plan, &stored.1) != approval.subject_hash() {
            return Err(MigrateError::Stale { name: name.clone() });
        }
        run(&transaction, name, &within(&drafted.plan.up)).await?;
        let found = catalog::contents(&transaction).await?;
        if found != leaves {
            let difference = difference(&leaves, &found);
            let what = "did not lead to what was proven";
            return Err(MigrateError::Refuted { name: name.clone(), what, difference });
        }
        let version = history::record(&transaction, &drafted, approval, now).await?;
        // Data planes read the catalogs again, this project's and PostgREST alike.
        transaction.batch_execute(sql::NOTIFY).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        let late = self.after(&connection, &drafted.plan.up).await?;
        let subject_hash = drafted.subject_hash();
        let name = drafted.plan.name;
        Ok(Applied { version, name, subject_hash, already: false, backup: Backup::Operators, late })
    }

    /// Time limits, and the lock that lets one migration run at a time.
    async fn settle(&self, transaction: &impl GenericClient) -> Result<(), PgError> {
        let (lock, statement) = (self.limits.lock.as_millis(), self.limits.statement.as_millis());
        let sql = format!(
            "SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}; {}",
            sql::LOCK
        );
        transaction.batch_execute(&sql).await.map_err(server("wait for another migration to end"))
    }

    /// The statements after the transaction.
    async fn after(
        &self,
        client: &impl GenericClient,
        steps: &[Step],
    ) -> Result<Vec<(String, String)>, PgError> {
        let mut late = Vec::new();
        let failed = server("set the time for indices");
        for step in steps.iter().filter(|step| !step.in_transaction) {
            let limit = format!("SET statement_timeout = {}", self.limits.index.as_millis());
            client.batch_execute(&limit).await.map_err(&failed)?;
            if let Err(error) = client.batch_execute(&step.sql).await {
                late.push((step.sql.clone(), said(&error)));
                drop_invalid(client, &step.sql).await?;
            }
            client.batch_execute("RESET statement_timeout").await.map_err(&failed)?;
        }
        Ok(late)
    }
}

/// Drops the index that the statement left half-made: it would slow down writes and help nobody.
async fn drop_invalid(client: &impl GenericClient, statement: &str) -> Result<(), PgError> {
    let failed = server("drop an index that could not be made");
    for row in client.query(sql::INVALID_INDICES, &[]).await.map_err(&failed)? {
        let name = crate::ddl::postgres::quote_name(row.get(0));
        if statement.contains(&format!(" {name} ON ")) {
            let sql = format!("DROP INDEX IF EXISTS public.{name}");
            client.batch_execute(&sql).await.map_err(&failed)?;
        }
    }
    Ok(())
}

/// Whether this approval allows this migration at all.
fn may(drafted: &Drafted, approval: &Approval) -> Result<(), MigrateError> {
    let subject = drafted.subject_hash();
    if approval.subject_hash() != subject {
        let approved = approval.subject_hash().to_owned();
        return Err(MigrateError::OtherSubject { approved, subject });
    }
    match drafted.needs_person() {
        Some(reason) if !approval.by_person() => {
            Err(MigrateError::NeedsPerson { name: drafted.plan.name.clone(), reason })
        }
        Some(_) | None => Ok(()),
    }
}

fn subject_hash(plan: &Plan, fingerprint_before: &str) -> String {
    let (up, target) = (plan.hash(), plan.target.to_json());
    let mut parts = vec!["loki migration 1", ENGINE, &plan.name, fingerprint_before, &target, &up];
    parts.extend(plan.down.iter().map(|step| step.sql.as_str()));
    sha256_hex(&parts)
}

/// Several migrations' statements as one's. What comes after a transaction comes within it where another
/// migration follows, which may need it.
fn together<'s>(migrations: impl Iterator<Item = &'s [Step]>) -> Vec<Step> {
    let all: Vec<&[Step]> = migrations.collect();
    let alone = all.len() == 1;
    let step = |step: &Step| match step.in_transaction || alone {
        true => step.clone(),
        false => step.within_transaction(),
    };
    all.into_iter().flatten().map(step).collect()
}

fn again(version: u32, name: String, subject_hash: String) -> Applied {
    let backup = Backup::Operators;
    Applied { version, name, subject_hash, already: true, backup, late: Vec::new() }
}

/// What the server said, without the statement's values.
fn said(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| format!("{}: {}", error.code().code(), error.message()))
}
