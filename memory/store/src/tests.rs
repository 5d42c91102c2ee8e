//! The store as its users see it.

mod guards;
mod processes;

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::{Clock, Durability, FixedClock, Migration, Options, Store, StoreError, Timestamp};

const FIRST: Migration = Migration {
    version: 1,
    name: "pairs",
    sql: "CREATE TABLE pairs (id INTEGER PRIMARY KEY, half INTEGER NOT NULL) STRICT;",
};
const SECOND: Migration = Migration {
    version: 2,
    name: "notes",
    sql: "CREATE TABLE notes (pair INTEGER NOT NULL REFERENCES pairs (id)) STRICT; INSERT INTO pairs VALUES (1, 1);",
};
const ONE: &[Migration] = &[FIRST];
const TWO: &[Migration] = &[FIRST, SECOND];

fn scratch() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    (dir, path)
}

fn open(path: &Path) -> Store {
    Store::open(path, ONE, &Options::default()).unwrap()
}

fn insert(store: &Store, half: i64) -> Result<usize, StoreError> {
    store
        .write(Durability::Process, move |tx| Ok(tx.execute("INSERT INTO pairs (half) VALUES (?1)", [half])?))
}

fn count(store: &Store) -> i64 {
    store.read(|conn| ask(conn, "SELECT count(*) FROM pairs")).unwrap()
}

fn ask(conn: &rusqlite::Connection, sql: &str) -> Result<i64, StoreError> {
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

#[test]
fn what_is_written_is_read_again_after_reopening() {
    let (_dir, path) = scratch();
    let store = open(&path);
    insert(&store, 1).unwrap();
    assert_eq!(count(&store), 1);
    drop(store);
    assert!(!path.with_extension("db-wal").exists(), "the log is folded back on closing");
    assert_eq!(count(&open(&path)), 1);
    assert_eq!(count(&Store::open_read_only(&path, ONE).unwrap()), 1);
}

#[test]
fn each_migration_is_applied_once() {
    let (_dir, path) = scratch();
    drop(open(&path));
    for _ in 0..2 {
        let store = Store::open(&path, TWO, &Options::default()).unwrap();
        assert_eq!(count(&store), 1);
        assert_eq!(store.read(|conn| ask(conn, "PRAGMA user_version")).unwrap(), 2);
    }
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    const BROKEN: &[Migration] = &[
        FIRST,
        Migration {
            version: 2,
            name: "broken",
            sql: "CREATE TABLE half_done (id INTEGER); INSERT INTO nowhere VALUES (1);",
        },
    ];
    let (_dir, path) = scratch();
    let error = Store::open(&path, BROKEN, &Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Migrate { version: 2, name: "broken", .. }), "{error:?}");
    let store = open(&path);
    assert_eq!(store.read(|conn| ask(conn, "PRAGMA user_version")).unwrap(), 1);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'half_done'";
    assert_eq!(store.read(|conn| ask(conn, tables)).unwrap(), 0);
}

#[test]
fn a_write_that_returns_an_error_is_rolled_back() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let result: Result<(), StoreError> = store.write(Durability::Process, |tx| {
        tx.execute("INSERT INTO pairs (half) VALUES (1)", [])?;
        Err(StoreError::Busy)
    });
    assert!(matches!(result, Err(StoreError::Busy)));
    assert_eq!(count(&store), 0);
}

#[test]
fn a_panic_in_a_write_is_that_callers_error_alone() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let result: Result<(), StoreError> = store.write(Durability::Process, |tx| {
        tx.execute("INSERT INTO pairs (half) VALUES (1)", [])?;
        panic!("a bug in the caller");
    });
    let Err(StoreError::Panicked { message }) = result else { panic!("{result:?}") };
    assert_eq!(message, "a bug in the caller");
    assert_eq!(count(&store), 0);
    insert(&store, 1).unwrap();
    assert_eq!(count(&store), 1);
}

#[test]
fn a_write_within_a_write_is_refused_instead_of_waiting_for_itself() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let again = store.clone();
    let result: Result<(), StoreError> = store.write(Durability::Process, move |_| {
        insert(&again, 1)?;
        Ok(())
    });
    assert!(matches!(result, Err(StoreError::Nested)), "{result:?}");
}

#[test]
fn a_write_may_hold_the_last_handle() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let last = store.clone();
    let act = move |_: &rusqlite::Transaction<'_>| {
        drop(last);
        Ok::<_, StoreError>(())
    };
    store.write(Durability::Process, act).unwrap();
    drop(store);
    assert_eq!(count(&open(&path)), 0);
}

#[test]
fn durability_is_switched_where_it_changes() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let level = |durability| store.write(durability, |tx| ask(tx, "PRAGMA synchronous")).unwrap();
    let levels = [Durability::Process, Durability::Disk, Durability::Disk, Durability::Process].map(level);
    assert_eq!(levels, [1, 2, 2, 1]);
}

#[test]
fn connections_are_set_up_alike() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let settings = |conn: &rusqlite::Connection| {
        assert!(conn.db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
        ["foreign_keys", "trusted_schema", "busy_timeout"]
            .map(|name| ask(conn, &format!("PRAGMA {name}")).unwrap())
    };
    assert_eq!(store.read(|conn| Ok::<_, StoreError>(settings(conn))).unwrap(), [1, 0, 5000]);
    assert_eq!(
        store.write(Durability::Process, move |tx| Ok::<_, StoreError>(settings(tx))).unwrap(),
        [1, 0, 5000]
    );
}

#[test]
fn a_read_sees_one_moment() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let seen = store.read(|conn| {
        let before = ask(conn, "SELECT count(*) FROM pairs")?;
        insert(&store, 1)?;
        Ok::<_, StoreError>((before, ask(conn, "SELECT count(*) FROM pairs")?))
    });
    assert_eq!(seen.unwrap(), (0, 0));
    assert_eq!(count(&store), 1);
}

#[test]
fn files_are_for_their_owner_alone() {
    let (_dir, path) = scratch();
    let store = open(&path);
    insert(&store, 1).unwrap();
    for name in ["a.db", "a.db-wal", "a.db-shm"] {
        let mode = fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_watch_tells_of_commits_of_this_store_and_of_others() {
    let (_dir, path) = scratch();
    let (store, other) = (open(&path), open(&path));
    let mut watch = store.watch().unwrap();
    assert!(!watch.wait(Duration::ZERO).unwrap());
    for writer in [&store, &other] {
        insert(writer, 1).unwrap();
        assert!(watch.wait(Duration::ZERO).unwrap());
        assert!(!watch.wait(Duration::ZERO).unwrap());
    }
    // Waiting while the commit happens.
    for writer in [&store, &other] {
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| watch.wait(Duration::from_secs(60)).unwrap());
            insert(writer, 1).unwrap();
            assert!(waiter.join().unwrap());
        });
    }
}

#[test]
fn a_watch_looks_until_it_finds() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let mut watch = store.watch().unwrap();
    let three = || Ok::<_, StoreError>(Some(count(&store)).filter(|count| *count == 3));
    assert_eq!(watch.wait_for(Duration::ZERO, three).unwrap(), None);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| watch.wait_for(Duration::from_secs(60), three).unwrap());
        for half in 0..3 {
            insert(&store, half).unwrap();
        }
        assert_eq!(waiter.join().unwrap(), Some(3));
    });
}

#[test]
fn a_fixed_clock_steps() {
    let clock = FixedClock::new(Timestamp::UNIX_EPOCH, Duration::from_secs(2));
    let seconds = || clock.now().as_second();
    assert_eq!((seconds(), seconds()), (0, 2));
    clock.advance(Duration::from_secs(10));
    assert_eq!((seconds(), seconds()), (14, 16));
}

/// Overwrites part of a file.
fn damage(path: &Path, offset: u64, bytes: &[u8]) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}
