//! The chain of hashes over the events of a run. Pure: it is given rows and says whether they hold.

use std::fmt;

use loki_store::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{Event, RunId, VERSION};

/// An event's hash, which covers all events before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventHash([u8; 32]);

/// An event as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its run.
    pub run: RunId,
    /// Its number in the run, from 1.
    pub seq: u64,
    /// When it was written, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The event.
    pub event: Event,
    /// Its hash.
    pub hash: EventHash,
}

/// The last event of a run, by number and hash. It is kept apart from the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number.
    pub seq: u64,
    /// The hash.
    pub hash: EventHash,
}

/// Where events stop being the ones that were written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {reason}")]
pub struct Broken {
    /// The first event that is not as it was written, or that is missing.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// An event as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) seq: u64,
    pub(crate) at_ms: i64,
    pub(crate) version: u32,
    /// The event as JSON, byte for byte as it was hashed.
    pub(crate) body: &'a [u8],
    /// `None`: what is stored is no hash at all.
    pub(crate) hash: Option<EventHash>,
}

/// Follows the events of a run from the first on.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    run: &'a RunId,
    last: Head,
}

impl EventHash {
    /// What stands for the event before the first.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// The hash of an event of `run`, which `self` is the hash of the event before. Every part has a
    /// fixed length or its length before it, so that no two events are hashed alike.
    pub(crate) fn next(self, run: &RunId, link: &Link<'_>) -> Self {
        let name = run.as_str().as_bytes();
        let mut hasher = Sha256::new();
        hasher.update(link.version.to_be_bytes());
        hasher.update(self.0);
        hasher.update((name.len() as u64).to_be_bytes());
        hasher.update(name);
        hasher.update(link.seq.to_be_bytes());
        hasher.update(link.at_ms.to_be_bytes());
        hasher.update(link.body);
        Self(hasher.finalize().into())
    }

    /// The hash from its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash from its text: 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Self::from_bytes(&bytes?)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for EventHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a hash has 64 lower-case hex digits"))
    }
}

impl Recorded {
    /// When it was written.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at_ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl<'a> Chain<'a> {
    pub(crate) fn new(run: &'a RunId) -> Self {
        Self { run, last: Head { seq: 0, hash: EventHash::NONE } }
    }

    /// The last event that held.
    pub(crate) fn last(&self) -> Head {
        self.last
    }

    /// Takes the next event, if it is the one that was written after those before it.
    pub(crate) fn follow(&mut self, link: &Link<'_>) -> Result<Event, Broken> {
        let seq = self.last.seq + 1;
        if link.seq != seq {
            return broken(seq, format!("it is missing; event {} follows", link.seq));
        }
        if link.version > VERSION {
            return broken(seq, format!("its format {} is newer than {VERSION}", link.version));
        }
        let hash = self.last.hash.next(self.run, link);
        if link.hash != Some(hash) {
            return broken(seq, "its hash does not match it and the events before it".to_owned());
        }
        let event = serde_json::from_slice(link.body)
            .or_else(|error| broken(seq, format!("it cannot be read: {error}")))?;
        self.last = Head { seq, hash };
        Ok(event)
    }

    /// Compares the end of the events with the head that is kept apart from them.
    pub(crate) fn end(&self, head: Option<Head>) -> Result<Head, Broken> {
        match head {
            Some(head) if head == self.last => Ok(head),
            Some(head) if head.seq > self.last.seq => {
                broken(self.last.seq + 1, format!("it is missing; the run has {} events", head.seq))
            }
            Some(head) if head.seq < self.last.seq => {
                broken(head.seq + 1, format!("it was added; the run has {} events", head.seq))
            }
            Some(head) => broken(head.seq, "its hash is not the one kept as the run's head".to_owned()),
            None => broken(self.last.seq.max(1), "the run's head is missing".to_owned()),
        }
    }
}

fn broken<T>(seq: u64, reason: String) -> Result<T, Broken> {
    Err(Broken { seq, reason })
}

#[cfg(test)]
mod tests;
