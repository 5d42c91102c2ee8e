use std::collections::BTreeSet;

use loki_operation::{Access, Allow, Cost, object};
use serde_json::json;

use super::*;

fn offer(name: &str, group: &str, access: Access) -> Offer {
    Offer {
        name: name.to_owned(),
        group: group.to_owned(),
        summary: format!("Does {name}."),
        access,
        cost: Cost::Free,
        idempotent: true,
        input_schema: object(json!({"a": {"type": "string"}}), &[]),
        output_schema: object(json!({"b": {"type": "string"}}), &["b"]),
    }
}

fn offers() -> Vec<Offer> {
    vec![
        offer("loki_verify", "run", Access::Read),
        offer("loki_stop", "run", Access::Write),
        offer("forge_db_migrate", "database", Access::Write),
        offer("forge_db_rollback", "database", Access::Destructive),
    ]
}

fn names(shown: &Shown, on: &[&str], allow: &Allow) -> Vec<String> {
    let on: BTreeSet<String> = on.iter().map(|name| (*name).to_owned()).collect();
    listed(offers(), shown, &on, allow).into_iter().map(|offer| offer.name).collect()
}

#[test]
fn a_lean_listing_is_the_few_and_what_was_switched_on() {
    let all = Allow::EVERYTHING;
    assert_eq!(names(&Shown::Lean, &[], &all), ["loki_verify", "forge_db_migrate"]);
    assert_eq!(names(&Shown::Lean, &["loki_stop"], &all), ["loki_verify", "loki_stop", "forge_db_migrate"]);
    let groups = Shown::Groups(vec!["database".to_owned()]);
    assert_eq!(names(&groups, &[], &all), ["forge_db_migrate", "forge_db_rollback"]);
    assert_eq!(names(&Shown::All, &[], &all).len(), 4);
}

#[test]
fn what_may_not_be_used_is_not_listed_whatever_was_switched_on() {
    let reader = Allow::default();
    assert_eq!(names(&Shown::All, &["loki_stop", "forge_db_rollback"], &reader), ["loki_verify"]);
    let writer = Allow { write: true, ..Allow::default() };
    assert_eq!(names(&Shown::All, &["forge_db_rollback"], &writer).len(), 3);
}

#[test]
fn clients_are_told_what_changes_something() {
    let told =
        |access| serde_json::to_value(tool(&offer("x", "y", access), false)).unwrap()["annotations"].clone();
    assert_eq!(told(Access::Read), json!({"readOnlyHint": true}));
    assert_eq!(told(Access::Write), json!({"destructiveHint": false}));
    assert_eq!(told(Access::Destructive), json!({"destructiveHint": true}));
}

#[test]
fn output_schemas_are_listed_only_where_they_are_asked_for() {
    let offer = offer("x", "y", Access::Read);
    assert!(tool(&offer, false).output_schema.is_none());
    assert_eq!(tool(&offer, true).output_schema.unwrap()["required"], json!(["b"]));
}
