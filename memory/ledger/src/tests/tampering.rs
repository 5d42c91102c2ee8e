//! Every way of changing the past is found, and named by its first event.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{ATTACHED, fresh, id, open, play};
use crate::event::ArtifactId;
use crate::{Broken, LedgerError, Reader};

/// A run of eight events, and what to make of it with SQL.
fn tampered(sql: &str) -> TempDir {
    let (dir, ledger) = fresh();
    play(&ledger, &id("a"));
    drop(ledger);
    let conn = Connection::open(dir.path().join("loki.db")).unwrap();
    conn.execute_batch(sql).unwrap();
    dir
}

fn broken(dir: &Path) -> Broken {
    let reader = Reader::open(dir).unwrap();
    let report = reader.verify(&id("a")).unwrap();
    let broken = report.broken.expect("the change is found");
    assert_eq!(report.events, broken.seq - 1, "everything before it holds");
    broken
}

/// The change is found at that event, by the check and by the fold alike.
fn found_at(seq: u64, sql: &str) {
    let dir = tampered(sql);
    assert_eq!(broken(dir.path()).seq, seq, "{sql}");
    let reader = Reader::open(dir.path()).unwrap();
    let Err(LedgerError::Tampered { source, .. }) = reader.fold(&id("a")) else { panic!("{sql}") };
    assert_eq!(source.seq, seq, "{sql}");
    let refused = reader.export(&id("a"), std::io::sink());
    assert!(matches!(refused, Err(LedgerError::Tampered { .. })), "{sql}");
}

#[test]
fn an_edited_event_is_found() {
    found_at(2, r#"UPDATE events SET body = replace(body, '"pid":7', '"pid":8') WHERE seq = 2"#);
    found_at(3, "UPDATE events SET at_ms = at_ms + 1 WHERE seq = 3");
    found_at(4, "UPDATE events SET hash = zeroblob(32) WHERE seq = 4");
    found_at(4, "UPDATE events SET version = 0 WHERE seq = 4");
    found_at(4, "UPDATE events SET version = 99 WHERE seq = 4");
    found_at(8, r#"UPDATE events SET body = body || ' ' WHERE seq = 8"#);
    found_at(5, "PRAGMA ignore_check_constraints = on; UPDATE events SET hash = x'00' WHERE seq = 5");
}

#[test]
fn a_deleted_event_is_found() {
    found_at(1, "DELETE FROM events WHERE seq = 1");
    found_at(5, "DELETE FROM events WHERE seq = 5");
    found_at(8, "DELETE FROM events WHERE seq = 8");
    found_at(6, "DELETE FROM events WHERE seq >= 6");
}

#[test]
fn swapped_events_are_found() {
    found_at(
        3,
        "UPDATE events SET seq = 100 WHERE seq = 3;
         UPDATE events SET seq = 3 WHERE seq = 4;
         UPDATE events SET seq = 4 WHERE seq = 100",
    );
}

#[test]
fn an_inserted_event_is_found() {
    let copy = |seq: i64| {
        format!(
            "INSERT INTO events SELECT run_id, {seq}, at_ms, version, body, hash FROM events WHERE seq = 2"
        )
    };
    found_at(9, &copy(9));
    found_at(9, &copy(11));
    found_at(1, &format!("PRAGMA ignore_check_constraints = on; {}", copy(0)));
    found_at(1, &format!("PRAGMA ignore_check_constraints = on; {}", copy(-1)));
    let shift = "UPDATE events SET seq = seq + 100 WHERE seq >= 4;
         UPDATE events SET seq = seq - 99 WHERE seq >= 100";
    found_at(4, &format!("{shift}; {}", copy(4)));
}

/// An event added by somebody who knows how to hash, but does not move the head.
#[test]
fn an_event_beyond_the_head_is_found() {
    let (dir, ledger) = fresh();
    play(&ledger, &id("a"));
    ledger.append(&id("a"), ATTACHED).unwrap();
    drop(ledger);
    let conn = Connection::open(dir.path().join("loki.db")).unwrap();
    conn.execute_batch("UPDATE heads SET seq = 8, hash = (SELECT hash FROM events WHERE seq = 8)").unwrap();
    drop(conn);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify(&id("a")).unwrap().broken.unwrap().seq, 9);
}

#[test]
fn a_changed_head_is_found() {
    let dir = tampered("DELETE FROM heads");
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify(&id("a")).unwrap().broken.unwrap().seq, 8);
    let dir = tampered("UPDATE heads SET hash = zeroblob(32)");
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify(&id("a")).unwrap().broken.unwrap().seq, 8);
    found_at(9, "UPDATE heads SET seq = 9");
}

#[test]
fn nothing_is_appended_to_a_run_whose_end_is_cut_off() {
    for sql in [
        "DELETE FROM events WHERE seq = 8",
        "UPDATE events SET hash = zeroblob(32) WHERE seq = 8",
        "UPDATE heads SET hash = zeroblob(32)",
    ] {
        let dir = tampered(sql);
        let refused = open(dir.path()).append(&id("a"), ATTACHED);
        let Err(LedgerError::Tampered { source, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(source.seq, 8, "{sql}");
    }
}

#[test]
fn a_changed_or_lost_artifact_is_found_where_it_is_first_named() {
    let dir = tampered("UPDATE artifacts SET bytes = x'00' WHERE bytes = CAST('request' AS BLOB)");
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify(&id("a")).unwrap().broken.unwrap().seq, 5);
    let read = reader.artifact(&ArtifactId::of(b"request"));
    assert!(matches!(read, Err(LedgerError::TamperedArtifact { .. })), "{read:?}");
    let dir = tampered("DELETE FROM artifacts WHERE bytes = CAST('input' AS BLOB)");
    assert_eq!(broken(dir.path()).seq, 6);
}

/// A chain that is whole can still be nonsense: written by something that does not ask the fold.
#[test]
fn events_that_cannot_follow_one_another_are_found() {
    let (dir, ledger) = fresh();
    play(&ledger, &id("a"));
    ledger.append(&id("a"), crate::event::Event::IterationStarted { iteration: 9 }).unwrap();
    assert_eq!(broken(dir.path()).seq, 9);
    let refused = ledger.reader().fold(&id("a"));
    assert!(matches!(refused, Err(LedgerError::Fold { .. })), "{refused:?}");
}
