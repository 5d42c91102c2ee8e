//! Bad input and bad machines: one clear error with a hint, exit code 2, and nothing half-written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use loki_kit::{Run, TestEnv, rusqlite};

use crate::env as loki;
use crate::run::{DOCUMENT, result};

/// Bytes that are no database.
const GARBAGE: [u8; 8192] = [0xa5; 8192];

/// Exactly one error, a hint, and words of it.
#[track_caller]
fn refused(run: &Run, words: &str) {
    assert_eq!(run.code, Some(2), "{}\n{}", run.stdout, run.stderr);
    one_error(&run.stderr, words);
    assert_eq!(run.stdout, "", "an error is said on stderr alone");
}

#[track_caller]
fn one_error(stderr: &str, words: &str) {
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
    assert!(stderr.lines().any(|line| line.starts_with("hint: ")), "a hint: {stderr}");
    assert!(stderr.contains(words), "`{words}` is said: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// A project with a finished run.
fn built() -> TestEnv {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    env
}

/// Files that are state: SQLite's own beside an open database come and go.
fn state(env: &TestEnv) -> Vec<String> {
    let is_state = |file: &String| !file.ends_with("-wal") && !file.ends_with("-shm");
    env.tree().into_iter().filter(is_state).collect()
}

/// Puts `bytes` in place of a database, without what SQLite keeps beside it.
fn replace(env: &TestEnv, database: &str, bytes: impl AsRef<[u8]>) {
    for beside in ["-wal", "-shm"] {
        let path = env.path(&format!("{database}{beside}"));
        if path.exists() {
            fs::remove_file(path).expect("a file that can be changed");
        }
    }
    env.write(database, bytes);
}

#[test]
fn documents_that_are_none_are_refused_and_leave_nothing() {
    let long = vec![b'a'; 10 * 1024 * 1024];
    let cases: [(&[u8], &str); 4] = [
        (b" \n", "is empty"),
        (b"\x7fELF\x02\x01\0\0\0", "is binary"),
        (b"# Title\n\xff\xfe\n", "is not valid UTF-8 (line 2)"),
        (&long, "is longer than the limit"),
    ];
    for (bytes, words) in cases {
        let env = loki();
        env.write("PRD.md", bytes);
        for command in ["start", "plan", "forge-detect"] {
            refused(&env.loki(&[command, "PRD.md"]), words);
            let json = env.loki(&[command, "PRD.md", "--json"]);
            assert_eq!((json.code, json.stdout.as_str()), (Some(2), ""));
            let error: serde_json::Value = serde_json::from_str(&json.stderr).expect("one JSON object");
            assert_eq!((&error["error"]["kind"], &error["error"]["exit_code"]), (&"input".into(), &2.into()));
            assert!(!error["error"]["hints"].as_array().unwrap().is_empty());
        }
        assert_eq!(env.tree(), ["PRD.md"]);
    }
    let env = loki();
    fs::create_dir(env.path("empty")).unwrap();
    for command in ["start", "plan", "forge-detect"] {
        refused(&env.loki(&[command, "nothing.md"]), "there is no file `nothing.md`");
        refused(&env.loki(&[command, "empty"]), "holds no document");
    }
    for command in ["resume", "status", "why", "receipt", "pause", "stop"] {
        refused(&env.loki(&[command]), "there is no run here");
    }
    refused(&env.loki(&["verify", "--receipt"]), "there is no run here");
    assert!(env.tree().is_empty());
}

#[test]
fn what_may_not_be_read_or_written_is_refused() {
    let Some(nobody) = unprivileged() else {
        eprintln!("skipped: neither an ordinary user nor `setpriv` to become one");
        return;
    };
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    let mode = |relative: &str, mode| {
        fs::set_permissions(env.path(relative), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("PRD.md", 0o000);
    mode("", 0o777);
    let unreadable = as_user(&env, &nobody, &["start", "PRD.md"]);
    assert_eq!(unreadable.status.code(), Some(2), "{unreadable:?}");
    one_error(&String::from_utf8_lossy(&unreadable.stderr), "failed to read");
    mode("PRD.md", 0o644);
    mode("", 0o555);
    let read_only = as_user(&env, &nobody, &["start", "PRD.md"]);
    assert_eq!(read_only.status.code(), Some(2), "{read_only:?}");
    one_error(&String::from_utf8_lossy(&read_only.stderr), "failed to write");
    let plan = as_user(&env, &nobody, &["plan", "PRD.md"]);
    assert_eq!(plan.status.code(), Some(0), "what only reads works: {plan:?}");
    mode("", 0o755);
    assert_eq!(env.tree(), ["PRD.md"]);
}

/// What makes a command run without root's rights; none where that cannot be had.
fn unprivileged() -> Option<Vec<&'static str>> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout != b"0\n" {
        return Some(Vec::new());
    }
    let prefix = vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let works = Command::new(prefix[0]).args(&prefix[1..]).arg("true").output().ok()?;
    // The program has to be reachable for somebody else too.
    let reached = Command::new(prefix[0])
        .args(&prefix[1..])
        .args([env!("CARGO_BIN_EXE_loki"), "--version"])
        .output()
        .ok()?;
    (works.status.success() && reached.status.success()).then_some(prefix)
}

fn as_user(env: &TestEnv, prefix: &[&str], arguments: &[&str]) -> Output {
    let ours = env.command(arguments);
    let Some((first, rest)) = prefix.split_first() else {
        return env.command(arguments).output().expect("the program runs");
    };
    let mut command = Command::new(first);
    command.args(rest).arg(ours.get_program()).args(ours.get_args()).current_dir(env.root());
    command.env("HOME", env.home()).output().expect("the program runs")
}

#[test]
fn a_full_disk_loses_nothing() {
    let shell = |script: &str| {
        Command::new("unshare").args(["-Urm", "sh", "-c", script]).env("HOME", "/nonexistent").output()
    };
    let mounts = shell("mount -t tmpfs -o size=64k none /mnt").is_ok_and(|done| done.status.success());
    if !mounts {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    let (program, document) = (env!("CARGO_BIN_EXE_loki"), env.path("PRD.md"));
    for kilobytes in [16, 64, 400, 800, 900, 1000, 1100] {
        let script = format!(
            "mount -t tmpfs -o size={kilobytes}k none /mnt && cp {} /mnt/PRD.md && cd /mnt || exit 99
            {program} start PRD.md >/dev/null 2>error; code=$?
            test $code = 2 || exit 98
            cat error >&2
            mount -o remount,size=64m /mnt || exit 97
            {program} start PRD.md >/dev/null 2>error || code=$?
            test $code = 10 || {{ cat error >&2; exit 96; }}
            {program} verify --receipt >/dev/null",
            document.display(),
        );
        // The error is kept outside the disk that is full.
        let script = script.replace("2>error", &format!("2>{}/error", env.root().display()));
        let script = script.replace("cat error", &format!("cat {}/error", env.root().display()));
        let done = shell(&script).unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{kilobytes} KiB: {stderr}");
        one_error(&stderr, "");
        assert!(stderr.contains("disk") || stderr.contains("space"), "{kilobytes} KiB: {stderr}");
    }
}

#[test]
fn a_ledger_that_cannot_be_used_is_named() {
    let (garbage, truncated, newer) = (built(), built(), built());
    replace(&garbage, ".loki/loki.db", GARBAGE);
    let whole = fs::read(truncated.path(".loki/loki.db")).unwrap();
    replace(&truncated, ".loki/loki.db", &whole[..6000]);
    let ledger = rusqlite::Connection::open(newer.path(".loki/loki.db")).unwrap();
    ledger.execute_batch("pragma user_version = 999").unwrap();
    drop(ledger);
    let cases = [(garbage, "is corrupted"), (truncated, "is corrupted"), (newer, "has schema version 999")];
    for (env, words) in cases {
        let before = state(&env);
        let arguments: [&[&str]; 5] =
            [&["start", "PRD.md"], &["resume"], &["status"], &["why"], &["verify", "--receipt"]];
        for arguments in arguments {
            refused(&env.loki(arguments), words);
        }
        let doctor = env.loki(&["doctor"]).expect_code(1);
        assert!(doctor.stdout.contains(words), "{}", doctor.stdout);
        assert_eq!(state(&env), before);
    }
}

#[test]
fn a_backend_that_cannot_be_used_is_named() {
    for database in [".loki/forge/state.db", ".loki/forge/db.sqlite"] {
        for keep in [0, 5000] {
            let env = built();
            let mut bytes = fs::read(env.path(database)).unwrap();
            bytes.truncate(keep);
            let bytes = if keep == 0 { GARBAGE.to_vec() } else { bytes };
            replace(&env, database, bytes);
            let before = (state(&env), env.loki(&["status", "--json"]).stdout);
            let words = if database.ends_with("state.db") { "catalog" } else { "database" };
            for arguments in [&["start", "PRD.md"][..], &["plan", "PRD.md"], &["resume"]] {
                refused(&env.loki(arguments), words);
            }
            assert!(env.loki(&["verify", "--receipt"]).expect_code(1).stdout.contains("FAIL gate forge"));
            env.loki(&["doctor"]).expect_code(1);
            assert_eq!((state(&env), env.loki(&["status", "--json"]).stdout), before, "{database} {keep}");
        }
    }
}

#[test]
fn a_migration_that_cannot_be_read_is_named_with_its_place() {
    let cases: [(&[u8], &str); 3] = [
        (b"migration: bad\nchanges:\n  - add_table: {name: x, columns: [\n", "line 3, column 35"),
        (b"migration: bad\nchanges:\n  - add_tabel: {name: x}\n", "line 3, column 5"),
        (b"migration: bad\n\xff\xfe\n", "0001_bad.yaml"),
    ];
    for (text, words) in cases {
        let env = loki();
        env.write("PRD.md", DOCUMENT);
        env.write("forge/migrations/0001_bad.yaml", text);
        refused(&env.loki(&["start", "PRD.md"]), words);
        assert_eq!(env.tree(), ["PRD.md", "forge/migrations/0001_bad.yaml"]);
        fs::remove_file(env.path("forge/migrations/0001_bad.yaml")).unwrap();
        env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
        env.write("forge/migrations/0009_bad.yaml", text);
        let before = env.loki(&["status", "--json"]).stdout;
        let later = if words == "0001_bad.yaml" { "0009_bad.yaml" } else { words };
        let again = env.loki(&["start", "PRD.md"]);
        refused(&again, later);
        assert_eq!(env.loki(&["status", "--json"]).stdout, before);
    }
}

#[test]
fn three_hundred_tables_are_built() {
    let env = loki();
    let mut document = String::from("# Big\n\n## Data model\n\n");
    for table in 0..300 {
        document.push_str(&format!(
            "### thing_{table}s\n\n| Field | Type | Notes |\n|---|---|---|\n| id | uuid | primary key |\n| user_id | uuid | references users.id |\n| title | text | required |\n\n"
        ));
    }
    document.push_str("### users\n\n| Field | Type | Notes |\n|---|---|---|\n| id | uuid | primary key |\n| email | text | unique |\n\nUsers only see their own records.\n");
    env.write("PRD.md", &document);
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    assert_eq!(result(&run.stdout)["verdict"], "verified_with_gaps");
    let schema = crate::run::schema(&env);
    assert_eq!(schema.iter().filter(|line| line.starts_with("table thing_")).count(), 300);
}
