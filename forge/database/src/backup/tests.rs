//! A backup is what was copied, a restore is what was backed up, and neither happens otherwise.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

fn database(dir: &Path) -> Connection {
    let conn = Connection::open(dir.join("db.sqlite")).expect("the file can be made");
    conn.pragma_update(None, "journal_mode", "WAL").expect("a log is possible");
    conn.execute_batch(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO notes VALUES (1, 'a')",
    )
    .expect("the SQL is right");
    conn
}

fn bodies(path: &Path) -> Vec<String> {
    let conn = Connection::open(path).expect("the file is there");
    let mut statement = conn.prepare("SELECT body FROM notes ORDER BY id").expect("the table is there");
    let rows = statement.query_map([], |row| row.get(0)).expect("it is readable");
    rows.collect::<Result<_, _>>().expect("bodies are text")
}

#[test]
fn a_restore_brings_back_what_was_backed_up() {
    let dir = TempDir::new().expect("a folder");
    let conn = database(dir.path());
    let backups = dir.path().join("backups");
    let backup = back_up(&conn, &backups, 3, 5).expect("a backup");
    conn.execute_batch("UPDATE notes SET body = 'b'; INSERT INTO notes VALUES (2, 'c')").expect("a change");
    drop(conn);
    let path = dir.path().join("db.sqlite");
    assert_eq!(bodies(&path), ["b", "c"]);
    restore(&backups, &backup, &path).expect("a restore");
    assert_eq!(bodies(&path), ["a"]);
    assert_eq!(list(&backups).expect("a list"), [backup]);
}

#[test]
fn a_log_that_a_killed_process_left_is_not_replayed_into_the_restored_file() {
    let dir = TempDir::new().expect("a folder");
    let conn = database(dir.path());
    let backups = dir.path().join("backups");
    let backup = back_up(&conn, &backups, 1, 5).expect("a backup");
    conn.execute_batch("INSERT INTO notes VALUES (2, 'c')").expect("a change");
    // What a kill leaves behind: file and log, taken while the connection is still open.
    let killed = dir.path().join("killed.sqlite");
    fs::copy(dir.path().join("db.sqlite"), &killed).expect("the file is there");
    fs::copy(dir.path().join("db.sqlite-wal"), dir.path().join("killed.sqlite-wal"))
        .expect("the log is there");
    restore(&backups, &backup, &killed).expect("a restore");
    assert_eq!(bodies(&killed), ["a"]);
}

#[test]
fn a_database_too_damaged_to_open_is_set_aside() {
    let dir = TempDir::new().expect("a folder");
    let backups = dir.path().join("backups");
    let backup = back_up(&database(dir.path()), &backups, 1, 5).expect("a backup");
    let path = dir.path().join("db.sqlite");
    fs::write(&path, "this is no database, and long enough for a header of one hundred bytes".repeat(3))
        .expect("a write");
    restore(&backups, &backup, &path).expect("a restore");
    assert_eq!(bodies(&path), ["a"]);
    assert!(dir.path().join("db.damaged.sqlite").exists());
}

#[test]
fn a_changed_backup_is_refused_and_the_database_stays() {
    let dir = TempDir::new().expect("a folder");
    let conn = database(dir.path());
    let backups = dir.path().join("backups");
    let backup = back_up(&conn, &backups, 1, 5).expect("a backup");
    conn.execute_batch("UPDATE notes SET body = 'b'").expect("a change");
    drop(conn);
    let file = backups.join(&backup.file);
    Connection::open(&file)
        .and_then(|conn| conn.execute_batch("UPDATE notes SET body = 'forged'"))
        .expect("a forgery");
    let path = dir.path().join("db.sqlite");
    assert!(matches!(restore(&backups, &backup, &path), Err(BackupError::Changed { .. })));
    assert_eq!(bodies(&path), ["b"]);
}

#[test]
fn a_copy_that_lacks_rows_is_no_backup() {
    let dir = TempDir::new().expect("a folder");
    let conn = database(dir.path());
    let held = contents(&conn).expect("it is readable");
    conn.execute_batch("DELETE FROM notes").expect("a change");
    let verdict = verify(&dir.path().join("db.sqlite"), &held);
    assert!(matches!(verdict, Err(BackupError::Differs { difference, .. }) if difference == "table `notes`"));
}

#[test]
fn the_oldest_go_and_the_newest_never_does() {
    let dir = TempDir::new().expect("a folder");
    let conn = database(dir.path());
    let backups = dir.path().join("backups");
    let mut taken = Vec::new();
    for version in 1..=4 {
        conn.execute("INSERT INTO notes (body) VALUES ('more')", []).expect("a change");
        taken.push(back_up(&conn, &backups, version, 2).expect("a backup"));
    }
    assert_eq!(list(&backups).expect("a list"), taken[2..]);
    let last = back_up(&conn, &backups, 9, 0).expect("a backup");
    assert_eq!(list(&backups).expect("a list"), [last]);
    let files = fs::read_dir(&backups).expect("the folder").count();
    assert_eq!(files, 2, "only the backup and its manifest are left");
}
