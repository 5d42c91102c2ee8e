use loki_ledger::event::{Event, Limits, RunStarted, VERSION};

use super::*;
use crate::ui::{Captured, Format, Verbosity};

/// A project with one run of two events.
fn project(run: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join(".loki"), Arc::new(SystemClock)).unwrap();
    let run = RunId::parse(run).unwrap();
    let started = RunStarted {
        version: VERSION,
        document: ledger.put(b"document").unwrap(),
        document_name: "PRD.md".to_owned(),
        requirements: ledger.put(b"{}").unwrap(),
        backend: true,
        provider: None,
        acts: false,
        backend_first: false,
        gates: Vec::new(),
        checklist: Vec::new(),
        limits: Limits::default(),
    };
    ledger.append(&run, Event::RunStarted(started)).unwrap();
    ledger.append(&run, Event::IterationStarted { iteration: 1 }).unwrap();
    dir
}

fn run(
    dir: &tempfile::TempDir,
    format: Format,
    action: Action,
) -> (Result<Status, CommandError>, Captured, Captured) {
    let (mut ui, out, err) = Ui::captured(format, Verbosity::Normal);
    let context = Context {
        environment: crate::environment::Environment::default(),
        current_dir: dir.path().to_owned(),
        project: crate::context::Project::at(dir.path()),
        named: false,
    };
    (ledger(&mut ui, &context, &LedgerArgs { action }), out, err)
}

#[test]
fn a_sound_ledger_holds_and_its_events_are_shown() {
    let dir = project("20260101-a");
    let (status, out, _) = run(&dir, Format::Json, Action::Verify { run: None });
    assert_eq!(status.unwrap(), Status::Success);
    let report: Value = serde_json::from_str(&out.text()).unwrap();
    assert_eq!((&report["holds"], &report["runs"][0]["events"]), (&json!(true), &json!(2)));

    let (_, out, _) = run(&dir, Format::Text, Action::Show { run: Some("2026".to_owned()), after: 1 });
    assert!(out.text().trim_end().ends_with("iteration_started   iteration=1"), "{}", out.text());
    assert_eq!(out.text().lines().count(), 1);
}

#[test]
fn a_changed_event_ends_with_one_and_is_named() {
    let dir = project("20260101-a");
    let file = dir.path().join(".loki/loki.db");
    let bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(6).position(|window| window == b"PRD.md").expect("the name in the event");
    let mut changed = bytes.clone();
    changed[at..at + 6].copy_from_slice(b"XXX.md");
    std::fs::write(&file, changed).unwrap();
    let (status, out, _) = run(&dir, Format::Json, Action::Verify { run: None });
    assert_eq!(status.unwrap(), Status::GateFailed);
    let report: Value = serde_json::from_str(&out.text()).unwrap();
    assert_eq!((&report["holds"], &report["runs"][0]["broken"]["seq"]), (&json!(false), &json!(1)));
}

#[test]
fn a_run_moves_from_one_project_to_another() {
    let (from, to) = (project("20260101-a"), project("20260101-b"));
    let file = to.path().join("run.jsonl");
    let export = || Action::Export { run: "20260101-a".to_owned(), output: Some(file.clone()) };
    run(&from, Format::Text, export()).0.unwrap();
    assert!(run(&from, Format::Text, export()).0.is_err(), "a file that is there is not covered");
    for known in [false, true] {
        let (status, out, _) = run(&to, Format::Json, Action::Import { file: PathBuf::from("run.jsonl") });
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(serde_json::from_str::<Value>(&out.text()).unwrap()["known"], known);
    }
    let (_, out, _) = run(&to, Format::Json, Action::Show { run: None, after: 0 });
    assert_eq!(serde_json::from_str::<Vec<Value>>(&out.text()).unwrap().len(), 2);

    let (_, exported, _) =
        run(&from, Format::Text, Action::Export { run: "20260101-a".to_owned(), output: None });
    assert_eq!(exported.text(), std::fs::read_to_string(&file).unwrap());
}

#[test]
fn an_unclear_or_unknown_name_is_refused() {
    let dir = project("20260101-a");
    let other = project("20260101-b");
    let file = dir.path().join("b.jsonl");
    run(&other, Format::Text, Action::Export { run: "2026".to_owned(), output: Some(file) }).0.unwrap();
    run(&dir, Format::Text, Action::Import { file: PathBuf::from("b.jsonl") }).0.unwrap();
    let refusal =
        |name: &str| run(&dir, Format::Text, Action::Verify { run: Some(name.to_owned()) }).0.unwrap_err();
    assert_eq!(refusal("2026").message, "several runs are called `2026…`");
    assert_eq!(refusal("2027").message, "there is no run `2027`");
}

#[test]
fn nothing_is_made_where_there_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let error = run(&dir, Format::Text, Action::Verify { run: None }).0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let error = run(&dir, Format::Text, Action::Import { file: PathBuf::from("none.jsonl") }).0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Input);
    assert!(!dir.path().join(".loki").exists());
}
