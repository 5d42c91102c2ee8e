//! The lock within one process; what two processes see is in the crate's tests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use super::{LockError, ProcessLock, start_ticks};
use crate::{FixedClock, Timestamp};

fn clock() -> FixedClock {
    FixedClock::new(Timestamp::UNIX_EPOCH, Duration::from_secs(1))
}

#[test]
fn it_is_held_once_and_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let lock = ProcessLock::acquire(&path, &clock()).unwrap();
    let refused = ProcessLock::acquire(&path, &clock());
    let Err(LockError::Held { pid, started_at }) = refused else { panic!("{refused:?}") };
    assert_eq!((pid, started_at), (std::process::id(), Timestamp::UNIX_EPOCH));
    drop(lock);
    assert_eq!(ProcessLock::holder(&path), None, "who let go and lives on is not the holder");
    ProcessLock::acquire(&path, &clock()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// The file names this very process's pid, but one that began at another time.
#[test]
fn a_reused_pid_is_not_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let pid = std::process::id();
    let ticks = start_ticks(pid).unwrap();
    let record =
        |ticks: u64| format!(r#"{{"pid":{pid},"start_ticks":{ticks},"started_at":"1970-01-01T00:00:00Z"}}"#);
    fs::write(&path, record(ticks)).unwrap();
    assert_eq!(ProcessLock::holder(&path).unwrap().pid, pid);
    fs::write(&path, record(ticks + 1)).unwrap();
    assert_eq!(ProcessLock::holder(&path), None);
    ProcessLock::acquire(&path, &clock()).unwrap();
}

#[test]
fn rubbish_in_the_file_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    fs::write(&path, "x".repeat(10_000)).unwrap();
    assert_eq!(ProcessLock::holder(&path), None);
    let _lock = ProcessLock::acquire(&path, &clock()).unwrap();
    assert_eq!(ProcessLock::holder(&path).unwrap().pid, std::process::id());
}

#[test]
fn a_holder_that_does_not_say_who_it_is_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let _lock = ProcessLock::acquire(&path, &clock()).unwrap();
    fs::write(&path, "").unwrap();
    let refused = ProcessLock::acquire(&path, &clock());
    assert!(matches!(refused, Err(LockError::HeldByUnknown { .. })), "{refused:?}");
}

#[test]
fn a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (dir.path().join("lock"), dir.path().join("elsewhere"));
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, &path).unwrap();
    let refused = ProcessLock::acquire(&path, &clock());
    assert!(matches!(refused, Err(LockError::File { what: "open", .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
}
