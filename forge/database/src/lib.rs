//! The database service: migrations that are typed, proven, approved and undoable, and rows that
//! only their owners reach.
//!
//! Flow of a migration: [`spec`] text -> [`change::Migration`] -> [`ddl::plan`] -> `lint` -> shadow proof and
//! two-identity proof -> backup -> (council, outside) -> approval -> `apply`.

#[cfg(test)]
mod arbitrary;
pub mod auth;
pub mod backup;
pub mod change;
pub mod contents;
pub mod ddl;
pub mod execute;
pub mod introspect;
pub mod lint;
pub mod people;
pub mod pipeline;
pub mod policy;
pub mod postgres;
pub mod prove;
mod room;
pub mod routine;
pub mod rows;
pub mod schema;
pub mod spec;
mod tables;

pub use room::is_disk_full;
