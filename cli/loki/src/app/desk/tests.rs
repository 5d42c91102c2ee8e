//! The desk with a real ledger, a real Forge and real files.

mod consent;
mod doors;
mod reading;

use std::path::Path;

use forge_database::backup;
use loki_ledger::Ledger;
use loki_ledger::event::{Event, Limits, RunId, RunStarted, VERSION};
use loki_operation::Allow;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::context::Project;
use crate::environment::Environment;

const NOTES: &str =
    "migration: notes\nchanges:\n  - add_table: {name: notes, columns: [id pk, body text], rls: public}\n";

struct Bench {
    desk: Arc<ProjectDesk>,
    dir: TempDir,
}

impl Bench {
    /// A project in which nothing has happened.
    fn bare() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let context = Context {
            environment: Environment::default(),
            current_dir: dir.path().to_owned(),
            project: Project::at(dir.path()),
            named: true,
        };
        Bench { desk: Arc::new(ProjectDesk::new(&context)), dir }
    }

    /// The same with a run that was cut short, and a snapshot of its one file.
    fn with_run() -> Bench {
        let bench = Bench::bare();
        bench.desk.app.prepare().unwrap();
        let ledger = Ledger::open(bench.desk.app.state(), Arc::new(SystemClock)).unwrap();
        let run = RunId::parse("r1").unwrap();
        let started = RunStarted {
            version: VERSION,
            document: ledger.put(b"# Notes").unwrap(),
            document_name: "prd.md".to_owned(),
            requirements: ledger.put(b"{}").unwrap(),
            backend: true,
            provider: Some("scripted".to_owned()),
            acts: false,
            backend_first: false,
            gates: vec!["schema".to_owned()],
            checklist: Vec::new(),
            limits: Limits::default(),
        };
        ledger.append(&run, Event::RunStarted(started)).unwrap();
        std::fs::write(bench.root().join("a.txt"), "one").unwrap();
        bench.desk.app.worktree().snapshot(&run, 1, 0).unwrap();
        std::fs::write(bench.root().join("a.txt"), "two").unwrap();
        bench
    }

    /// The same with a backend that has one table.
    async fn with_forge() -> Bench {
        let bench = Bench::with_run();
        bench.desk.forge.open().unwrap();
        bench.ask("forge_db_migrate", json!({ "spec": NOTES })).await.unwrap();
        bench
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.root().join("a.txt")).unwrap()
    }

    /// Asks as somebody who may do everything.
    async fn ask(&self, name: &str, input: Value) -> Result<Answer, Refusal> {
        self.desk.call(name, input, &Call::new("test", &Allow::EVERYTHING)).await
    }

    /// The same under a key.
    async fn ask_once(&self, key: &str, name: &str, input: Value) -> Result<Answer, Refusal> {
        let call = Call { idempotency_key: Some(key), ..Call::new("test", &Allow::EVERYTHING) };
        self.desk.call(name, input, &call).await
    }
}

#[track_caller]
fn refused(answer: Result<Answer, Refusal>, code: &str) -> Refusal {
    let refusal = answer.expect_err("a refusal");
    assert_eq!(refusal.code, code, "{refusal:?}");
    assert!(!refusal.next_actions.is_empty(), "it says what to do: {refusal:?}");
    refusal
}

#[tokio::test]
async fn a_project_without_a_backend_is_offered_nothing_of_forge() {
    let bench = Bench::bare();
    let names: Vec<String> = bench.desk.offers().into_iter().map(|offer| offer.name).collect();
    assert!(names.iter().any(|name| name == "loki_start_project"));
    assert!(names.iter().all(|name| name.starts_with("loki_")), "{names:?}");
    refused(bench.ask("forge_db_migrate", json!({ "spec": NOTES })).await, "no_backend");
    assert!(!bench.desk.app.state().exists(), "refusing makes nothing");
    let mut changes = bench.desk.changes();
    assert!(!changes.has_changed().unwrap());
    bench.desk.forge.open().unwrap();
    assert!(bench.desk.offers().iter().any(|offer| offer.name == "forge_db_migrate"));
    assert!(changes.has_changed().unwrap(), "whoever listens is told");
    changes.mark_unchanged();
    bench.desk.offers();
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn what_is_refused_leaves_a_project_as_it_was() {
    let bench = Bench::bare();
    for (name, input) in [
        ("loki_steer", json!({ "text": "use tabs" })),
        ("loki_stop", json!({})),
        ("loki_resume", json!({})),
        ("loki_checkpoint_restore", json!({})),
        ("loki_complete_task", json!({ "id": 1, "summary": "x" })),
    ] {
        refused(bench.ask(name, input).await, "no_run");
    }
    assert!(!bench.desk.app.state().exists());
    refused(bench.ask("rm", json!({})).await, "unknown_operation");
    refused(bench.ask("loki_why", json!("r1")).await, "invalid_input");
    let long = "x".repeat(INPUT_BYTES_MAX);
    refused(bench.ask("loki_steer", json!({ "text": long })).await, "invalid_input");
    let missing = refused(bench.ask("loki_memory_retrieve", json!({ "query": "x" })).await, "not_available");
    assert_eq!(missing.kind, RefusalKind::NotAvailable);
    assert!(bench.desk.offers().iter().all(|offer| offer.name != "loki_memory_retrieve"));
}

#[tokio::test]
async fn a_run_starts_on_a_document_of_the_project_and_nothing_else() {
    let bench = Bench::bare();
    std::fs::write(bench.root().join("prd.md"), "# Notes").unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(outside.path(), bench.root().join("link.md")).unwrap();
    for input in [
        json!({}),
        json!({ "document": "prd.md", "brief": "make it so" }),
        json!({ "document": "missing.md" }),
        json!({ "document": outside.path() }),
        json!({ "document": "../" }),
        json!({ "document": "link.md" }),
        json!({ "brief": "prd.md" }),
        json!({ "brief": "--help me" }),
        json!({ "brief": "/etc/passwd please" }),
        json!({ "brief": "nul \u{0}" }),
        json!({ "brief": "x ".repeat(40_000) }),
        json!({ "document": "prd.md", "budget_usd": -1 }),
        json!({ "document": "prd.md", "max_iterations": "many" }),
    ] {
        refused(bench.ask("loki_start_project", input).await, "invalid_input");
    }
    assert!(bench.desk.app.reader().unwrap().is_none_or(|reader| reader.runs().unwrap().is_empty()));
}

#[tokio::test]
async fn a_call_under_a_key_acts_once() {
    let bench = Bench::with_run();
    let add = |title: &str| json!({ "title": title });
    let first = bench.ask_once("k", "loki_task_queue_add", add("a")).await.unwrap();
    assert_eq!(bench.ask_once("k", "loki_task_queue_add", add("a")).await.unwrap(), first);
    let list = bench.ask("loki_task_queue_list", json!({})).await.unwrap();
    assert_eq!(list.data["tasks"].as_array().unwrap().len(), 1);
    refused(bench.ask_once("k", "loki_task_queue_add", add("b")).await, "key_reused");
    refused(bench.ask_once("k", "loki_steer", json!({ "text": "x" })).await, "key_reused");
    // The same members in another order are the same input.
    let ordered = json!({ "title": "c", "priority": 1 });
    let other: Value = serde_json::from_str("{\"priority\":1,\"title\":\"c\"}").unwrap();
    let second = bench.ask_once("l", "loki_task_queue_add", ordered).await.unwrap();
    assert_eq!(bench.ask_once("l", "loki_task_queue_add", other).await.unwrap(), second);
    // What was refused may be asked again under its key.
    refused(bench.ask_once("m", "loki_steer", json!({ "text": " " })).await, "invalid_input");
    bench.ask_once("m", "loki_steer", json!({ "text": "use tabs" })).await.unwrap();
    refused(bench.ask_once("", "loki_steer", json!({ "text": "x" })).await, "too_large");
}

#[tokio::test]
async fn a_call_that_was_cut_short_is_repeated_only_where_that_does_no_harm() {
    let bench = Bench::with_run();
    let begin = |key: &str, operation: &str, input: &Value| {
        let new = NewCall {
            door: "test".to_owned(),
            operation: operation.to_owned(),
            key: Some(key.to_owned()),
            input_hash: told_by(key, input),
        };
        bench.desk.app.journal().unwrap().begin(new).unwrap()
    };
    let (steer, pause) = (json!({ "text": "x" }), json!({}));
    begin("s", "loki_steer", &steer);
    refused(bench.ask_once("s", "loki_steer", steer).await, "outcome_unknown");
    begin("p", "loki_pause", &pause);
    bench.ask_once("p", "loki_pause", pause).await.unwrap();
}

#[tokio::test]
async fn what_changes_something_is_written_down_and_reading_is_not() {
    let bench = Bench::with_run();
    bench.ask("loki_project_status", json!({})).await.unwrap();
    bench.ask("loki_steer", json!({ "text": "a secret word" })).await.unwrap();
    refused(bench.ask("loki_steer", json!({ "text": "" })).await, "invalid_input");
    let calls = bench.desk.app.journal().unwrap().calls(0).unwrap();
    let told: Vec<(&str, &str, Option<&str>)> = calls
        .iter()
        .map(|call| (call.door.as_str(), call.operation.as_str(), call.outcome.as_deref()))
        .collect();
    let expected = [("test", "loki_steer", Some("done")), ("test", "loki_steer", Some("invalid_input"))];
    assert_eq!(told, expected);
    assert!(!format!("{calls:?}").contains("secret word"), "inputs are not kept");
}

#[tokio::test]
async fn a_migration_is_proven_judged_and_applied_in_one_call() {
    let bench = Bench::with_forge().await;
    let forge = bench.desk.forge.open().unwrap();
    assert!(forge.database().schema().unwrap().tables.contains_key("notes"));
    let again = bench.ask("forge_db_migrate", json!({ "spec": NOTES })).await.unwrap();
    assert!(again.summary.contains("applied before"), "{again:?}");
    let entries = forge.catalog().audit_entries(0).unwrap();
    let approved = entries.iter().filter(|entry| entry.action.contains("approv")).count();
    assert_eq!(approved, 1, "{entries:?}");
    assert!(backup::list(&forge.database().backups_dir()).unwrap().is_empty(), "there were no rows");
    refused(bench.ask("forge_db_migrate", json!({ "spec": "rubbish: [" })).await, "FRG010");
}
