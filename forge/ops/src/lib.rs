//! The operations on Forge, each defined once: a name, JSON in, JSON out. Every door offers the same.
//!
//! [`Forge`] holds the catalog and the database. What changes the database comes back as a [`Proposal`]
//! until an approval of exactly that change is stored; the same call then carries it out.

mod apply;
mod auth;
mod data;
mod declare;
mod doctor;
mod error;
mod forge;
mod migrate;
mod operations;
mod proposal;
mod semantic;
mod shorthand;
mod summary;
mod verify;

#[cfg(test)]
mod tests;

pub use auth::{People, PeopleError};
pub use data::{Data, Plane};
pub use error::{ForgeError, OpError};
pub use forge::Forge;
pub use operations::OperationInfo;
pub use proposal::{Fact, Outcome, Proposal};
