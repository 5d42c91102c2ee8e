//! What an errand costs an agent's model in tokens, through the tools that are listed from the beginning.

use loki_kit::errand::{self, FOUND};
use serde_json::json;

use super::bench::Client;
use crate::env as loki;

/// Tokens of the whole errand: the listing once, what is said and what is read.
const TOKENS_MAX: usize = 5_000;

#[test]
fn an_errand_of_seven_calls_is_cheap() {
    let env = loki();
    env.write("forge/migrations/0001_library.yaml", errand::TABLES);
    env.write("PRD.md", errand::DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let vocabulary = tiktoken_rs::o200k_base().unwrap();
    let tokens = |text: &str| vocabulary.encode_ordinary(text).len();
    let mut client = Client::begun(&env, &["--allow", "write"]);
    let listing = client.ask("tools/list", json!({}));
    let listed = errand::listed(&listing["result"]["tools"]);
    let mut bill =
        vec![("the listing".to_owned(), listed.iter().map(|(_, text)| tokens(text)).sum::<usize>())];
    let mut found = String::new();
    for (tool, arguments) in errand::calls() {
        assert!(listed.iter().any(|(name, _)| name == tool), "{tool} is not listed");
        let said = tokens(tool) + tokens(&arguments.to_string());
        let answer = client.call(tool, arguments);
        assert_ne!(answer["result"]["isError"], true, "{tool}: {answer}");
        let read = errand::read(&answer["result"]);
        bill.push((tool.to_owned(), said + tokens(&read)));
        if tool == "forge_db_query" {
            found = read;
        }
    }
    assert!(FOUND.iter().all(|word| found.contains(word)), "{found}");
    let total: usize = bill.iter().map(|(_, tokens)| tokens).sum();
    assert!(total < TOKENS_MAX, "{total}: {bill:?}");
}
