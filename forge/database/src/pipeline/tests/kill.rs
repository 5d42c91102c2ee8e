//! Real processes, killed while they apply: the database is before or after, and what is missing beside it
//! is made up for at the next open.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use loki_store::{Clock as _, SystemClock};

use super::*;

/// Tells a test process that it is the one to be killed, and where it works.
const DIR: &str = "LOKI_TEST_KILL_DIR";
const KILLS: u32 = 24;
const ROWS: u32 = 3_000;

/// A migration that rebuilds a table with many rows, so that there is a while to be killed in.
fn slow() -> Migration {
    let narrow = Change::AlterColumn { table: "notes".to_owned(), column: column("body text = none") };
    Migration { name: "slow".to_owned(), changes: [add("kind"), vec![narrow]].concat() }
}

fn prepare(dir: &Path) {
    let database = Database::open(dir, Limits::default()).expect("a database");
    let approver = Approver::new(dir);
    let changes = vec![Change::AddTable(table("notes", &["id integer", "body text?"]))];
    let draft = database.draft(Migration { name: "first".to_owned(), changes }).expect("a draft");
    let first = proven(&database, draft);
    let approval = approver.council(first.trial().subject_hash());
    database.apply(first, &approval, NOW).expect("it applies");
    database.reconcile(&approver.0).expect("it agrees");
    let fill = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO notes SELECT i, 'body ' || i FROM n"
    );
    database.connect().expect("a connection").execute_batch(&fill).expect("the rows fit");
}

/// Brings the database to the end, from wherever it is.
fn finish(dir: &Path, ready: impl FnOnce()) {
    let database = Database::open(dir, Limits::default()).expect("a database");
    let approver = Approver::new(dir);
    database.reconcile(&approver.0).expect("it is repaired");
    if let Draft::Pending(drafted) = database.draft(slow()).expect("a draft") {
        let proven = proven(&database, Draft::Pending(drafted));
        let approval = approver.council(proven.trial().subject_hash());
        ready();
        database.apply(proven, &approval, NOW).expect("it applies");
    }
    database.reconcile(&approver.0).expect("it is repaired");
}

/// What a run leaves: schema, rows, the catalog's migrations, and what the audit log says of them.
fn state(dir: &Path) -> (String, crate::contents::Contents, Vec<MigrationEntry>, Vec<String>) {
    let database = Database::open(dir, Limits::default()).expect("a database");
    let catalog = Approver::new(dir).0;
    catalog.verify_audit().expect("the audit log is whole");
    assert_eq!(database.agrees(&catalog).expect("it is readable"), Ok(()));
    let contents =
        crate::contents::contents(&database.connect().expect("a connection")).expect("it is readable");
    let said = catalog.audit_entries(0).expect("a log").into_iter();
    let said = said.filter(|entry| entry.action.starts_with("migration.")).map(|entry| entry.key).collect();
    (database.fingerprint().expect("a fingerprint"), contents, catalog.migrations().expect("a list"), said)
}

/// Not a test by itself: the process that the test below starts, and kills.
#[test]
fn victim() {
    #[expect(clippy::disallowed_methods, reason = "the way in which the test tells its process what to be")]
    let dir: Option<OsString> = std::env::var_os(DIR);
    if let Some(dir) = dir {
        finish(Path::new(&dir), || println!("\nready"));
        println!("\ndone");
    }
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["pipeline::tests::kill::victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// Lets the process come to the point where it applies; what it prints from then on.
fn until_ready(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    while line.trim() != "ready" {
        line.clear();
        assert_ne!(
            output.read_line(&mut line).expect("its output"),
            0,
            "the process ended before it was ready"
        );
    }
    output
}

#[test]
fn a_process_killed_while_it_applies_leaves_before_or_after() {
    let root = TempDir::new().expect("a folder");
    let unbroken = root.path().join("unbroken");
    prepare(&unbroken);
    let before =
        Database::open(&unbroken, Limits::default()).expect("a database").fingerprint().expect("one");
    let mut child = start(&unbroken);
    let mut output = until_ready(&mut child);
    let ready = SystemClock.now();
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("its output");
    assert!(child.wait().expect("it ends").success() && rest.contains("done"), "{rest}");
    let lasted = SystemClock.now().duration_since(ready).unsigned_abs();
    let wanted = state(&unbroken);

    let (mut killed_before, mut killed_after) = (0, 0);
    for kill in 0..KILLS {
        let dir = root.path().join(format!("{kill}"));
        prepare(&dir);
        let mut child = start(&dir);
        let mut output = until_ready(&mut child);
        if kill + 1 < KILLS {
            // Waits for a while that is different each time; nothing is ever sent.
            let (_held, never) = mpsc::channel::<()>();
            assert!(never.recv_timeout(lasted * kill * 12 / (KILLS * 10)).is_err());
        } else {
            output.read_to_string(&mut rest).expect("its output"); // The last one may come to its end.
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        drop(output);

        let database = Database::open(&dir, Limits::default()).expect("a database");
        let conn = database.connect().expect("a connection");
        let whole = crate::execute::check_integrity(&conn).expect("it is readable");
        assert_eq!(whole, Ok(()), "killed {kill}");
        let rows: u32 = conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).expect("a count");
        assert_eq!(rows, ROWS, "killed {kill}");
        let (found, version) = (fingerprint(&conn).expect("a fingerprint"), database.version().expect("one"));
        match version {
            1 => assert_eq!(found, before, "killed {kill}"),
            2 => assert_eq!(found, wanted.0, "killed {kill}"),
            other => panic!("version {other} after kill {kill}"),
        }
        if version == 1 {
            killed_before += 1
        } else {
            killed_after += 1
        }
        drop(conn);
        finish(&dir, || ());
        assert_eq!(state(&dir), wanted, "killed {kill}");
        fs::remove_dir_all(&dir).expect("the folder goes");
    }
    assert!(killed_before > 0 && killed_after > 0, "{killed_before} before, {killed_after} after");
}
