//! Adding, changing and removing rows, with the policies of who asks.
//!
//! What may be written, and in which order refusals come, is as in Postgres: values are converted first; then
//! new rows pass the checks, before any constraint looks at them, so that an error about a constraint tells
//! nothing to those who may not write the row; the checks see the tables as they were. Foreign keys come last.
//! `forge_database::rows` keeps the same order for the callers that it has.

mod defaults;
mod delete;
mod insert;
mod keys;
mod returning;
mod target;
mod unique;
mod update;
mod upsert;

pub(super) use delete::delete;
pub(super) use insert::insert;
pub(super) use update::update;
