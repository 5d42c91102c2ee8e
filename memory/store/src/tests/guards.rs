//! What the store refuses.

use std::fs;
use std::time::Duration;

use super::{FIRST, ONE, SECOND, TWO, ask, count, damage, insert, open, scratch};
use crate::{Durability, Migration, Options, Store, StoreError};

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let (_dir, path) = scratch();
    drop(Store::open(&path, TWO, &Options::default()).unwrap());
    let before = fs::read(&path).unwrap();
    for result in [Store::open(&path, ONE, &Options::default()), Store::open_read_only(&path, ONE)] {
        let Err(StoreError::Newer { found: 2, known: 1, .. }) = result else { panic!("{result:?}") };
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_older_file_is_not_migrated_by_a_reader() {
    let (_dir, path) = scratch();
    drop(open(&path));
    let result = Store::open_read_only(&path, TWO);
    let Err(StoreError::Older { found: 1, known: 2, .. }) = result else { panic!("{result:?}") };
}

#[test]
fn migrations_in_disorder_are_refused() {
    const DISORDER: &[Migration] = &[SECOND, FIRST];
    let (_dir, path) = scratch();
    let result = Store::open(&path, DISORDER, &Options::default());
    let Err(StoreError::Disorder { version: 1, name: "pairs" }) = result else { panic!("{result:?}") };
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let (_dir, path) = scratch();
    fs::write(&path, "# Notes\n\nNot a database at all.\n".repeat(100)).unwrap();
    let before = fs::read(&path).unwrap();
    for result in [Store::open(&path, ONE, &Options::default()), Store::open_read_only(&path, ONE)] {
        let Err(error @ StoreError::Corrupt { .. }) = result else { panic!("{result:?}") };
        assert!(error.is_corrupt());
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_page_is_found_on_opening() {
    let (_dir, path) = scratch();
    let store = open(&path);
    for half in 0..2000 {
        insert(&store, half).unwrap();
    }
    drop(store);
    // A leaf of the table, not the first page: opening alone would not look at it.
    damage(&path, 3 * 4096, &[0xff; 64]);
    let result = Store::open(&path, ONE, &Options::default());
    let Err(StoreError::Corrupt { .. }) = result else { panic!("{result:?}") };
}

#[test]
fn an_absent_file_is_not_made_by_a_reader() {
    let (_dir, path) = scratch();
    let result = Store::open_read_only(&path, ONE);
    let Err(StoreError::Open { .. }) = result else { panic!("{result:?}") };
    assert!(!path.exists());
}

#[test]
fn an_absent_folder_is_an_error_of_opening() {
    let (dir, _) = scratch();
    let result = Store::open(&dir.path().join("no/such/a.db"), ONE, &Options::default());
    let Err(StoreError::Open { .. }) = result else { panic!("{result:?}") };
}

#[test]
fn a_full_disk_is_told_as_such_and_writing_goes_on_when_there_is_room() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let fill = store.write(Durability::Process, |tx| {
        let pages = ask(tx, "PRAGMA page_count")? + 2;
        tx.pragma_update(None, "max_page_count", pages)?;
        for half in 0..10_000 {
            tx.execute("INSERT INTO pairs (half) VALUES (?1)", [half])?;
        }
        Ok::<_, StoreError>(())
    });
    assert!(matches!(fill, Err(StoreError::Full)), "{fill:?}");
    assert_eq!(count(&store), 0);
    insert(&store, 1).unwrap();
    assert_eq!(count(&store), 1);
}

#[test]
fn a_reader_cannot_write() {
    let (_dir, path) = scratch();
    let store = open(&path);
    let result: Result<usize, StoreError> =
        store.read(|conn| Ok(conn.execute("INSERT INTO pairs (half) VALUES (1)", [])?));
    assert!(matches!(result, Err(StoreError::ReadOnly)), "{result:?}");
    let reader = Store::open_read_only(&path, ONE).unwrap();
    let result = insert(&reader, 1);
    assert!(matches!(result, Err(StoreError::ReadOnly)), "{result:?}");
    assert_eq!(count(&store), 0);
}

#[test]
fn readers_are_bounded_and_the_wait_for_one_is_too() {
    let (_dir, path) = scratch();
    let options = Options { readers_max: 2, busy_timeout: Duration::from_millis(1) };
    let store = Store::open(&path, ONE, &options).unwrap();
    let third = store.read(|_| store.read(|_| store.read(|_| Ok::<_, StoreError>(()))));
    assert!(matches!(third, Err(StoreError::Busy)), "{third:?}");
    assert_eq!(count(&store), 0, "and both are free again");
    let second = store.read(|_| store.read(|_| Ok::<_, StoreError>(())));
    assert!(second.is_ok(), "{second:?}");
}

#[test]
fn a_writer_elsewhere_makes_it_busy() {
    let (_dir, path) = scratch();
    let options = Options { busy_timeout: Duration::from_millis(1), ..Options::default() };
    let store = Store::open(&path, ONE, &options).unwrap();
    let other = Store::open(&path, ONE, &options).unwrap();
    store
        .write(Durability::Process, move |_| {
            let result = insert(&other, 1);
            assert!(matches!(result, Err(StoreError::Busy)), "{result:?}");
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn foreign_keys_hold() {
    let (_dir, path) = scratch();
    let store = Store::open(&path, TWO, &Options::default()).unwrap();
    let result: Result<usize, StoreError> =
        store.write(Durability::Process, |tx| Ok(tx.execute("INSERT INTO notes VALUES (99)", [])?));
    assert!(matches!(result, Err(StoreError::Sqlite { .. })), "{result:?}");
}

/// A process died in a transaction, in the moments before the write-ahead log is switched on.
#[test]
fn what_a_dead_process_had_begun_is_rolled_back_also_for_who_only_reads() {
    let (dir, path) = scratch();
    let store = open(&path);
    insert(&store, 1).unwrap();
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
    conn.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE").unwrap();
    for half in 0..20_000 {
        conn.execute("INSERT INTO pairs (half) VALUES (?1)", [half]).unwrap();
    }
    // Nobody holds a lock on the copies: this is what a death leaves.
    let dead = dir.path().join("dead.db");
    std::fs::copy(&path, &dead).unwrap();
    std::fs::copy(dir.path().join("a.db-journal"), dir.path().join("dead.db-journal")).unwrap();
    assert_eq!(count(&Store::open_read_only(&dead, ONE).unwrap()), 1);
}
