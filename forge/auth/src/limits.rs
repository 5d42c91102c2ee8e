//! How often may be asked: counted in memory, by what is asked and by whom.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{AuthError, Code};

/// What is remembered at most; beyond it, who has not been seen yet shares one count.
const COUNTS_MAX: usize = 65_536;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Requests that are worth attacking, by address.
    Requests,
    /// Mails to everybody.
    Mails,
    /// Mails of one kind to one address.
    MailTo,
    /// Anonymous sign-ins, by address.
    Anonymous,
    /// Wrong passwords of one account.
    FailuresOfAccount,
    /// Wrong passwords from one address.
    FailuresFrom,
}

/// So many in so long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) times: u32,
    pub(crate) within: Duration,
}

/// Everything that is counted.
#[derive(Default)]
pub(crate) struct Limits {
    counts: Mutex<HashMap<(Kind, u64), Count>>,
}

/// Times within a window that began with the first of them.
struct Count {
    began: Instant,
    within: Duration,
    times: u32,
}

impl Limits {
    /// Counts one more of `whose`, or says after how long there is room.
    pub(crate) fn take(&self, kind: Kind, whose: u64, allowance: Allowance) -> Result<(), Duration> {
        self.of(kind, whose, allowance, |count| {
            if count.times >= allowance.times {
                return Err(count.ends_in());
            }
            count.times += 1;
            Ok(())
        })
    }

    /// Whether there is room for one more of `whose`, without counting it.
    pub(crate) fn has_room(&self, kind: Kind, whose: u64, allowance: Allowance) -> Result<(), Duration> {
        self.of(kind, whose, allowance, |count| {
            if count.times >= allowance.times { Err(count.ends_in()) } else { Ok(()) }
        })
    }

    /// Forgets what `whose` has counted.
    pub(crate) fn forget(&self, kind: Kind, whose: u64) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(&(kind, whose));
    }

    fn of<T>(&self, kind: Kind, whose: u64, allowance: Allowance, act: impl FnOnce(&mut Count) -> T) -> T {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (kind, whose);
        if counts.len() >= COUNTS_MAX && !counts.contains_key(&key) {
            counts.retain(|_, count| count.ends_in() > Duration::ZERO);
            if counts.len() >= COUNTS_MAX {
                key = (kind, 0);
            }
        }
        let fresh = || Count { began: Instant::now(), within: allowance.within, times: 0 };
        let count = counts.entry(key).or_insert_with(fresh);
        if count.ends_in() == Duration::ZERO {
            *count = fresh();
        }
        act(count)
    }
}

impl Count {
    fn ends_in(&self) -> Duration {
        self.within.saturating_sub(self.began.elapsed())
    }
}

/// The refusal for a limit that was reached.
pub(crate) fn refused(code: Code, wait: Duration) -> AuthError {
    // Rounded up: who comes back in time must not be early.
    AuthError::new(code).after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

/// An address as it is counted: of version 6 the network, because whoever has one address has all of it.
pub(crate) fn counted(ip: IpAddr) -> Option<String> {
    match ip {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(ip.to_string()),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => counted(IpAddr::V4(ip)),
            None => Some(format!("{:x?}", &ip.segments()[..4])),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Allowance = Allowance { times: 3, within: Duration::from_secs(60) };

    #[tokio::test(start_paused = true)]
    async fn so_many_in_so_long_a_time() {
        let limits = Limits::default();
        let took = [(); 4].map(|()| limits.take(Kind::Requests, 1, THREE).is_ok());
        assert_eq!(took, [true, true, true, false]);
        assert!(limits.take(Kind::Requests, 2, THREE).is_ok(), "everybody has a count");
        assert!(limits.take(Kind::Anonymous, 1, THREE).is_ok(), "for each kind");
        assert!(limits.has_room(Kind::Requests, 1, THREE).is_err());
        let wait = limits.take(Kind::Requests, 1, THREE).unwrap_err();
        tokio::time::advance(wait).await;
        assert!(limits.has_room(Kind::Requests, 1, THREE).is_ok());
        limits.forget(Kind::Requests, 1);
        assert!(limits.take(Kind::Requests, 1, THREE).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted_together() {
        let limits = Limits::default();
        let took = (1..COUNTS_MAX as u64 + 100).filter(|who| limits.take(Kind::MailTo, *who, THREE).is_ok());
        assert!(took.count() <= COUNTS_MAX + 3);
    }

    #[test]
    fn neighbours_in_a_network_are_one_and_loopback_is_not_counted() {
        let of = |text: &str| counted(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!((of("127.0.0.1"), of("::1"), of("::ffff:127.0.0.1")), (None, None, None));
    }
}
