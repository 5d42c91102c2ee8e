//! The only source of time, so that tests can pin it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that starts where it is told and moves on by a fixed step each time it is asked.
#[derive(Debug)]
pub struct FixedClock {
    next: Mutex<Timestamp>,
    step: Duration,
}

impl FixedClock {
    /// A clock whose first answer is `start`, and each later one `step` after the one before.
    pub fn new(start: Timestamp, step: Duration) -> Self {
        Self { next: Mutex::new(start), step }
    }

    /// Moves the clock forward by `by`, beside the steps it makes itself.
    pub fn advance(&self, by: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = later(*next, by);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *next;
        *next = later(now, self.step);
        now
    }
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}
