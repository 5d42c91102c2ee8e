//! What only another process can show: this test binary, started again with one test and a hint.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{ask, count, insert, open, scratch};
use crate::{Durability, LockError, Options, ProcessLock, Store, StoreError, SystemClock};

/// Tells a test that it is the other process, and where to work.
const HINT: &str = "LOKI_STORE_TEST_PATH";

#[expect(clippy::disallowed_methods, reason = "how a test talks to a copy of itself")]
fn hint() -> Option<PathBuf> {
    std::env::var_os(HINT).map(PathBuf::from)
}

fn again(program: &Path, test: &str, path: &Path) -> Command {
    let mut command = Command::new(program);
    let name = format!("tests::processes::{test}");
    command.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(HINT, path);
    command
}

fn this() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// Reads what a child prints until the line `end`.
fn read_until(out: &mut impl BufRead, end: &str) {
    let mut line = String::new();
    while line.trim_end() != end {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended without saying `{end}`");
    }
}

/// A writer killed at any moment leaves whole transactions, and all of those that returned.
#[test]
fn a_killed_writer_leaves_whole_transactions() {
    if let Some(path) = hint() {
        let store = open(&path);
        for pair in 0.. {
            store
                .write(Durability::Process, move |tx| {
                    for _ in 0..2 {
                        tx.execute("INSERT INTO pairs (half) VALUES (?1)", [pair])?;
                    }
                    Ok::<_, StoreError>(())
                })
                .unwrap();
            println!("\n{pair}");
        }
    }
    for after in ["0", "7", "150"] {
        let (_dir, path) = scratch();
        let mut child = again(&this(), "a_killed_writer_leaves_whole_transactions", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        read_until(&mut BufReader::new(child.stdout.as_mut().unwrap()), after);
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(&path);
        let torn = "SELECT count(*) FROM (SELECT half FROM pairs GROUP BY half HAVING count(*) <> 2)";
        assert_eq!(store.read(|conn| ask(conn, torn)).unwrap(), 0);
        assert!(count(&store) >= 2 * (after.parse::<i64>().unwrap() + 1), "a write that returned is lost");
        insert(&store, -1).unwrap();
    }
}

#[test]
fn a_read_only_folder_is_told_as_such() {
    if let Some(path) = hint() {
        let expect = |result: Result<Store, StoreError>| match result {
            Err(StoreError::ReadOnly) => {}
            other => panic!("{other:?}"),
        };
        expect(Store::open(&path, super::ONE, &Options::default()));
        expect(Store::open(&path.with_file_name("closed.db"), super::ONE, &Options::default()));
        expect(Store::open_read_only(&path.with_file_name("closed.db"), super::ONE));
        return;
    }
    // Root may write everywhere, so the test becomes nobody, who must be able to reach the program.
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = home.path().join("test");
    fs::copy(this(), &program).unwrap();
    let folder = home.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let closed = folder.join("closed.db");
    drop(open(&closed));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let mut child = again(&program, "a_read_only_folder_is_told_as_such", &folder.join("new.db"));
    if rustix::process::geteuid().is_root() {
        child.uid(65534).gid(65534);
    }
    let output = child.current_dir("/").output().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.join("new.db").exists());
}

#[test]
fn a_second_process_is_told_who_holds_the_lock_until_the_holder_is_killed() {
    if let Some(path) = hint() {
        let _lock = ProcessLock::acquire(&path, &SystemClock).unwrap();
        println!("\nlocked");
        loop {
            std::thread::park();
        }
    }
    let (_dir, path) = scratch();
    let test = "a_second_process_is_told_who_holds_the_lock_until_the_holder_is_killed";
    let mut child = again(&this(), test, &path).stdout(Stdio::piped()).spawn().unwrap();
    read_until(&mut BufReader::new(child.stdout.as_mut().unwrap()), "locked");

    let refused = ProcessLock::acquire(&path, &SystemClock);
    let Err(LockError::Held { pid, started_at }) = refused else { panic!("{refused:?}") };
    assert_eq!(pid, child.id());
    let holder = ProcessLock::holder(&path).unwrap();
    assert_eq!((holder.pid, holder.started_at), (pid, started_at));

    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ProcessLock::holder(&path), None, "its name is still in the file, but it is dead");
    let lock = ProcessLock::acquire(&path, &SystemClock).unwrap();
    assert_eq!(ProcessLock::holder(&path).unwrap().pid, std::process::id());
    drop(lock);
}
