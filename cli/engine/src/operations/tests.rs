use std::collections::BTreeSet;
use std::sync::Arc;

use loki_ledger::Ledger;
use loki_ledger::event::{Command, Event, Limits, RunId, RunStarted, Stop, VERSION};
use loki_operation::{Refusal, RefusalKind, SUMMARY_BYTES_MAX};
use loki_store::SystemClock;
use tempfile::TempDir;

use super::*;

struct Bench {
    place: Place,
    _dir: TempDir,
}

/// A project in which no run has started.
fn bare() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (root, state) = (dir.path().to_owned(), dir.path().join(".loki"));
    std::fs::create_dir(&state).unwrap();
    Bench { place: Place { root, state, clock: Arc::new(SystemClock) }, _dir: dir }
}

/// The same with a run that has started, and with more events.
fn with_run(events: &[Event]) -> Bench {
    let bench = bare();
    let ledger = open(&bench.place);
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
        checklist: (0..60).map(|number| format!("item {number}")).collect(),
        limits: Limits::default(),
    };
    ledger.append(&run, Event::RunStarted(started)).unwrap();
    for event in events {
        ledger.append(&run, event.clone()).unwrap();
    }
    bench
}

fn open(place: &Place) -> Ledger {
    Ledger::open(&place.state, Arc::clone(&place.clock)).unwrap()
}

fn stopped() -> Event {
    Event::RunStopped { stop: Stop::Requested }
}

fn ask(bench: &Bench, name: &str, input: Value) -> Result<Answer, Refusal> {
    call(&bench.place, name, &input).map_err(Refusal::from)
}

#[track_caller]
fn refused(bench: &Bench, name: &str, input: Value, code: &str) -> Refusal {
    let refusal = ask(bench, name, input).expect_err(name);
    assert_eq!(refusal.code, code, "{refusal:?}");
    assert!(!refusal.next_actions.is_empty(), "{name} says what to do: {refusal:?}");
    refusal
}

#[test]
fn every_operation_is_told_of_shortly_and_takes_nothing_that_it_does_not_name() {
    let mut names = BTreeSet::new();
    for Operation { info, .. } in all() {
        assert!(names.insert(info.name), "{} is there twice", info.name);
        assert!(info.name.starts_with("loki_") && info.summary.len() <= SUMMARY_BYTES_MAX, "{}", info.name);
        let schema = (info.input_schema)();
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
        assert_eq!((info.output_schema)()["type"], "object", "{}", info.name);
        let odd = ask(&with_run(&[]), info.name, json!({ "no_such_field": 1 })).unwrap_err();
        assert_eq!((odd.kind, odd.code.as_str()), (RefusalKind::Input, "invalid_input"), "{}", info.name);
        let odd = ask(&with_run(&[]), info.name, json!([])).unwrap_err();
        assert_eq!(odd.code, "invalid_input", "{}", info.name);
    }
    refused(&bare(), "loki_rm", json!({}), "unknown_operation");
}

#[test]
fn a_project_without_a_run_says_so() {
    let bench = bare();
    assert_eq!(ask(&bench, "loki_project_status", json!({})).unwrap().data["state"], "no_run");
    for name in ["loki_why", "loki_quality_report", "loki_checkpoint_list"] {
        refused(&bench, name, json!({}), "no_run");
    }
    assert!(!bench.place.state.join("loki.db").exists(), "looking makes nothing");
    assert_eq!(ask(&bench, "loki_task_queue_list", json!({})).unwrap().data["tasks"], json!([]));
    assert!(!bench.place.state.join("loki.db").exists(), "looking makes nothing");
    refused(&with_run(&[]), "loki_project_status", json!({ "run": "other" }), "no_run");
}

#[test]
fn guidance_and_a_pause_reach_the_inbox() {
    let bench = with_run(&[]);
    let told = ask(&bench, "loki_steer", json!({ "text": "use tabs" })).unwrap();
    assert_eq!(told.data["run"], "r1");
    ask(&bench, "loki_pause", json!({ "run": "r" })).unwrap();
    let run = RunId::parse("r1").unwrap();
    let commands: Vec<Command> =
        open(&bench.place).take_commands(&run).unwrap().into_iter().map(|pending| pending.command).collect();
    assert_eq!(commands, [Command::Steer { text: "use tabs".to_owned() }, Command::Pause]);
    for text in [" ", &"x".repeat(GUIDANCE_BYTES_MAX + 1)] {
        refused(&bench, "loki_steer", json!({ "text": text }), "invalid_input");
    }
}

#[test]
fn a_run_that_has_stopped_takes_guidance_and_no_pause() {
    let bench = with_run(&[stopped()]);
    assert_eq!(refused(&bench, "loki_pause", json!({}), "run_stopped").kind, RefusalKind::Conflict);
    ask(&bench, "loki_steer", json!({ "text": "next time" })).unwrap();
    let why = ask(&bench, "loki_why", json!({})).unwrap().data;
    assert_eq!((&why["state"], &why["exit_code"]), (&json!("stopped_on_request"), &json!(20)));
    assert_eq!(ask(&bench, "loki_project_status", json!({})).unwrap().data["state"], "stopped on request");
    assert_eq!(ask(&bench, "loki_quality_report", json!({})).unwrap().data["receipt"], Value::Null);
}

#[test]
fn state_comes_in_pages() {
    let steered = |number: i64| Event::CommandTaken {
        id: number,
        command: Command::Steer { text: format!("{number} {}", "x".repeat(5_000)) },
        iteration: 0,
    };
    let bench = with_run(&(1..=60).map(steered).collect::<Vec<_>>());
    let page = |after: u64| {
        ask(&bench, "loki_state_get", json!({ "part": "guidance", "after": after })).unwrap().data
    };
    let items = |page: &Value| page["items"].as_array().unwrap().len();
    let (first, second) = (page(0), page(50));
    assert_eq!((items(&first), &first["total"], &first["next"]), (50, &json!(60), &json!(50)));
    assert_eq!((items(&second), &second["next"]), (10, &Value::Null));
    assert!(second["items"][0].as_str().unwrap().starts_with("51 x"));
    assert!(first["items"][0].as_str().unwrap().len() < 2_100, "long texts are cut");
    assert_eq!(items(&page(u64::MAX >> 1)), 0);
    refused(&bench, "loki_state_get", json!({ "part": "secrets" }), "invalid_input");
    refused(&bench, "loki_state_get", json!({}), "invalid_input");
    for part in (state::input)()["properties"]["part"]["enum"].as_array().unwrap() {
        ask(&bench, "loki_state_get", json!({ "part": part })).unwrap();
    }
}

#[test]
fn one_proposal_is_meant_or_none() {
    let open = ["abc", "abd", "x"];
    assert_eq!(meant(&open, Some("x")).unwrap(), "x");
    assert_eq!(meant(&["abc"], None).unwrap(), "abc");
    assert!(matches!(meant(&open, Some("ab")), Err(OperationError::Ambiguous)));
    assert!(matches!(meant(&open, Some("y")), Err(OperationError::NothingWaits)));
    assert!(matches!(meant(&[], None), Err(OperationError::NothingWaits)));
}

#[test]
fn files_are_put_back_and_not_while_a_run_is_driven() {
    let bench = with_run(&[]);
    let (place, run) = (&bench.place, RunId::parse("r1").unwrap());
    refused(&bench, "loki_checkpoint_restore", json!({}), "no_snapshot");
    std::fs::write(place.root.join("a.txt"), "one").unwrap();
    place.worktree().snapshot(&run, 1, 0).unwrap();
    std::fs::write(place.root.join("a.txt"), "two").unwrap();
    let held = open(place);
    assert_eq!(refused(&bench, "loki_checkpoint_restore", json!({}), "busy").kind, RefusalKind::Conflict);
    assert_eq!(std::fs::read_to_string(place.root.join("a.txt")).unwrap(), "two");
    drop(held);
    let back = ask(&bench, "loki_checkpoint_restore", json!({})).unwrap().data;
    assert_eq!(std::fs::read_to_string(place.root.join("a.txt")).unwrap(), "one");
    assert_eq!(
        ask(&bench, "loki_checkpoint_list", json!({})).unwrap().data["snapshots"].as_array().unwrap().len(),
        2
    );
    ask(&bench, "loki_checkpoint_restore", json!({ "to": back["undo"] })).unwrap();
    assert_eq!(std::fs::read_to_string(place.root.join("a.txt")).unwrap(), "two");
}

#[test]
fn a_task_goes_from_hand_to_hand() {
    let bench = bare();
    let add = json!({ "title": "write docs", "key": "docs" });
    let first = ask(&bench, "loki_task_queue_add", add.clone()).unwrap();
    let again = ask(&bench, "loki_task_queue_add", add).unwrap();
    assert_eq!(first.data, again.data);
    assert_ne!(first.summary, again.summary);
    refused(&bench, "loki_task_queue_add", json!({ "title": "other", "key": "docs" }), "key_reused");
    let taken = ask(&bench, "loki_task_queue_take", json!({ "worker": "ann" })).unwrap().data;
    assert_eq!((&taken["task"]["state"], &taken["task"]["lease"]), (&json!("leased"), &json!(1)));
    assert_eq!(ask(&bench, "loki_task_queue_take", json!({})).unwrap().data["task"], Value::Null);
    let id = &taken["task"]["id"];
    let renew = |lease: u32| json!({ "renew": { "id": id, "lease": lease }, "seconds": 60 });
    ask(&bench, "loki_task_queue_take", renew(1)).unwrap();
    refused(&bench, "loki_task_queue_take", renew(2), "lease_lost");
    refused(&bench, "loki_complete_task", json!({ "id": id, "summary": "mine?" }), "lease_lost");
    let done = json!({ "id": id, "lease": 1, "summary": "written" });
    ask(&bench, "loki_complete_task", done.clone()).unwrap();
    ask(&bench, "loki_complete_task", done).unwrap();
    let failed = json!({ "id": id, "outcome": "failed", "summary": "no" });
    refused(&bench, "loki_complete_task", failed, "task_ended");
    refused(&bench, "loki_complete_task", json!({ "id": 99, "summary": "x" }), "no_task");
    let list = ask(&bench, "loki_task_queue_list", json!({ "limit": 1 })).unwrap().data;
    assert_eq!((&list["tasks"][0]["state"], &list["next"]), (&json!("done"), &json!(1)));
}
