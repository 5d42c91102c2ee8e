//! Approvals: values that only the catalog makes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalBy {
    /// The council, on this evidence.
    Council {
        /// [`evidence_hash`] of the evidence that was voted on.
        evidence_hash: String,
    },
    /// A person, who says why.
    Person {
        /// Their name.
        name: String,
        /// Their reason.
        reason: String,
    },
}

/// A stored approval of what has one hash. There is no way to make one but to store it
/// ([`Catalog::approve`](super::Catalog::approve)) or to find it stored
/// ([`Catalog::approval`](super::Catalog::approval)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    subject_hash: String,
    by: ApprovalBy,
    evidence: Value,
    approved_at: String,
}

impl Approval {
    pub(super) fn stored(subject_hash: String, by: ApprovalBy, evidence: Value, approved_at: String) -> Self {
        Self { subject_hash, by, evidence, approved_at }
    }

    /// The hash of what is approved.
    pub fn subject_hash(&self) -> &str {
        &self.subject_hash
    }

    /// Who approved: `council`, or the person's name.
    pub fn by(&self) -> &str {
        match &self.by {
            ApprovalBy::Council { .. } => "council",
            ApprovalBy::Person { name, .. } => name,
        }
    }

    /// Who approved, in full.
    pub fn approver(&self) -> &ApprovalBy {
        &self.by
    }

    /// Whether a person approved.
    pub fn by_person(&self) -> bool {
        matches!(self.by, ApprovalBy::Person { .. })
    }

    /// On what evidence.
    pub fn evidence(&self) -> &Value {
        &self.evidence
    }

    /// When.
    pub fn approved_at(&self) -> &str {
        &self.approved_at
    }
}

/// The hash of evidence: of its JSON with sorted keys.
pub fn evidence_hash(evidence: &Value) -> String {
    crate::hash::sha256_hex(&["evidence", &evidence.to_string()])
}
