//! How often may be asked, by the generic cell rate algorithm, in bounded memory.
//!
//! A bucket is one number: when it will be empty again. Where there is no room for another bucket and none is
//! empty, newcomers share one, so that a flood of addresses costs the flood and not the memory.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Buckets of one limit.
const BUCKETS_MAX: usize = 16_384;

/// So many requests a second on average, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second; at least 1 counts.
    pub per_second: u32,
    /// Requests at once; at least 1 counts.
    pub burst: u32,
}

/// One limit with a bucket for everyone.
pub(crate) struct Limit {
    rate: Rate,
    started: Instant,
    hasher: RandomState,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    /// By the hash of whom they belong to, in nanoseconds since the start.
    empty_at: HashMap<u64, u64>,
    /// Of those who found no room.
    shared: u64,
    /// When it is worth looking for empty ones again.
    sweep_at: u64,
}

impl Limit {
    pub(crate) fn new(rate: Rate) -> Limit {
        Limit { rate, started: Instant::now(), hasher: RandomState::new(), buckets: Mutex::default() }
    }

    /// Takes one request of `whose`, or says after how long there is room for it.
    pub(crate) fn take(&self, whose: impl Hash) -> Result<(), Duration> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let each = 1_000_000_000 / u64::from(self.rate.per_second.max(1));
        let depth = each * u64::from(self.rate.burst.max(1));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.of(self.hasher.hash_one(whose), now);
        let filled = (*bucket).max(now) + each;
        if filled - now > depth {
            return Err(Duration::from_nanos(filled - now - depth));
        }
        *bucket = filled;
        Ok(())
    }
}

impl Buckets {
    fn of(&mut self, whose: u64, now: u64) -> &mut u64 {
        if self.empty_at.len() >= BUCKETS_MAX && !self.empty_at.contains_key(&whose) {
            if now >= self.sweep_at {
                self.empty_at.retain(|_, empty_at| *empty_at > now);
                self.sweep_at = now + 1_000_000_000;
            }
            if self.empty_at.len() >= BUCKETS_MAX {
                return &mut self.shared;
            }
        }
        self.empty_at.entry(whose).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let limit = Limit::new(Rate { per_second: 10, burst: 3 });
        assert_eq!([(); 4].map(|()| limit.take("a").is_ok()), [true, true, true, false]);
        assert!(limit.take("b").is_ok(), "everyone has a bucket");
        let wait = limit.take("a").unwrap_err();
        tokio::time::advance(wait).await;
        assert_eq!([(); 2].map(|()| limit.take("a").is_ok()), [true, false]);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!([(); 4].map(|()| limit.take("a").is_ok()), [true, true, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_names_shares_one_bucket_and_goes_again() {
        let limit = Limit::new(Rate { per_second: 1, burst: 1 });
        let taken = (0..BUCKETS_MAX + 100).filter(|n| limit.take(n).is_ok()).count();
        assert_eq!(taken, BUCKETS_MAX + 1);
        assert_eq!(limit.buckets.lock().unwrap().empty_at.len(), BUCKETS_MAX);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(limit.take("later").is_ok());
        assert_eq!(limit.buckets.lock().unwrap().empty_at.len(), 1);
    }
}
