//! A name for every request, by which an answer is found in the log.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, there and back.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of a name that a caller chose.
const BYTES_MAX: usize = 64;

/// Makes names that no other process is likely to make. They are no secrets.
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> RequestIds {
        RequestIds { process: RandomState::new().build_hasher().finish(), next: AtomicU64::new(1) }
    }

    /// The caller's own, where it is one that can stand in a log; otherwise a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(given) = headers.get(HEADER)
            && is_sane(given.as_bytes())
        {
            return given.clone();
        }
        let made = format!("{:016x}{:08x}", self.process, self.next.fetch_add(1, Ordering::Relaxed));
        HeaderValue::try_from(made).unwrap_or_else(|_| HeaderValue::from_static("0"))
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_sane_and_makes_the_rest() {
        let ids = RequestIds::new();
        let of = |text: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(text).unwrap());
            ids.of(&headers)
        };
        assert_eq!(of(b"abc-1.2_3"), "abc-1.2_3");
        for bad in [&b""[..], b"a b", b"{\"a\":1}", b"\xff", &[b'a'; BYTES_MAX + 1]] {
            assert_ne!(of(bad).as_bytes(), bad);
        }
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }
}
