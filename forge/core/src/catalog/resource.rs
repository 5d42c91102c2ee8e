//! What Forge made or was asked to make.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kinds of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ResourceKind {
    Table,
    AuthProvider,
    Role,
    Bucket,
    Function,
    Schedule,
    Channel,
    Payment,
    Secret,
    VectorIndex,
    Gateway,
}

/// How far a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked for; the service that makes it has not yet.
    Declared,
    /// There.
    Ready,
}

/// A resource to declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name, unique in its kind.
    pub name: String,
    /// What it is.
    pub spec: Value,
    /// Lines of the document it comes from.
    pub lines: Vec<u32>,
    /// How far it is.
    pub status: Status,
}

/// What a declaration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// It was new.
    Created,
    /// It was known and is different now.
    Updated,
    /// It was known just so.
    Unchanged,
}

/// A resource of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// What it is.
    pub spec: Value,
    /// Lines of the document it comes from.
    pub lines: Vec<u32>,
    /// How far it is.
    pub status: Status,
    /// When it was first declared.
    pub created_at: String,
}

/// A migration as the catalog mirrors it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationEntry {
    /// Its number in the database's history.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The hash of what was run.
    pub up_hash: String,
    /// When.
    pub applied_at: String,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Table,
        Self::AuthProvider,
        Self::Role,
        Self::Bucket,
        Self::Function,
        Self::Schedule,
        Self::Channel,
        Self::Payment,
        Self::Secret,
        Self::VectorIndex,
        Self::Gateway,
    ];

    /// Its name, as JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::AuthProvider => "auth_provider",
            Self::Role => "role",
            Self::Bucket => "bucket",
            Self::Function => "function",
            Self::Schedule => "schedule",
            Self::Channel => "channel",
            Self::Payment => "payment",
            Self::Secret => "secret",
            Self::VectorIndex => "vector_index",
            Self::Gateway => "gateway",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Ready => "ready",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Declared, Self::Ready].into_iter().find(|status| status.as_str() == name)
    }
}
