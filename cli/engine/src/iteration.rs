//! Decides what a run does next.
//!
//! Pure: no I/O, no clock, no randomness. [`crate::drive`] carries the decision out and the ledger
//! remembers it, so a killed run resumes by asking again.

use loki_ledger::event::TurnEnd;
use loki_ledger::event::{Approver, CallRef, Phase, Recovery, Stop, Verdict, Wait};
use loki_ledger::run::{OpenEffect, OpenWait, Run, TurnFailure, TurnTaken};

use crate::limits;
use crate::stuck::{self, Rung};

/// Proposals that one call may make before it is refused: each means that what it is bound to changed.
const REVIEWS_MAX: u32 = 3;
/// Turns that may fail one after the other before the run stops.
const TURN_FAILURES_MAX: u32 = 5;
/// Turns that a provider may put off one after the other, saying when to ask again, before the run stops.
const TURN_DELAYS_MAX: u32 = 50;
/// Turns one after the other that bring nothing, before the run stops: each but the last is followed by a
/// word about it.
const EMPTY_TURNS_MAX: usize = 2;
/// Turns one after the other that are cut off at the most tokens a turn may have.
const CUT_OFF_TURNS_MAX: usize = 5;
/// The gate that asks a model. It is asked last, and only when every other gate is content.
pub const REVIEW: &str = "review";

/// Whether a person can answer the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attended {
    /// Somebody may answer.
    Yes,
    /// Nobody will: a wait for a person ends the run.
    No,
}

/// The next move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Begin an iteration.
    Begin(u32),
    /// Open a phase of it.
    Open(Phase),
    /// Carry out a step.
    Do(Step),
    /// End the phase; whether it passed.
    End(Phase, bool),
    /// Carry out the open effect again: its process died.
    Redo(u64),
    /// Give the open effect up: it took its process down too often.
    GiveUp(u64),
    /// Put the work tree back to the newest snapshot and go on from there: its process died.
    RollBack(u64),
    /// Answer that the open effect was cut short: its process died, and it must not be done twice.
    CutShort(u64),
    /// Open a wait for a person.
    Ask(Wait),
    /// Wait for a person or a command.
    AwaitPerson,
    /// Leave the provider alone until then (milliseconds since the epoch), then ask it again.
    Backoff(i64),
    /// Wait until then (milliseconds since the epoch) or a command.
    AwaitTime(i64),
    /// Wait for a command: the run is paused.
    AwaitCommand,
    /// Write down that the run stops.
    Stop(Stop),
    /// It has stopped.
    Stopped(Stop),
}

/// A step of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Keep the work tree.
    Snapshot,
    /// Ask the provider.
    Turn,
    /// Call a tool.
    Tool(CallRef),
    /// Let the council judge a proposal.
    Council(String),
    /// Store an approval.
    Approve(String, Approver),
    /// Answer a call whose proposal was refused.
    Refuse(CallRef, String),
    /// Compare the work tree.
    Compare,
    /// Run a gate.
    Gate(String),
    /// Write the receipt.
    Receipt(Stop),
}

/// Returns the next move, given everything the ledger remembers.
pub fn next(run: &Run, attended: Attended) -> Next {
    if let Some(stop) = &run.stopped {
        return Next::Stopped(stop.clone());
    }
    if let Some(open) = &run.open {
        return recover(run, open);
    }
    if run.recoveries_spent {
        return conclude(run, Stop::RecoveriesSpent);
    }
    if run.overdrawn {
        return conclude(run, Stop::BudgetSpent);
    }
    if run.stop_requested {
        return conclude(run, Stop::Requested);
    }
    if run.paused {
        return Next::AwaitCommand;
    }
    if let Some(wait) = &run.wait {
        return waiting(run, wait, attended);
    }
    if run.started.as_ref().is_none_or(|started| started.provider.is_none()) {
        return conclude(run, Stop::NeedsModel);
    }
    let move_ = match run.phase {
        None => between(run),
        Some(Phase::Reason) => reason(run),
        Some(Phase::Act) => act(run),
        Some(Phase::Reflect) if run.steps.compared => Next::End(Phase::Reflect, true),
        Some(Phase::Reflect) => Next::Do(Step::Compare),
        Some(Phase::Verify) => verify(run),
    };
    let spends = matches!(&move_, Next::Begin(_) | Next::Do(Step::Turn | Step::Tool(_) | Step::Council(_)));
    match limits::reached(run) {
        Some(stop) if spends => conclude(run, stop),
        Some(_) | None => move_,
    }
}

/// An open effect here means that its process died.
fn recover(run: &Run, open: &OpenEffect) -> Next {
    let recoveries = match open.intent.recovery {
        Recovery::Repeat | Recovery::Report => open.recoveries,
        Recovery::RollBack => run.steps.rollbacks,
    };
    if recoveries >= run.limits.recoveries_max {
        return Next::GiveUp(open.id);
    }
    match open.intent.recovery {
        Recovery::Repeat => Next::Redo(open.id),
        Recovery::RollBack if run.steps.snapshot.is_some() => Next::RollBack(open.id),
        Recovery::RollBack => Next::CutShort(open.id), // There is nothing to go back to.
        Recovery::Report => Next::CutShort(open.id),
    }
}

fn waiting(run: &Run, open: &OpenWait, attended: Attended) -> Next {
    match (&open.wait, attended) {
        (Wait::Approval { .. }, Attended::Yes) => Next::AwaitPerson,
        (Wait::Approval { subject, .. }, Attended::No) => {
            conclude(run, Stop::NeedsPerson { subject: subject.clone() })
        }
        (Wait::Timer { until_ms, .. }, _) => Next::AwaitTime(*until_ms),
    }
}

fn between(run: &Run) -> Next {
    let Some((phase, passed)) = run.last_phase else {
        return if run.iteration == 0 { Next::Begin(1) } else { Next::Open(Phase::Reason) };
    };
    match phase {
        Phase::Reason => Next::Open(Phase::Act),
        Phase::Act => Next::Open(Phase::Reflect),
        Phase::Reflect => Next::Open(Phase::Verify),
        Phase::Verify if passed && run.gates.iter().any(|gate| !gate.gaps.is_empty()) => {
            conclude(run, Stop::VerifiedWithGaps)
        }
        Phase::Verify if passed => conclude(run, Stop::Verified),
        Phase::Verify => failed(run),
    }
}

/// What follows a verify phase in which a gate did not pass.
fn failed(run: &Run) -> Next {
    if run.claim.as_ref().is_some_and(|claim| claim.exhausted) {
        let gate = run.gates.iter().find(|gate| !content(gate.verdict));
        let gate = gate.map_or_else(|| "none".to_owned(), |gate| gate.gate.clone());
        return conclude(run, Stop::GateFailed { gate });
    }
    if stuck::rung(run) == Rung::Stop {
        return conclude(run, Stop::Stuck);
    }
    if run.iteration >= run.limits.iterations_max {
        return conclude(run, Stop::IterationsSpent);
    }
    Next::Begin(run.iteration + 1)
}

/// Whether a gate has nothing against it. What could not be found out is never a pass.
fn content(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::NotApplicable => true,
        Verdict::Fail | Verdict::Inconclusive => false,
    }
}

fn reason(run: &Run) -> Next {
    if let Some(call) = run.steps.pending.first() {
        return Next::Do(Step::Tool(call.clone()));
    }
    if run.steps.claimed {
        return Next::End(Phase::Reason, true); // Nothing to plan, it says: acting will show.
    }
    match run.steps.turns.last() {
        Some(turn) if turn.calls.iter().any(|(call, _)| call.tool == "plan") => {
            Next::End(Phase::Reason, true)
        }
        Some(turn) if turn.calls.is_empty() && turn.end == TurnEnd::Complete => {
            Next::End(Phase::Reason, true)
        }
        Some(_) | None => ask(run),
    }
}

fn act(run: &Run) -> Next {
    if run.steps.snapshot.is_none() {
        return Next::Do(Step::Snapshot);
    }
    if let Some(call) = run.steps.pending.first() {
        return match &run.steps.review {
            Some(subject) => review(run, call, subject),
            None => Next::Do(Step::Tool(call.clone())),
        };
    }
    let silent = |turn: &TurnTaken| turn.calls.is_empty() && turn.end == TurnEnd::Complete;
    if run.steps.claimed || run.steps.turns.last().is_some_and(silent) {
        return Next::End(Phase::Act, true);
    }
    if stuck::streak(run) >= Rung::Replan {
        return Next::End(Phase::Act, false); // The same tool failed too often: the gates look, then plan anew.
    }
    let acts = run.started.as_ref().is_some_and(|started| started.acts);
    if acts && run.steps.snapshot_turns < run.steps.turns.len() {
        return Next::Do(Step::Snapshot); // Each turn of an agent is undone by itself, should it be cut short.
    }
    ask(run)
}

/// A call waits for the approval of what it proposed.
fn review(run: &Run, call: &CallRef, subject: &str) -> Next {
    let refuse = || Next::Do(Step::Refuse(call.clone(), subject.to_owned()));
    let Some(review) = run.reviews.get(subject) else { return refuse() };
    if run.steps.reviews > REVIEWS_MAX {
        return refuse();
    }
    let Some((council_approves, verdict, _)) = &review.council else {
        return Next::Do(Step::Council(subject.to_owned()));
    };
    if !council_approves {
        return refuse();
    }
    if review.approved {
        return Next::Do(Step::Tool(call.clone()));
    }
    match (&review.needs_person, &review.person) {
        (None, _) => {
            Next::Do(Step::Approve(subject.to_owned(), Approver::Council { verdict: verdict.clone() }))
        }
        (Some(_), Some((true, name, reason))) => Next::Do(Step::Approve(
            subject.to_owned(),
            Approver::Person { name: name.clone(), reason: reason.clone() },
        )),
        (Some(_), Some((false, ..))) => refuse(),
        (Some(why), None) => Next::Ask(Wait::Approval {
            subject: subject.to_owned(),
            proposal: review.proposal.clone(),
            reason: why.clone(),
        }),
    }
}

fn verify(run: &Run) -> Next {
    let gates = run.started.as_ref().map_or(&[][..], |started| &started.gates);
    let all_content = run.gates.iter().all(|gate| content(gate.verdict));
    let open = |gate: &&String| !run.gates.iter().any(|judged| judged.gate == **gate);
    match gates.iter().filter(open).find(|gate| *gate != REVIEW || all_content) {
        Some(gate) => Next::Do(Step::Gate(gate.clone())),
        None => {
            let any = run.gates.iter().any(|gate| gate.verdict == Verdict::Pass);
            Next::End(Phase::Verify, any && all_content)
        }
    }
}

/// Asks the provider, unless it has failed, brought nothing, or been asked too often.
fn ask(run: &Run) -> Next {
    if let Some(failure) = &run.turn_failed {
        return again(run, failure);
    }
    let turns = &run.steps.turns;
    let barren =
        |end: TurnEnd| turns.iter().rev().take_while(|turn| turn.calls.is_empty() && turn.end == end).count();
    if barren(TurnEnd::Empty) >= EMPTY_TURNS_MAX || barren(TurnEnd::CutOff) >= CUT_OFF_TURNS_MAX {
        return conclude(run, Stop::EmptyTurn);
    }
    if barren(TurnEnd::Refused) >= EMPTY_TURNS_MAX {
        return conclude(run, Stop::Refused);
    }
    if u32::try_from(turns.len()).is_ok_and(|turns| turns >= run.limits.turns_max) {
        return conclude(run, Stop::TurnsSpent);
    }
    Next::Do(Step::Turn)
}

/// What follows a turn that failed.
fn again(run: &Run, failure: &TurnFailure) -> Next {
    let failures_max = if failure.rate_limited { TURN_DELAYS_MAX } else { TURN_FAILURES_MAX };
    if !failure.transient || run.turn_failures >= failures_max {
        return conclude(run, Stop::ProviderFailed { message: failure.message.clone() });
    }
    let by_itself = run.last_ms + (1000 << run.turn_failures.min(6));
    let until_ms = failure.retry_at_ms.unwrap_or(by_itself);
    let longest = i64::try_from(run.limits.wait_seconds_max).unwrap_or(i64::MAX).saturating_mul(1000);
    if until_ms.saturating_sub(run.last_ms) > longest {
        return conclude(run, Stop::RateLimited { until_ms });
    }
    Next::Backoff(until_ms)
}

/// A run ends with a receipt.
fn conclude(run: &Run, stop: Stop) -> Next {
    match &run.receipt {
        Some((testified, _)) if *testified == stop => Next::Stop(stop),
        Some(_) | None => Next::Do(Step::Receipt(stop)),
    }
}

#[cfg(test)]
mod tests;
