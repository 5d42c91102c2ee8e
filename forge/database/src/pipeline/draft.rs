//! The first step: what a migration or a rollback would do to this database, worked out and judged.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::history::{self, Entry};
use super::{Applied, Database, PipelineError};
use crate::change::Migration;
use crate::ddl::sqlite::quote_name;
use crate::ddl::{Plan, plan};
use crate::introspect::{Introspection, introspect};
use crate::lint::{Finding, Stats, TableStats, lint, table_of};
use crate::schema::{Schema, Table};
use crate::spec::{parse, to_yaml};

/// What came of a request.
#[derive(Debug)]
pub enum Draft {
    /// There is something to do.
    Pending(Box<Drafted>),
    /// It was done before.
    Applied(Applied),
}

/// A change that was planned and judged against the database as it was.
#[derive(Debug)]
pub struct Drafted {
    pub(super) kind: Kind,
    pub(super) before: Schema,
    pub(super) target: Schema,
    pub(super) fingerprint_before: String,
    pub(super) findings: Vec<Finding>,
}

/// What the change is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A new migration.
    Migrate { migration: Migration, plan: Box<Plan> },
    /// Back to a version, undoing these, newest first.
    Rollback { version: u32, entries: Vec<Entry> },
}

impl Drafted {
    /// What the linter found, the worst first. Empty for a rollback: its statements were judged when
    /// they were written.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The schema it leads to.
    pub fn target(&self) -> &Schema {
        &self.target
    }

    /// What an approval of it would be bound to.
    pub fn subject_hash(&self) -> String {
        super::prove::subject_hash(self, &self.fingerprint_before)
    }

    /// What would run.
    pub fn statements(&self) -> Vec<String> {
        self.kind.up()
    }
}

impl Kind {
    pub(super) fn up(&self) -> Vec<String> {
        match self {
            Kind::Migrate { plan, .. } => plan.up.clone(),
            Kind::Rollback { entries, .. } => entries.iter().flat_map(|entry| entry.down.clone()).collect(),
        }
    }

    pub(super) fn down(&self) -> Vec<String> {
        match self {
            Kind::Migrate { plan, .. } => plan.down.clone(),
            Kind::Rollback { entries, .. } => {
                entries.iter().rev().flat_map(|entry| entry.up.clone()).collect()
            }
        }
    }

    /// The change as people write it.
    pub(super) fn text(&self) -> String {
        match self {
            Kind::Migrate { migration, .. } => to_yaml(migration),
            Kind::Rollback { .. } => self.name(),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Kind::Migrate { migration, .. } => migration.name.clone(),
            Kind::Rollback { version, .. } => format!("rollback to version {version}"),
        }
    }
}

impl Database {
    /// Plans and judges a migration written as a spec.
    pub fn draft_text(&self, text: &str) -> Result<Draft, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "read the history", source };
        let conn = self.connect()?;
        let moment = conn.unchecked_transaction().map_err(failed)?;
        // Read against the schema of its time, because that is where the text takes types from.
        for entry in history::holding(&moment).map_err(failed)? {
            let before = &entry.schema_before;
            if text.contains(&entry.name) && parse(text, before).is_ok_and(|read| read == entry.migration) {
                return Ok(Draft::Applied(Applied::again(entry)));
            }
        }
        let (before, fingerprint_before) = undisturbed(&moment)?;
        let migration = parse(text, &before)?;
        draft(&moment, migration, before, fingerprint_before)
    }

    /// Plans and judges a migration.
    pub fn draft(&self, migration: Migration) -> Result<Draft, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "read the history", source };
        let conn = self.connect()?;
        // One transaction, so that history, schema and counts are of the same moment.
        let moment = conn.unchecked_transaction().map_err(failed)?;
        if let Some(entry) = history::by_name(&moment, &migration.name).map_err(failed)?
            && entry.migration == migration
        {
            return Ok(Draft::Applied(Applied::again(entry)));
        }
        let (before, fingerprint_before) = undisturbed(&moment)?;
        draft(&moment, migration, before, fingerprint_before)
    }

    /// Plans the way back to `version`; 0 is the empty database.
    pub fn draft_rollback(&self, version: u32) -> Result<Draft, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "read the history", source };
        let conn = self.connect()?;
        let moment = conn.unchecked_transaction().map_err(failed)?;
        let (newest, entries): (u32, Vec<Entry>) = {
            let holding = history::holding(&moment).map_err(failed)?;
            let newest = holding.first().map_or(0, |entry| entry.version);
            let known = version == 0 || holding.iter().any(|entry| entry.version == version);
            if !known {
                return Err(PipelineError::NoVersion { version, newest });
            }
            (newest, holding.into_iter().filter(|entry| entry.version > version).collect())
        };
        let Some(oldest) = entries.last() else {
            return Ok(Draft::Applied(Applied::nothing(newest)));
        };
        let target = oldest.schema_before.clone();
        let (before, fingerprint_before) = undisturbed(&moment)?;
        let kind = Kind::Rollback { version, entries };
        let findings = Vec::new();
        Ok(Draft::Pending(Box::new(Drafted { kind, before, target, fingerprint_before, findings })))
    }
}

/// The schema and its fingerprint; an error if somebody changed the tables by hand, because a plan for
/// one schema says nothing about another.
fn undisturbed(conn: &Connection) -> Result<(Schema, String), PipelineError> {
    let Introspection { schema, managed, unmanaged, drift, fingerprint } = introspect(conn)?;
    if let Some(drift) = drift.first() {
        return Err(PipelineError::Drift { what: drift.to_string() });
    }
    match unmanaged.first() {
        Some(stray) if !managed => {
            Err(PipelineError::Drift { what: format!("{stray} was not made by Forge") })
        }
        Some(_) | None => Ok((schema, fingerprint)),
    }
}

fn draft(
    moment: &Connection,
    migration: Migration,
    before: Schema,
    fingerprint_before: String,
) -> Result<Draft, PipelineError> {
    let failed = |source| PipelineError::Sqlite { attempt: "read the database", source };
    if let Some(Entry { name, version, .. }) = history::by_name(moment, &migration.name).map_err(failed)? {
        return Err(PipelineError::NameTaken { name, version });
    }
    let plan = plan(&before, &migration)
        .map_err(|error| PipelineError::Plan { name: migration.name.clone(), source: Box::new(error) })?;
    let stats = stats(moment, &before, &migration).map_err(failed)?;
    let findings = lint(&before, &migration, &plan.target, &stats);
    let target = plan.target.clone();
    let kind = Kind::Migrate { migration, plan: Box::new(plan) };
    Ok(Draft::Pending(Box::new(Drafted { kind, before, target, fingerprint_before, findings })))
}

/// Counts rows and nulls of the tables that a migration changes.
fn stats(conn: &Connection, schema: &Schema, migration: &Migration) -> rusqlite::Result<Stats> {
    let mut tables = BTreeMap::new();
    for table in schema.tables.values().filter(|table| changed(migration).contains(table.name.as_str())) {
        tables.insert(table.name.clone(), count(conn, table)?);
    }
    Ok(Stats { tables })
}

/// Every name under which a migration speaks of a table.
fn changed(migration: &Migration) -> BTreeSet<&str> {
    migration.changes.iter().filter_map(table_of).collect()
}

fn count(conn: &Connection, table: &Table) -> rusqlite::Result<TableStats> {
    let nullable: Vec<&str> =
        table.columns.iter().filter(|column| column.nullable).map(|column| column.name.as_str()).collect();
    let counts: String = nullable.iter().map(|name| format!(", count({})", quote_name(name))).collect();
    let sql = format!("SELECT count(*){counts} FROM {}", quote_name(&table.name));
    conn.query_row(&sql, [], |row| {
        let rows = row.get::<_, i64>(0)?.unsigned_abs();
        let mut nulls = BTreeMap::new();
        for (at, name) in nullable.iter().enumerate() {
            let filled = row.get::<_, i64>(at + 1)?.unsigned_abs();
            nulls.insert((*name).to_owned(), rows.saturating_sub(filled));
        }
        Ok(TableStats { rows, nulls })
    })
}
