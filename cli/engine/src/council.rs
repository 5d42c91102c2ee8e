//! The council's rules: how votes become a decision.
//!
//! Pure. [`crate::effects`] calls the reviewers and asks here what to do with what they say.
//!
//! Three reviewers, each with an area of its own, judge a proposal without seeing each other's votes.
//! Findings freeze in round one: later rounds only uphold or drop them. Where the first votes are
//! unanimous, a fourth reviewer argues the other side before the proposal passes.

pub mod reviewers;

use serde::{Deserialize, Serialize};

use crate::tool::Finding;

/// Rounds in all.
pub const ROUNDS_MAX: u32 = 3;
/// Votes that must be cast for a round to count.
pub const QUORUM: usize = 2;
/// Reviewers of a round.
pub const SEATS: usize = 3;

/// What one reviewer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// Whether the proposal may go ahead.
    pub approves: bool,
    /// What speaks against it. In later rounds: the frozen findings that are upheld.
    pub findings: Vec<Finding>,
    /// Why, in a sentence.
    pub reason: String,
}

/// What one seat of the council did in a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Who sits there.
    pub reviewer: String,
    /// What they said; `Err` with the reason when they said nothing in time. That is no vote.
    pub opinion: Result<Opinion, String>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The reviewers' ballots.
    pub ballots: Vec<Ballot>,
    /// The devil's advocate's, where the round was unanimous.
    pub advocate: Option<Ballot>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Hold a round about these findings (none before the first).
    Convene(Vec<Finding>),
    /// Hear the devil's advocate about the round just held.
    Advocate,
    /// It is approved.
    Approved,
    /// It is not.
    Rejected(String),
}

/// Decides from the rounds held so far.
pub fn decide(rounds: &[Round]) -> Decision {
    let (Some(first), Some(last)) = (rounds.first(), rounds.last()) else {
        return Decision::Convene(Vec::new());
    };
    let votes: Vec<&Opinion> =
        last.ballots.iter().filter_map(|ballot| ballot.opinion.as_ref().ok()).collect();
    if votes.len() < QUORUM {
        return Decision::Rejected(format!(
            "no quorum: {} of {} reviewers voted, {QUORUM} must",
            votes.len(),
            last.ballots.len()
        ));
    }
    let unanimous = votes.iter().all(|vote| vote.approves);
    if rounds.len() == 1 && unanimous && last.advocate.is_none() {
        return Decision::Advocate;
    }
    let open = blocking(first, rounds);
    if open.is_empty() && 2 * votes.iter().filter(|vote| vote.approves).count() > votes.len() {
        // An advocate who could not be heard leaves a unanimous vote unchallenged.
        return match &first.advocate {
            Some(Ballot { opinion: Err(why), .. }) => {
                Decision::Rejected(format!("the devil's advocate was not heard: {why}"))
            }
            Some(_) | None => Decision::Approved,
        };
    }
    if rounds.len() < ROUNDS_MAX as usize {
        return Decision::Convene(frozen(first));
    }
    Decision::Rejected(match open.first() {
        Some(finding) => format!("{}: {}", finding.rule, finding.message),
        None => "the reviewers do not agree".to_owned(),
    })
}

/// The findings of round one, each once.
pub fn frozen(first: &Round) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in first.ballots.iter().chain(&first.advocate).filter_map(|b| b.opinion.as_ref().ok()) {
        for finding in &finding.findings {
            if !all.contains(finding) {
                all.push(finding.clone());
            }
        }
    }
    all
}

/// The frozen findings that block and that the newest round upholds. In round one a finding is upheld by
/// whoever raised it; later by at least half of the votes, so that a doubt counts against the proposal.
fn blocking(first: &Round, rounds: &[Round]) -> Vec<Finding> {
    let frozen = frozen(first).into_iter().filter(|finding| finding.severity.blocks());
    match rounds {
        [.., last] if rounds.len() > 1 => {
            let votes: Vec<&Opinion> = last.ballots.iter().filter_map(|b| b.opinion.as_ref().ok()).collect();
            let upheld = |finding: &Finding| {
                2 * votes.iter().filter(|vote| vote.findings.contains(finding)).count() >= votes.len()
            };
            frozen.filter(upheld).collect()
        }
        _ => frozen.collect(),
    }
}

#[cfg(test)]
mod tests;
