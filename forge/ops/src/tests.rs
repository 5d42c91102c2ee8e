//! Operations propose before they change, change only what was approved, and say what is the case.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_core::{ApprovalBy, Explain, evidence_hash};
use loki_store::FixedClock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

pub(crate) const NOTES: &str = "
migration: notes
changes:
  - add_table: {name: notes, columns: [id pk, user_id uuid not null, body text], rls: own-row, indices: [user_id]}
";
pub(crate) const BODILESS: &str = "
migration: bodiless
changes:
  - drop_column: {table: notes, column: body}
";

pub(crate) fn open(dir: &Path) -> Forge {
    let clock = FixedClock::new("2026-01-01T00:00:00Z".parse().expect("a time"), Duration::from_secs(1));
    Forge::open(dir, Arc::new(clock)).expect("Forge opens")
}

pub(crate) fn review(forge: &Forge, name: &str, input: &Value) -> Proposal {
    match forge.call(name, input).expect("it can be called") {
        Outcome::Review(proposal) => *proposal,
        Outcome::Done { summary, .. } => panic!("done without review: {summary}"),
    }
}

pub(crate) fn done(forge: &Forge, name: &str, input: &Value) -> Value {
    match forge.call(name, input).expect("it can be called") {
        Outcome::Done { data, .. } => data,
        Outcome::Review(proposal) => panic!("not done: {proposal:?}"),
    }
}

pub(crate) fn council(forge: &Forge, hash: &str) {
    let evidence = json!({ "votes": 3 });
    let by = ApprovalBy::Council { evidence_hash: evidence_hash(&evidence) };
    forge.approve(hash, by, &evidence).expect("it is stored");
}

pub(crate) fn person(forge: &Forge, hash: &str) {
    let by = ApprovalBy::Person { name: "ada".to_owned(), reason: "nobody reads it".to_owned() };
    forge.approve(hash, by, &json!({})).expect("it is stored");
}

pub(crate) fn migrate(forge: &Forge, spec: &str) -> Value {
    let input = json!({ "spec": spec });
    council(forge, &review(forge, "forge_db_migrate", &input).subject_hash);
    done(forge, "forge_db_migrate", &input)
}

pub(crate) fn sql(forge: &Forge, sql: &str) {
    forge.database().connect().expect("a connection").execute_batch(sql).expect("the SQL is right");
}

pub(crate) fn one_note(forge: &Forge) {
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
    for info in Forge::operations().iter().map(|operation| &operation.info) {
        let schema = (info.input_schema)();
        assert_eq!(schema["additionalProperties"], json!(false), "{}", info.name);
        assert!(info.summary.len() <= loki_operation::SUMMARY_BYTES_MAX, "{}", info.name);
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(schema["properties"].get(name.as_str().expect("a name")).is_some(), "{}", info.name);
        }
    }
}

#[test]
fn a_shorthand_is_a_migration_and_asking_again_does_nothing() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, NOTES);
    let public = json!({ "table": "notes", "rls": "public" });
    let own = json!({ "table": "notes", "rls": "own-row" });
    let index = json!({ "table": "notes", "columns": ["body"] });
    let mut version = 1;
    // There and back: the same words again are another change.
    for (name, input) in [
        ("forge_db_rls_set", &public),
        ("forge_db_rls_set", &own),
        ("forge_db_rls_set", &public),
        ("forge_db_index_create", &index),
    ] {
        council(&forge, &review(&forge, name, input).subject_hash);
        version += 1;
        assert_eq!(done(&forge, name, input)["version"], json!(version), "{name} {input}");
        let again = done(&forge, name, input);
        assert_eq!((&again["already"], &again["version"]), (&json!(true), &json!(version)));
    }
    for (name, input, told) in [
        ("forge_db_rls_set", json!({ "table": "nots", "rls": "none" }), "did you mean `notes`?"),
        ("forge_db_rls_set", json!({ "table": "notes", "rls": "own-rows" }), "own-row"),
        ("forge_db_index_create", json!({ "table": "notes", "columns": [] }), ""),
    ] {
        let error = forge.call(name, &input).expect_err("it is refused").envelope();
        assert!(error.message.contains(told), "{error:?}");
    }
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let dir = TempDir::new().expect("a folder");
    let project = dir.path();
    let forge = open(&project.join(".loki/forge"));
    let found = |forge: &Forge| {
        let told = done(forge, "forge_doctor", &json!({}));
        let list = told["findings"].as_array().expect("a list").clone();
        let of = |finding: &Value| {
            assert!(finding["next"].as_str().expect("a text").len() > 20, "{finding}");
            finding["check"].as_str().expect("a text").to_owned()
        };
        (told["ok"] == json!(true), list.iter().map(of).collect::<Vec<_>>())
    };
    migrate(&forge, NOTES);
    assert_eq!(found(&forge), (true, vec![]));
    let more = "
migration: more
changes:
  - add_table: {name: replies, columns: [id pk, note_id fk->notes.id], rls: none}
";
    let pending = json!({ "spec": more });
    std::fs::create_dir_all(project.join("forge/migrations")).expect("a folder");
    std::fs::write(project.join("forge/migrations/002_more.yaml"), more).expect("a file");
    done(&forge, "forge_declare", &json!({ "kind": "secret", "name": "STRIPE_KEY" }));
    assert_eq!(found(&forge), (true, vec!["migrations".to_owned(), "secrets".to_owned()]));
    person(&forge, &review(&forge, "forge_db_migrate", &pending).subject_hash);
    done(&forge, "forge_db_migrate", &pending);
    std::fs::create_dir_all(forge.dir().join("secrets")).expect("a folder");
    std::fs::write(forge.dir().join("secrets/STRIPE_KEY"), "x").expect("a file");
    assert_eq!(found(&forge), (true, vec!["indices".to_owned()]));
    one_note(&forge);
    assert_eq!(found(&forge), (true, vec!["indices".to_owned(), "backups".to_owned()]));
    sql(&forge, "ALTER TABLE notes ADD COLUMN smuggled TEXT");
    assert_eq!(found(&forge), (false, vec!["drift".to_owned(), "indices".to_owned(), "backups".to_owned()]));
}

#[test]
fn the_schema_is_told_the_same_each_time() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, NOTES);
    let told = done(&forge, "forge_semantic_layer_render", &json!({}));
    let expected = "## notes
- id uuid, key, by default random
- user_id uuid, required
- body text
rows (own-row):
- authenticated may read, add, change, remove where user_id = auth.uid()
";
    assert_eq!(told, json!({ "text": expected, "left_out": [] }));
    assert_eq!(done(&forge, "forge_semantic_layer_render", &json!({ "tables": ["notes"] })), told);
    forge.call("forge_semantic_layer_render", &json!({ "tables": ["x"] })).expect_err("there is none");
}

/// What operations answer is what they say that they answer.
#[test]
fn answers_are_as_their_schemas_say() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let answers = [
        ("forge_db_migrate_dryrun", json!({ "spec": NOTES })),
        ("forge_db_migrate", json!({ "spec": NOTES })),
        ("forge_db_migrate_dryrun", json!({ "spec": NOTES })),
        ("forge_db_migrate", json!({ "spec": NOTES })),
        ("forge_db_introspect", json!({})),
        ("forge_db_query", json!({ "sql": "select * from notes" })),
        (
            "forge_db_import",
            json!({ "table": "notes", "rows": [{ "user_id": "11111111-1111-4111-8111-111111111111" }] }),
        ),
        ("forge_db_export", json!({})),
        ("forge_db_export", json!({ "table": "notes", "inline": true })),
        ("forge_db_rls_set", json!({ "table": "notes", "rls": "own-row" })),
        ("forge_db_index_create", json!({ "table": "notes", "columns": ["user_id"] })),
        ("forge_declare", json!({ "kind": "bucket", "name": "photos" })),
        ("forge_auth_provider_add", json!({ "name": "github" })),
        ("forge_auth_provider_remove", json!({ "name": "github" })),
        ("forge_apply", json!({ "document": "buckets: [b]", "dry_run": true })),
        ("forge_apply", json!({ "document": "buckets: [b]" })),
        ("forge_apply", json!({ "document": "tables: {t: {columns: [id pk], rls: none}}", "dry_run": true })),
        ("forge_semantic_layer_render", json!({})),
        ("forge_state_dump", json!({})),
        ("forge_verify", json!({})),
        ("forge_doctor", json!({})),
        ("forge_db_migrate_rollback", json!({ "version": 1 })),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (name, input) in answers {
        let mut outcome = forge.call(name, &input).expect(name);
        if let Outcome::Review(proposal) = outcome {
            council(&forge, &proposal.subject_hash);
            outcome = forge.call(name, &input).expect(name);
        }
        let Outcome::Done { data, .. } = outcome else { panic!("{name}: {outcome:?}") };
        let operation = Forge::operations().iter().find(|operation| operation.info.name == name).expect(name);
        fits(&(operation.info.output_schema)(), &data, name);
        seen.insert(name);
    }
    // Those need people, or a function; the tests beside them see what they answer.
    let here = Forge::operations().iter().filter(|operation| operation.info.is_here());
    let unseen: Vec<&str> =
        here.map(|operation| operation.info.name).filter(|name| !seen.contains(name)).collect();
    assert_eq!(
        unseen,
        ["forge_db_rpc_call", "forge_auth_user_create", "forge_auth_user_list", "forge_auth_session_revoke"]
    );
}

/// Checks a value against what our schemas are made of.
#[track_caller]
pub(crate) fn fits(schema: &Value, value: &Value, at: &str) {
    let sort = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match &schema["type"] {
        Value::Null => {}
        Value::String(ty) => assert_eq!(ty, sort, "{at}: {value}"),
        types => assert!(types.as_array().expect("a list").contains(&json!(sort)), "{at}: {value}"),
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(required.as_str().expect("a name")).is_some(),
            "{at}: {required} is missing in {value}"
        );
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(of) => fits(of, member, &format!("{at}.{name}")),
            None => assert_ne!(schema["additionalProperties"], json!(false), "{at}.{name} is not told of"),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fits(&schema["items"], item, &format!("{at}[]"));
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
}

/// The names that the issue lists, each either carried out or refused with what to do instead.
#[test]
fn every_name_is_known() {
    const NAMES: [(&str, &str); 11] = [
        (
            "forge_db",
            "query introspect migrate migrate_dryrun migrate_rollback export import rls_set rpc_call index_create",
        ),
        ("forge_auth", "provider_add provider_remove user_create user_list session_revoke"),
        ("forge_storage", "bucket_create bucket_list bucket_delete upload signed_url transform_preset"),
        ("forge_function", "deploy list invoke logs delete"),
        ("forge_gateway", "route_add route_list usage"),
        ("forge_realtime", "channel_create publish history"),
        ("forge_schedule", "create list delete logs"),
        ("forge_secret", "set list delete rotate"),
        ("forge_payments", "provider_setup product_create webhook_register subscription_list"),
        ("forge_deploy", "provider_setup promote status rollback"),
        ("forge", "state_dump semantic_layer_render doctor"),
    ];
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    let mut known = 0;
    for name in
        NAMES.iter().flat_map(|(group, names)| names.split(' ').map(move |name| format!("{group}_{name}")))
    {
        let operation = Forge::operations().iter().find(|operation| operation.info.name == name);
        let info = &operation.unwrap_or_else(|| panic!("there is no `{name}`")).info;
        known += 1;
        if info.is_here() {
            continue;
        }
        let refusal = info.not_available().expect("it is not there");
        let error = forge.call(&name, &json!({})).expect_err(&name);
        assert_eq!((error.code(), error.to_string()), ("not_available", refusal.message), "{name}");
        assert_eq!(error.next_actions(), refusal.next_actions, "{name}");
        assert!(refusal.next_actions[0].ends_with('.'), "{name}");
    }
    assert_eq!(known, 51);
    let block = forge.summary(4096).expect("it is readable").unwrap_or_default();
    assert!(!block.contains("forge_storage_upload"), "what is not there is not told");
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
