//! SIGKILL at any moment: the next `loki start` goes on and ends in the same state.

#![expect(clippy::disallowed_methods, reason = "processes are killed at moments of the real clock")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use loki_kit::{TestEnv, rusqlite};
use serde_json::Value;

use crate::env as loki;
use crate::run::{DOCUMENT, schema};

/// Processes killed in all.
const KILLS: usize = 50;
/// Killed processes of one project before it may finish.
const KILLS_PER_PROJECT: usize = 5;

/// What must be the same however often the run was killed.
#[derive(Debug, PartialEq)]
struct End {
    schema: Vec<String>,
    catalog: Value,
    files: Vec<(String, String)>,
}

fn end(env: &TestEnv) -> End {
    let state = env.loki(&["plan", "PRD.md", "--json"]).expect_code(0).stdout;
    let files = env.tree().into_iter().filter(|file| !file.starts_with(".loki/"));
    End {
        schema: schema(env),
        catalog: serde_json::from_str(&state).expect("a plan"),
        files: files.map(|file| (file.clone(), env.read(&file))).collect(),
    }
}

/// Migrations recorded in the database itself.
fn applied(env: &TestEnv) -> Vec<String> {
    let connection = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).expect("the database");
    let check: String =
        connection.query_row("pragma integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(check, "ok");
    let mut statement =
        connection.prepare("select name from _loki_migrations order by version").expect("history");
    let names = statement.query_map([], |row| row.get(0)).expect("rows");
    names.map(|name| name.expect("a name")).collect()
}

#[test]
fn killed_at_random_it_ends_in_the_same_state() {
    let unbroken = loki();
    unbroken.write("PRD.md", DOCUMENT);
    let began = Instant::now();
    unbroken.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let whole = began.elapsed();
    let wanted = end(&unbroken);
    // A multiplicative generator: spread over the run, and the same in every run of the test.
    let mut seed: u64 = 0x2545_f491_4f6c_dd1d;
    let mut killed = 0;
    while killed < KILLS {
        let env = loki();
        env.write("PRD.md", DOCUMENT);
        for _ in 0..KILLS_PER_PROJECT {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let share = f64::from((seed >> 40) as u32) / f64::from(1u32 << 24);
            killed += usize::from(kill_after(&env, whole.mul_f64(share)));
        }
        let last = env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
        assert_eq!(end(&env), wanted, "{}", last.stderr);
        assert_eq!(applied(&env), applied(&unbroken), "no migration is applied twice");
        env.loki(&["ledger", "verify"]).expect_code(0);
        env.loki(&["verify", "--receipt"]).expect_code(0);
    }
}

/// Starts the program and kills it after that long. False where it had ended by itself.
pub(crate) fn kill_after(env: &TestEnv, delay: Duration) -> bool {
    let mut child = env
        .command(&["start", "PRD.md", "--headless"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let deadline = Instant::now() + delay;
    while Instant::now() < deadline {
        if child.try_wait().expect("a state").is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    let alive = child.try_wait().expect("a state").is_none();
    child.kill().expect("a kill");
    child.wait().expect("an end");
    alive
}
