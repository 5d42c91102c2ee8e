//! The loop against a real ledger, a real work tree and a scripted provider.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use loki_ledger::Ledger;
use loki_ledger::event::{Approver, Recovery, RunId, RunStarted, VERSION, Verdict};
use loki_provider::{Cost, Message, Provider, ProviderError, Request, Scripted, ToolCall, ToolSpec, Turn};
use loki_store::FixedClock;
use serde_json::{Value, json};

use super::*;

mod models;
mod money;
mod person;
mod skills;

use crate::council::reviewers;
use crate::receipt::Signer;
use crate::tool::{Answer, Area, Case, Fact, Gate, Judgement, Proposal, Tool, ToolError};
use crate::worktree::Worktree;

/// What the fake tools did to the world.
#[derive(Default)]
struct World {
    applied: Mutex<Vec<String>>,
    approved: Mutex<BTreeSet<String>>,
    /// Appends that must not happen twice.
    appended: Mutex<u32>,
}

/// Applies what is approved, once; asks for a person where the name says so.
struct Migrate(Arc<World>);

#[async_trait]
impl Tool for Migrate {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "migrate".into(), description: String::new(), input_schema: json!({}) }
    }
    fn reads_only(&self) -> bool {
        false
    }
    fn recovery(&self) -> Recovery {
        Recovery::Repeat
    }
    async fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        let name = input["name"].as_str().unwrap().to_owned();
        let mut applied = self.0.applied.lock().unwrap();
        if !applied.contains(&name) {
            if !self.0.approved.lock().unwrap().contains(&name) {
                return Ok(Answer::Review(Box::new(proposal(&name))));
            }
            applied.push(name.clone());
        }
        Ok(Answer::Done { summary: format!("applied {name}"), output: "applied".into() })
    }
    async fn approve(&self, subject: &str, _by: &Approver) -> Result<(), ToolError> {
        self.0.approved.lock().unwrap().insert(subject.to_owned());
        Ok(())
    }
}

/// Adds a line to a file: not to be done twice.
struct Append(Arc<World>, std::path::PathBuf);

#[async_trait]
impl Tool for Append {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "append".into(), description: String::new(), input_schema: json!({}) }
    }
    fn reads_only(&self) -> bool {
        false
    }
    fn recovery(&self) -> Recovery {
        Recovery::RollBack
    }
    async fn call(&self, _input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        *self.0.appended.lock().unwrap() += 1;
        let before = std::fs::read_to_string(&self.1).unwrap_or_default();
        std::fs::write(&self.1, format!("{before}line\n")).unwrap();
        Ok(Answer::Done { summary: "appended".into(), output: "appended".into() })
    }
}

/// Writes a file: doing it twice is doing it once.
struct WriteFile(std::path::PathBuf);

#[async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "write_file".into(), description: String::new(), input_schema: json!({}) }
    }
    fn reads_only(&self) -> bool {
        false
    }
    fn recovery(&self) -> Recovery {
        Recovery::Repeat
    }
    async fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        let text = |name: &str| input[name].as_str().unwrap().to_owned();
        std::fs::write(self.0.join(text("path")), text("content")).unwrap();
        Ok(Answer::Done { summary: "wrote".into(), output: "wrote".into() })
    }
}

fn proposal(name: &str) -> Proposal {
    let fact = |fact: &str, area| Fact { name: fact.into(), area, passed: Some(true), detail: String::new() };
    Proposal {
        subject: name.to_owned(),
        title: format!("apply {name}"),
        findings: vec![],
        facts: vec![
            fact("shadow_up_down_up", Area::Safety),
            fact("rls_two_identities", Area::Security),
            fact("backup_verified", Area::Operations),
        ],
        needs_person: name.starts_with("lossy").then(|| "rows would be lost".to_owned()),
        person_alone: false,
        act: vec!["up".into()],
        undo: vec!["down".into()],
    }
}

/// Passes once everything named was applied.
struct Applied(Arc<World>, &'static [&'static str]);

#[async_trait]
impl Gate for Applied {
    fn id(&self) -> &str {
        "applied"
    }
    async fn judge(&self, _case: &Case) -> Judgement {
        let applied = self.0.applied.lock().unwrap();
        let all = self.1.iter().all(|name| applied.iter().any(|there| there == name));
        let verdict = if all { Verdict::Pass } else { Verdict::Fail };
        let facts = json!({ "applied": *applied });
        Judgement { facts, ..Judgement::new(verdict, format!("{} applied", applied.len())) }
    }
}

fn turn(calls: Vec<(&str, Value)>, asked: usize) -> Turn {
    let call = |(n, (tool, input)): (usize, (&str, Value))| ToolCall {
        id: format!("c{asked}-{n}"),
        tool: tool.to_owned(),
        input,
        malformed: None,
    };
    let calls = calls.into_iter().enumerate().map(call).collect();
    Turn { cost: Cost::Measured { micro_usd: 3 }, ..Turn::free("", calls) }
}

/// Plans, writes a file, appends, migrates and finishes, by the conversation it is shown.
fn script(names: &'static [&'static str]) -> impl FnMut(&Request) -> Result<Turn, ProviderError> + Send {
    move |request| {
        let taken = request.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
        Ok(match (request.phase.as_str(), taken) {
            ("reason", _) => turn(vec![("plan", json!({"items": ["one", "two"]}))], taken),
            (_, 0) => turn(
                vec![("write_file", json!({"path": "a.txt", "content": "a"})), ("append", json!({}))],
                taken,
            ),
            (_, n) if n <= names.len() => turn(vec![("migrate", json!({"name": names[n - 1]}))], taken),
            (_, _) => {
                turn(vec![("finish", json!({"summary": "done", "nothing_more_to_offer": true}))], taken)
            }
        })
    }
}

fn engine(
    root: &Path,
    world: &Arc<World>,
    names: &'static [&'static str],
    provider: Arc<dyn Provider>,
) -> Engine {
    let state = root.join(".loki");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join(".gitignore"), "*\n").unwrap();
    let clock: Arc<dyn loki_store::Clock> =
        Arc::new(FixedClock::new("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_millis(1)));
    Engine {
        ledger: Ledger::open(&state, Arc::clone(&clock)).unwrap(),
        worktree: Worktree::new(root, &state),
        provider: Some(provider),
        tools: vec![
            Arc::new(WriteFile(root.to_owned())),
            Arc::new(Migrate(Arc::clone(world))),
            Arc::new(Append(Arc::clone(world), root.join("log.txt"))),
        ],
        briefings: vec![],
        skills: loki_skills::Catalog::default(),
        gates: vec![Arc::new(Applied(Arc::clone(world), names))],
        reviewers: reviewers::deterministic(),
        advocate: reviewers::advocate(),
        signer: Signer::open(&state.join("keys/receipt.ed25519")).unwrap(),
        edits: None,
        attended: Attended::No,
        clock,
        observer: Box::new(|_, _| {}),
        state,
    }
}

/// The run as the ledger has it; started if it is not there yet.
fn load(engine: &Engine) -> Result<Run, EngineError> {
    let id = RunId::parse("r1").unwrap();
    if !engine.ledger.reader().runs()?.is_empty() {
        return Ok(engine.ledger.reader().fold(&id)?);
    }
    let mut run = Run::new(id);
    let started = RunStarted {
        version: VERSION,
        document: engine.ledger.put(b"# A document")?,
        document_name: "prd.md".into(),
        requirements: engine.ledger.put(b"{}")?,
        backend: true,
        provider: Some("script".into()),
        acts: false,
        backend_first: false,
        gates: vec!["applied".into()],
        checklist: Vec::new(),
        limits: Limits { recoveries_max: 3, ..Limits::default() },
    };
    engine.record(&mut run, Event::RunStarted(started))?;
    Ok(run)
}

fn scripted(names: &'static [&'static str]) -> Arc<Scripted> {
    Arc::new(Scripted::new("script", Box::new(script(names))))
}

const NAMES: &[&str] = &["first", "second"];

#[tokio::test]
async fn a_run_ends_verified_with_a_receipt_that_holds() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let engine = engine(dir.path(), &world, NAMES, scripted(NAMES));
    let mut run = load(&engine).unwrap();
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!(*world.applied.lock().unwrap(), NAMES);
    assert_eq!(run.checklist, ["one", "two"]);
    assert_eq!(engine.ledger.reader().fold(&run.id).unwrap(), run, "the ledger tells the same story");
    let path = crate::receipt::folder(&engine.state, "r1").join("receipt.json");
    let receipt: crate::receipt::Receipt = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(receipt.facts.files_changed, ["a.txt", "log.txt"]);
    assert_eq!(receipt.facts.cost.micro_usd, Some(3 * u64::from(run.spent.turns)));
    let public = engine.signer.public();
    let evidence = crate::verify::Evidence {
        reader: engine.ledger.reader(),
        worktree: &engine.worktree,
        gates: &engine.gates,
        public_key: &public,
    };
    let checks = crate::verify::verify(&receipt, &evidence).await;
    assert!(checks.iter().all(|check| check.holds), "{checks:#?}");
    let mut forged = receipt.clone();
    forged.facts.gaps.push("nothing".into());
    let checks = crate::verify::verify(&forged, &evidence).await;
    assert!(checks.iter().any(|check| !check.holds && check.name == "signature"), "{checks:#?}");
}

/// Kills a run at its nth ledger write, for every n, and resumes it: outcome and work tree must match
/// those of a run that was never killed, and nothing is applied twice.
#[tokio::test]
async fn resumes_from_every_crash() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let wanted = {
        let engine = engine(dir.path(), &world, NAMES, scripted(NAMES));
        let mut run = load(&engine).unwrap();
        drive(&engine, &mut run).await.unwrap();
        (run.stopped.clone(), engine.worktree.tree().unwrap(), run.iteration)
    };
    let mut crashes = 0;
    for crash_at in 0.. {
        let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
        let broken = {
            let engine = engine(dir.path(), &world, NAMES, scripted(NAMES));
            engine.ledger.crash_after(crash_at);
            match load(&engine) {
                Ok(mut run) => drive(&engine, &mut run).await.is_err(),
                Err(_) => true,
            }
        };
        if !broken {
            break;
        }
        crashes += 1;
        let engine = engine(dir.path(), &world, NAMES, scripted(NAMES));
        let mut run = load(&engine).unwrap();
        let stop = drive(&engine, &mut run).await.unwrap();
        let found = (Some(stop), engine.worktree.tree().unwrap(), run.iteration);
        assert_eq!(found, wanted, "killed at write {crash_at}");
        assert_eq!(*world.applied.lock().unwrap(), NAMES, "killed at write {crash_at}");
        assert!(
            engine.ledger.reader().verify(&run.id).unwrap().broken.is_none(),
            "killed at write {crash_at}"
        );
    }
    assert!(crashes > 40, "{crashes} writes were tried");
}

#[tokio::test]
async fn a_recorded_answer_is_never_paid_for_twice() {
    let mut crash_at = 0;
    loop {
        let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
        let (one, other) = (scripted(NAMES), scripted(NAMES));
        let broken = {
            let engine = engine(dir.path(), &world, NAMES, Arc::clone(&one) as Arc<dyn Provider>);
            engine.ledger.crash_after(crash_at);
            match load(&engine) {
                Ok(mut run) => drive(&engine, &mut run).await.is_err(),
                Err(_) => true,
            }
        };
        if !broken {
            break;
        }
        let engine = engine(dir.path(), &world, NAMES, Arc::clone(&other) as Arc<dyn Provider>);
        let mut run = load(&engine).unwrap();
        let recorded = usize::try_from(run.spent.turns).unwrap();
        assert!(one.asked() <= recorded + 1, "at most the answer in flight is lost");
        drive(&engine, &mut run).await.unwrap();
        // A rolled back phase is asked for anew; everything else is read from the ledger.
        let rolled_back = run.steps.rollbacks > 0;
        assert_eq!(run.spent.turns as usize, recorded + other.asked(), "rolled back: {rolled_back}");
        crash_at += 7;
    }
}

#[tokio::test]
async fn without_a_person_a_lossy_change_stops_and_an_approval_lets_it_go_on() {
    const LOSSY: &[&str] = &["first", "lossy"];
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let engine = engine(dir.path(), &world, LOSSY, scripted(LOSSY));
    let mut run = load(&engine).unwrap();
    let stop = drive(&engine, &mut run).await.unwrap();
    assert_eq!(stop, Stop::NeedsPerson { subject: "lossy".into() });
    assert_eq!(*world.applied.lock().unwrap(), ["first"]);
    assert!(!reopen(&engine, &mut run, None).unwrap(), "nothing has changed");
    let approve = Command::Approve { subject: "lossy".into(), name: "ada".into(), reason: "old".into() };
    engine.ledger.reader().send(&run.id, &approve).unwrap();
    assert!(reopen(&engine, &mut run, None).unwrap());
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!(*world.applied.lock().unwrap(), LOSSY);
}

#[tokio::test]
async fn a_rejected_change_is_not_made() {
    const LOSSY: &[&str] = &["lossy"];
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let engine = engine(dir.path(), &world, LOSSY, scripted(LOSSY));
    let mut run = load(&engine).unwrap();
    drive(&engine, &mut run).await.unwrap();
    let reject = Command::Reject { subject: "lossy".into(), name: "ada".into(), reason: "keep it".into() };
    engine.ledger.reader().send(&run.id, &reject).unwrap();
    assert!(reopen(&engine, &mut run, None).unwrap());
    let stop = drive(&engine, &mut run).await.unwrap();
    assert_eq!(stop, Stop::IterationsSpent);
    assert!(world.applied.lock().unwrap().is_empty());
}

#[tokio::test]
async fn control_files_are_obeyed() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let engine = engine(dir.path(), &world, NAMES, scripted(NAMES));
    let mut run = load(&engine).unwrap();
    std::fs::write(engine.state.join("HUMAN_INPUT.md"), "mind the dates\n").unwrap();
    std::fs::write(engine.state.join("STOP"), "").unwrap();
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Requested);
    assert_eq!(run.steers, ["mind the dates"]);
    assert!(!engine.state.join("STOP").exists());
    assert!(!engine.state.join("HUMAN_INPUT.md").exists());
    assert!(world.applied.lock().unwrap().is_empty());
    assert!(reopen(&engine, &mut run, None).unwrap());
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
}

#[tokio::test]
async fn a_paused_run_waits_for_the_file_to_go() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let engine = engine(dir.path(), &world, NAMES, scripted(NAMES));
    let mut run = load(&engine).unwrap();
    let pause = engine.state.join("PAUSE");
    std::fs::write(&pause, "").unwrap();
    let held = tokio::time::timeout(Duration::from_millis(300), drive(&engine, &mut run)).await;
    assert!(held.is_err(), "it is paused");
    assert!(run.paused && run.iteration == 0);
    std::fs::remove_file(&pause).unwrap();
    engine.ledger.reader().send(&run.id, &Command::Resume).unwrap();
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
}

#[tokio::test]
async fn a_step_that_kills_its_process_is_given_up() {
    struct Deadly;
    #[async_trait]
    impl Provider for Deadly {
        fn name(&self) -> &str {
            "deadly"
        }
        async fn turn(&self, _request: &Request) -> Result<Turn, ProviderError> {
            std::future::pending().await
        }
    }
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let mut stop = None;
    for _ in 0..6 {
        let engine = engine(dir.path(), &world, NAMES, Arc::new(Deadly));
        let mut run = load(&engine).unwrap();
        // Dropping the future is a crash.
        stop = tokio::time::timeout(Duration::from_millis(100), drive(&engine, &mut run)).await.ok();
        if stop.is_some() {
            break;
        }
    }
    assert_eq!(stop.unwrap().unwrap(), Stop::RecoveriesSpent);
}
