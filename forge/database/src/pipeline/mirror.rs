//! The catalog and the audit log, brought into agreement with the database's own history.
//!
//! A change is in the database from its commit on; the catalog, another file, follows. A process that
//! dies in between leaves the catalog behind, so [`Database::reconcile`] is run at every open. Every step
//! of it can be repeated: it says what the history says, under keys that the history gives. One process at a time
//! does so: who read the history before another's commit would else forget what the other has just written down.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use forge_core::{
    AuditEntry, Catalog, CatalogError, Declaration, MigrationEntry, NewAuditEntry, ResourceKind, Status,
    sha256_hex,
};
use serde_json::json;

use super::history::Entry;
use super::{Database, PipelineError};
use crate::introspect::introspect;
use crate::schema::{Schema, Table};

/// The file that one process at a time has locked while it compares the catalog with the database.
const MIRROR_LOCK: &str = "mirror.lock";

/// What had to be repaired; all zero when the catalog agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mirrored {
    /// Migrations that the catalog did not know, or should have forgotten.
    pub migrations: usize,
    /// Tables that it did not know so, or should have forgotten.
    pub tables: usize,
}

impl Database {
    /// Brings catalog and audit log into agreement with the database.
    pub fn reconcile(&self, catalog: &Catalog) -> Result<Mirrored, PipelineError> {
        let _alone = self.alone()?;
        let history = self.history()?;
        let migrations = migrations(catalog, &history)?;
        for entry in &history {
            audit(catalog, entry)?;
        }
        let tables = tables(catalog, &introspect(&self.connect()?)?.schema)?;
        Ok(Mirrored { migrations, tables })
    }

    /// Whether the catalog says what the history says; the first difference otherwise.
    pub fn agrees(&self, catalog: &Catalog) -> Result<Result<(), String>, PipelineError> {
        let _alone = self.alone()?;
        let wanted = holding(&self.history()?);
        if catalog.migrations()? != wanted {
            return Ok(Err("the catalog's migrations are not the database's".to_owned()));
        }
        let schema = introspect(&self.connect()?)?.schema;
        let known = catalog.resources(Some(ResourceKind::Table))?;
        let same = known.len() == schema.tables.len()
            && known.iter().all(|resource| {
                schema.tables.get(&resource.name).is_some_and(|table| resource.spec == spec(table))
            });
        Ok(if same { Ok(()) } else { Err("the catalog's tables are not the database's".to_owned()) })
    }

    /// Waits until nobody else brings the catalog into agreement; they do not until this is dropped. Whoever holds
    /// it only reads and writes two small files, and the kernel takes it from a process that ends.
    fn alone(&self) -> Result<File, PipelineError> {
        let path = self.dir.join(MIRROR_LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let held = options.open(&path).and_then(|file| file.lock().map(|()| file));
        held.map_err(|source| PipelineError::File { attempt: "lock", path, source })
    }
}

fn holding(history: &[Entry]) -> Vec<MigrationEntry> {
    history.iter().filter(|entry| entry.undone_by.is_none()).map(mirrored).collect()
}

fn mirrored(entry: &Entry) -> MigrationEntry {
    MigrationEntry {
        version: entry.version,
        name: entry.name.clone(),
        up_hash: up_hash(entry),
        applied_at: entry.applied_at.clone(),
    }
}

fn up_hash(entry: &Entry) -> String {
    let parts: Vec<&str> = entry.up.iter().map(String::as_str).collect();
    sha256_hex(&parts)
}

fn migrations(catalog: &Catalog, history: &[Entry]) -> Result<usize, CatalogError> {
    let (wanted, known) = (holding(history), catalog.migrations()?);
    let mut repaired = 0;
    let mut kept = known.clone();
    if let Some(stale) = known.iter().find(|entry| !wanted.contains(entry)) {
        // Forgetting goes from the top down, so what still holds above is written again below.
        repaired += catalog.forget_migrations_above(stale.version.saturating_sub(1))?;
        kept.retain(|entry| entry.version < stale.version);
    }
    for entry in wanted.into_iter().filter(|entry| !kept.contains(entry)) {
        catalog.record_migration(entry)?;
        repaired += 1;
    }
    Ok(repaired)
}

/// Says in the audit log that a migration was applied and, if so, undone.
fn audit(catalog: &Catalog, entry: &Entry) -> Result<AuditEntry, CatalogError> {
    let applied = catalog.audit(NewAuditEntry {
        key: format!("migration.apply/{}", entry.version),
        actor: entry.approved_by.clone(),
        action: "migration.apply".to_owned(),
        subject: entry.name.clone(),
        details: json!({
            "version": entry.version,
            "subject_hash": entry.subject_hash,
            "up_hash": up_hash(entry),
        }),
    })?;
    let Some(undone_by) = &entry.undone_by else { return Ok(applied) };
    catalog.audit(NewAuditEntry {
        key: format!("migration.undo/{}", entry.version),
        actor: "forge".to_owned(),
        action: "migration.undo".to_owned(),
        subject: entry.name.clone(),
        details: json!({ "version": entry.version, "subject_hash": undone_by }),
    })
}

fn tables(catalog: &Catalog, schema: &Schema) -> Result<usize, CatalogError> {
    let known = catalog.resources(Some(ResourceKind::Table))?;
    let mut repaired = 0;
    for gone in known.iter().filter(|resource| !schema.tables.contains_key(&resource.name)) {
        catalog.remove(ResourceKind::Table, &gone.name)?;
        repaired += 1;
    }
    for table in schema.tables.values() {
        let spec = spec(table);
        let same = |resource: &&forge_core::Resource| resource.name == table.name;
        if known.iter().find(same).is_some_and(|resource| resource.spec == spec) {
            continue;
        }
        catalog.declare(Declaration {
            kind: ResourceKind::Table,
            name: table.name.clone(),
            spec,
            lines: Vec::new(),
            status: Status::Ready,
        })?;
        repaired += 1;
    }
    Ok(repaired)
}

/// What the catalog keeps of a table: enough to list it, the rest is in the database.
fn spec(table: &Table) -> serde_json::Value {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    json!({
        "columns": columns,
        "primary_key": table.primary_key,
        "rls": table.rls.as_ref().map(|rls| rls.label.as_str()),
    })
}
