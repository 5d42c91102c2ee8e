//! Decides what a run does next.
//!
//! Pure: no I/O, no clock, no randomness. [`crate::drive`] carries the decision out and the ledger
//! remembers it, so a killed run resumes by asking again.

use loki_ledger::event::{Approver, CallRef, Phase, Recovery, Stop, Verdict, Wait};
use loki_ledger::run::{GateResult, OpenEffect, OpenWait, Run};

use crate::limits;

/// Proposals that one call may make before it is refused: each means that what it is bound to changed.
const REVIEWS_MAX: u32 = 3;
/// Turns that may fail one after the other before the run stops.
const TURN_FAILURES_MAX: u32 = 5;

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
    /// Put the work tree back and start the phase over: its process died.
    RollBack(u64),
    /// Open a wait for a person.
    Ask(Wait),
    /// Wait for a person or a command.
    AwaitPerson,
    /// Leave the provider alone for some seconds, then ask it again.
    Backoff(u64),
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
        Recovery::Repeat => open.recoveries,
        Recovery::RollBack => run.steps.rollbacks,
    };
    if recoveries >= run.limits.recoveries_max {
        return Next::GiveUp(open.id);
    }
    match open.intent.recovery {
        Recovery::Repeat => Next::Redo(open.id),
        Recovery::RollBack => Next::RollBack(open.id),
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
    let gate = run.gates.iter().find(|gate| gate.verdict != Verdict::Pass);
    if run.claim.as_ref().is_some_and(|claim| claim.exhausted) {
        let gate = gate.map_or_else(|| "none".to_owned(), |gate| gate.gate.clone());
        return conclude(run, Stop::GateFailed { gate });
    }
    let same_tree = matches!(run.trees.as_slice(), [.., (_, before), (_, now)] if before == now);
    if same_tree && !run.gates_before.is_empty() && alike(&run.gates, &run.gates_before) {
        return conclude(run, Stop::Stuck);
    }
    if run.iteration >= run.limits.iterations_max {
        return conclude(run, Stop::IterationsSpent);
    }
    Next::Begin(run.iteration + 1)
}

/// Whether the gates said the same: their facts may name times and places that differ.
fn alike(now: &[GateResult], before: &[GateResult]) -> bool {
    let said = |gate: &GateResult| (gate.gate.clone(), gate.verdict, gate.summary.clone());
    now.iter().map(said).eq(before.iter().map(said))
}

fn reason(run: &Run) -> Next {
    if let Some(call) = run.steps.pending.first() {
        return Next::Do(Step::Tool(call.clone()));
    }
    if run.steps.claimed {
        return Next::End(Phase::Reason, true); // Nothing to plan, it says: acting will show.
    }
    match run.steps.turns.last() {
        Some(turn) if turn.calls.is_empty() || turn.calls.iter().any(|(call, _)| call.tool == "plan") => {
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
    let silent = run.steps.turns.last().is_some_and(|turn| turn.calls.is_empty());
    if run.steps.claimed || silent { Next::End(Phase::Act, true) } else { ask(run) }
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
    match gates.iter().find(|gate| !run.gates.iter().any(|judged| judged.gate == **gate)) {
        Some(gate) => Next::Do(Step::Gate(gate.clone())),
        None => {
            let passed = !run.gates.is_empty() && run.gates.iter().all(|gate| gate.verdict == Verdict::Pass);
            Next::End(Phase::Verify, passed)
        }
    }
}

/// Asks the provider, unless it has failed or been asked too often.
fn ask(run: &Run) -> Next {
    match &run.turn_failed {
        Some((message, false)) => conclude(run, Stop::ProviderFailed { message: message.clone() }),
        Some((message, true)) if run.turn_failures >= TURN_FAILURES_MAX => {
            conclude(run, Stop::ProviderFailed { message: message.clone() })
        }
        Some((_, true)) => Next::Backoff(1 << run.turn_failures.min(6)),
        None if u32::try_from(run.steps.turns.len()).is_ok_and(|turns| turns >= run.limits.turns_max) => {
            conclude(run, Stop::TurnsSpent)
        }
        None => Next::Do(Step::Turn),
    }
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
