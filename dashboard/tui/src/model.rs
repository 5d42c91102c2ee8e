//! What screens show, folded from a run's events.
//!
//! Pure: [`Model::apply`] takes events in order and never fails; one that cannot follow is told on the
//! screen and changes nothing else. Whether events come one by one, a thousand at once, or again from a
//! checkpoint makes no difference. Everything kept has a limit.

mod costs;
mod line;
pub(crate) mod log;
mod picture;
mod timeline;

#[cfg(test)]
pub(crate) mod tests;

use loki_ledger::Recorded;
use loki_ledger::event::RunId;

pub use costs::{CostKind, Costs, ModelCost, Money};
pub(crate) use line::effect;
pub use line::{Line, Mark};
pub use log::{Filter, Kind, Log, Row};
pub use picture::{CouncilSeen, Disorder, Evidence, GateSeen, Item, Picture, ProposalSeen, Taken};
pub use timeline::{Iteration, PhaseSpan, Timeline};

/// Pictures kept to start a replay from.
const CHECKPOINTS_MAX: usize = 32;

/// Bytes of text that the run of a checkpoint may hold for it to be kept.
const CHECKPOINT_BYTES_MAX: usize = 256 << 10;

/// Events between two checkpoints at first.
const CHECKPOINT_EVERY: u64 = 512;

/// Everything known about one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The run as its newest event leaves it.
    pub live: Picture,
    /// Its events, one line each.
    pub log: Log,
    checkpoints: Vec<Picture>,
    checkpoint_every: u64,
}

impl Model {
    /// A run of which no event is known yet.
    pub fn new(run: RunId) -> Self {
        Self {
            live: Picture::new(run),
            log: Log::default(),
            checkpoints: Vec::new(),
            checkpoint_every: CHECKPOINT_EVERY,
        }
    }

    /// Takes over events, in order.
    pub fn apply(&mut self, events: &[Recorded]) {
        for recorded in events {
            if recorded.seq <= self.log.last() {
                continue; // Read twice, after a reader was opened anew.
            }
            // Told once, as the run was before it.
            let told = line::line_of(&self.live.run, &recorded.event);
            self.live.take(recorded, Some(&told));
            self.log.push(recorded, told);
            if recorded.seq.is_multiple_of(self.checkpoint_every) {
                self.keep();
            }
        }
    }

    /// The picture to start from for the run as event `seq` left it: the events after its own number up
    /// to `seq` are still to be applied.
    pub fn base(&self, seq: u64) -> Picture {
        let kept = self.checkpoints.iter().rev().find(|picture| picture.seq() <= seq);
        kept.cloned().unwrap_or_else(|| Picture::new(self.live.run.id.clone()))
    }

    /// Keeps the present; where there are too many, every other one is let go and fewer follow.
    fn keep(&mut self) {
        if self.live.weight() > CHECKPOINT_BYTES_MAX {
            return; // A replay begins further back, and takes longer.
        }
        self.checkpoints.push(self.live.clone());
        if self.checkpoints.len() > CHECKPOINTS_MAX {
            self.checkpoint_every *= 2;
            let every = self.checkpoint_every;
            self.checkpoints.retain(|picture| picture.seq().is_multiple_of(every));
        }
    }
}
