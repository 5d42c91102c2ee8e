//! What can be said to a run while it goes on, and after it was cut short.

#![expect(clippy::disallowed_methods, reason = "real processes are watched with the real clock")]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use loki_kit::{TestEnv, rusqlite};
use serde_json::Value;

use crate::env as loki;
use crate::run::DOCUMENT;

/// How long a process may take to do what it was told.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run that a file `PAUSE` holds back.
fn paused() -> (TestEnv, Child) {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.write(".loki/PAUSE", "");
    let child = start(&env);
    until("it pauses", || state(&env) == "paused");
    (env, child)
}

fn start(env: &TestEnv) -> Child {
    let mut command = env.command(&["start", "PRD.md", "--headless"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

fn state(env: &TestEnv) -> String {
    let run = env.loki(&["status", "--json"]);
    let status: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    status["state"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}, within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

#[track_caller]
fn ended(child: &mut Child, code: i32) {
    until("it ends", || child.try_wait().expect("a state").is_some());
    assert_eq!(child.wait().expect("an end").code(), Some(code));
}

fn signal(child: &Child, name: &str) {
    let kill = std::process::Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(kill.expect("kill").success());
}

#[test]
fn a_second_process_is_told_who_holds_the_project() {
    let (env, mut child) = paused();
    for arguments in [&["start", "PRD.md"][..], &["rollback"], &["cleanup"]] {
        let second = env.loki(arguments);
        assert_eq!(second.code, Some(2), "{arguments:?}: {}", second.stderr);
    }
    let second = env.loki(&["start", "PRD.md"]).expect_code(2);
    assert!(second.stderr.contains(&format!("process {} has the ledger since 2", child.id())), "{second:?}");
    assert!(second.stderr.contains("hint: "), "{second:?}");
    let why = env.loki(&["why"]).expect_code(0);
    assert!(why.stdout.contains(&format!("process {} has it, paused", child.id())), "{why:?}");
    // Told from another terminal, the first goes on.
    let told = env.loki(&["resume"]).expect_code(0);
    assert!(told.stderr.contains(&format!("process {} drives", child.id())), "{told:?}");
    ended(&mut child, 10);
    assert!(!env.has(".loki/PAUSE"));
}

#[test]
fn a_killed_process_leaves_no_lock_and_its_run_goes_on() {
    let (env, mut child) = paused();
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let why = env.loki(&["why"]).expect_code(0);
    assert!(why.stdout.contains("no process has it"), "{why:?}");
    std::fs::remove_file(env.path(".loki/PAUSE")).unwrap();
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
}

#[test]
fn signals_end_the_process_and_not_the_run() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let (env, mut child) = paused();
        signal(&child, name);
        ended(&mut child, code);
        env.loki(&["resume", "--headless"]).expect_code(10);
        env.loki(&["verify", "--receipt"]).expect_code(0);
    }
}

#[test]
fn why_fits_one_screen_and_ends_with_the_next_command() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let why = env.loki(&["why"]).expect_code(0).stdout;
    assert!(why.lines().count() <= 24, "one screen: {why}");
    assert!(why.ends_with("Next:\n  loki forge serve\n  loki receipt\n  loki verify --receipt\n"), "{why}");
}

#[test]
fn a_run_is_stopped_and_goes_on_when_asked() {
    let (env, mut child) = paused();
    env.loki(&["stop"]).expect_code(0);
    ended(&mut child, 20);
    assert_eq!(state(&env), "stopped on request");
    let why = env.loki(&["why", "--json"]).expect_code(0).json();
    assert_eq!(why["next"][0], "loki resume");
    let again = env.loki(&["stop"]).expect_code(20);
    assert!(again.stderr.contains("has stopped"), "{again:?}");
    env.loki(&["resume", "--headless"]).expect_code(10);
}

#[test]
fn guidance_reaches_the_prompt() {
    let (env, mut child) = paused();
    env.loki(&["steer", "Recipes are short."]).expect_code(0);
    env.loki(&["resume"]).expect_code(0);
    ended(&mut child, 10);
    let prompt = env.loki(&["prompt", "--iteration", "1"]).expect_code(0).stdout;
    assert!(prompt.contains("Recipes are short."), "{prompt}");
    env.loki(&["steer", ""]).expect_code(2);
}

#[test]
fn a_run_can_be_paused_by_command() {
    let (env, mut child) = paused();
    std::fs::remove_file(env.path(".loki/PAUSE")).unwrap();
    ended(&mut child, 10);
    assert!(env.loki(&["pause"]).expect_code(20).stderr.contains("has stopped"));
}

#[test]
fn a_rejected_proposal_changes_nothing() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let database = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
    let rows = "insert into users (email) values ('ada@example.org');
        insert into recipes (user_id, title, body) select id, 'Soup', 'Boil.' from users";
    database.execute_batch(rows).unwrap();
    drop(database);
    env.write(
        "forge/migrations/0002_drop_body.yaml",
        "migration: drop_body\nchanges:\n  - drop_column: {table: recipes, column: body}\n",
    );
    env.write("PRD.md", DOCUMENT.replace("| body | text | |\n", ""));
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(20);
    let why = env.loki(&["why"]).expect_code(0).stdout;
    assert!(why.contains("loki approve "), "{why}");
    assert!(why.lines().count() <= 24, "one screen: {why}");
    env.loki(&["approve", "nothing"]).expect_code(2);
    env.loki(&["reject", "--reason", "still needed", "--name", "ada"]).expect_code(0);
    let end = env.loki(&["resume", "--headless"]);
    assert_eq!(end.code, Some(1), "{}", end.stdout.lines().last().unwrap_or_default());
    assert!(crate::run::schema(&env).iter().any(|line| line.contains("body")), "nothing is applied");
}

#[test]
fn files_are_put_back_and_that_is_undone() {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let made = env.read("forge/migrations/0001_initial_schema.yaml");
    assert!(!env.loki(&["rollback", "--list"]).expect_code(0).stdout.trim().is_empty());
    let back = env.loki(&["rollback", "--json"]).expect_code(0).json();
    assert!(!env.has("forge/migrations/0001_initial_schema.yaml"));
    env.loki(&["rollback", "--to", back["undo"].as_str().unwrap()]).expect_code(0);
    assert_eq!(env.read("forge/migrations/0001_initial_schema.yaml"), made);
    env.loki(&["rollback", "--to", "ffffffffffff"]).expect_code(2);
}
