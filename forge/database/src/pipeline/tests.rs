//! Nothing reaches the database that was not proven on it as it is, and approved as it is.

mod approving;
mod kill;

use forge_core::{Catalog, MigrationEntry};
use tempfile::TempDir;

use super::*;
use crate::change::{Change, Migration};
use crate::lint::tests::kit::{column, table};
use approving::Approver;

const NOW: &str = "2026-01-01T00:00:00Z";

struct Bench {
    database: Database,
    approver: Approver,
    dir: TempDir,
}

impl Bench {
    /// A database with `users` and `notes`, without rows.
    fn new() -> Bench {
        let dir = TempDir::new().expect("a folder");
        let database = Database::open(dir.path(), Limits::default()).expect("a database");
        let bench = Bench { database, approver: Approver::new(dir.path()), dir };
        let tables =
            [table("users", &["id integer", "name text?"]), table("notes", &["id integer", "body text?"])];
        let first = bench.migrate("first", tables.into_iter().map(Change::AddTable).collect());
        assert_eq!(first.expect("the first migration").version, 1);
        bench
    }

    fn sql(&self, sql: &str) {
        self.database.connect().expect("a connection").execute_batch(sql).expect("the SQL is right");
    }

    fn count(&self, sql: &str) -> i64 {
        self.database.connect().expect("a connection").query_row(sql, [], |row| row.get(0)).expect("a count")
    }

    fn draft(&self, name: &str, changes: Vec<Change>) -> Result<Draft, PipelineError> {
        self.database.draft(Migration { name: name.to_owned(), changes })
    }

    fn prove(&self, name: &str, changes: Vec<Change>) -> Proven {
        proven(&self.database, self.draft(name, changes).expect("a draft"))
    }

    fn migrate(&self, name: &str, changes: Vec<Change>) -> Result<Applied, ApplyError> {
        let proven = self.prove(name, changes);
        let approval = self.approver.council(proven.trial().subject_hash());
        self.database.apply(proven, &approval, NOW)
    }

    fn roll_back(&self, version: u32) -> Proven {
        proven(&self.database, self.database.draft_rollback(version).expect("a draft"))
    }

    fn columns(&self, table: &str) -> Vec<String> {
        let schema = self.database.schema().expect("a schema");
        schema.tables[table].columns.iter().map(|column| column.name.clone()).collect()
    }
}

fn proven(database: &Database, draft: Draft) -> Proven {
    let Draft::Pending(drafted) = draft else { panic!("there is something to do: {draft:?}") };
    match database.prove(*drafted).expect("the proof can be tried") {
        Proof::Proven(proven) => proven,
        Proof::Refuted(trial) => panic!("refuted: {:?} {:?}", trial.shadow(), trial.rls()),
    }
}

fn add(name: &str) -> Vec<Change> {
    let column = column(&format!("{name} text?"));
    vec![Change::AddColumn { table: "notes".to_owned(), column, foreign_key: None, unique: false }]
}

fn drop_body() -> Vec<Change> {
    vec![Change::DropColumn { table: "notes".to_owned(), column: "body".to_owned() }]
}

#[test]
fn what_was_proven_and_approved_is_applied_and_noted() {
    let bench = Bench::new();
    let applied = bench.migrate("kinds", add("kind")).expect("it applies");
    assert!(!applied.already);
    assert_eq!((applied.version, bench.database.version().expect("a version")), (2, 2));
    assert_eq!(bench.columns("notes"), ["id", "body", "kind"]);
    let history = bench.database.history().expect("a history");
    assert_eq!(history.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["first", "kinds"]);
    assert_eq!(history[1].subject_hash, applied.subject_hash);
    assert_eq!(history[1].applied_at, NOW);
}

#[test]
fn the_same_migration_again_changes_nothing() {
    let bench = Bench::new();
    let first = bench.migrate("kinds", add("kind")).expect("it applies");
    let before = bench.database.fingerprint().expect("a fingerprint");
    let Draft::Applied(again) = bench.draft("kinds", add("kind")).expect("a draft") else {
        panic!("it is there")
    };
    assert!(again.already);
    assert_eq!((again.version, again.subject_hash), (first.version, first.subject_hash));
    assert_eq!(bench.database.fingerprint().expect("a fingerprint"), before);
}

#[test]
fn another_migration_of_the_same_name_is_refused() {
    let bench = Bench::new();
    bench.migrate("kinds", add("kind")).expect("it applies");
    let refused = bench.draft("kinds", add("sort"));
    assert!(matches!(refused, Err(PipelineError::NameTaken { version: 2, .. })), "{refused:?}");
}

#[test]
fn two_who_proved_the_same_apply_it_once() {
    let bench = Bench::new();
    let (one, two) = (bench.prove("kinds", add("kind")), bench.prove("kinds", add("kind")));
    let approval = bench.approver.council(one.trial().subject_hash());
    assert!(!bench.database.apply(one, &approval, NOW).expect("it applies").already);
    assert!(bench.database.apply(two, &approval, NOW).expect("it is there").already);
    assert_eq!(bench.database.history().expect("a history").len(), 2);
}

#[test]
fn an_approval_of_something_else_is_no_approval() {
    let bench = Bench::new();
    let other = bench.approver.council(bench.prove("kinds", add("sort")).trial().subject_hash());
    let refused = bench.database.apply(bench.prove("kinds", add("kind")), &other, NOW);
    assert!(matches!(refused, Err(ApplyError::OtherSubject { .. })), "{refused:?}");
    assert_eq!(bench.columns("notes"), ["id", "body"]);
}

#[test]
fn a_schema_that_changed_after_the_approval_voids_it() {
    let bench = Bench::new();
    let proven = bench.prove("kinds", add("kind"));
    let approval = bench.approver.council(proven.trial().subject_hash());
    bench.migrate("sorts", add("sort")).expect("it applies");
    let refused = bench.database.apply(proven, &approval, NOW);
    assert!(matches!(refused, Err(ApplyError::Stale { .. })), "{refused:?}");
    assert_eq!(bench.columns("notes"), ["id", "body", "sort"]);
}

#[test]
fn a_schema_that_changed_by_hand_voids_it_too() {
    let bench = Bench::new();
    let proven = bench.prove("kinds", add("kind"));
    let approval = bench.approver.council(proven.trial().subject_hash());
    bench.sql("CREATE INDEX by_hand ON notes (body)");
    let refused = bench.database.apply(proven, &approval, NOW);
    assert!(matches!(refused, Err(ApplyError::Stale { .. })), "{refused:?}");
}

#[test]
fn the_hash_follows_the_statements_and_the_schema() {
    let bench = Bench::new();
    let hash = |name: &str, changes| bench.prove(name, changes).trial().subject_hash().to_owned();
    let kinds = hash("kinds", add("kind"));
    assert_eq!(kinds, hash("kinds", add("kind")));
    assert_ne!(kinds, hash("kinds", add("sort")));
    bench.migrate("other", vec![Change::AddTable(table("other", &["id integer"]))]).expect("it applies");
    assert_ne!(kinds, hash("kinds", add("kind")));
}

#[test]
fn a_loss_needs_a_person() {
    let bench = Bench::new();
    bench.sql("INSERT INTO notes VALUES (1, 'a')");
    let proven = bench.prove("bodiless", drop_body());
    let hash = proven.trial().subject_hash().to_owned();
    assert!(proven.trial().needs_person().is_some_and(|reason| reason.contains("notes.body")));
    let refused = bench.database.apply(proven, &bench.approver.council(&hash), NOW);
    assert!(matches!(refused, Err(ApplyError::NeedsPerson { .. })), "{refused:?}");
    assert_eq!(bench.columns("notes"), ["id", "body"]);
    let person = bench.approver.person(&hash);
    bench.database.apply(bench.prove("bodiless", drop_body()), &person, NOW).expect("a person may");
    assert_eq!(bench.columns("notes"), ["id"]);
}

#[test]
fn dropping_what_is_empty_needs_nobody() {
    let bench = Bench::new();
    bench.sql("INSERT INTO notes VALUES (1, NULL)");
    assert_eq!(bench.prove("bodiless", drop_body()).trial().needs_person(), None);
}

#[test]
fn rows_that_came_after_the_proof_are_not_dropped_unseen() {
    let bench = Bench::new();
    let proven = bench.prove("bodiless", drop_body());
    let approval = bench.approver.council(proven.trial().subject_hash());
    bench.sql("INSERT INTO notes VALUES (1, 'late')");
    let refused = bench.database.apply(proven, &approval, NOW);
    assert!(matches!(refused, Err(ApplyError::Stale { .. })), "{refused:?}");
    assert_eq!(bench.count("SELECT count(*) FROM notes WHERE body = 'late'"), 1);
}

#[test]
fn a_statement_that_fails_on_new_rows_leaves_nothing() {
    let bench = Bench::new();
    bench.sql("INSERT INTO notes VALUES (1, 'a')");
    let unique = vec![Change::AddUnique { table: "notes".to_owned(), columns: vec!["body".to_owned()] }];
    let proven = bench.prove("unique", unique);
    let approval = bench.approver.council(proven.trial().subject_hash());
    bench.sql("INSERT INTO notes VALUES (2, 'a')");
    let before = bench.database.fingerprint().expect("a fingerprint");
    let refused = bench.database.apply(proven, &approval, NOW);
    assert!(matches!(refused, Err(ApplyError::Execute { .. })), "{refused:?}");
    assert_eq!(bench.database.fingerprint().expect("a fingerprint"), before);
    assert_eq!(bench.database.version().expect("a version"), 1);
}

#[test]
fn a_migration_that_fails_on_the_copy_is_refuted() {
    let bench = Bench::new();
    bench.sql("INSERT INTO notes VALUES (1, 'a'), (2, 'a')");
    let unique = vec![Change::AddUnique { table: "notes".to_owned(), columns: vec!["body".to_owned()] }];
    let Draft::Pending(drafted) = bench.draft("unique", unique).expect("a draft") else {
        panic!("it is new")
    };
    let proof = bench.database.prove(*drafted).expect("the proof can be tried");
    assert!(matches!(&proof, Proof::Refuted(trial) if !trial.shadow().passed), "{proof:?}");
}

#[test]
fn a_backup_is_taken_when_there_are_rows() {
    let bench = Bench::new();
    assert_eq!(bench.migrate("kinds", add("kind")).expect("it applies").backup, None);
    bench.sql("INSERT INTO notes (id, body) VALUES (1, 'a')");
    let backup = bench.migrate("sorts", add("sort")).expect("it applies").backup.expect("a backup");
    assert_eq!(backup.version, 2);
    bench.sql("DELETE FROM notes");
    bench.database.restore(&backup).expect("a restore");
    assert_eq!(bench.columns("notes"), ["id", "body", "kind"]);
    assert_eq!(bench.count("SELECT count(*) FROM notes"), 1);
}

#[test]
fn a_rollback_leads_back_and_keeps_the_rows() {
    let bench = Bench::new();
    let before = bench.database.fingerprint().expect("a fingerprint");
    bench.migrate("kinds", add("kind")).expect("it applies");
    bench.migrate("sorts", add("sort")).expect("it applies");
    bench.sql("INSERT INTO notes (id, body) VALUES (1, 'a')");
    let proven = bench.roll_back(1);
    assert_eq!(proven.trial().needs_person(), None, "the columns are empty");
    let approval = bench.approver.council(proven.trial().subject_hash());
    let applied = bench.database.apply(proven, &approval, NOW).expect("it rolls back");
    assert_eq!(applied.version, 1);
    assert_eq!(bench.database.fingerprint().expect("a fingerprint"), before);
    assert_eq!(bench.count("SELECT count(*) FROM notes WHERE body = 'a'"), 1);
    let again = bench.migrate("kinds", add("kind")).expect("the name is free again");
    assert_eq!(again.version, 4, "a number is never used twice");
    assert!(matches!(bench.database.draft_rollback(4), Ok(Draft::Applied(applied)) if applied.already));
}

#[test]
fn a_rollback_that_loses_values_needs_a_person() {
    let bench = Bench::new();
    bench.migrate("kinds", add("kind")).expect("it applies");
    bench.sql("INSERT INTO notes (id, kind) VALUES (1, 'long')");
    let proven = bench.roll_back(1);
    assert!(proven.trial().needs_person().is_some_and(|reason| reason.contains("notes.kind")));
    let council = bench.approver.council(proven.trial().subject_hash());
    let refused = bench.database.apply(proven, &council, NOW);
    assert!(matches!(refused, Err(ApplyError::NeedsPerson { .. })), "{refused:?}");
}

#[test]
fn a_rollback_proven_before_another_migration_is_stale() {
    let bench = Bench::new();
    bench.migrate("kinds", add("kind")).expect("it applies");
    let proven = bench.roll_back(1);
    let approval = bench.approver.council(proven.trial().subject_hash());
    bench.migrate("sorts", add("sort")).expect("it applies");
    let refused = bench.database.apply(proven, &approval, NOW);
    assert!(matches!(refused, Err(ApplyError::Stale { .. })), "{refused:?}");
}

#[test]
fn there_is_no_way_back_to_what_never_was() {
    let bench = Bench::new();
    let refused = bench.database.draft_rollback(7);
    assert!(matches!(refused, Err(PipelineError::NoVersion { version: 7, newest: 1 })), "{refused:?}");
}

#[test]
fn tables_changed_by_hand_are_not_migrated() {
    let bench = Bench::new();
    bench.sql("ALTER TABLE notes ADD COLUMN smuggled TEXT");
    let refused = bench.draft("kinds", add("kind"));
    assert!(matches!(refused, Err(PipelineError::Drift { .. })), "{refused:?}");
}

#[test]
fn what_a_killed_proof_left_is_gone_at_the_next_open() {
    let bench = Bench::new();
    let left = bench.dir.path().join("shadow");
    fs::create_dir_all(&left).expect("a folder");
    fs::write(left.join("9-9.sqlite"), "left").expect("a file");
    Database::open(bench.dir.path(), Limits::default()).expect("a database");
    assert!(!left.exists());
}

/// Whoever reads the history before another's commit must not write the catalog after it: it would forget what the
/// other has just written down.
#[test]
fn one_process_at_a_time_brings_the_catalog_into_agreement() {
    /// A clock by which to see whether the lock is held each time something is written into the catalog.
    struct Watching {
        lock: PathBuf,
        held: std::sync::Mutex<Vec<bool>>,
    }
    impl loki_store::Clock for Watching {
        fn now(&self) -> loki_store::Timestamp {
            let held = fs::File::open(&self.lock).is_ok_and(|file| file.try_lock().is_err());
            self.held.lock().expect("the list").push(held);
            loki_store::Timestamp::UNIX_EPOCH
        }
    }
    let bench = Bench::new();
    let lock = bench.dir.path().join("mirror.lock");
    let watching = std::sync::Arc::new(Watching { lock: lock.clone(), held: std::sync::Mutex::default() });
    let catalog = Catalog::open(bench.dir.path(), watching.clone()).expect("a catalog");
    bench.migrate("kinds", add("kind")).expect("it applies");
    bench.database.reconcile(&catalog).expect("it is repaired");
    let held = watching.held.lock().expect("the list").clone();
    assert!(!held.is_empty() && held.iter().all(|held| *held), "{held:?}");
    assert!(fs::File::open(&lock).expect("the file").try_lock().is_ok(), "it is let go");
}

#[test]
fn the_catalog_follows_the_database() {
    let bench = Bench::new();
    let catalog = &bench.approver.0;
    bench.migrate("kinds", add("kind")).expect("it applies");
    assert!(bench.database.agrees(catalog).expect("it is readable").is_err(), "the catalog lags behind");
    assert_ne!(bench.database.reconcile(catalog).expect("it is repaired"), Mirrored::default());
    assert_eq!(bench.database.agrees(catalog).expect("it is readable"), Ok(()));
    let names = |catalog: &Catalog| -> Vec<String> {
        catalog.migrations().expect("a list").into_iter().map(|entry| entry.name).collect()
    };
    assert_eq!(names(catalog), ["first", "kinds"]);
    let proven = bench.roll_back(1);
    let approval = bench.approver.council(proven.trial().subject_hash());
    bench.database.apply(proven, &approval, NOW).expect("it rolls back");
    bench.database.reconcile(catalog).expect("it is repaired");
    assert_eq!(names(catalog), ["first"]);
    bench.migrate("kinds", add("kind")).expect("the name is free again");
    bench.database.reconcile(catalog).expect("it is repaired");
    assert_eq!(names(catalog), ["first", "kinds"]);
    let said: Vec<String> = catalog
        .audit_entries(0)
        .expect("a log")
        .into_iter()
        .filter(|entry| entry.action.starts_with("migration."))
        .map(|entry| format!("{} {}", entry.action, entry.details["version"]))
        .collect();
    assert_eq!(said, ["migration.apply 1", "migration.apply 2", "migration.undo 2", "migration.apply 3"]);
}

#[test]
fn repairing_twice_says_nothing_twice() {
    let bench = Bench::new();
    let catalog = &bench.approver.0;
    bench.database.reconcile(catalog).expect("it is repaired");
    let head = catalog.verify_audit().expect("the log is whole");
    assert_eq!(bench.database.reconcile(catalog).expect("it agrees"), Mirrored::default());
    assert_eq!(catalog.verify_audit().expect("the log is whole"), head);
}

#[test]
fn a_catalog_that_claims_too_much_is_corrected() {
    let bench = Bench::new();
    let catalog = &bench.approver.0;
    bench.migrate("kinds", add("kind")).expect("it applies");
    bench.database.reconcile(catalog).expect("it is repaired");
    for version in [1, 7] {
        let entry = MigrationEntry {
            version,
            name: "invented".to_owned(),
            up_hash: "0".repeat(64),
            applied_at: NOW.to_owned(),
        };
        catalog.forget_migrations_above(version - 1).expect("it forgets");
        catalog.record_migration(entry).expect("it takes the entry");
        assert!(bench.database.agrees(catalog).expect("it is readable").is_err());
        bench.database.reconcile(catalog).expect("it is repaired");
        assert_eq!(bench.database.agrees(catalog).expect("it is readable"), Ok(()));
    }
}
