//! Entries of the audit log and their hashes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What precedes the first entry.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// An entry to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The caller's key: the same key and content are appended once.
    pub key: String,
    /// Who acted.
    pub actor: String,
    /// What they did, such as `migration.apply`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What else there is to say. No secrets.
    pub details: Value,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// The caller's key.
    pub key: String,
    /// When.
    pub at: String,
    /// Who acted.
    pub actor: String,
    /// What they did.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What else there is to say.
    pub details: Value,
    /// The hash of the entry before.
    pub prev: String,
    /// The hash of this entry.
    pub hash: String,
}

/// The last entry of a log that verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Its number; 0 for an empty log.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl AuditEntry {
    /// The entry that follows `prev`.
    pub(super) fn after(prev: &AuditHead, entry: &NewAuditEntry, at: &str) -> Self {
        let mut next = Self {
            seq: prev.seq + 1,
            key: entry.key.clone(),
            at: at.to_owned(),
            actor: entry.actor.clone(),
            action: entry.action.clone(),
            subject: entry.subject.clone(),
            details: entry.details.clone(),
            prev: prev.hash.clone(),
            hash: String::new(),
        };
        next.hash = next.expected_hash();
        next
    }

    /// The hash that the entry's content has.
    pub(super) fn expected_hash(&self) -> String {
        crate::hash::sha256_hex(&[
            "audit",
            &self.seq.to_string(),
            &self.key,
            &self.at,
            &self.actor,
            &self.action,
            &self.subject,
            &self.details.to_string(),
            &self.prev,
        ])
    }

    pub(super) fn says(&self, entry: &NewAuditEntry) -> bool {
        self.actor == entry.actor
            && self.action == entry.action
            && self.subject == entry.subject
            && self.details == entry.details
    }
}
