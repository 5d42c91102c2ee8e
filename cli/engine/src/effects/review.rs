//! The council at work: reviewers are asked, votes are counted, approvals are stored.

use std::sync::Arc;
use std::time::Duration;

use loki_ledger::event::{Approver, ArtifactId, Outcome, Usage};
use loki_ledger::run::Run;
use serde::{Deserialize, Serialize};

use super::{answered, explain, failed};
use crate::council::reviewers::Reviewer;
use crate::council::{self, Ballot, Decision, Round};
use crate::engine::{Engine, EngineError};
use crate::tool::{Finding, Proposal};

/// How long a reviewer may take. One that takes longer has not voted.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(120);

/// What the council did with a proposal; kept as an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouncilVerdict {
    /// The proposal's hash.
    pub subject: String,
    /// Whether it is approved.
    pub approved: bool,
    /// Why, in a sentence.
    pub reason: String,
    /// Every round held.
    pub rounds: Vec<Round>,
}

/// What came of a council's meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its verdict.
    pub verdict: CouncilVerdict,
    /// The verdict in one line.
    pub summary: String,
    /// What asking the reviewers cost.
    pub usage: Usage,
}

/// Lets the council judge a proposal that a run has made.
pub(super) async fn council(
    engine: &Engine,
    subject: &str,
    proposal: &ArtifactId,
) -> Result<Outcome, EngineError> {
    let proposal: Option<Proposal> = engine.read("a proposal", proposal)?;
    let held = match &proposal {
        // Whoever is asked next decides alone.
        Some(proposal) if proposal.person_alone && proposal.needs_person.is_some() => {
            let held = ended(subject, Ok(()), Vec::new(), Usage::FREE);
            Held { summary: "left to a person".to_owned(), ..held }
        }
        Some(proposal) => convene(&engine.reviewers, engine.advocate.as_ref(), subject, proposal).await,
        None => ended(subject, Err("the proposal is gone".to_owned()), Vec::new(), Usage::FREE),
    };
    let Held { verdict, summary, usage } = held;
    let approved = verdict.approved;
    let verdict = engine.keep("a council's verdict", &verdict)?.id;
    Ok(Outcome::Council { approved, verdict, summary, usage })
}

/// Lets these reviewers judge a proposal: as many rounds as it takes, and the advocate where they agree.
pub async fn convene(
    reviewers: &[Arc<dyn Reviewer>],
    advocate: &dyn Reviewer,
    subject: &str,
    proposal: &Proposal,
) -> Held {
    let mut rounds: Vec<Round> = Vec::new();
    let mut usage = Usage::FREE;
    let decided = loop {
        match council::decide(&rounds) {
            Decision::Convene(open) => {
                let (ballots, cost) = round(reviewers, proposal, &open).await;
                rounds.push(Round { ballots, advocate: None });
                usage = usage.plus(cost);
            }
            Decision::Advocate => {
                let (ballot, cost) = ballot(advocate, proposal, &[]).await;
                usage = usage.plus(cost);
                if let Some(last) = rounds.last_mut() {
                    last.advocate = Some(ballot);
                }
            }
            Decision::Approved => break Ok(()),
            Decision::Rejected(why) => break Err(why),
        }
    };
    ended(subject, decided, rounds, usage)
}

fn ended(subject: &str, decided: Result<(), String>, rounds: Vec<Round>, usage: Usage) -> Held {
    let votes = rounds.last().map_or(0, |round| round.ballots.iter().filter(|b| b.opinion.is_ok()).count());
    let approved = decided.is_ok();
    let reason = decided.err().unwrap_or_else(|| "approved".to_owned());
    let summary = match approved {
        true if rounds.len() == 1 => format!("approved by {votes} reviewers in 1 round"),
        true => format!("approved by {votes} reviewers in {} rounds", rounds.len()),
        false => format!("not approved: {reason}"),
    };
    Held { verdict: CouncilVerdict { subject: subject.to_owned(), approved, reason, rounds }, summary, usage }
}

/// One round: every reviewer at the same time, none seeing another's vote.
async fn round(
    reviewers: &[Arc<dyn Reviewer>],
    proposal: &Proposal,
    open: &[Finding],
) -> (Vec<Ballot>, Usage) {
    let asked: Vec<_> =
        reviewers.iter().take(council::SEATS).map(|r| ballot(r.as_ref(), proposal, open)).collect();
    let (ballots, costs): (Vec<_>, Vec<_>) = futures::future::join_all(asked).await.into_iter().unzip();
    (ballots, costs.into_iter().fold(Usage::FREE, Usage::plus))
}

async fn ballot(reviewer: &dyn Reviewer, proposal: &Proposal, open: &[Finding]) -> (Ballot, Usage) {
    let (opinion, usage) = match tokio::time::timeout(REVIEW_TIMEOUT, reviewer.review(proposal, open)).await {
        Ok(review) => (review.opinion, review.usage),
        Err(_elapsed) => {
            (Err(format!("said nothing within {} seconds", REVIEW_TIMEOUT.as_secs())), Usage::FREE)
        }
    };
    (Ballot { reviewer: reviewer.name().to_owned(), opinion }, usage)
}

/// Stores an approval with the tool whose call waits for it.
pub(super) async fn approve(engine: &Engine, run: &Run, subject: &str, by: &Approver) -> Outcome {
    let tool = run.steps.pending.first().and_then(|call| engine.tool(&call.tool));
    let Some(tool) = tool else {
        return failed("no_tool", "the tool that made the proposal is gone", false);
    };
    match tool.approve(subject, by).await {
        Ok(()) => Outcome::Approved,
        Err(error) => failed(&error.code, &explain(&error), false),
    }
}

/// Answers a call whose proposal was refused: what was found, and what to do about it.
pub(super) fn refuse(engine: &Engine, run: &Run, subject: &str) -> Result<Outcome, EngineError> {
    let Some(review) = run.reviews.get(subject) else {
        return answered(engine, false, "the proposal is gone", "the proposal is gone; make the call again");
    };
    if let Some((false, name, reason)) = &review.person {
        let summary = format!("{name} refused it: {reason}");
        return answered(engine, false, &summary, &summary);
    }
    let Some((_, verdict, summary)) = &review.council else {
        return answered(engine, false, "nobody judged it", "nobody judged it; make the call again");
    };
    let verdict: CouncilVerdict = engine.read("a council's verdict", verdict)?;
    let mut output = format!("the council did not approve: {}\n", verdict.reason);
    for finding in verdict.rounds.first().map(council::frozen).unwrap_or_default() {
        output.push_str(&format!(
            "- {} ({:?}) {}: {} Fix: {}\n",
            finding.rule, finding.severity, finding.subject, finding.message, finding.fix
        ));
    }
    answered(engine, false, summary, &output)
}
