//! What a run has used up: time, tokens and money, as its events tell it.
//!
//! One account for everything: turns, reviewers, gates that ask a model, and calls whose process died
//! before their answer was written down. Such a call may have been paid for, so it is taken to have cost
//! what was reserved for it.

use std::collections::BTreeMap;

use super::{RECOVERIES_SPENT, Run};
use crate::event::{Cost, Event, Outcome, Usage};

/// Events with a longer gap between them belong to different stretches of work: a driver that lives
/// writes at least this often, or waits for somebody.
const GAP_MS_MAX: i64 = 15 * 60 * 1000;

/// What a run has used up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// Time in which a process drove it, in milliseconds.
    pub active_ms: u64,
    /// Money, in millionths of a US dollar: measured, estimated and lost.
    pub micro_usd: u64,
    /// The part of it that calls are taken to have cost whose answer was never written down.
    pub micro_usd_lost: u64,
    /// Whether some of the money was estimated.
    pub estimated: bool,
    /// Answers whose cost is not known.
    pub turns_unknown: u32,
    /// Turns in all.
    pub turns: u32,
    /// Tool calls in all.
    pub calls: u32,
    /// Bytes of turns and tool outputs.
    pub output_bytes: u64,
    /// Input tokens that were not cached, as reported; so are the next three.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
    /// Tokens of all kinds that nobody reported, such as those of a stream that broke: as counted here.
    pub tokens_estimated: u64,
    /// The turns of each model.
    pub models: BTreeMap<String, ModelSpent>,
}

/// What one model's turns came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelSpent {
    /// Turns it answered.
    pub turns: u32,
    /// Money, in millionths of a US dollar.
    pub micro_usd: u64,
}

impl Spent {
    fn use_up(&mut self, usage: &Usage) {
        match usage.cost {
            Cost::Estimated { .. } => {
                self.tokens_estimated += usage.input + usage.output + usage.cache_read + usage.cache_write;
            }
            Cost::Measured { .. } | Cost::Unknown => {
                self.input += usage.input;
                self.output += usage.output;
                self.cache_read += usage.cache_read;
                self.cache_write += usage.cache_write;
            }
        }
        match usage.cost {
            Cost::Measured { micro_usd } => self.micro_usd = self.micro_usd.saturating_add(micro_usd),
            Cost::Estimated { micro_usd } => {
                self.micro_usd = self.micro_usd.saturating_add(micro_usd);
                self.estimated = true;
            }
            Cost::Unknown => self.turns_unknown += 1,
        }
    }

    fn lose(&mut self, reserved_micro_usd: u64) {
        if reserved_micro_usd > 0 {
            self.micro_usd = self.micro_usd.saturating_add(reserved_micro_usd);
            self.micro_usd_lost = self.micro_usd_lost.saturating_add(reserved_micro_usd);
            self.estimated = true;
        }
    }

    fn answered(&mut self, model: &str, usage: &Usage) {
        if model.is_empty() {
            return;
        }
        let spent = self.models.entry(model.to_owned()).or_default();
        spent.turns += 1;
        if let Cost::Measured { micro_usd } | Cost::Estimated { micro_usd } = usage.cost {
            spent.micro_usd = spent.micro_usd.saturating_add(micro_usd);
        }
    }
}

impl Run {
    /// Adds up time and money. The run is as it was before the event.
    pub(super) fn account(&mut self, at_ms: i64, event: &Event) {
        let gap = at_ms - self.last_ms;
        let worked = self.wait.is_none() && !self.paused && !matches!(event, Event::Attached { .. });
        if self.started.is_some() && self.stopped.is_none() && worked && (0..GAP_MS_MAX).contains(&gap) {
            self.spent.active_ms += gap.unsigned_abs();
        }
        let reserved = self.open.as_ref().map_or(0, |open| open.intent.reserved_micro_usd);
        match event {
            Event::EffectRetried { .. } | Event::EffectRolledBack { .. } => self.spent.lose(reserved),
            Event::EffectEnded { outcome, .. } => self.settle(reserved, outcome),
            Event::RunStarted(_)
            | Event::Attached { .. }
            | Event::IterationStarted { .. }
            | Event::PhaseStarted { .. }
            | Event::EffectIntended(_)
            | Event::PhaseEnded { .. }
            | Event::WaitOpened(_)
            | Event::WaitEnded { .. }
            | Event::CommandTaken { .. }
            | Event::FilesEdited { .. }
            | Event::Overdrawn { .. }
            | Event::Reopened { .. }
            | Event::RunStopped { .. } => {}
        }
    }

    fn settle(&mut self, reserved: u64, outcome: &Outcome) {
        let spent = &mut self.spent;
        match outcome {
            Outcome::Turn { usage, bytes, model, .. } => {
                spent.turns += 1;
                spent.output_bytes += bytes;
                spent.use_up(usage);
                spent.answered(model, usage);
            }
            Outcome::Tool { bytes, .. } | Outcome::Activated { bytes, .. } => {
                spent.calls += 1;
                spent.output_bytes += bytes;
            }
            Outcome::Planned { .. } | Outcome::Claimed { .. } | Outcome::Noted { .. } => spent.calls += 1,
            Outcome::Council { usage, .. } | Outcome::Gate { usage, .. } => spent.use_up(usage),
            Outcome::Failed { code, .. } if code == RECOVERIES_SPENT => spent.lose(reserved),
            Outcome::Failed { usage, .. } => {
                if let Some(usage) = usage {
                    spent.use_up(usage);
                }
            }
            Outcome::Snapshot { .. }
            | Outcome::Review { .. }
            | Outcome::Approved
            | Outcome::Compared { .. }
            | Outcome::Receipt { .. } => {}
        }
    }
}
