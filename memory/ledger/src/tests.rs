//! The ledger as its users see it.

mod processes;
mod skills;
mod tampering;
mod transfers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use loki_store::{FixedClock, StoreError, Timestamp};
use tempfile::TempDir;

use crate::event::{
    ArtifactId, CallRef, Command, Cost, EffectKind, Event, Intent, Limits, Outcome, Phase, Recovery, RunId,
    RunStarted, Stop, TurnEnd, Usage, VERSION,
};
use crate::run::Run;
use crate::{
    ARTIFACT_BYTES_MAX, EVENT_BYTES_MAX, Head, Ledger, LedgerError, PAGE_EVENTS_MAX, Reader, RunRow, tables,
};

const ATTACHED: Event = Event::Attached { pid: 7, attended: false };

fn open(dir: &Path) -> Ledger {
    let clock = FixedClock::new(Timestamp::UNIX_EPOCH, Duration::from_millis(10));
    Ledger::open(dir, Arc::new(clock)).unwrap()
}

fn fresh() -> (TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    (dir, ledger)
}

fn id(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}

/// The first event of a run, with the artifacts it names.
fn started(ledger: &Ledger) -> Event {
    Event::RunStarted(RunStarted {
        version: VERSION,
        document: ledger.put(b"# A document").unwrap(),
        document_name: "prd.md".to_owned(),
        requirements: ledger.put(b"{}").unwrap(),
        backend: true,
        provider: Some("scripted".to_owned()),
        acts: false,
        backend_first: false,
        gates: vec!["schema".to_owned()],
        checklist: Vec::new(),
        limits: Limits::default(),
    })
}

/// A run of eight events, one turn long.
fn play(ledger: &Ledger, run: &RunId) {
    let turn = ledger.put(b"turn").unwrap();
    let call = CallRef {
        id: "1".into(),
        tool: "plan".into(),
        input: ledger.put(b"input").unwrap(),
        malformed: false,
    };
    let usage = Usage { cost: Cost::Measured { micro_usd: 0 }, ..Usage::default() };
    let kind = EffectKind::Turn { request: ledger.put(b"request").unwrap() };
    let events = [
        started(ledger),
        ATTACHED,
        Event::IterationStarted { iteration: 1 },
        Event::PhaseStarted { phase: Phase::Reason },
        Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat, reserved_micro_usd: 0 }),
        Event::EffectEnded {
            effect: 5,
            outcome: Outcome::Turn {
                turn,
                calls: vec![call],
                usage,
                bytes: 4,
                model: String::new(),
                end: TurnEnd::Complete,
            },
        },
        Event::PhaseEnded { phase: Phase::Reason, passed: true },
        Event::RunStopped { stop: Stop::Requested },
    ];
    for (seq, event) in (1..).zip(events) {
        assert_eq!(ledger.append(run, event).unwrap().seq, seq);
    }
}

fn folded(reader: &Reader, run: &RunId) -> Run {
    let mut state = Run::new(run.clone());
    let mut after = Some(0);
    while let Some(seq) = after {
        let page = reader.events(run, seq).unwrap();
        for recorded in &page.events {
            state.apply(recorded.seq, recorded.at_ms, &recorded.event).unwrap();
        }
        after = page.next;
    }
    state
}

#[test]
fn what_is_appended_is_read_again_dense_from_one() {
    let (dir, ledger) = fresh();
    let run = id("a");
    play(&ledger, &run);
    let first = ledger.reader().events(&run, 0).unwrap();
    drop(ledger);
    let reader = Reader::open(dir.path()).unwrap();
    let page = reader.events(&run, 0).unwrap();
    assert_eq!(page, first);
    assert_eq!(page.next, None);
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    assert!(page.events.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
    assert_eq!(page.events[1].event, ATTACHED);
    assert_eq!(reader.events(&run, 6).unwrap().events, page.events[6..]);
    let last = &page.events[7];
    assert_eq!(reader.head(&run).unwrap(), Head { seq: 8, hash: last.hash });
    let report = reader.verify(&run).unwrap();
    assert_eq!((report.events, report.artifacts, report.broken), (8, 5, None));
    assert_eq!(report.head, reader.head(&run).unwrap());
    assert_eq!(reader.fold(&run).unwrap(), folded(&reader, &run));
}

#[test]
fn runs_are_apart_and_listed_newest_first() {
    let (_dir, ledger) = fresh();
    for name in ["b", "a"] {
        ledger.append(&id(name), started(&ledger)).unwrap();
    }
    ledger.append(&id("b"), ATTACHED).unwrap();
    let rows = ledger.reader().runs().unwrap();
    let short: Vec<_> = rows.iter().map(|RunRow { id, seq, .. }| (id.as_str(), *seq)).collect();
    assert_eq!(short, [("a", 1), ("b", 2)]);
    assert!(rows[0].started_ms > rows[1].started_ms);
}

#[test]
fn a_run_starts_once_and_first() {
    let (_dir, ledger) = fresh();
    let run = id("a");
    assert!(matches!(ledger.append(&run, ATTACHED), Err(LedgerError::UnknownRun { .. })));
    ledger.append(&run, started(&ledger)).unwrap();
    assert!(matches!(ledger.append(&run, started(&ledger)), Err(LedgerError::RunExists { .. })));
    assert_eq!(ledger.reader().head(&run).unwrap().seq, 1);
    let unknown = id("unknown");
    assert!(matches!(ledger.reader().events(&unknown, 0), Err(LedgerError::UnknownRun { .. })));
    assert!(matches!(ledger.reader().fold(&unknown), Err(LedgerError::UnknownRun { .. })));
    assert!(matches!(ledger.reader().verify(&unknown), Err(LedgerError::UnknownRun { .. })));
    assert!(matches!(ledger.reader().head(&unknown), Err(LedgerError::UnknownRun { .. })));
}

#[test]
fn pages_end_and_go_on_where_they_should() {
    let (_dir, ledger) = fresh();
    let run = id("a");
    ledger.append(&run, started(&ledger)).unwrap();
    for _ in 1..PAGE_EVENTS_MAX {
        ledger.append(&run, ATTACHED).unwrap();
    }
    let full = PAGE_EVENTS_MAX as u64;
    let reader = ledger.reader();
    let page = reader.events(&run, 0).unwrap();
    assert_eq!((page.events.len(), page.next), (PAGE_EVENTS_MAX, Some(full)));
    assert_eq!(reader.events(&run, full).unwrap().events, []);
    for _ in 0..2 {
        assert_eq!(reader.fold(&run).unwrap(), folded(reader, &run));
        ledger.append(&run, ATTACHED).unwrap();
    }
    assert_eq!(reader.events(&run, full).unwrap().events.len(), 2);
    assert_eq!(reader.fold(&run).unwrap().seq, full + 2);
}

#[test]
fn artifacts_are_named_by_their_bytes_and_kept_once() {
    let (_dir, ledger) = fresh();
    let kept = ledger.put(b"some bytes").unwrap();
    assert_eq!(kept, ledger.put(b"some bytes").unwrap());
    assert_eq!(kept, ArtifactId::of(b"some bytes"));
    assert_eq!(ledger.reader().artifact(&kept).unwrap(), b"some bytes");
    let other = ArtifactId::of(b"other");
    assert!(matches!(ledger.reader().artifact(&other), Err(LedgerError::UnknownArtifact { .. })));
    ledger.put(&vec![0; ARTIFACT_BYTES_MAX]).unwrap();
    let large = ledger.put(&vec![0; ARTIFACT_BYTES_MAX + 1]);
    assert!(matches!(large, Err(LedgerError::TooLarge { what: "artifact", .. })));
}

#[test]
fn an_event_must_not_name_what_is_not_there() {
    let (_dir, ledger) = fresh();
    let run = id("a");
    ledger.append(&run, started(&ledger)).unwrap();
    let kind = EffectKind::Turn { request: ArtifactId::of(b"never put") };
    let refused = ledger.append(
        &run,
        Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat, reserved_micro_usd: 0 }),
    );
    assert!(matches!(refused, Err(LedgerError::UnknownArtifact { .. })), "{refused:?}");
    assert_eq!(ledger.reader().head(&run).unwrap().seq, 1);
}

#[test]
fn an_event_that_is_too_large_is_refused() {
    let (_dir, ledger) = fresh();
    let run = id("a");
    ledger.append(&run, started(&ledger)).unwrap();
    let stop = Stop::ProviderFailed { message: "x".repeat(EVENT_BYTES_MAX) };
    let refused = ledger.append(&run, Event::RunStopped { stop });
    assert!(matches!(refused, Err(LedgerError::TooLarge { what: "event", .. })), "{refused:?}");
}

#[test]
fn commands_survive_until_they_are_taken_and_are_taken_once() {
    let (dir, ledger) = fresh();
    let run = id("a");
    ledger.append(&run, started(&ledger)).unwrap();
    let steer = Command::Steer { text: "left".to_owned() };
    let ids = [&steer, &Command::Pause].map(|command| ledger.reader().send(&run, command).unwrap());
    assert!(ids[0] < ids[1]);
    drop(ledger);

    let ledger = open(dir.path());
    let pending = ledger.take_commands(&run).unwrap();
    assert_eq!(pending.iter().map(|pending| pending.id).collect::<Vec<_>>(), ids);
    assert_eq!(pending[0].command, steer);
    assert_eq!(ledger.take_commands(&run).unwrap().len(), 2, "until they are said to be taken");
    ledger.command_taken(ids[0], 3).unwrap();
    ledger.command_taken(ids[0], 4).unwrap();
    assert_eq!(ledger.take_commands(&run).unwrap(), pending[1..]);
    assert_eq!(ledger.reader().delivery(ids[0]).unwrap(), Some(3));
    assert_eq!(ledger.reader().delivery(ids[1]).unwrap(), None);
    assert!(matches!(ledger.command_taken(99, 1), Err(LedgerError::UnknownCommand { id: 99 })));
    let unknown = ledger.reader().send(&id("b"), &steer);
    assert!(matches!(unknown, Err(LedgerError::UnknownRun { .. })));
    let large = Command::Steer { text: "x".repeat(64 << 10) };
    assert!(matches!(ledger.reader().send(&run, &large), Err(LedgerError::TooLarge { .. })));
}

#[test]
fn an_inbox_fills_up() {
    let (_dir, ledger) = fresh();
    let run = id("a");
    ledger.append(&run, started(&ledger)).unwrap();
    let filled = run.clone();
    ledger
        .reader()
        .store()
        .write(loki_store::Durability::Process, move |tx| {
            for _ in 0..crate::reader::COMMANDS_PENDING_MAX {
                tables::commands::insert(tx, &filled, 0, r#"{"command":"pause"}"#)?;
            }
            Ok::<_, LedgerError>(())
        })
        .unwrap();
    let refused = ledger.reader().send(&run, &Command::Pause);
    assert!(matches!(refused, Err(LedgerError::InboxFull { .. })), "{refused:?}");
    let oldest = ledger.take_commands(&run).unwrap()[0].id;
    ledger.command_taken(oldest, 1).unwrap();
    ledger.reader().send(&run, &Command::Pause).unwrap();
}

#[test]
fn a_tail_hands_over_what_is_there_and_then_what_comes() {
    let (_dir, ledger) = fresh();
    let run = id("a");
    play(&ledger, &run);
    let mut tail = ledger.reader().tail(&run, 6);
    let seqs = |tail: &mut crate::Tail, seconds| {
        let events = tail.wait(Duration::from_secs(seconds)).unwrap();
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(&mut tail, 0), [7, 8]);
    assert_eq!(seqs(&mut tail, 0), [] as [u64; 0]);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| seqs(&mut tail, 60));
        // The inbox and artifacts change too, but that is not what it waits for.
        ledger.reader().send(&run, &Command::Resume).unwrap();
        ledger.put(b"noise").unwrap();
        ledger.append(&run, ATTACHED).unwrap();
        assert_eq!(waiter.join().unwrap(), [9]);
    });
}

#[test]
fn a_crash_lets_only_the_writes_before_it_through() {
    let (dir, ledger) = fresh();
    let run = id("a");
    ledger.append(&run, started(&ledger)).unwrap();
    ledger.crash_after(3);
    ledger.append(&run, ATTACHED).unwrap();
    let kept = ledger.put(b"kept").unwrap();
    for _ in 0..2 {
        assert!(matches!(ledger.append(&run, ATTACHED), Err(LedgerError::Crashed)));
        assert!(matches!(ledger.put(b"lost"), Err(LedgerError::Crashed)));
        assert!(matches!(ledger.command_taken(1, 1), Err(LedgerError::Crashed)));
    }
    drop(ledger);
    let ledger = open(dir.path());
    assert_eq!(ledger.reader().head(&run).unwrap().seq, 2);
    ledger.reader().artifact(&kept).unwrap();
    ledger.append(&run, ATTACHED).unwrap();
}

#[test]
fn a_folder_without_a_ledger_has_none() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("no/such")] {
        assert!(matches!(Reader::open(&path), Err(LedgerError::Absent { .. })));
        assert!(!path.join("loki.db").exists());
    }
    // Its creator died at once.
    std::fs::write(dir.path().join("loki.db"), "").unwrap();
    assert!(matches!(Reader::open(dir.path()), Err(LedgerError::Absent { .. })));
}

#[test]
fn newer_and_corrupted_files_are_told_apart() {
    let (dir, ledger) = fresh();
    drop(ledger);
    let path = dir.path().join("loki.db");
    let clock = || Arc::new(loki_store::SystemClock);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    for error in [Ledger::open(dir.path(), clock()).unwrap_err(), Reader::open(dir.path()).unwrap_err()] {
        assert!(matches!(error, LedgerError::Store(StoreError::Newer { found: 99, .. })), "{error:?}");
    }
    std::fs::write(&path, "no database ".repeat(1000)).unwrap();
    for error in [Ledger::open(dir.path(), clock()).unwrap_err(), Reader::open(dir.path()).unwrap_err()] {
        assert!(matches!(error, LedgerError::Store(StoreError::Corrupt { .. })), "{error:?}");
    }
}

#[test]
fn the_migrations_sum_to_the_checked_in_schema() {
    let objects = |scripts: &[&str]| -> Vec<(String, String)> {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        scripts.iter().for_each(|sql| conn.execute_batch(sql).unwrap());
        let mut statement =
            conn.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let steps: Vec<&str> = tables::MIGRATIONS.iter().map(|step| step.sql).collect();
    assert_eq!(objects(&steps), objects(&[include_str!("../schema.sql")]));
}
