//! `loki start` from the document to the receipt, and what comes after it.

use loki_kit::{TestEnv, rusqlite};
use serde_json::Value;

use crate::env as loki;

/// A small document with a backend: two tables, sign-in, a bucket.
pub(crate) const DOCUMENT: &str = "# Cookbook

People keep recipes of their own.

## Data model

### users

| Field | Type | Notes |
|---|---|---|
| id | uuid | primary key |
| email | text | required, unique |
| created_at | timestamp | |

### recipes

| Field | Type | Notes |
|---|---|---|
| id | uuid | primary key |
| user_id | uuid | references users.id |
| title | text | required |
| body | text | |
| created_at | timestamp | |

Users only see their own recipes.

## Sign-in

Users sign in with Google.

## Files

Users upload images, which are kept in a bucket called `attachments`.
";

/// A document whose data stays in the browser.
const CLIENT_SIDE: &str = "# Tip calculator

A single page that splits a bill. Everything is computed in the browser; the last tip is kept in
localStorage. There is no server, no account and no database.
";

/// The result line of a headless run.
pub(crate) fn result(stdout: &str) -> Value {
    let last = stdout.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"));
    assert_eq!(value["type"], "result", "{last}");
    value
}

/// The schema of the application's database, as SQLite has it.
pub(crate) fn schema(env: &TestEnv) -> Vec<String> {
    let connection = rusqlite::Connection::open_with_flags(
        env.path(".loki/forge/db.sqlite"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .expect("the application's database");
    let mut statement = connection
        .prepare("select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_schema order by 1")
        .expect("a statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn a_document_becomes_a_proven_backend() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let result = result(&run.stdout);
    assert_eq!(result["verdict"], "verified_with_gaps");
    let gaps: Vec<&str> = result["gaps"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for gap in ["auth_provider google", "bucket attachments", "application"] {
        assert!(gaps.iter().any(|named| named.starts_with(gap)), "{gap} is a gap: {gaps:?}");
    }
    let schema = schema(&env);
    for table in ["users", "recipes"] {
        assert!(
            schema.iter().any(|line| line.starts_with(&format!("table {table} "))),
            "{table}: {schema:#?}"
        );
    }
    let required = env.read_json(".loki/forge/required.json");
    assert_eq!(required["none"], false);
    assert!(env.tree().iter().any(|file| file.starts_with("forge/migrations/0001_")));
    env.loki(&["verify", "--receipt"]).expect_code(0);
    let why = env.loki(&["why"]).expect_code(0);
    assert!(
        why.stdout.contains("verified with gaps") || why.stdout.contains("Verified with gaps"),
        "{}",
        why.stdout
    );
    let receipt = env.loki(&["receipt", "--json"]).expect_code(0);
    let receipt: Value = serde_json::from_str(&receipt.stdout).unwrap();
    assert_eq!(receipt["facts"]["cost"]["micro_usd"], 0);
    let gates = receipt["facts"]["gates"].as_array().unwrap();
    let names: Vec<&str> = gates.iter().filter_map(|gate| gate["gate"].as_str()).collect();
    assert_eq!(names, ["forge", "document", "served"], "{gates:?}");
}

#[test]
fn a_second_start_changes_nothing() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    // SQLite keeps a log and its index beside a database that is open: they are not state.
    let files = || env.tree().into_iter().filter(|file| !file.ends_with("-wal") && !file.ends_with("-shm"));
    let (schema_before, tree) = (schema(&env), files().collect::<Vec<_>>());
    let events = |env: &TestEnv| env.loki(&["status", "--json"]).expect_code(0).stdout;
    let before = events(&env);
    let again = env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    assert_eq!(result(&again.stdout)["verdict"], "verified_with_gaps");
    assert_eq!(events(&env), before);
    assert_eq!(schema(&env), schema_before);
    assert_eq!(files().collect::<Vec<_>>(), tree);
}

#[test]
fn a_grown_document_grows_the_backend() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let more = "\n### tags\n\n| Field | Type | Notes |\n|---|---|---|\n| id | uuid | primary key |\n| recipe_id | uuid | references recipes.id |\n| label | text | required |\n\n## Sign-in\n";
    env.write("PRD.md", DOCUMENT.replace("\n## Sign-in\n", more));
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    assert!(schema(&env).iter().any(|line| line.starts_with("table tags ")));
    assert!(env.tree().iter().any(|file| file.starts_with("forge/migrations/0002_")));
    env.loki(&["verify", "--receipt"]).expect_code(0);
}

#[test]
fn the_next_prompt_carries_the_summary() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let prompt = env.loki(&["prompt", "--iteration", "2"]).expect_code(0).stdout;
    for named in ["recipes", "users", "own-row", "google", "attachments", "forge_db_migrate"] {
        assert!(prompt.contains(named), "{named} is in the prompt:\n{prompt}");
    }
    let first = env.loki(&["prompt", "--iteration", "1"]).expect_code(0).stdout;
    assert!(first.contains("request 1: iteration 1, reason"), "{first}");
}

#[test]
fn without_a_backend_to_build_and_without_a_model_it_says_so_and_makes_nothing() {
    let env = loki();
    env.write("PRD.md", CLIENT_SIDE);
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(20);
    assert_eq!(result(&run.stdout)["verdict"], "needs_model");
    let required = env.read_json(".loki/forge/required.json");
    assert_eq!(required["none"], true);
    let forge: Vec<String> = env.tree().into_iter().filter(|file| file.starts_with(".loki/forge/")).collect();
    assert_eq!(forge, [".loki/forge/required.json"]);
    let events = env.loki(&["status", "--json"]).expect_code(0).stdout;
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(20);
    assert_eq!(env.loki(&["status", "--json"]).expect_code(0).stdout, events, "a second start adds nothing");
}

#[test]
fn a_receipt_holds_until_something_changes() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let verify = env.loki(&["verify", "--receipt", "--json"]).expect_code(0);
    let checks: Value = serde_json::from_str(&verify.stdout).unwrap();
    let path = checks["receipt"].as_str().unwrap().to_owned();

    let receipt = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, receipt.replacen("\"verified_with_gaps\"", "\"verified\"", 1)).unwrap();
    let forged = env.loki(&["verify", "--receipt"]).expect_code(1);
    assert!(forged.stdout.contains("FAIL signature"), "{}", forged.stdout);
    std::fs::write(&path, &receipt).unwrap();
    env.loki(&["verify", "--receipt"]).expect_code(0);

    env.write("extra.txt", "changed after the run");
    let changed = env.loki(&["verify", "--receipt"]).expect_code(1);
    assert!(changed.stdout.contains("FAIL work tree"), "{}", changed.stdout);
    std::fs::remove_file(env.path("extra.txt")).unwrap();
    env.loki(&["verify", "--receipt"]).expect_code(0);

    let database = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
    database.execute_batch("create table smuggled (id integer primary key)").unwrap();
    drop(database);
    let drifted = env.loki(&["verify", "--receipt"]).expect_code(1);
    assert!(drifted.stdout.contains("FAIL gate forge"), "{}", drifted.stdout);
}

#[test]
fn losing_data_waits_for_a_person_and_the_approval_is_bound_to_the_hash() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let database = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
    let rows = "insert into users (email) values ('ada@example.org');
        insert into recipes (user_id, title, body) select id, 'Soup', 'Boil.' from users";
    database.execute_batch(rows).unwrap();
    drop(database);
    let drop_body = "migration: drop_body\nchanges:\n  - drop_column: {table: recipes, column: body}\n";
    env.write("forge/migrations/0002_drop_body.yaml", drop_body);
    // The document does not ask for `body` any more.
    env.write("PRD.md", DOCUMENT.replace("| body | text | |\n", ""));
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(20);
    assert_eq!(result(&run.stdout)["verdict"], "needs_person");
    let has_body =
        || schema(&env).iter().any(|line| line.starts_with("table recipes ") && line.contains("body"));
    assert!(has_body(), "nothing is applied yet");
    let again = env.loki(&["start", "PRD.md", "--headless"]).expect_code(20);
    assert_eq!(result(&again.stdout)["verdict"], "needs_person");

    // The schema changes between the approval and its use: the approval is worth nothing.
    env.loki(&["approve", "--reason", "not needed", "--name", "ada"]).expect_code(0);
    let database = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
    database.execute_batch("create index smuggled on recipes (title)").unwrap();
    drop(database);
    env.loki(&["resume", "--headless"]);
    assert!(has_body(), "an approval of another schema applies nothing");

    let database = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
    database.execute_batch("drop index smuggled").unwrap();
    drop(database);
    for _ in 0..3 {
        if !has_body() {
            break;
        }
        // Whatever the run waits for now is approved anew, for the schema as it is.
        env.loki(&["approve", "--reason", "not needed", "--name", "ada"]);
        env.loki(&["start", "PRD.md", "--headless"]);
    }
    assert!(!has_body(), "approved for this very schema, it is applied");
    env.loki(&["verify", "--receipt"]).expect_code(0);
}
