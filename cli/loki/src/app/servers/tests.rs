//! What is offered of what was looked at, and that it is kept as it was.

use std::collections::BTreeSet;

use loki_mcp::client::{Definition, Hints};
use serde_json::Map;

use super::*;
use crate::config::servers::{EVERY, Way};

fn server(allow: &[&str], definition_tokens_max: usize) -> Server {
    Server {
        way: Way::Address { url: "https://a.test/mcp".to_owned(), token_variable: None },
        enabled: true,
        allow: allow.iter().map(|tool| (*tool).to_owned()).collect(),
        approve: BTreeSet::new(),
        reads: BTreeSet::new(),
        timeout_seconds: 60,
        definition_tokens_max,
        answer_tokens_max: 4_000,
    }
}

fn looked(server: &Server) -> Looked {
    let tool = |name: &str| Definition {
        name: name.to_owned(),
        description: "Does it".to_owned(),
        input_schema: Map::new(),
        hints: Hints { idempotent: Some(true), ..Hints::default() },
        digest: format!("digest of {name}"),
    };
    Looked::now("a", &server.way, ["one", "three", "two"].map(tool))
}

#[test]
fn what_is_allowed_is_offered_until_its_tokens_are_used_up() {
    let all = server(&[EVERY], 10_000);
    let looked = looked(&all);
    let each = looked.tools[0].tokens;
    let said = |server: &Server| offers(server, &looked).iter().map(|(_, offer)| *offer).collect::<Vec<_>>();
    assert_eq!(said(&all), [Offer::Offered; 3]);
    assert_eq!(said(&server(&["two"], 10_000)), [Offer::NotAllowed, Offer::NotAllowed, Offer::Offered]);
    assert_eq!(said(&server(&[EVERY], each)), [Offer::Offered, Offer::TooMuch, Offer::TooMuch]);
    assert_eq!(said(&server(&[], 10_000)), [Offer::NotAllowed; 3]);
}

#[test]
fn what_was_looked_at_is_kept_whole_and_is_of_one_way_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&[EVERY], 10_000);
    let looked = looked(&server);
    assert_eq!(Looked::read(dir.path(), "a").unwrap(), None);
    looked.keep(dir.path(), "a").unwrap();
    assert_eq!(Looked::read(dir.path(), "a").unwrap(), Some(looked.clone()));
    let elsewhere = Way::Address { url: "https://b.test/mcp".to_owned(), token_variable: None };
    assert_ne!(way_digest(&elsewhere), looked.way);
    std::fs::write(dir.path().join("a.json"), "{\"version\": 2}").unwrap();
    assert!(matches!(Looked::read(dir.path(), "a"), Err(LookedError::Format { .. })));
}
