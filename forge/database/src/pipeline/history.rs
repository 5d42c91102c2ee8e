//! The history: what was applied to this database, kept in the database itself.
//!
//! An entry is written in the transaction that applies its migration, so the two are never apart. The
//! catalog and the audit log follow, and are repaired from here.

use serde::{Deserialize, Serialize};

use crate::change::Migration;
use crate::ddl::Loss;
use crate::schema::Schema;

pub use crate::tables::migrations::all;
pub(crate) use crate::tables::migrations::{by_name, create, holding, insert, undo_above, version};

/// One applied migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; counts up and is never used again, not even after a rollback.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The migration, typed.
    pub migration: Migration,
    /// The hash that was approved.
    pub subject_hash: String,
    /// What was run.
    pub up: Vec<String>,
    /// What undoes it.
    pub down: Vec<String>,
    /// Data that undoing it gives up.
    pub down_losses: Vec<Loss>,
    /// The schema before it.
    pub schema_before: Schema,
    /// Who approved it.
    pub approved_by: String,
    /// When it was applied.
    pub applied_at: String,
    /// The hash of the rollback that undid it; `None` while it holds.
    pub undone_by: Option<String>,
}

/// A migration to be noted; its version is given by the table.
pub(crate) struct NewEntry<'a> {
    pub(crate) migration: &'a Migration,
    pub(crate) subject_hash: &'a str,
    pub(crate) up: &'a [String],
    pub(crate) down: &'a [String],
    pub(crate) down_losses: &'a [Loss],
    pub(crate) schema_before: &'a Schema,
    pub(crate) approved_by: &'a str,
    pub(crate) applied_at: &'a str,
}
