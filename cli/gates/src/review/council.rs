//! The council at work over a change: ballots in parallel, each within a time, and what they come to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loki_engine::council::reviewers::{Review, Reviewer};
use loki_engine::council::{Ballot, Decision, Opinion, QUORUM, Round, SEATS, decide, frozen};
use loki_engine::tool::{Finding, Judgement, Proposal, REPORT_BYTES_MAX};
use loki_ledger::event::{Cost as Paid, Usage, Verdict};
use loki_provider::{Cost, Provider, ProviderError, Request, Tokens, Turn, TurnEnd};
use serde_json::{Value, json};

use super::patch::Patch;
use super::prompt::{Brief, Seat, request};
use super::{answer, micro_usd};
use crate::diff::found::bounded;

/// How long a reviewer may take. One that takes longer has not voted.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(120);

/// A model in a seat of the council. It is offered no tools.
pub struct ModelReviewer {
    seat: Seat,
    provider: Arc<dyn Provider>,
    brief: Arc<Brief>,
    patch: Arc<Patch>,
}

impl ModelReviewer {
    pub(super) fn new(seat: Seat, provider: Arc<dyn Provider>, brief: Arc<Brief>, patch: Arc<Patch>) -> Self {
        Self { seat, provider, brief, patch }
    }

    /// What a ballot may cost at the most, in millionths of a US dollar; `None` where nobody knows.
    pub fn quote(&self, proposal: &Proposal, open: &[Finding]) -> Option<u64> {
        micro_usd(self.provider.quote(&self.request(proposal, open)).cost)
    }

    fn request(&self, proposal: &Proposal, open: &[Finding]) -> Request {
        request(self.seat, &self.brief, proposal, open)
    }
}

#[async_trait]
impl Reviewer for ModelReviewer {
    fn name(&self) -> &str {
        self.seat.name()
    }

    async fn review(&self, proposal: &Proposal, open: &[Finding]) -> Review {
        let mut request = self.request(proposal, open);
        request.allowance_micro_usd = micro_usd(self.provider.quote(&request).cost);
        match tokio::time::timeout(REVIEW_TIMEOUT, self.provider.turn(&request)).await {
            Ok(Ok(turn)) => {
                let opinion = heard(&turn)
                    .and_then(|text| answer::opinion(text, self.seat.area(), &self.patch.lines, open));
                Review { opinion, usage: usage(turn.tokens, turn.cost) }
            }
            Ok(Err(error)) => {
                let spent = match &error {
                    ProviderError::Transient { spent, .. } | ProviderError::Permanent { spent, .. } => *spent,
                };
                let usage = spent.map_or(Usage::FREE, |(tokens, cost)| usage(tokens, cost));
                Review { opinion: Err(bounded(&error.to_string(), 300).to_owned()), usage }
            }
            // What was asked is paid for although nothing was heard: as much as it could have cost.
            Err(_elapsed) => {
                let quote = self.provider.quote(&request);
                let cost =
                    micro_usd(quote.cost).map_or(Cost::Unknown, |micro_usd| Cost::Estimated { micro_usd });
                let why = format!("said nothing within {} seconds", REVIEW_TIMEOUT.as_secs());
                Review { opinion: Err(why), usage: usage(quote.tokens, cost) }
            }
        }
    }
}

/// The words of a turn that ended as it should.
fn heard(turn: &Turn) -> Result<&str, String> {
    match turn.end {
        TurnEnd::Complete if turn.text.trim().is_empty() => Err("said nothing".to_owned()),
        TurnEnd::Complete => Ok(&turn.text),
        TurnEnd::CutOff => Err("was cut off before it had voted".to_owned()),
        TurnEnd::Refused => Err("refuses to review".to_owned()),
        TurnEnd::Empty => Err("said nothing".to_owned()),
    }
}

fn usage(tokens: Tokens, cost: Cost) -> Usage {
    Usage {
        input: tokens.input,
        output: tokens.output,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
        cost: match cost {
            Cost::Measured { micro_usd } => Paid::Measured { micro_usd },
            Cost::Estimated { micro_usd } => Paid::Estimated { micro_usd },
            Cost::Unknown => Paid::Unknown,
        },
    }
}

fn paid(usage: Usage) -> Option<u64> {
    match usage.cost {
        Paid::Measured { micro_usd } | Paid::Estimated { micro_usd } => Some(micro_usd),
        Paid::Unknown => None,
    }
}

/// Holds the council. `members` are the seats and, last, the advocate; `allowance` is what it may cost.
pub(super) async fn hold(
    members: &[ModelReviewer],
    proposal: &Proposal,
    patch: &Patch,
    allowance: Option<u64>,
) -> Judgement {
    let (seats, advocates) = members.split_at(members.len().min(SEATS));
    let mut rounds: Vec<Round> = Vec::new();
    let mut usage = Usage::FREE;
    loop {
        let (asked, open, is_advocate) = match decide(&rounds) {
            Decision::Convene(open) => (seats, open, false),
            Decision::Advocate => (advocates, Vec::new(), true),
            Decision::Approved => return judged(Ok(()), &rounds, proposal, patch, usage),
            Decision::Rejected(why) => return judged(Err(why), &rounds, proposal, patch, usage),
        };
        if !affordable(asked, proposal, &open, usage, allowance) {
            let mut judgement = judged(Err(String::new()), &rounds, proposal, patch, usage);
            judgement.verdict = Verdict::Inconclusive;
            judgement.summary = "the budget does not allow the review to go on".to_owned();
            judgement.failing.clear();
            return judgement;
        }
        let reviews = futures::future::join_all(asked.iter().map(|seat| seat.review(proposal, &open))).await;
        usage = reviews.iter().fold(usage, |usage, review| usage.plus(review.usage));
        let ballots = asked.iter().zip(reviews);
        let mut ballots: Vec<Ballot> = ballots
            .map(|(seat, review)| Ballot { reviewer: seat.name().to_owned(), opinion: review.opinion })
            .collect();
        match rounds.last_mut() {
            Some(last) if is_advocate => {
                let unheard = || Ballot {
                    reviewer: Seat::Advocate.name().to_owned(),
                    opinion: Err("nobody sits there".to_owned()),
                };
                last.advocate = Some(ballots.pop().unwrap_or_else(unheard));
            }
            _ => rounds.push(Round { ballots, advocate: None }),
        }
    }
}

/// Whether the next ballots fit into what is left of the allowance.
fn affordable(
    asked: &[ModelReviewer],
    proposal: &Proposal,
    open: &[Finding],
    usage: Usage,
    allowance: Option<u64>,
) -> bool {
    let Some(allowance) = allowance else { return true };
    let next = asked.iter().map(|seat| seat.quote(proposal, open)).sum::<Option<u64>>();
    next.zip(paid(usage)).is_some_and(|(next, spent)| spent.saturating_add(next) <= allowance)
}

fn votes(round: &Round) -> Vec<&Opinion> {
    round.ballots.iter().filter_map(|ballot| ballot.opinion.as_ref().ok()).collect()
}

/// Findings that block and were upheld to the end.
fn upheld(rounds: &[Round]) -> Vec<Finding> {
    let (Some(first), Some(last)) = (rounds.first(), rounds.last()) else { return Vec::new() };
    let votes = votes(last);
    let holds = |finding: &Finding| {
        let for_it = votes.iter().filter(|vote| vote.findings.contains(finding)).count();
        rounds.len() == 1 || 2 * for_it >= votes.len()
    };
    frozen(first).into_iter().filter(|finding| finding.severity.blocks() && holds(finding)).collect()
}

/// What the rounds come to.
fn judged(
    end: Result<(), String>,
    rounds: &[Round],
    proposal: &Proposal,
    patch: &Patch,
    usage: Usage,
) -> Judgement {
    let quorum = rounds.last().is_some_and(|last| votes(last).len() >= QUORUM);
    let blocking = upheld(rounds);
    let (verdict, summary) = match end {
        Ok(()) => (
            Verdict::Pass,
            format!(
                "the council approves, in {} of {} rounds at the most",
                rounds.len(),
                loki_engine::council::ROUNDS_MAX
            ),
        ),
        Err(_) if quorum && !blocking.is_empty() => {
            let first = blocking.first().map(line).unwrap_or_default();
            (Verdict::Fail, format!("the council upholds {} findings; the first: {first}", blocking.len()))
        }
        Err(why) => (Verdict::Inconclusive, format!("the council came to no decision: {why}")),
    };
    let mut judgement = Judgement::new(verdict, bounded(&summary, 600));
    judgement.usage = usage;
    judgement.facts = facts(rounds, proposal, patch);
    judgement.report = report(verdict, &blocking, rounds);
    if verdict == Verdict::Fail {
        judgement.failing =
            blocking.iter().map(|finding| format!("{} {}", finding.rule, file_of(finding))).collect();
        judgement.failing.sort_unstable();
        judgement.failing.dedup();
    }
    let advice = rounds.first().map(frozen).unwrap_or_default();
    judgement.concerns = advice.iter().filter(|finding| !blocking.contains(finding)).map(line).collect();
    judgement
}

fn line(finding: &Finding) -> String {
    format!("{}: {} [{}]", finding.subject, finding.message, finding.rule)
}

/// The file of a finding, without the line: lines move.
fn file_of(finding: &Finding) -> &str {
    let subject = finding.subject.as_str();
    match subject.rsplit_once(':') {
        Some((path, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => path,
        _ => subject,
    }
}

fn report(verdict: Verdict, blocking: &[Finding], rounds: &[Round]) -> String {
    let mut report = String::new();
    if verdict == Verdict::Pass {
        return report;
    }
    for finding in blocking {
        report.push_str(&format!("- {}\n  {}\n", line(finding), finding.fix));
    }
    for ballot in rounds.last().iter().flat_map(|last| last.ballots.iter().chain(&last.advocate)) {
        match &ballot.opinion {
            Ok(opinion) if !opinion.approves => {
                report.push_str(&format!("{} does not approve: {}\n", ballot.reviewer, opinion.reason));
            }
            Ok(_) => {}
            Err(why) => report.push_str(&format!("{} did not vote: {why}\n", ballot.reviewer)),
        }
    }
    bounded(&report, REPORT_BYTES_MAX).to_owned()
}

/// Who voted is a fact; what they think is an assessment.
fn facts(rounds: &[Round], proposal: &Proposal, patch: &Patch) -> Value {
    let (mut ballots, mut assessments) = (Vec::new(), Vec::new());
    for (number, round) in rounds.iter().enumerate() {
        for ballot in round.ballots.iter().chain(&round.advocate) {
            let (round, reviewer) = (number + 1, &ballot.reviewer);
            match &ballot.opinion {
                Ok(opinion) => {
                    ballots.push(json!({ "round": round, "reviewer": reviewer, "voted": true }));
                    assessments.push(json!({ "round": round, "reviewer": reviewer, "opinion": opinion }));
                }
                Err(why) => {
                    ballots.push(json!({ "round": round, "reviewer": reviewer, "voted": false, "why": why }));
                }
            }
        }
    }
    json!({
        "subject": proposal.subject,
        "files": patch.lines.len(),
        "bytes_shown": patch.text.len(),
        "files_not_shown_in_full": patch.cut.iter().take(50).collect::<Vec<_>>(),
        "ballots": ballots,
        "assessments": assessments,
    })
}
