//! The blueprint: the deterministic provider. It turns requirements into the tool calls that build a
//! backend, and nothing else.
//!
//! [`plan`] is pure: what a document asks for and what exists go in, what is missing comes out.
//! [`Blueprint`] carries a plan out, turn by turn.

mod column;
mod declare;
mod names;
mod order;
mod owner;
mod plan;
mod provider;
mod roles;
pub mod signin;
mod table;
mod yaml;

#[cfg(test)]
mod tests;

pub use plan::{Declaration, Existing, Plan, PlannedMigration, plan};
pub use provider::{Blueprint, MIGRATIONS, MigrationFile, NAME};
