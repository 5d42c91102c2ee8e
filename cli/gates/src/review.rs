//! The `review` gate: a council of models for a change, where a model is there.
//!
//! Three reviewers, and one who argues the other side, see the document and the difference and nothing of
//! each other. They are offered no tools. What they say is an assessment: it can hold a change back, and it
//! is kept apart from facts. The rules by which votes decide are [`loki_engine::council`]'s.

mod answer;
mod council;
mod patch;
mod prompt;

use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Case, Fact, Gate, Judgement, Proposal};
use loki_engine::worktree::Worktree;
use loki_ledger::event::Verdict;
use loki_provider::{Cost, Provider};

use crate::diff::changes;
use crate::diff::scope::edits;
use crate::secrets::Searcher;
use patch::Patch;

pub use council::ModelReviewer;
pub use prompt::{Brief, Seat};

/// Ballots at the most: every seat in every round, and the advocate once.
const BALLOTS_MAX: u64 = loki_engine::council::SEATS as u64 * loki_engine::council::ROUNDS_MAX as u64 + 1;

/// The gate.
pub struct ReviewGate {
    worktree: Worktree,
    provider: Arc<dyn Provider>,
    searcher: Arc<Searcher>,
    facts: Vec<Fact>,
}

impl ReviewGate {
    /// A council of `provider`, which is asked for every seat. `known_secrets` are configured values that
    /// are cut out of what it is shown, beside everything else that has the form of a secret.
    pub fn new(worktree: Worktree, provider: Arc<dyn Provider>, known_secrets: &[Vec<u8>]) -> Self {
        Self { worktree, provider, searcher: Arc::new(Searcher::new(known_secrets)), facts: Vec::new() }
    }

    /// The same, told what deterministic gates found.
    #[must_use]
    pub fn with_facts(self, facts: Vec<Fact>) -> Self {
        Self { facts, ..self }
    }

    /// The change to review; `Ok(None)` where nothing differs.
    fn subject(&self, base: &str) -> Result<Option<Subject>, String> {
        let edits = edits(changes(&self.worktree, base)?);
        if edits.is_empty() {
            return Ok(None);
        }
        let patch = Patch::of(&edits, &self.searcher);
        let proposal = Proposal {
            subject: patch.sha256(),
            title: format!("a change of {} files", edits.len()),
            findings: Vec::new(),
            facts: self.facts.clone(),
            needs_person: None,
            person_alone: false,
            act: vec![patch.text.clone()],
            undo: vec![format!("put the work tree back to {base}")],
        };
        Ok(Some(Subject { proposal, patch: Arc::new(patch) }))
    }

    fn members(&self, case: &Case, patch: &Arc<Patch>) -> Vec<ModelReviewer> {
        let brief = Arc::new(Brief::new(&case.document, &case.checklist));
        let seat = |seat| {
            ModelReviewer::new(seat, Arc::clone(&self.provider), Arc::clone(&brief), Arc::clone(patch))
        };
        Seat::ALL.into_iter().map(seat).collect()
    }

    /// Why this provider cannot sit on a council, where it cannot.
    fn unfit(&self) -> Option<String> {
        let name = self.provider.name();
        if self.provider.acts() {
            return Some(format!(
                "{name} decides itself how often it asks its model: ten opinions of it would take most of a budget"
            ));
        }
        self.provider.deterministic().then(|| format!("{name} is no model"))
    }
}

/// What is reviewed.
struct Subject {
    proposal: Proposal,
    patch: Arc<Patch>,
}

#[async_trait]
impl Gate for ReviewGate {
    fn id(&self) -> &str {
        "review"
    }

    /// Every ballot that may be cast, each for what its first round would cost.
    fn quote(&self, case: &Case) -> Option<u64> {
        let Some(base) = case.base.as_deref().filter(|_| self.unfit().is_none()) else { return Some(0) };
        let Some(subject) = self.subject(base).ok()? else { return Some(0) };
        worst(&self.members(case, &subject.patch), &subject.proposal)
    }

    async fn judge(&self, case: &Case) -> Judgement {
        let Some(base) = case.base.clone() else {
            return Judgement::new(Verdict::NotApplicable, "there is nothing to compare with");
        };
        if let Some(why) = self.unfit() {
            return Judgement::new(Verdict::NotApplicable, why);
        }
        let subject = match self.read(base).await {
            Ok(Some(subject)) => subject,
            Ok(None) => return Judgement::new(Verdict::NotApplicable, "nothing changed: nothing to review"),
            Err(why) => return Judgement::new(Verdict::Inconclusive, why),
        };
        let members = self.members(case, &subject.patch);
        let quote = worst(&members, &subject.proposal);
        if case.allowance_micro_usd.is_some_and(|allowance| quote.is_none_or(|quote| quote > allowance)) {
            return Judgement::new(Verdict::Inconclusive, "the budget does not allow a review");
        }
        council::hold(&members, &subject.proposal, &subject.patch, case.allowance_micro_usd).await
    }
}

impl ReviewGate {
    /// The subject, read where waiting is allowed.
    async fn read(&self, base: String) -> Result<Option<Subject>, String> {
        let own = Self {
            worktree: self.worktree.clone(),
            provider: Arc::clone(&self.provider),
            searcher: Arc::clone(&self.searcher),
            facts: self.facts.clone(),
        };
        let read = tokio::task::spawn_blocking(move || own.subject(&base));
        read.await.unwrap_or_else(|_panic| Err("the change could not be read".to_owned()))
    }
}

/// What a whole council may cost, in millionths of a US dollar; `None` where a price is not known.
fn worst(members: &[ModelReviewer], proposal: &Proposal) -> Option<u64> {
    let quotes = members.iter().map(|member| member.quote(proposal, &[]));
    let dearest = quotes.collect::<Option<Vec<u64>>>()?.into_iter().max()?;
    Some(dearest.saturating_mul(BALLOTS_MAX))
}

/// The amount, where one is known.
fn micro_usd(cost: Cost) -> Option<u64> {
    match cost {
        Cost::Measured { micro_usd } | Cost::Estimated { micro_usd } => Some(micro_usd),
        Cost::Unknown => None,
    }
}

#[cfg(test)]
mod tests;
