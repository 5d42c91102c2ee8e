//! The durable run ledger: append-only, hash-chained events, and the run they add up to.

pub mod event;
pub mod run;
