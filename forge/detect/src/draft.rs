//! A table as one place of the document describes it.
//!
//! The same table is often described more than once: in prose, in a field table, in a schema. Each
//! place gives a draft; merging prefers the more certain source.

use crate::requirements::TableNeed;

/// A table found somewhere, before drafts of the same table are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The table, as far as this place describes it.
    pub table: TableNeed,
    /// How sure the place is.
    pub source: Source,
}

/// The kind of place a draft comes from, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A schema language: SQL, Prisma, Drizzle, an ER diagram, …
    Schema,
    /// A machine-readable specification: `OpenAPI`, JSON, YAML, XML.
    Spec,
    /// A table of fields in the document.
    FieldTable,
    /// A list of fields in the document.
    Bullets,
    /// A sentence.
    Prose,
}
