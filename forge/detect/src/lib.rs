//! Reads a product requirement document and says which backend it needs, and which it must not get.
//!
//! Pure and deterministic: text in, [`Requirements`] out, every item with the lines it comes from.

#[expect(dead_code, reason = "read by the merge step")]
mod draft;
mod requirements;

pub use requirements::{
    Access, BucketNeed, ChannelNeed, ColumnNeed, ColumnType, Exclusion, ExclusionReason, ForeignKeyNeed,
    FunctionKind, FunctionNeed, Requirements, ScheduleNeed, TableNeed, VERSION,
};
