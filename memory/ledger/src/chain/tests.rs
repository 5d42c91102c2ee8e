//! The chain against somebody who knows how to hash.

use super::{Broken, Chain, EventHash, Head, Link};
use crate::event::{RunId, VERSION};

const BODY: &[u8] = br#"{"type":"attached","pid":7,"attended":false}"#;

fn run() -> RunId {
    RunId::parse("a").unwrap()
}

/// An event after the one hashed `last`, with the hash that belongs to it.
fn sealed(last: EventHash, seq: u64, version: u32) -> Link<'static> {
    let link = Link { seq, at_ms: 5, version, body: BODY, hash: None };
    Link { hash: Some(last.next(&run(), &link)), ..link }
}

#[test]
fn a_gap_is_found_even_if_the_hash_is_right() {
    let run = run();
    let mut chain = Chain::new(&run);
    let first = sealed(EventHash::NONE, 1, VERSION);
    chain.follow(&first).unwrap();
    let Broken { seq, reason } = chain.follow(&sealed(chain.last().hash, 3, VERSION)).unwrap_err();
    assert_eq!((seq, reason.as_str()), (2, "it is missing; event 3 follows"));
    assert_eq!(chain.last(), Head { seq: 1, hash: first.hash.unwrap() }, "a refused event changes nothing");
    chain.follow(&sealed(chain.last().hash, 2, VERSION)).unwrap();
}

#[test]
fn a_newer_format_is_refused_even_if_the_hash_is_right() {
    let run = run();
    let Broken { seq, reason } =
        Chain::new(&run).follow(&sealed(EventHash::NONE, 1, VERSION + 1)).unwrap_err();
    assert_eq!((seq, reason), (1, format!("its format {} is newer than {VERSION}", VERSION + 1)));
}

#[test]
fn an_event_of_another_run_does_not_follow() {
    let other = RunId::parse("b").unwrap();
    Chain::new(&other).follow(&sealed(EventHash::NONE, 1, VERSION)).unwrap_err();
}

/// What was hashed once must be hashed the same by every later version of the program. The expected
/// value is the SHA-256 of: 1 in 4 bytes, 32 zero bytes, 1 in 8 bytes, `a`, 1 in 8 bytes, 5 in 8 bytes
/// (each number with its highest byte first), and the event's JSON.
#[test]
fn the_hash_is_what_it_always_was() {
    let hash = sealed(EventHash::NONE, 1, 1).hash.unwrap();
    assert_eq!(hash.to_string(), "203fbf6353313fdbe5e8bdc821c571f68bfb5fd895b347df8765afba30d162b2");
    assert_eq!(EventHash::parse(&hash.to_string()), Some(hash));
    for bad in ["", "00", &"g".repeat(64), &"A".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
        assert_eq!(EventHash::parse(bad), None, "{bad}");
    }
}
