//! What a run has cost, by what it was spent on and by whom it was earned.

use std::collections::BTreeMap;

use loki_ledger::event::{Cost, Event, Outcome, Usage};
use loki_ledger::run::{RECOVERIES_SPENT, Run};

/// Models told apart; the turns of further ones are told together.
const MODELS_MAX: usize = 64;

/// The name under which the turns of further models are told.
const OTHERS: &str = "other models";

/// Money, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Money {
    /// What is known of it, in millionths of a US dollar.
    pub micro_usd: u64,
    /// Whether some of it was estimated.
    pub estimated: bool,
    /// Answers whose cost is not known: the whole is then not known either.
    pub unknown: u32,
}

/// What money was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CostKind {
    /// Turns of the provider.
    Turns,
    /// Reviewers of the council.
    Council,
    /// Gates that ask a model.
    Gates,
    /// Calls that failed and were paid for all the same.
    Failed,
    /// Calls whose process died: taken to have cost what was reserved.
    Lost,
}

/// What one model's turns came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelCost {
    /// Turns it answered.
    pub turns: u32,
    /// Tokens in, cached ones included.
    pub tokens_in: u64,
    /// Tokens out.
    pub tokens_out: u64,
    /// What they cost.
    pub money: Money,
}

/// The account of a run, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Costs {
    /// By what it was spent on.
    pub kinds: BTreeMap<CostKind, Money>,
    /// By model; the empty name stands for turns that no model answered.
    pub models: BTreeMap<String, ModelCost>,
    /// When the last of it was spent, in milliseconds since the epoch.
    pub last_ms: Option<i64>,
}

impl Money {
    /// Adds what one answer cost.
    pub fn add(&mut self, cost: Cost) {
        match cost {
            Cost::Measured { micro_usd } => self.micro_usd = self.micro_usd.saturating_add(micro_usd),
            Cost::Estimated { micro_usd } => {
                self.micro_usd = self.micro_usd.saturating_add(micro_usd);
                self.estimated = true;
            }
            Cost::Unknown => self.unknown = self.unknown.saturating_add(1),
        }
    }

    /// Adds another sum.
    pub fn plus(&mut self, other: Money) {
        self.micro_usd = self.micro_usd.saturating_add(other.micro_usd);
        self.estimated |= other.estimated;
        self.unknown = self.unknown.saturating_add(other.unknown);
    }
}

impl CostKind {
    /// Its name on a screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Council => "council",
            Self::Gates => "gates that ask a model",
            Self::Failed => "failed calls",
            Self::Lost => "calls cut short (reserved)",
        }
    }
}

impl Costs {
    /// Takes over an event. `run` is the run before it. Returns what the event cost, if anything.
    pub(super) fn take(&mut self, run: &Run, at_ms: i64, event: &Event) -> Option<Money> {
        let reserved = run.open.as_ref().map_or(0, |open| open.intent.reserved_micro_usd);
        let (kind, money) = match event {
            Event::EffectRetried { .. } | Event::EffectRolledBack { .. } => lost(reserved)?,
            Event::EffectEnded { outcome, .. } => self.settle(reserved, outcome)?,
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
            | Event::RunStopped { .. } => return None,
        };
        self.kinds.entry(kind).or_default().plus(money);
        self.last_ms = Some(at_ms);
        Some(money)
    }

    fn settle(&mut self, reserved: u64, outcome: &Outcome) -> Option<(CostKind, Money)> {
        match outcome {
            Outcome::Turn { usage, model, .. } => {
                self.answered(model, usage);
                Some((CostKind::Turns, of(usage)))
            }
            Outcome::Council { usage, .. } => Some((CostKind::Council, of(usage))),
            Outcome::Gate { usage, .. } => Some((CostKind::Gates, of(usage))),
            Outcome::Failed { code, .. } if code == RECOVERIES_SPENT => lost(reserved),
            Outcome::Failed { usage, .. } => usage.as_ref().map(|usage| (CostKind::Failed, of(usage))),
            Outcome::Snapshot { .. }
            | Outcome::Tool { .. }
            | Outcome::Planned { .. }
            | Outcome::Claimed { .. }
            | Outcome::Noted { .. }
            | Outcome::Activated { .. }
            | Outcome::Review { .. }
            | Outcome::Approved
            | Outcome::Compared { .. }
            | Outcome::Receipt { .. } => None,
        }
    }

    fn answered(&mut self, model: &str, usage: &Usage) {
        let is_known = self.models.contains_key(model) || self.models.len() < MODELS_MAX;
        let name = if is_known { model } else { OTHERS };
        let cost = self.models.entry(name.to_owned()).or_default();
        cost.turns = cost.turns.saturating_add(1);
        for tokens in [usage.input, usage.cache_read, usage.cache_write] {
            cost.tokens_in = cost.tokens_in.saturating_add(tokens);
        }
        cost.tokens_out = cost.tokens_out.saturating_add(usage.output);
        cost.money.add(usage.cost);
    }
}

fn of(usage: &Usage) -> Money {
    let mut money = Money::default();
    money.add(usage.cost);
    money
}

fn lost(reserved: u64) -> Option<(CostKind, Money)> {
    let money = Money { micro_usd: reserved, estimated: true, unknown: 0 };
    (reserved > 0).then_some((CostKind::Lost, money))
}
