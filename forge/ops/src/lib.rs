//! The operations on Forge, each defined once: a name, JSON in, JSON out. Every door offers the same.
//!
//! [`Forge`] holds the catalog and the database. What changes the database comes back as a [`Proposal`]
//! until an approval of exactly that change is stored; the same call then carries it out.

mod auth;
mod declare;
mod error;
mod forge;
mod migrate;
mod operations;
mod proposal;
mod summary;
mod verify;

#[cfg(test)]
mod tests;

pub use auth::{People, PeopleError};
pub use error::{ForgeError, OpError};
pub use forge::Forge;
pub use operations::{Access, OperationInfo};
pub use proposal::{Fact, Outcome, Proposal};
