//! Iterations and their phases along the time.

use std::collections::VecDeque;

use loki_ledger::event::{Event, Outcome, Phase, Verdict};

use super::costs::Money;

/// Iterations kept: the newest.
const ITERATIONS_MAX: usize = 500;

/// Phases kept of one iteration: the newest.
const PHASES_MAX: usize = 12;

/// Iterations, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// The newest iterations.
    pub iterations: VecDeque<Iteration>,
    /// How many older ones are not kept.
    pub dropped: u32,
}

/// One iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iteration {
    /// Counts from 1; 0 is what happens before the first.
    pub number: u32,
    /// When it began, in milliseconds since the epoch.
    pub started_ms: i64,
    /// When its last event was written.
    pub last_ms: i64,
    /// Its phases, in order.
    pub phases: VecDeque<PhaseSpan>,
    /// Turns taken.
    pub turns: u32,
    /// Tool calls, and how many of them failed.
    pub calls: (u32, u32),
    /// Gates that passed, and all that judged.
    pub gates: (u32, u32),
    /// Files that differ from the snapshot before it; `None`: not compared.
    pub files: Option<u32>,
    /// What it cost.
    pub money: Money,
}

/// One phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseSpan {
    /// Which.
    pub phase: Phase,
    /// When it began, in milliseconds since the epoch.
    pub started_ms: i64,
    /// When it ended and whether it passed; `None` while it is open.
    pub ended: Option<(i64, bool)>,
}

impl Timeline {
    /// The newest iteration.
    pub fn last(&self) -> Option<&Iteration> {
        self.iterations.back()
    }

    /// Takes over an event and what it cost.
    pub(super) fn take(&mut self, at_ms: i64, event: &Event, cost: Option<Money>) {
        if let Event::IterationStarted { iteration } = event {
            self.begin(*iteration, at_ms);
        }
        if cost.is_some() && self.iterations.is_empty() {
            self.begin(0, at_ms);
        }
        let Some(last) = self.iterations.back_mut() else { return };
        last.last_ms = at_ms;
        if let Some(cost) = cost {
            last.money.plus(cost);
        }
        match event {
            Event::PhaseStarted { phase } => {
                if last.phases.len() == PHASES_MAX {
                    last.phases.pop_front();
                }
                last.phases.push_back(PhaseSpan { phase: *phase, started_ms: at_ms, ended: None });
            }
            Event::PhaseEnded { passed, .. } => {
                if let Some(phase) = last.phases.back_mut() {
                    phase.ended = Some((at_ms, *passed));
                }
            }
            Event::EffectEnded { outcome, .. } => last.count(outcome),
            Event::RunStarted(_)
            | Event::Attached { .. }
            | Event::IterationStarted { .. }
            | Event::EffectIntended(_)
            | Event::EffectRetried { .. }
            | Event::EffectRolledBack { .. }
            | Event::WaitOpened(_)
            | Event::WaitEnded { .. }
            | Event::CommandTaken { .. }
            | Event::FilesEdited { .. }
            | Event::Overdrawn { .. }
            | Event::Reopened { .. }
            | Event::RunStopped { .. } => {}
        }
    }

    fn begin(&mut self, number: u32, at_ms: i64) {
        if self.iterations.len() == ITERATIONS_MAX {
            self.iterations.pop_front();
            self.dropped += 1;
        }
        self.iterations.push_back(Iteration {
            number,
            started_ms: at_ms,
            last_ms: at_ms,
            phases: VecDeque::new(),
            turns: 0,
            calls: (0, 0),
            gates: (0, 0),
            files: None,
            money: Money::default(),
        });
    }
}

impl Iteration {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Turn { .. } => self.turns += 1,
            Outcome::Tool { ok, .. } => {
                self.calls.0 += 1;
                self.calls.1 += u32::from(!ok);
            }
            Outcome::Planned { .. }
            | Outcome::Claimed { .. }
            | Outcome::Noted { .. }
            | Outcome::Activated { .. } => self.calls.0 += 1,
            Outcome::Gate { verdict, .. } => {
                self.gates.1 += 1;
                self.gates.0 += u32::from(matches!(verdict, Verdict::Pass | Verdict::NotApplicable));
            }
            Outcome::Compared { files, .. } => self.files = Some(*files),
            Outcome::Snapshot { .. }
            | Outcome::Review { .. }
            | Outcome::Council { .. }
            | Outcome::Approved
            | Outcome::Receipt { .. }
            | Outcome::Failed { .. } => {}
        }
    }
}
