//! The ledger's tables: all of its SQL, one file per table.

pub(crate) mod artifacts;
pub(crate) mod calls;
pub(crate) mod commands;
pub(crate) mod events;
pub(crate) mod heads;
pub(crate) mod proposals;
pub(crate) mod runs;
pub(crate) mod tasks;

use loki_store::Migration;

/// The steps to the newest schema. Append-only; `schema.sql` is their sum.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "ledger", sql: include_str!("tables/migrations/0001-ledger.sql") },
    Migration { version: 2, name: "desk", sql: include_str!("tables/migrations/0002-desk.sql") },
];
