//! Folding a long run from its events.

use loki_ledger::event::{
    ArtifactId, CallRef, EffectKind, Event, Intent, Limits, Outcome, Phase, Recovery, RunId, RunStarted,
    VERSION,
};
use loki_ledger::run::{FoldError, Run};

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};

const EVENTS: u64 = 100_000;
const ROUNDS: usize = 9;

/// 100,000 events of tool calls, in memory, added up to a run.
pub(crate) fn fold_100k(_: &Setup) -> Result<Vec<Figure>, BenchError> {
    let events: Vec<Event> = (1..=EVENTS).map(event).collect();
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (folded, took) = timed(|| fold(&events));
        folded.map_err(BenchError::Fold)?;
        rounds.push(milliseconds(took));
    }
    Ok(vec![Figure::new("in memory", "ms", Target::Below(300.0), rounds)])
}

fn fold(events: &[Event]) -> Result<Run, FoldError> {
    let mut run = Run::new(run_id());
    for (event, seq) in events.iter().zip(1..) {
        run.apply(seq, 1_000 + i64::try_from(seq).unwrap_or(i64::MAX), event)?;
    }
    Ok(run)
}

/// The name of the runs measured here.
pub(crate) fn run_id() -> RunId {
    RunId::parse("20260101-000000-0000").unwrap_or_else(|| unreachable!("a name of the usual form"))
}

/// How every run measured here starts.
pub(crate) fn started() -> Event {
    Event::RunStarted(RunStarted {
        version: VERSION,
        document: ArtifactId::of(b"document"),
        document_name: "PRD.md".to_owned(),
        requirements: ArtifactId::of(b"requirements"),
        backend: true,
        provider: Some("blueprint".to_owned()),
        acts: false,
        backend_first: true,
        gates: vec!["forge".to_owned()],
        checklist: Vec::new(),
        limits: Limits::default(),
    })
}

/// The event numbered `seq`: three to begin with, then intents and outcomes in turn.
fn event(seq: u64) -> Event {
    match seq {
        1 => started(),
        2 => Event::IterationStarted { iteration: 1 },
        3 => Event::PhaseStarted { phase: Phase::Act },
        even if even % 2 == 0 => intent(even),
        odd => outcome(odd - 1),
    }
}

/// A tool is about to be called.
pub(crate) fn intent(seq: u64) -> Event {
    let call = CallRef {
        id: format!("call-{seq}"),
        tool: "write_file".to_owned(),
        input: ArtifactId::of(&seq.to_le_bytes()),
        malformed: false,
    };
    let kind = EffectKind::Tool { call, expects: None };
    Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat, reserved_micro_usd: 0 })
}

/// The call intended by event `effect` came back.
pub(crate) fn outcome(effect: u64) -> Event {
    let outcome = Outcome::Tool {
        ok: true,
        summary: "wrote 12 lines".to_owned(),
        output: ArtifactId::of(&effect.to_le_bytes()),
        bytes: 120,
    };
    Event::EffectEnded { effect, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_measured_are_ones_a_run_takes() {
        let events: Vec<Event> = (1..=1_001).map(event).collect();
        let run = fold(&events).unwrap();
        assert_eq!((run.seq, run.spent.calls), (1_001, 499));
    }
}
