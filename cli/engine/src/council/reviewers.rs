//! Who sits on the council: the trait, and reviewers that judge by facts alone.

use std::sync::Arc;

use async_trait::async_trait;

use loki_ledger::event::Usage;

use super::Opinion;
use crate::tool::{Area, Fact, Finding, Proposal, Severity};

/// A member of the council.
#[async_trait]
pub trait Reviewer: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Judges a proposal. `open` are the frozen findings to uphold or drop; empty in round one.
    async fn review(&self, proposal: &Proposal, open: &[Finding]) -> Review;
}

/// What a reviewer returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What it says; an error is no vote.
    pub opinion: Result<Opinion, String>,
    /// What asking it cost.
    pub usage: Usage,
}

impl Review {
    /// An opinion that cost nothing.
    pub fn free(opinion: Opinion) -> Self {
        Self { opinion: Ok(opinion), usage: Usage::FREE }
    }
}

/// Facts that must have been established, by area, before anything is applied. One that is missing is a
/// finding: nothing passes because nobody looked.
const REQUIRED: &[(Area, &str)] = &[
    (Area::Safety, "shadow_up_down_up"),
    (Area::Security, "rls_two_identities"),
    (Area::Operations, "backup_verified"),
];

/// Three reviewers without a model, one for each area.
pub fn deterministic() -> Vec<Arc<dyn Reviewer>> {
    [("safety", Area::Safety), ("security", Area::Security), ("operations", Area::Operations)]
        .into_iter()
        .map(|(name, area)| Arc::new(ByFacts { name, area }) as Arc<dyn Reviewer>)
        .collect()
}

/// The devil's advocate without a model.
pub fn advocate() -> Arc<dyn Reviewer> {
    Arc::new(Advocate)
}

/// Judges one area by its facts and findings.
struct ByFacts {
    name: &'static str,
    area: Area,
}

#[async_trait]
impl Reviewer for ByFacts {
    fn name(&self) -> &str {
        self.name
    }

    async fn review(&self, proposal: &Proposal, open: &[Finding]) -> Review {
        let mut findings = against(proposal, self.area);
        if !open.is_empty() {
            // Whatever the area: a frozen finding is upheld when the proposal itself bears it out.
            let all = [Area::Safety, Area::Security, Area::Operations];
            let borne: Vec<Finding> = all.into_iter().flat_map(|area| against(proposal, area)).collect();
            let doubts = doubts(proposal);
            findings = open.iter().filter(|f| borne.contains(f) || doubts.contains(f)).cloned().collect();
        }
        let approves = !findings.iter().any(|finding| finding.severity.blocks());
        let reason = match (approves, findings.len()) {
            (true, 0) => format!("nothing in {} speaks against it", self.name),
            (true, n) => format!("{n} findings in {}, none of them blocks", self.name),
            (false, n) => format!("{n} findings in {}, at least one of them blocks", self.name),
        };
        Review::free(Opinion { approves, findings, reason })
    }
}

/// Looks for what nobody established: facts that are inconclusive, an undo that is missing, changes that
/// no check speaks about.
struct Advocate;

#[async_trait]
impl Reviewer for Advocate {
    fn name(&self) -> &str {
        "devil's advocate"
    }

    async fn review(&self, proposal: &Proposal, _open: &[Finding]) -> Review {
        let findings = doubts(proposal);
        let approves = findings.is_empty();
        let reason = if approves { "every fact was established" } else { "not everything was established" };
        Review::free(Opinion { approves, findings, reason: reason.to_owned() })
    }
}

/// What speaks against the proposal in one area.
fn against(proposal: &Proposal, area: Area) -> Vec<Finding> {
    let mut findings: Vec<Finding> = proposal
        .findings
        .iter()
        .filter(|finding| finding.area == area)
        .cloned()
        .map(left(proposal))
        .collect();
    for (_, name) in REQUIRED.iter().filter(|(of, _)| *of == area) {
        if !proposal.facts.iter().any(|fact| fact.name == *name) {
            findings.push(fact_finding("COUNCIL001", area, name, "was never tried"));
        }
    }
    let failed = |fact: &&Fact| fact.area == area && fact.passed == Some(false);
    findings.extend(
        proposal
            .facts
            .iter()
            .filter(failed)
            .map(|fact| fact_finding("COUNCIL002", area, &fact.name, &format!("failed: {}", fact.detail))),
    );
    findings
}

/// A finding that is left to a person, where one is asked, weighs what a word of advice does.
fn left(proposal: &Proposal) -> impl Fn(Finding) -> Finding {
    let asked = proposal.needs_person.is_some();
    move |finding| match finding.person && asked {
        true => Finding { severity: finding.severity.min(Severity::Medium), ..finding },
        false => finding,
    }
}

/// What was not established.
fn doubts(proposal: &Proposal) -> Vec<Finding> {
    let mut findings: Vec<Finding> = proposal
        .facts
        .iter()
        .filter(|fact| fact.passed.is_none())
        .map(|fact| {
            fact_finding("COUNCIL003", fact.area, &fact.name, &format!("is inconclusive: {}", fact.detail))
        })
        .collect();
    if !proposal.act.is_empty() && proposal.undo.is_empty() {
        findings.push(fact_finding("COUNCIL004", Area::Operations, "undo", "is missing"));
    }
    if proposal.act.is_empty() {
        findings.push(fact_finding("COUNCIL005", Area::Safety, "act", "is empty: there is nothing to judge"));
    }
    findings
}

fn fact_finding(rule: &str, area: Area, name: &str, what: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity: Severity::High,
        area,
        subject: name.to_owned(),
        message: format!("{name} {what}"),
        fix: format!("establish {name} and propose again"),
        person: false,
    }
}
