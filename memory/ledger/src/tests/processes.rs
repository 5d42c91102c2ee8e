//! Two processes at one ledger: this test binary, started again with one test and a hint.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use loki_store::SystemClock;

use super::{ATTACHED, id, open, started};
use crate::event::Command;
use crate::{Ledger, LedgerError, Reader};

const HINT: &str = "LOKI_LEDGER_TEST_DIR";

#[expect(clippy::disallowed_methods, reason = "how a test talks to a copy of itself")]
fn hint() -> Option<PathBuf> {
    std::env::var_os(HINT).map(PathBuf::from)
}

fn again(test: &str, dir: &std::path::Path) -> Child {
    Process::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::processes::{test}"), "--nocapture", "--test-threads=1"])
        .env(HINT, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads what a child prints until the line `end`.
fn read_until(out: &mut impl BufRead, end: &str) {
    let mut line = String::new();
    while line.trim_end() != end {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended without saying `{end}`");
    }
}

/// One drives; the other reads, follows and sends commands, and cannot drive.
#[test]
fn one_process_drives_and_another_looks_on() {
    let run = id("a");
    if let Some(dir) = hint() {
        let ledger = open(&dir);
        ledger.append(&run, started(&ledger)).unwrap();
        println!("\nready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        for pending in ledger.take_commands(&run).unwrap() {
            ledger.command_taken(pending.id, 5).unwrap();
        }
        ledger.append(&run, ATTACHED).unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = again("one_process_drives_and_another_looks_on", dir.path());
    read_until(&mut BufReader::new(child.stdout.take().unwrap()), "ready");

    let refused = Ledger::open(dir.path(), Arc::new(SystemClock));
    let Err(LedgerError::Held { pid, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(pid, child.id());

    let reader = Reader::open(dir.path()).unwrap();
    let mut tail = reader.tail(&run, 0);
    assert_eq!(tail.wait(Duration::from_secs(60)).unwrap().len(), 1);
    let command = reader.send(&run, &Command::Pause).unwrap();
    assert_eq!(reader.delivery(command).unwrap(), None);
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    assert_eq!(tail.wait(Duration::from_secs(60)).unwrap()[0].event, ATTACHED);
    assert_eq!(reader.delivery(command).unwrap(), Some(5));

    child.kill().unwrap();
    child.wait().unwrap();
    let ledger = Ledger::open(dir.path(), Arc::new(SystemClock)).unwrap();
    assert_eq!(ledger.append(&run, ATTACHED).unwrap().seq, 3);
    assert_eq!(reader.verify(&run).unwrap().broken, None);
}

/// A driver killed at any moment leaves a chain that holds, with all events it was told are kept.
#[test]
fn a_killed_driver_leaves_a_chain_that_holds() {
    let run = id("a");
    if let Some(dir) = hint() {
        let ledger = open(&dir);
        ledger.append(&run, started(&ledger)).unwrap();
        loop {
            let recorded = ledger.append(&run, ATTACHED).unwrap();
            println!("\n{}", recorded.seq);
        }
    }
    for after in ["2", "9", "120"] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = again("a_killed_driver_leaves_a_chain_that_holds", dir.path());
        read_until(&mut BufReader::new(child.stdout.as_mut().unwrap()), after);
        child.kill().unwrap();
        child.wait().unwrap();
        let report = Reader::open(dir.path()).unwrap().verify(&run).unwrap();
        assert_eq!(report.broken, None);
        let ledger = open(dir.path());
        assert_eq!(ledger.reader().verify(&run).unwrap(), report);
        assert!(report.events >= after.parse().unwrap());
        assert_eq!(ledger.append(&run, ATTACHED).unwrap().seq, report.events + 1);
    }
}
