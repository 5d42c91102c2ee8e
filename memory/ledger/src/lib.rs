//! The durable run ledger: append-only, hash-chained events, and the run they add up to.
//!
//! [`Ledger`] writes and is held by one process at a time; [`Reader`] reads, from any process, and
//! may leave a command for the one that writes.

pub mod event;
pub mod journal;
pub mod run;
pub mod tasks;

mod chain;
mod error;
mod ledger;
mod reader;
mod references;
mod tables;
mod tail;
mod transfer;
mod walk;

#[cfg(test)]
mod tests;

pub use chain::{Broken, EventHash, Head, Recorded};
pub use error::LedgerError;
pub use ledger::{ARTIFACT_BYTES_MAX, EVENT_BYTES_MAX, Ledger, PendingCommand};
pub use reader::{PAGE_EVENTS_MAX, Page, Reader, RunRow};
pub use tail::Tail;
pub use transfer::ImportReport;
pub use walk::ChainReport;
