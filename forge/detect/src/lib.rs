//! Reads a product requirement document and says which backend it needs, and which it must not get.
//!
//! Pure and deterministic: text in, [`Requirements`] out, every item with the lines it comes from.
//! [`detect`] reads the text into sections and sentences ([`document`], [`scope`]), finds tables
//! ([`entities`], [`formats`]) and services ([`features`]), judges where the product runs
//! ([`clientside`]) and puts the answer together ([`decide`]).

mod clientside;
mod decide;
mod document;
mod draft;
mod entities;
mod exclusions;
mod features;
mod formats;
mod keys;
mod lexicon;
mod merge;
mod names;
mod requirements;
mod scope;

pub use decide::{DOCUMENT_BYTES_MAX, DetectError, Options, detect, detect_bytes};
pub use requirements::{
    Access, BucketNeed, ChannelNeed, ColumnNeed, ColumnType, Exclusion, ExclusionReason, ForeignKeyNeed,
    FunctionKind, FunctionNeed, Requirements, RoleAct, RoleGrant, RoleNeed, ScheduleNeed, TableNeed, VERSION,
};

#[cfg(test)]
mod tests;
