//! A proof passes what works and catches each way in which a migration can fail.

use tempfile::TempDir;

use super::*;
use crate::change::{Change, Migration};
use crate::ddl::{Plan, plan};
use crate::lint::tests::kit::{column, table};

/// A database with `users` and `notes`, and rows in both.
fn database() -> Connection {
    let mut conn = Connection::open_in_memory().expect("memory is there");
    let tables =
        [table("users", &["id integer", "name text?"]), table("notes", &["id integer", "body text?"])];
    let first = planned(&Schema::default(), tables.into_iter().map(Change::AddTable).collect());
    execute(&mut conn, &first.up, |_| Ok(()), |_| Ok::<_, ExecuteError>(())).expect("the tables are made");
    conn.execute_batch(
        "INSERT INTO users VALUES (1, 'ada'), (2, 'bob'); INSERT INTO notes VALUES (1, 'a'), (2, NULL), (3, 'c')",
    )
    .expect("the rows fit");
    conn
}

fn planned(before: &Schema, changes: Vec<Change>) -> Plan {
    plan(before, &Migration { name: "next".to_owned(), changes }).expect("the changes fit")
}

fn next(conn: &Connection, changes: Vec<Change>) -> Plan {
    planned(&introspect(conn).expect("a schema").schema, changes)
}

fn add_column() -> Vec<Change> {
    let column = column("kind text = plain");
    vec![Change::AddColumn { table: "notes".to_owned(), column, foreign_key: None, unique: false }]
}

fn drop_column() -> Vec<Change> {
    vec![Change::DropColumn { table: "notes".to_owned(), column: "body".to_owned() }]
}

fn prove(conn: &Connection, plan: &Plan, given_up: &[(&str, &str)]) -> ShadowProof {
    prove_within(conn, plan, given_up, &Limits::default())
}

fn prove_within(conn: &Connection, plan: &Plan, given_up: &[(&str, &str)], limits: &Limits) -> ShadowProof {
    let dir = TempDir::new().expect("a folder");
    let mut shadow = Shadow::copy(conn, &dir.path().join("shadow"), limits).expect("a copy");
    let mut lost: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, column) in given_up {
        lost.entry((*table).to_owned()).or_default().insert((*column).to_owned());
    }
    let subject = Subject { run: &plan.up, target: &plan.target, given_up: &lost, seeded: &BTreeSet::new() };
    prove_there_and_back(&mut shadow, subject, &plan.down)
}

fn failed_at(proof: &ShadowProof) -> Option<&str> {
    assert_eq!(proof.passed, proof.steps.iter().all(|step| step.passed));
    proof.steps.iter().find(|step| !step.passed).map(|step| step.name.as_str())
}

#[test]
fn a_migration_that_works_is_proven_and_the_original_stays() {
    let conn = database();
    let before = fingerprint(&conn).expect("a fingerprint");
    let proof = prove(&conn, &next(&conn, add_column()), &[]);
    assert_eq!(failed_at(&proof), None, "{proof:?}");
    assert_eq!(proof.steps.len(), 11);
    assert_eq!(fingerprint(&conn).expect("a fingerprint"), before);
}

#[test]
fn the_same_proof_is_the_same_evidence() {
    let conn = database();
    let plan = next(&conn, add_column());
    let on_disk = Limits { memory_bytes_max: 0, ..Limits::default() };
    assert_eq!(prove(&conn, &plan, &[]), prove_within(&conn, &plan, &[], &on_disk));
}

#[test]
fn a_copy_on_disk_is_private_and_gone_afterwards() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().expect("a folder");
    let limits = Limits { memory_bytes_max: 0, ..Limits::default() };
    let shadow = Shadow::copy(&database(), dir.path(), &limits).expect("a copy");
    let files: Vec<PathBuf> =
        fs::read_dir(dir.path()).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(files.len(), 2, "the copy, and the mark that it is in use: {files:?}");
    for file in &files {
        assert_eq!(fs::metadata(file).expect("the file").permissions().mode() & 0o777, 0o600);
    }
    drop(shadow);
    assert!(files.iter().all(|file| !file.exists()));
}

#[test]
fn what_a_proof_is_at_work_with_stays_when_somebody_else_opens_the_database() {
    let dir = TempDir::new().expect("a folder");
    let shadows = dir.path().join("shadow");
    let limits = Limits { memory_bytes_max: 0, ..Limits::default() };
    let mut shadow = Shadow::copy(&database(), &shadows, &limits).expect("a copy");
    fs::write(shadows.join("9-9.sqlite"), "left").expect("a file");
    fs::write(shadows.join("9-9.held"), "").expect("a file");
    clean(&shadows).expect("it is cleaned");
    assert!(!shadows.join("9-9.sqlite").exists() && !shadows.join("9-9.held").exists());
    let tables: u32 = shadow
        .conn()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .expect("the copy is whole");
    assert!(tables > 0);
    assert_eq!(fs::read_dir(&shadows).expect("the folder").count(), 2);
    drop(shadow);
    clean(&shadows).expect("it is cleaned");
    assert!(!shadows.exists());
}

#[test]
fn a_drop_is_proven_only_if_the_loss_is_declared() {
    let conn = database();
    let plan = next(&conn, drop_column());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("rows after down"));
    assert_eq!(failed_at(&prove(&conn, &plan, &[("notes", "body")])), None);
}

#[test]
fn a_statement_that_fails_on_the_rows_is_caught() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    plan.up.push("INSERT INTO users VALUES (1, 'again')".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("up"));
}

#[test]
fn an_up_that_leads_elsewhere_is_caught() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    plan.up.push("CREATE INDEX by_hand ON notes (body)".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("schema after up"));
}

#[test]
fn an_up_that_touches_other_rows_is_caught() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    plan.up.push("UPDATE users SET name = 'eve' WHERE id = 1".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("rows after up"));
}

#[test]
fn a_down_that_does_not_lead_back_is_caught() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    plan.down.push("CREATE INDEX by_hand ON notes (body)".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("schema after down"));
}

#[test]
fn a_down_that_loses_rows_is_caught() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    plan.down.push("DELETE FROM notes WHERE id = 3".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("rows after down"));
    plan.down.pop();
    plan.down.push("UPDATE notes SET body = 'changed' WHERE id = 3".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("rows after down"));
}

#[test]
fn an_up_that_works_only_once_is_caught() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    // Leaves a row behind that the second `up` stumbles over.
    plan.up.push("CREATE TABLE _loki_once (id INTEGER)".to_owned());
    assert_eq!(failed_at(&prove(&conn, &plan, &[])), Some("up again"));
}

#[test]
fn a_proof_that_takes_too_long_is_given_up() {
    let conn = database();
    let mut plan = next(&conn, add_column());
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    plan.up.push(format!("CREATE TABLE _loki_n AS {endless}"));
    let limits = Limits { instructions_max: 1_000_000, ..Limits::default() };
    let proof = prove_within(&conn, &plan, &[], &limits);
    assert_eq!(failed_at(&proof), Some("up"));
    assert!(proof.failures().any(|failure| failure.contains("interrupted")), "{proof:?}");
}

#[test]
fn a_database_above_the_limit_is_not_copied() {
    let dir = TempDir::new().expect("a folder");
    let limits = Limits { copy_bytes_max: 10, ..Limits::default() };
    let refused = Shadow::copy(&database(), dir.path(), &limits);
    assert!(matches!(refused, Err(ShadowError::TooLarge { bytes_max: 10, .. })));
}
