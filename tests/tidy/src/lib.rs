//! What the compiler and the lints cannot see: which crate may use which, where things live, how
//! long files are, and that the README speaks of commands that exist.
//!
//! Every check is a function from what was read to a list of complaints, so that each is tested with
//! a case that breaks it. `the_repository_is_tidy` runs them all over this repository.

pub mod documents;
pub mod manifests;
pub mod sources;
mod walk;

pub use walk::{Repository, SourceFile};

/// Something out of place, in one line.
pub type Complaint = String;

#[cfg(test)]
mod tests;
