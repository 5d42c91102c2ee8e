//! What became of the models that were asked for one turn, and what they used up.

use std::borrow::Cow;

use super::sums;
use crate::breaker::Held;
use crate::{Cost, Provider, ProviderError, Request, Tokens, Turn};

/// Bytes of what one model said that are passed on.
const REASON_BYTES_MAX: usize = 300;

/// The attempts of one turn.
#[derive(Default)]
pub(super) struct Attempts {
    spent: Option<(Tokens, Cost)>,
    reasons: Vec<String>,
}

impl Attempts {
    /// Notes a model that was not asked.
    pub(super) fn held(&mut self, model: &str, held: Held) {
        let why = if held.rate_limited { "asked for a pause" } else { "is left alone after failing" };
        self.reasons.push(match held.for_ms {
            Some(ms) => format!("{model} {why}, {} s to go", ms.div_ceil(1000)),
            None => format!("{model} {why} and is just being tried"),
        });
    }

    /// Notes a model that broke off, and what it had used.
    pub(super) fn failed(&mut self, model: &str, message: &str, spent: Option<(Tokens, Cost)>) {
        let end = message.floor_char_boundary(REASON_BYTES_MAX);
        self.reasons.push(format!("{model}: {}", message.get(..end).unwrap_or_default()));
        self.spent = self.spent_with(spent);
    }

    /// What was spent so far, and this.
    pub(super) fn spent_with(&self, spent: Option<(Tokens, Cost)>) -> Option<(Tokens, Cost)> {
        match (self.spent, spent) {
            (Some(earlier), Some(now)) => Some(sums::both(earlier, now)),
            (earlier, now) => earlier.or(now),
        }
    }

    /// The request as the next model may have it: its allowance less what was spent. `None` if that
    /// is too little, or not known.
    pub(super) fn rest<'a>(&mut self, request: &'a Request, next: &dyn Provider) -> Option<Cow<'a, Request>> {
        let (Some(allowance), Some((_, cost))) = (request.allowance_micro_usd, self.spent) else {
            return Some(Cow::Borrowed(request));
        };
        let left =
            sums::micro_usd(cost).and_then(|spent| allowance.checked_sub(spent)).filter(|left| *left > 0);
        let rest = left.map(|left| Request { allowance_micro_usd: Some(left), ..request.clone() });
        let rest = rest.filter(|rest| sums::micro_usd(next.quote(rest).cost) <= left);
        if rest.is_none() {
            self.reasons.push(format!("{}: what is left of the budget does not cover it", next.name()));
        }
        rest.map(Cow::Owned)
    }

    /// The answer, with what the attempts before it used.
    pub(super) fn settled(self, mut turn: Turn) -> Turn {
        if let Some(spent) = self.spent {
            (turn.tokens, turn.cost) = sums::both(spent, (turn.tokens, turn.cost));
        }
        turn
    }

    /// That nobody answered. `held` says for each model that might have why it may not be asked now,
    /// if it may not: the first of them that is free again ends the wait.
    pub(super) fn into_error(self, held: impl Iterator<Item = Option<Held>>) -> ProviderError {
        let held: Vec<Option<Held>> = held.collect();
        let waits: Option<Vec<u64>> = held.iter().map(|held| held.and_then(|held| held.for_ms)).collect();
        ProviderError::Transient {
            message: self.reasons.join("; "),
            retry_after_ms: waits.and_then(|waits| waits.into_iter().min()),
            rate_limited: held.iter().all(|held| held.is_some_and(|held| held.rate_limited)),
            spent: self.spent,
        }
    }
}
