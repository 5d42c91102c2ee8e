//! The Postgres renderer: logical schemas as native tables, types, policies and privileges in the schema
//! `public`, and the statements from one to another.
//!
//! Pure, as everything in [`super`]. [`bootstrap()`] prepares a database once; [`plan`] is
//! [`super::plan`]'s counterpart. The order of a table's columns is that of the logical schema for those
//! who read it; Postgres adds columns at the end and keeps them there.

mod bootstrap;
mod convert;
mod enums;
mod plan;
mod privilege;
mod program;
mod seed;
mod steps;
mod table;
mod value;

pub use bootstrap::bootstrap;
pub use plan::{Plan, create, plan};
pub(crate) use steps::steps;
pub use table::sql_type;
pub use value::literal;

use serde::{Deserialize, Serialize};

pub use super::sqlite::{quote_name, quote_text};
use crate::schema::Schema;

/// A statement and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The statement.
    pub sql: String,
    /// Whether it runs in the migration's transaction. What does not comes after it, one by one, because
    /// it takes long and must not hold locks meanwhile.
    pub in_transaction: bool,
}

impl Step {
    fn within(sql: String) -> Step {
        Step { sql, in_transaction: true }
    }

    fn after(sql: String) -> Step {
        Step { sql, in_transaction: false }
    }

    /// The same, made to run in the transaction.
    pub(crate) fn within_transaction(&self) -> Step {
        Step::within(self.sql.replacen("INDEX CONCURRENTLY ", "INDEX ", 1))
    }
}

/// What the server can do beyond the least that is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// Whether the extension `vector` is there.
    pub vector: bool,
    /// The major version, such as 15.
    pub version: u32,
}

/// The oldest major version that views obey policies on: `security_invoker` came with it.
pub const VERSION_MIN: u32 = 15;

/// What every transaction of a migration begins with: nothing depends on the session's settings.
pub const PROLOGUE: [&str; 4] = [
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, MDY'",
    "SET LOCAL check_function_bodies = off",
    "SET CONSTRAINTS ALL DEFERRED",
];

/// Stores the logical schema.
fn store_schema(schema: &Schema) -> String {
    let json = schema.to_json();
    format!(
        "INSERT INTO loki._loki_schema (id, version, json, fingerprint) VALUES (1, {}, {}, {}) ON CONFLICT (id) DO \
         UPDATE SET version = excluded.version, json = excluded.json, fingerprint = excluded.fingerprint",
        crate::schema::VERSION,
        quote_text(&json),
        quote_text(&crate::tables::schema::fingerprint(&json))
    )
}

#[cfg(test)]
mod tests;
