//! Drives a run: asks [`iteration::next`], carries out what it says, writes down what came of it.
//!
//! Dropping the future of [`drive`] at any await equals a crash, so cancelling needs no second
//! mechanism. This is the only loop.

use std::time::Duration;

use loki_ledger::event::{Command, EffectKind, Event, Intent, Limits, Stop, Wait, WaitEnd};
use loki_ledger::run::{RECOVERIES_SPENT, Run};

use crate::effects::Cost;

use crate::effects;
use crate::engine::{Engine, EngineError};
use crate::iteration::{self, Attended, Next, Step};
use crate::watch::{Edits, Watch};

/// The code of a call whose process died before it ended.
const CUT_SHORT: &str = "cut_short";
const CUT_SHORT_MESSAGE: &str = "loki was ended while this ran, so what it did is not known and it is not \
     done again; look at what is there before you go on";

/// How long a wait lasts before the inbox is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Drives the run until it stops, and says why it did.
pub async fn drive(engine: &Engine, run: &mut Run) -> Result<Stop, EngineError> {
    let mut watch = Watch::new(&engine.state);
    if run.stopped.is_none() {
        let attended = engine.attended == Attended::Yes;
        engine.record(run, Event::Attached { pid: std::process::id(), attended })?;
    }
    loop {
        take_commands(engine, run, &mut watch)?;
        match iteration::next(run, engine.attended) {
            Next::Stopped(stop) => return Ok(stop),
            Next::Stop(stop) => {
                engine.record(run, Event::RunStopped { stop })?;
            }
            Next::Begin(iteration) => {
                engine.record(run, Event::IterationStarted { iteration })?;
            }
            Next::Open(phase) => {
                engine.record(run, Event::PhaseStarted { phase })?;
            }
            Next::End(phase, passed) => {
                engine.record(run, Event::PhaseEnded { phase, passed })?;
            }
            Next::Do(step) => carry_out(engine, run, step).await?,
            Next::Redo(effect) => redo(engine, run, effect).await?,
            Next::GiveUp(effect) => {
                let outcome = effects::failed(RECOVERIES_SPENT, "its process died too often", false);
                engine.record(run, Event::EffectEnded { effect, outcome })?;
            }
            Next::CutShort(effect) => {
                let outcome = effects::failed(CUT_SHORT, CUT_SHORT_MESSAGE, false);
                engine.record(run, Event::EffectEnded { effect, outcome })?;
            }
            Next::RollBack(effect) => roll_back(engine, run, effect)?,
            Next::Ask(wait) => {
                engine.record(run, Event::WaitOpened(wait))?;
            }
            Next::Backoff(until_ms) => {
                let reason = run.turn_failed.as_ref().map(|why| why.message.clone()).unwrap_or_default();
                engine.record(run, Event::WaitOpened(Wait::Timer { until_ms, reason }))?;
            }
            Next::AwaitPerson | Next::AwaitCommand => watch.changed(LOOK_AGAIN).await,
            Next::AwaitTime(until_ms) => await_time(engine, run, &mut watch, until_ms).await?,
        }
    }
}

/// Lets a stopped run go on, where something has changed that lets it: a decision has come, the limits
/// are wider, or somebody insists. Returns whether it goes on.
pub fn reopen(engine: &Engine, run: &mut Run, limits: Option<Limits>) -> Result<bool, EngineError> {
    let Some(stop) = run.stopped.clone() else { return Ok(true) };
    let limits = limits.unwrap_or_else(|| run.limits.clone());
    let goes_on = match &stop {
        Stop::NeedsPerson { subject } => engine.ledger.take_commands(&run.id)?.iter().any(|pending| {
            matches!(&pending.command, Command::Approve { subject: s, .. } | Command::Reject { subject: s, .. }
                if s == subject)
        }),
        Stop::IterationsSpent
        | Stop::TimeSpent
        | Stop::BudgetSpent
        | Stop::OutputSpent
        | Stop::TurnsSpent
        | Stop::RecoveriesSpent => limits != run.limits,
        Stop::Requested
        | Stop::ProviderFailed { .. }
        | Stop::RateLimited { .. }
        | Stop::EmptyTurn
        | Stop::Refused => true,
        Stop::NeedsModel => engine.provider.is_some(),
        Stop::Verified | Stop::VerifiedWithGaps | Stop::GateFailed { .. } | Stop::Stuck => false,
    };
    if goes_on {
        engine.record(run, Event::Reopened { limits })?;
    }
    Ok(goes_on)
}

/// Intent, act, outcome.
async fn carry_out(engine: &Engine, run: &mut Run, step: Step) -> Result<(), EngineError> {
    if matches!(step, Step::Turn | Step::Compare) {
        note_edits(engine, run)?;
    }
    let (intent, cost) = effects::intend(engine, run, step).await?;
    if let Cost::TooMuch { needed_micro_usd } = cost {
        engine.record(run, Event::Overdrawn { needed_micro_usd })?;
        return Ok(());
    }
    let effect = engine.record(run, Event::EffectIntended(intent.clone()))?;
    finish(engine, run, effect, &intent).await
}

/// The process died between intent and outcome: the effect is one that may be done twice.
async fn redo(engine: &Engine, run: &mut Run, effect: u64) -> Result<(), EngineError> {
    let Some(open) = run.open.clone() else { return Ok(()) };
    engine.record(run, Event::EffectRetried { effect })?;
    finish(engine, run, effect, &open.intent).await
}

async fn finish(engine: &Engine, run: &mut Run, effect: u64, intent: &Intent) -> Result<(), EngineError> {
    let changes_files = match &intent.kind {
        EffectKind::Tool { .. } => true,
        EffectKind::Turn { .. } => engine.provider.as_ref().is_some_and(|provider| provider.acts()),
        EffectKind::Snapshot
        | EffectKind::Council { .. }
        | EffectKind::Approve { .. }
        | EffectKind::Refuse { .. }
        | EffectKind::Compare
        | EffectKind::Gate { .. }
        | EffectKind::Receipt { .. } => false,
    };
    let _own = engine.edits.as_ref().filter(|_| changes_files).map(Edits::own);
    let outcome = effects::act(engine, run, effect, &intent.kind).await?;
    engine.record(run, Event::EffectEnded { effect, outcome })?;
    Ok(())
}

/// Writes down what somebody else changed since the last look.
fn note_edits(engine: &Engine, run: &mut Run) -> Result<(), EngineError> {
    let Some(edits) = &engine.edits else { return Ok(()) };
    let edited = edits.take();
    if !edited.paths.is_empty() {
        let more = u32::try_from(edited.more).unwrap_or(u32::MAX);
        engine.record(run, Event::FilesEdited { paths: edited.paths, more })?;
    }
    Ok(())
}

/// The process died between intent and outcome: the effect is one that must not be done twice.
fn roll_back(engine: &Engine, run: &mut Run, effect: u64) -> Result<(), EngineError> {
    let Some(snapshot) = run.steps.snapshot.clone() else { return Ok(()) };
    // What is there now may not all be ours: it is kept under a name of its own before it is replaced.
    let (name, at_ms) = (format!("before-{}", run.seq + 1), engine.clock.now().as_millisecond());
    engine.worktree.snapshot_named(&run.id, &name, at_ms, Some(&snapshot))?;
    let _own = engine.edits.as_ref().map(Edits::own);
    engine.worktree.restore(&snapshot)?;
    engine.record(run, Event::EffectRolledBack { effect, snapshot })?;
    Ok(())
}

/// Takes what came through the inbox and the control files.
fn take_commands(engine: &Engine, run: &mut Run, watch: &mut Watch) -> Result<(), EngineError> {
    watch.forward(|command| engine.ledger.reader().send(&run.id, &command).map(drop))?;
    for pending in engine.ledger.take_commands(&run.id)? {
        // A process may have died between writing the event and ticking the command off.
        if pending.id > run.command_seen {
            let (id, iteration) = (pending.id, run.iteration);
            engine.record(run, Event::CommandTaken { id, command: pending.command, iteration })?;
        }
        engine.ledger.command_taken(pending.id, run.iteration)?;
    }
    Ok(())
}

/// Waits for a time, or for somebody to say something.
async fn await_time(
    engine: &Engine,
    run: &mut Run,
    watch: &mut Watch,
    until_ms: i64,
) -> Result<(), EngineError> {
    let left = until_ms - engine.clock.now().as_millisecond();
    if let Ok(left @ 1..) = u64::try_from(left) {
        watch.changed(Duration::from_millis(left).min(LOOK_AGAIN)).await;
        return Ok(());
    }
    if let Some(open) = &run.wait {
        let wait = open.id;
        engine.record(run, Event::WaitEnded { wait, how: WaitEnd::Elapsed })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
