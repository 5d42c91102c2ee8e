//! What every Forge service shares: names, identities, the error envelope, and the catalog of what
//! was made, approved and done.

mod catalog;
mod error;
mod hash;
mod identity;
mod name;
pub mod sql;

pub use catalog::{
    AUDIT_PAGE_MAX, Approval, ApprovalBy, AuditEntry, AuditHead, Catalog, CatalogError, Declaration,
    Declared, MigrationEntry, NewAuditEntry, Resource, ResourceKind, STATE_FILE, Status, evidence_hash,
};
pub use error::{Envelope, Explain};
pub use hash::sha256_hex;
pub use identity::{Identity, Role};
pub use name::{NAME_BYTES_MAX, Name, NameError, is_reserved, to_snake_case};
