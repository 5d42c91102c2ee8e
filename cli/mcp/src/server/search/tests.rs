use loki_operation::{Cost, object};
use serde_json::json;

use super::*;

fn offer(name: &str, group: &str, summary: &str, access: Access) -> Offer {
    Offer {
        name: name.to_owned(),
        group: group.to_owned(),
        summary: summary.to_owned(),
        access,
        cost: Cost::Free,
        idempotent: true,
        input_schema: object(json!({"email": {"type": "string"}}), &[]),
        output_schema: object(json!({}), &[]),
    }
}

fn offers() -> Vec<Offer> {
    vec![
        offer("forge_auth_user_create", "auth", "Adds somebody who can sign in.", Access::Write),
        offer("forge_auth_user_list", "auth", "Lists who can sign in.", Access::Read),
        offer("forge_db_rpc_call", "database", "Calls a function of the database.", Access::Read),
        offer("loki_stop", "run", "Ends a run.", Access::Write),
    ]
}

fn names(query: &str) -> Vec<String> {
    search(&offers(), query, &Allow::EVERYTHING).names.into_iter().collect()
}

#[test]
fn words_find_what_they_name_and_what_it_is_described_by() {
    assert_eq!(names("create users"), ["forge_auth_user_create", "forge_auth_user_list"]);
    assert_eq!(names("functions"), ["forge_db_rpc_call"]);
    assert_eq!(names("STOP the run"), ["loki_stop"]);
    let found = search(&offers(), "create user", &Allow::EVERYTHING).text;
    assert!(found.find("forge_auth_user_create").unwrap() < found.find("forge_auth_user_list").unwrap());
}

#[test]
fn the_answer_says_what_a_call_takes() {
    let found = search(&offers(), "create", &Allow::EVERYTHING).text;
    assert!(found.contains(r#"input {"additionalProperties":false,"properties":{"email""#), "{found}");
}

#[test]
fn a_group_is_found_whole_and_no_words_tell_of_the_groups() {
    assert_eq!(names(" Auth "), ["forge_auth_user_create", "forge_auth_user_list"]);
    let told = search(&offers(), "", &Allow::EVERYTHING);
    assert!(told.names.is_empty() && told.text.contains("auth: forge_auth_user_create forge_auth_user_list"));
    let nothing = search(&offers(), "xylophone", &Allow::EVERYTHING);
    assert!(nothing.names.is_empty() && nothing.text.starts_with("Nothing"), "{}", nothing.text);
}

#[test]
fn what_may_not_be_used_is_told_of_and_not_switched_on() {
    let found = search(&offers(), "auth", &Allow::default());
    assert_eq!(found.names.into_iter().collect::<Vec<_>>(), ["forge_auth_user_list"]);
    assert!(found.text.contains("not allowed: `loki mcp --allow write`"));
}

#[test]
fn a_query_of_any_length_and_any_letters_is_one() {
    for query in ["ß".repeat(10_000), "a ".repeat(100_000), "\u{0}\u{1}".to_owned(), "🦀".repeat(300)] {
        let _found = search(&offers(), &query, &Allow::EVERYTHING);
    }
}
