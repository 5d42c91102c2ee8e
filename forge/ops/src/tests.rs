//! Operations propose before they change, change only what was approved, and say what is the case.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_core::{ApprovalBy, Explain, evidence_hash};
use loki_store::FixedClock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const NOTES: &str = "
migration: notes
changes:
  - add_table: {name: notes, columns: [id pk, user_id uuid not null, body text], rls: own-row, indices: [user_id]}
";
const BODILESS: &str = "
migration: bodiless
changes:
  - drop_column: {table: notes, column: body}
";

fn open(dir: &Path) -> Forge {
    let clock = FixedClock::new("2026-01-01T00:00:00Z".parse().expect("a time"), Duration::from_secs(1));
    Forge::open(dir, Arc::new(clock)).expect("Forge opens")
}

fn review(forge: &Forge, name: &str, input: &Value) -> Proposal {
    match forge.call(name, input).expect("it can be called") {
        Outcome::Review(proposal) => *proposal,
        Outcome::Done { summary, .. } => panic!("done without review: {summary}"),
    }
}

fn done(forge: &Forge, name: &str, input: &Value) -> Value {
    match forge.call(name, input).expect("it can be called") {
        Outcome::Done { data, .. } => data,
        Outcome::Review(proposal) => panic!("not done: {proposal:?}"),
    }
}

fn council(forge: &Forge, hash: &str) {
    let evidence = json!({ "votes": 3 });
    let by = ApprovalBy::Council { evidence_hash: evidence_hash(&evidence) };
    forge.approve(hash, by, &evidence).expect("it is stored");
}

fn person(forge: &Forge, hash: &str) {
    let by = ApprovalBy::Person { name: "ada".to_owned(), reason: "nobody reads it".to_owned() };
    forge.approve(hash, by, &json!({})).expect("it is stored");
}

fn migrate(forge: &Forge, spec: &str) -> Value {
    let input = json!({ "spec": spec });
    council(forge, &review(forge, "forge_db_migrate", &input).subject_hash);
    done(forge, "forge_db_migrate", &input)
}

fn sql(forge: &Forge, sql: &str) {
    forge.database().connect().expect("a connection").execute_batch(sql).expect("the SQL is right");
}

fn one_note(forge: &Forge) {
    let id = "11111111-1111-4111-8111-111111111111";
    sql(forge, &format!("INSERT INTO notes (id, user_id, body) VALUES ('{id}', '{id}', 'a')"));
}

#[test]
fn a_migration_is_proposed_then_approved_then_applied_once() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let input = json!({ "spec": NOTES });
    let proposal = review(&forge, "forge_db_migrate", &input);
    assert!(proposal.proven(), "{proposal:?}");
    assert!(proposal.findings.iter().all(|finding| !finding.severity.blocks()), "{:?}", proposal.findings);
    assert_eq!(proposal.needs_person, None);
    let names: Vec<&str> = proposal.facts.iter().map(|fact| fact.name).collect();
    assert_eq!(names, ["shadow_up_down_up", "rls_two_identities", "backup_verified"]);
    assert_eq!(review(&forge, "forge_db_migrate", &input), proposal, "the same evidence each time");
    council(&forge, &proposal.subject_hash);
    let applied = done(&forge, "forge_db_migrate", &input);
    assert_eq!((&applied["version"], &applied["already"]), (&json!(1), &json!(false)));
    let before = done(&forge, "forge_state_dump", &json!({}));
    assert_eq!(done(&forge, "forge_db_migrate", &input)["already"], json!(true));
    assert_eq!(done(&forge, "forge_state_dump", &json!({})), before);
}

#[test]
fn an_approval_lasts_until_the_process_after() {
    let dir = TempDir::new().expect("a folder");
    let input = json!({ "spec": NOTES });
    let hash = review(&open(dir.path()), "forge_db_migrate", &input).subject_hash;
    council(&open(dir.path()), &hash);
    assert_eq!(done(&open(dir.path()), "forge_db_migrate", &input)["already"], json!(false));
}

#[test]
fn a_change_in_between_asks_for_another_approval() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, NOTES);
    let input = json!({ "spec": BODILESS });
    let first = review(&forge, "forge_db_migrate", &input);
    council(&forge, &first.subject_hash);
    migrate(&forge, "{migration: kinds, changes: [{add_column: {table: notes, column: kind text}}]}");
    assert_ne!(review(&forge, "forge_db_migrate", &input).subject_hash, first.subject_hash);
}

#[test]
fn a_loss_is_for_a_person() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, NOTES);
    one_note(&forge);
    let input = json!({ "spec": BODILESS });
    let proposal = review(&forge, "forge_db_migrate", &input);
    assert!(proposal.needs_person.is_some());
    council(&forge, &proposal.subject_hash);
    let refused = forge.call("forge_db_migrate", &input).expect_err("a council may not");
    assert_eq!(refused.code(), "FRG031");
    person(&forge, &proposal.subject_hash);
    assert_eq!(done(&forge, "forge_db_migrate", &input)["version"], json!(2));
}

#[test]
fn what_does_not_hold_on_the_copy_is_never_applied() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, NOTES);
    one_note(&forge);
    sql(&forge, "INSERT INTO notes SELECT '22222222-2222-4222-8222-222222222222', user_id, body FROM notes");
    let input =
        json!({ "spec": "{migration: unique, changes: [{add_unique: {table: notes, columns: [body]}}]}" });
    let proposal = review(&forge, "forge_db_migrate", &input);
    assert!(!proposal.proven());
    person(&forge, &proposal.subject_hash);
    assert!(!review(&forge, "forge_db_migrate", &input).proven(), "no approval makes up for it");
}

#[test]
fn a_dry_run_changes_nothing() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let before = done(&forge, "forge_state_dump", &json!({}));
    let data = done(&forge, "forge_db_migrate_dryrun", &json!({ "spec": NOTES }));
    assert_eq!(data["title"], json!("notes"));
    assert_eq!(done(&forge, "forge_state_dump", &json!({})), before);
}

#[test]
fn a_rollback_is_proposed_and_undoes() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let empty = done(&forge, "forge_verify", &json!({}))["fingerprint"].clone();
    migrate(&forge, NOTES);
    let input = json!({ "version": 0 });
    let proposal = review(&forge, "forge_db_migrate_rollback", &input);
    council(&forge, &proposal.subject_hash);
    assert_eq!(done(&forge, "forge_db_migrate_rollback", &input)["version"], json!(0));
    let verified = done(&forge, "forge_verify", &json!({}));
    assert_eq!((&verified["ok"], &verified["fingerprint"]), (&json!(true), &empty));
}

#[test]
fn declaring_twice_is_declaring_once() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let input = json!({ "kind": "bucket", "name": "uploads", "spec": { "public": false }, "lines": [7] });
    assert_eq!(done(&forge, "forge_declare", &input)["change"], json!("declared"));
    let head = forge.catalog().verify_audit().expect("the log is whole");
    assert_eq!(done(&forge, "forge_declare", &input)["change"], json!("unchanged"));
    assert_eq!(forge.catalog().verify_audit().expect("the log is whole"), head);
    let gaps = done(&forge, "forge_verify", &json!({}))["gaps"].clone();
    assert_eq!(gaps, json!([{ "kind": "bucket", "name": "uploads" }]));
}

#[test]
fn every_kind_can_be_declared() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    for (kind, _) in declare::KINDS {
        let data = done(&forge, "forge_declare", &json!({ "kind": kind, "name": "one" }));
        assert_eq!(data["change"], json!("declared"), "{kind}");
    }
    let dump = done(&forge, "forge_state_dump", &json!({}));
    let listed =
        dump["resources"].as_array().expect("a list").iter().map(|resource| resource["kind"].clone());
    let mut kinds: Vec<String> = declare::KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    let mut listed: Vec<String> = listed.filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
    kinds.sort();
    listed.sort();
    assert_eq!(listed, kinds, "a kind is called the same on the way in and out");
    let gaps = done(&forge, "forge_verify", &json!({}))["gaps"].clone();
    let missing: Vec<&str> =
        gaps.as_array().expect("a list").iter().filter_map(|gap| gap["kind"].as_str()).collect();
    // Sign-in and its roles have their service.
    assert_eq!(missing.len(), declare::KINDS.len() - 2, "{missing:?}");
    assert!(!missing.contains(&"auth_provider") && !missing.contains(&"role"), "{missing:?}");
}

#[test]
fn a_way_of_signing_in_lacks_what_it_refers_to_and_what_cannot_be_had() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let spec = json!({ "method": "oauth", "client_secret": "secret:G_SECRET", "client_id": "secret:G_ID" });
    for (name, spec) in [
        ("google", spec),
        ("email-password", json!({ "method": "password" })),
        ("phone", json!({ "method": "none" })),
    ] {
        done(&forge, "forge_declare", &json!({ "kind": "auth_provider", "name": name, "spec": spec }));
    }
    let gaps = done(&forge, "forge_verify", &json!({}))["gaps"].clone();
    let google = |needs: &str| json!({ "kind": "auth_provider", "name": "google", "needs": needs });
    let phone = json!({ "kind": "auth_provider", "name": "phone" });
    assert_eq!(gaps, json!([google("G_ID"), google("G_SECRET"), phone]));
}

#[test]
fn who_a_provider_trusts_is_not_declared_in_the_clear() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    for field in ["client_id", "client_secret", "private_key", "team_id", "key_id"] {
        let input = json!({ "kind": "auth_provider", "name": "google", "spec": { "method": "oauth", field: "s3cr3t" } });
        let refused = forge.call("forge_declare", &input).expect_err(field);
        assert_eq!(refused.code(), "FRG041");
        assert!(!refused.envelope().message.contains("s3cr3t"), "{field}");
    }
}

#[test]
fn a_secrets_value_is_not_taken() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let input = json!({ "kind": "secret", "name": "STRIPE_KEY", "spec": { "value": "sk_live_1" } });
    let refused = forge.call("forge_declare", &input).expect_err("it holds a value");
    assert_eq!(refused.code(), "FRG041");
    assert!(!refused.envelope().message.contains("sk_live_1"));
}

#[test]
fn bad_calls_are_told_what_is_there() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let cases = [
        ("forge_nothing", json!({}), "FRG040"),
        ("forge_db_migrate", json!({}), "FRG041"),
        ("forge_db_migrate", json!("spec"), "FRG041"),
        ("forge_db_migrate", json!({ "spec": 7 }), "FRG041"),
        ("forge_db_migrate", json!({ "spec": "changes: [" }), "FRG010"),
        ("forge_verify", json!({ "deep": true }), "FRG041"),
        ("forge_declare", json!({ "kind": "table", "name": "x" }), "FRG041"),
        ("forge_db_migrate_rollback", json!({ "version": 3 }), "FRG013"),
    ];
    for (name, input, code) in cases {
        let error = forge.call(name, &input).expect_err("it is refused").envelope();
        assert_eq!(error.code, code, "{name} {input}");
        assert!(error.hint.is_some(), "{name} {input}: {error:?}");
    }
}

#[test]
fn a_table_changed_by_hand_is_seen() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, NOTES);
    assert_eq!(done(&forge, "forge_verify", &json!({}))["ok"], json!(true));
    sql(&forge, "ALTER TABLE notes ADD COLUMN smuggled TEXT");
    let verified = done(&forge, "forge_verify", &json!({}));
    let failed: Vec<&str> = verified["facts"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|fact| fact["passed"] == json!(false))
        .filter_map(|fact| fact["name"].as_str())
        .collect();
    assert_eq!((&verified["ok"], failed), (&json!(false), vec!["no_drift"]));
}

#[test]
fn the_summary_tells_what_is_there_and_nothing_of_nothing() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    assert_eq!(forge.summary(2048).expect("it is readable"), None);
    migrate(&forge, NOTES);
    let nightly = json!({ "cron": "0 3 * * *", "tz": "Europe/Berlin" });
    done(&forge, "forge_declare", &json!({ "kind": "schedule", "name": "nightly", "spec": nightly }));
    let block = forge.summary(2048).expect("it is readable").expect("there is something to say");
    assert!(block.contains("- notes(") && block.contains("nightly `0 3 * * *` Europe/Berlin"), "{block}");
}

#[test]
fn forge_is_there_once_it_was_opened() {
    let dir = TempDir::new().expect("a folder");
    assert!(!Forge::exists(dir.path()));
    open(dir.path());
    assert!(Forge::exists(dir.path()));
}

#[test]
fn every_operation_says_what_it_takes() {
    for operation in Forge::operations() {
        let schema = &operation.input_schema;
        assert_eq!(schema["additionalProperties"], json!(false), "{}", operation.name);
        for name in schema["required"].as_array().expect("a list") {
            assert!(schema["properties"].get(name.as_str().expect("a name")).is_some(), "{}", operation.name);
        }
    }
}

#[test]
fn a_finding_that_blocks_is_for_a_person() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let spec = NOTES.replace("body text", "password text");
    let input = json!({ "spec": spec });
    let proposal = review(&forge, "forge_db_migrate", &input);
    let rules: Vec<&str> = proposal.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!((rules, proposal.needs_person), (vec!["MIG092"], None));
    council(&forge, &proposal.subject_hash);
    let refused = forge.call("forge_db_migrate", &input).expect_err("a council may not");
    assert_eq!(refused.code(), "FRG031");
    person(&forge, &proposal.subject_hash);
    assert_eq!(done(&forge, "forge_db_migrate", &input)["version"], json!(1));
}
