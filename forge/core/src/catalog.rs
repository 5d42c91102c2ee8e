//! The catalog: what Forge made, what was approved, and who did what. `.loki/forge/state.db`.
//!
//! The audit log is a chain of hashes whose head is kept apart, so that a changed, removed or
//! appended entry shows. Approvals are [`Approval`] values that nothing but this module can make:
//! what demands one cannot be called without an approval that is stored here.

mod approval;
mod audit;
mod resource;
mod tables;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use loki_store::{Clock, Durability, Migration, Options, Store, StoreError};
use serde_json::Value;

pub use approval::{Approval, ApprovalBy, evidence_hash};
pub use audit::{AuditEntry, AuditHead, NewAuditEntry};
pub use resource::{Declaration, Declared, MigrationEntry, Resource, ResourceKind, Status};

use crate::error::Explain;

/// The file's name inside Forge's folder.
pub const STATE_FILE: &str = "state.db";
/// The largest JSON text that one row holds.
const JSON_BYTES_MAX: usize = 1 << 20;
/// The longest name, actor, action, subject or key.
const TEXT_BYTES_MAX: usize = 500;
/// The most audit entries that one call returns.
pub const AUDIT_PAGE_MAX: u32 = 1_000;

const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "catalog", sql: include_str!("catalog/migrations/0001_catalog.sql") }];

/// The catalog of one project. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// Why the catalog did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Forge's folder could not be made.
    #[error("failed to create `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the catalog could not be read or written")]
    Store(#[from] StoreError),
    /// A field is empty, too long, or not of its form.
    #[error("the {field} {why}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An audit key was used before for something else.
    #[error("the audit key `{key}` stands for another entry already")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// The audit log is not what was written.
    #[error("the audit log is broken at entry {seq}: {why}")]
    Broken {
        /// The entry, counted from 1.
        seq: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// An approval's evidence is not what its hash says.
    #[error("the evidence does not have the hash that the council voted on")]
    Evidence,
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Explain for CatalogError {
    fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "catalog_folder",
            Self::Store(_) => "catalog_store",
            Self::Invalid { .. } => "catalog_invalid",
            Self::KeyReused { .. } => "audit_key_reused",
            Self::Broken { .. } => "audit_broken",
            Self::Evidence => "approval_evidence",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Broken { .. } => {
                Some("restore `.loki/forge/state.db` from a backup and compare".to_owned())
            }
            Self::Folder { .. } | Self::Store(_) => Some("run `loki doctor`".to_owned()),
            Self::Invalid { .. } | Self::KeyReused { .. } | Self::Evidence => None,
        }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Catalog {
    /// Opens the catalog in Forge's folder `dir`, making both where they are not there.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, CatalogError> {
        std::fs::create_dir_all(dir)
            .map_err(|source| CatalogError::Folder { path: dir.to_owned(), source })?;
        let store = Store::open(&dir.join(STATE_FILE), MIGRATIONS, &Options::default())?;
        Ok(Self { store, clock })
    }

    /// Opens an existing catalog for reading; writes are refused.
    pub fn open_read_only(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, CatalogError> {
        let store = Store::open_read_only(&dir.join(STATE_FILE), MIGRATIONS)?;
        Ok(Self { store, clock })
    }

    /// Whether there is a catalog in `dir`.
    pub fn exists(dir: &Path) -> bool {
        dir.join(STATE_FILE).is_file()
    }

    /// Declares a resource. Saying the same again changes nothing; another spec or a step from
    /// declared to ready updates it.
    pub fn declare(&self, declaration: Declaration) -> Result<Declared, CatalogError> {
        text("name", &declaration.name)?;
        json("spec", &declaration.spec)?;
        let at = self.now();
        self.store.write(Durability::Process, move |tx| tables::resources::declare(tx, &declaration, &at))
    }

    /// All resources, or those of one kind; sorted by kind and name.
    pub fn resources(&self, kind: Option<ResourceKind>) -> Result<Vec<Resource>, CatalogError> {
        self.store.read(|conn| tables::resources::list(conn, kind))
    }

    /// One resource.
    pub fn resource(&self, kind: ResourceKind, name: &str) -> Result<Option<Resource>, CatalogError> {
        self.store.read(|conn| tables::resources::one(conn, kind, name))
    }

    /// Takes a resource off the list; false when it was not on it.
    pub fn remove(&self, kind: ResourceKind, name: &str) -> Result<bool, CatalogError> {
        let name = name.to_owned();
        self.store.write(Durability::Process, move |tx| tables::resources::remove(tx, kind, &name))
    }

    /// Mirrors an applied migration; the database's own history is what counts. Repeating it
    /// changes nothing.
    pub fn record_migration(&self, entry: MigrationEntry) -> Result<(), CatalogError> {
        text("name", &entry.name)?;
        hash("up_hash", &entry.up_hash)?;
        self.store.write(Durability::Disk, move |tx| tables::migrations::put(tx, &entry))
    }

    /// Takes migrations above `version` out of the mirror, after they were undone.
    pub fn forget_migrations_above(&self, version: u32) -> Result<usize, CatalogError> {
        self.store.write(Durability::Disk, move |tx| tables::migrations::remove_above(tx, version))
    }

    /// The mirrored migrations, oldest first.
    pub fn migrations(&self) -> Result<Vec<MigrationEntry>, CatalogError> {
        self.store.read(tables::migrations::list)
    }

    /// Appends to the audit log. The same entry under the same key is appended once; returns it as
    /// it stands in the log.
    pub fn audit(&self, entry: NewAuditEntry) -> Result<AuditEntry, CatalogError> {
        check_entry(&entry)?;
        let at = self.now();
        self.store.write(Durability::Process, move |tx| tables::audit::append(tx, &entry, &at))
    }

    /// Up to [`AUDIT_PAGE_MAX`] entries after the one with the number `after` (0: from the start).
    pub fn audit_entries(&self, after: u64) -> Result<Vec<AuditEntry>, CatalogError> {
        self.store.read(|conn| tables::audit::page(conn, after, AUDIT_PAGE_MAX))
    }

    /// Reads the whole audit log and checks every hash, the numbering and the head.
    pub fn verify_audit(&self) -> Result<AuditHead, CatalogError> {
        self.store.read(tables::audit::verify)
    }

    /// Approves what has the hash `subject_hash`, and says so in the audit log.
    ///
    /// Approving again what is approved changes nothing, except that a person's approval takes the
    /// place of a council's.
    pub fn approve(
        &self,
        subject_hash: &str,
        by: ApprovalBy,
        evidence: &Value,
    ) -> Result<Approval, CatalogError> {
        hash("subject_hash", subject_hash)?;
        json("evidence", evidence)?;
        match &by {
            ApprovalBy::Council { evidence_hash: voted } if *voted != evidence_hash(evidence) => {
                return Err(CatalogError::Evidence);
            }
            ApprovalBy::Council { .. } => {}
            ApprovalBy::Person { name, reason } => {
                text("name", name)?;
                text("reason", reason)?;
            }
        }
        let (subject_hash, evidence, at) = (subject_hash.to_owned(), evidence.clone(), self.now());
        self.store.write(Durability::Disk, move |tx| {
            tables::approvals::approve(tx, &subject_hash, &by, &evidence, &at)
        })
    }

    /// The approval that stands for `subject_hash`. It must agree with the audit log.
    pub fn approval(&self, subject_hash: &str) -> Result<Option<Approval>, CatalogError> {
        self.store.read(|conn| tables::approvals::standing(conn, subject_hash))
    }

    /// Voids the approval of `subject_hash`, and says so in the audit log; false when none stands.
    pub fn void(&self, subject_hash: &str, reason: &str) -> Result<bool, CatalogError> {
        text("reason", reason)?;
        let (subject_hash, reason, at) = (subject_hash.to_owned(), reason.to_owned(), self.now());
        self.store.write(Durability::Disk, move |tx| tables::approvals::void(tx, &subject_hash, &reason, &at))
    }

    fn now(&self) -> String {
        format!("{:.3}", self.clock.now())
    }
}

fn check_entry(entry: &NewAuditEntry) -> Result<(), CatalogError> {
    text("key", &entry.key)?;
    text("actor", &entry.actor)?;
    text("action", &entry.action)?;
    text("subject", &entry.subject)?;
    json("details", &entry.details)
}

fn text(field: &'static str, text: &str) -> Result<(), CatalogError> {
    let why = if text.trim().is_empty() {
        "is missing".to_owned()
    } else if text.len() > TEXT_BYTES_MAX {
        format!("is {} bytes long, {TEXT_BYTES_MAX} are allowed", text.len())
    } else if text.chars().any(char::is_control) {
        "holds control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(CatalogError::Invalid { field, why })
}

fn hash(field: &'static str, text: &str) -> Result<(), CatalogError> {
    let shaped = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if shaped {
        return Ok(());
    }
    Err(CatalogError::Invalid { field, why: "is no SHA-256 in lower-case hex".to_owned() })
}

fn json(field: &'static str, value: &Value) -> Result<(), CatalogError> {
    let bytes = value.to_string().len();
    if bytes <= JSON_BYTES_MAX {
        return Ok(());
    }
    Err(CatalogError::Invalid {
        field,
        why: format!("is {bytes} bytes of JSON, {JSON_BYTES_MAX} are allowed"),
    })
}

#[cfg(test)]
mod tests;
