//! A document is applied once, and what it does not name stays.

use forge_core::Explain as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tests::{council, done, migrate, open, person, review};
use crate::{Forge, Outcome};

const DOCUMENT: &str = "
version: 1
enums: {mood: [good, bad]}
tables:
  comments:
    columns: [id pk, note_id fk->notes.id, body text not null]
    rls: none
    indices: [note_id]
  notes:
    columns: [id pk, user_id uuid not null, title text not null, mood mood]
    rls: own-row
    indices: [user_id]
buckets: {photos: {public: true}}
functions: {resize: {kind: http}}
schedules: {nightly: {cron: \"0 3 * * *\", tz: UTC}}
secrets: [STRIPE_KEY]
providers: {github: {}}
";

fn forge() -> (TempDir, Forge) {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    (dir, forge)
}

/// Applies a document, with the council's word where one is needed.
fn applied(forge: &Forge, document: &str) -> Value {
    let input = json!({ "document": document });
    match forge.call("forge_apply", &input).expect("it can be applied") {
        Outcome::Done { data, .. } => data,
        Outcome::Review(proposal) => {
            assert_eq!(proposal.needs_person, None);
            council(forge, &proposal.subject_hash);
            done(forge, "forge_apply", &input)
        }
    }
}

fn steps(data: &Value) -> Vec<String> {
    let step = |step: &Value| {
        let text = |field: &str| step[field].as_str().expect("a text").to_owned();
        format!("{} {} {}", text("action"), text("kind"), text("name"))
    };
    data["plan"].as_array().expect("a list").iter().map(step).collect()
}

#[test]
fn a_document_is_applied_and_a_second_time_there_is_nothing_to_do() {
    let (_dir, forge) = forge();
    let input = json!({ "document": DOCUMENT, "dry_run": true });
    let tried = done(&forge, "forge_apply", &input);
    let expected = [
        "add enum mood",
        "add table notes",
        "add table comments",
        "add bucket photos",
        "add function resize",
        "add schedule nightly",
        "add secret STRIPE_KEY",
        "add auth_provider github",
    ];
    assert_eq!(steps(&tried), expected);
    assert_eq!((&tried["applied"], &tried["version"]), (&json!(false), &json!(0)));
    assert!(tried["proposal"]["up"].to_string().contains("CREATE TABLE"), "{tried}");
    assert_eq!(forge.database().version().expect("a version"), 0, "nothing is done");
    assert!(forge.catalog().resources(None).expect("a list").is_empty());

    let data = applied(&forge, DOCUMENT);
    assert_eq!((&data["applied"], &data["version"]), (&json!(true), &json!(1)));
    let schema = forge.database().schema().expect("a schema");
    assert_eq!(schema.tables["comments"].foreign_keys[0].table, "notes");
    assert_eq!(forge.catalog().resources(None).expect("a list").len(), 7);

    let audited = forge.catalog().audit_entries(0).expect("a list").len();
    let again = done(&forge, "forge_apply", &json!({ "document": DOCUMENT }));
    assert_eq!(again, json!({ "plan": [], "applied": true, "version": 1 }));
    assert_eq!(forge.catalog().audit_entries(0).expect("a list").len(), audited);
}

#[test]
fn what_the_document_does_not_name_stays() {
    let (_dir, forge) = forge();
    applied(&forge, DOCUMENT);
    let less = "
tables:
  notes:
    columns: [id pk, user_id uuid not null, stars integer, title varchar(200) not null]
    indices: [title]
    unique: [[user_id, title]]
    checks: {some_stars: stars >= 0}
buckets: {photos: {text: of the app}}
";
    let data = applied(&forge, less);
    let change = "change table notes".to_owned();
    assert_eq!(steps(&data), [vec![change; 5], vec!["change bucket photos".to_owned()]].concat());
    let notes = forge.database().schema().expect("a schema").tables["notes"].clone();
    let names: Vec<&str> = notes.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "user_id", "title", "mood", "stars"]);
    assert_eq!((notes.indices.len(), notes.rls.expect("it stays").label.as_str()), (2, "own-row"));
    let bucket = forge
        .catalog()
        .resource(forge_core::ResourceKind::Bucket, "photos")
        .expect("a catalog")
        .expect("it is there");
    assert_eq!(bucket.spec, json!({ "public": true, "text": "of the app" }));
    assert!(applied(&forge, less)["plan"].as_array().expect("a list").is_empty());
    let policies = "policies: {notes: own-row(nobody), comments: none}";
    let unfit =
        forge.call("forge_apply", &json!({ "document": policies })).expect_err("there is no such column");
    assert!(unfit.to_string().contains("policies.notes"), "{unfit}");
    assert_eq!(steps(&applied(&forge, "policies: {notes: public}")), ["change table notes"]);
}

#[test]
fn what_is_dropped_is_named_and_a_person_decides() {
    let (_dir, forge) = forge();
    applied(&forge, DOCUMENT);
    // Even where there are no rows, and a council would do for the migration alone.
    let drop = json!({ "document": "drop: {tables: [comments], columns: {notes: [mood, gone]}, buckets: [photos], secrets: [NONE]}" });
    let proposal = review(&forge, "forge_apply", &drop);
    let why = proposal.needs_person.clone().expect("a person's");
    for gone in ["`comments`", "`notes.mood`", "`photos`"] {
        assert!(why.contains(gone), "{why}");
    }
    council(&forge, &proposal.subject_hash);
    review(&forge, "forge_apply", &drop);
    assert!(forge.database().schema().expect("a schema").tables.contains_key("comments"));
    person(&forge, &proposal.subject_hash);
    assert_eq!(done(&forge, "forge_apply", &drop)["version"], json!(2));
    let schema = forge.database().schema().expect("a schema");
    assert!(!schema.tables.contains_key("comments") && schema.tables["notes"].column("mood").is_none());
    assert!(done(&forge, "forge_apply", &drop)["plan"].as_array().expect("a list").is_empty());
}

#[test]
fn a_resource_goes_by_a_persons_word_alone() {
    let (_dir, forge) = forge();
    let bucket = || forge.catalog().resource(forge_core::ResourceKind::Bucket, "photos").expect("a catalog");
    let drop = json!({ "document": "drop: {buckets: [photos]}" });
    applied(&forge, "buckets: [photos]");
    let proposal = review(&forge, "forge_apply", &drop);
    assert!(proposal.proven() && proposal.needs_person.is_some());
    council(&forge, &proposal.subject_hash);
    review(&forge, "forge_apply", &drop);
    assert!(bucket().is_some());
    person(&forge, &proposal.subject_hash);
    done(&forge, "forge_apply", &drop);
    assert!(bucket().is_none());
    // Another of that name is another matter.
    applied(&forge, "buckets: [photos]");
    assert_ne!(review(&forge, "forge_apply", &drop).subject_hash, proposal.subject_hash);
}

#[test]
fn what_is_wrong_is_said_by_its_place() {
    let (_dir, forge) = forge();
    migrate(&forge, crate::tests::NOTES);
    for (document, told) in [
        ("tables: {todos: {columns: [id pk, titel txt], rls: none}}", "`tables.todos`"),
        ("tables: {todos: {colums: [id pk]}}", "did you mean `columns`?"),
        ("tables: {todos: 1}", "`tables.todos` is no mapping"),
        ("tables: {notes: {columns: [id integer pk]}}", "`id` is the key, and stays uuid"),
        (
            "providers: {github: {client_secret: s3cr3t}}",
            "`providers.github`: `client_secret` is given by reference",
        ),
        ("policies: {nots: none}", "did you mean `notes`?"),
    ] {
        let error = forge.call("forge_apply", &json!({ "document": document })).expect_err(document);
        let envelope = error.envelope();
        assert!(envelope.message.contains(told), "{document}: {envelope:?}");
        assert!(!envelope.message.contains("s3cr3t"));
    }
    let none = forge.call("forge_apply", &json!({})).expect_err("there is no project");
    assert!(none.to_string().contains("give a `document`"), "{none}");
}

#[test]
fn the_projects_own_document_is_read() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(&dir.path().join(".loki/forge"));
    std::fs::write(dir.path().join("forge.yaml"), "buckets: {photos: {public: true}}").expect("a file");
    std::fs::write(dir.path().join(".loki/forge.local.yaml"), "buckets: {photos: {public: false}}")
        .expect("a file");
    let data = done(&forge, "forge_apply", &json!({}));
    assert_eq!(data["plan"][0]["what"], json!("public false"));
}

/// A process that ends between the migration and the rest leaves work, and none of it twice.
#[test]
fn what_was_cut_short_goes_on() {
    let (_dir, forge) = forge();
    applied(&forge, &DOCUMENT[..DOCUMENT.find("buckets").expect("a key")]);
    let data = applied(&forge, DOCUMENT);
    assert_eq!((steps(&data).len(), &data["version"]), (5, &json!(1)));
}
