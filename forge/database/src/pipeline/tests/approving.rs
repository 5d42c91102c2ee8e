//! Approvals, as the catalog gives them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_core::{Approval, ApprovalBy, Catalog, evidence_hash};
use loki_store::FixedClock;
use serde_json::json;

pub(super) struct Approver(pub(super) Catalog);

impl Approver {
    pub(super) fn new(dir: &Path) -> Approver {
        let clock = FixedClock::new("2026-01-01T00:00:00Z".parse().expect("a time"), Duration::from_secs(1));
        Approver(Catalog::open(dir, Arc::new(clock)).expect("a catalog"))
    }

    pub(super) fn council(&self, hash: &str) -> Approval {
        let evidence = json!({ "votes": 3 });
        let by = ApprovalBy::Council { evidence_hash: evidence_hash(&evidence) };
        self.0.approve(hash, by, &evidence).expect("an approval")
    }

    pub(super) fn person(&self, hash: &str) -> Approval {
        let by = ApprovalBy::Person { name: "ada".to_owned(), reason: "nobody reads it".to_owned() };
        self.0.approve(hash, by, &json!({})).expect("an approval")
    }
}
