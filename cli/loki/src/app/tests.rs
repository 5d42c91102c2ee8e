//! The whole program in one process: real ledger, real Forge, real work tree, the blueprint.

use std::time::Duration;

use forge_detect::{Options, detect};
use loki_engine::{Observer, drive};
use loki_ledger::event::{Command, Outcome, Stop};
use loki_provider::{Message, Request, Scripted, ToolCall, Turn};
use loki_store::FixedClock;
use serde_json::{Value, json};

use super::*;

const DOCUMENT: &str = "# Cookbook\n\n## Data model\n\n### users\n\n| Column | Type | Notes |\n|---|---|---|\n\
    | id | uuid | primary key |\n| email | text | required, unique |\n\n### recipes\n\n| Column | Type | Notes |\n|---|---|---|\n\
    | id | uuid | primary key |\n| user_id | uuid | required, references users(id) |\n| title | text | required |\n\n\
    Users only see their own recipes.\n\n## Sign-in\n\nUsers sign in with Google.\n";

fn clock() -> Arc<dyn Clock> {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    Arc::new(FixedClock::new(start, Duration::from_millis(1)))
}

fn app(root: &Path) -> App {
    App::new(root, &root.join(".loki"), clock())
}

fn job(document: &str) -> Job {
    let requirements = detect(document, &Options { file_name: Some("PRD.md") }).unwrap();
    Job {
        document: document.as_bytes().to_vec(),
        name: "PRD.md".to_owned(),
        requirements: Arc::new(requirements),
        checklist: Vec::new(),
    }
}

fn silent() -> Observer {
    Box::new(|_, _| {})
}

/// The newest run, or a new one.
fn load(app: &App, engine: &Engine, job: &Job) -> Result<Run, AppError> {
    let id = RunId::parse("r1").unwrap();
    let run = match engine.ledger.reader().runs()?.is_empty() {
        true => app.begin(engine, job, id, Limits::default())?,
        false => engine.ledger.reader().fold(&id)?,
    };
    app.write_required(&job.requirements)?;
    Ok(run)
}

async fn play(app: &App, job: &Job, crash_at: Option<u64>) -> Result<Stop, AppError> {
    let engine = app.engine(&job.requirements, None, Attended::No, silent())?;
    if let Some(crash_at) = crash_at {
        engine.ledger.crash_after(crash_at);
    }
    let mut run = load(app, &engine, job)?;
    Ok(drive(&engine, &mut run).await?)
}

/// What must be the same however often a run was killed: schema, history, resources, files.
fn end(app: &App) -> (Value, String) {
    let forge = app.forge.existing().unwrap().expect("a backend");
    let forge_ops::Outcome::Done { data, .. } = forge.call("forge_state_dump", &json!({})).unwrap() else {
        panic!("a dump is no proposal")
    };
    let history: Vec<&Value> = data["migrations"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    let state = json!({
        "schema": data["schema"],
        "fingerprint": data["fingerprint"],
        "history": history,
        "resources": data["resources"],
    });
    (state, app.worktree().tree().unwrap())
}

/// Kills a run at its nth ledger write, for every n, and resumes it.
#[tokio::test]
async fn killed_at_each_ledger_write_it_ends_the_same() {
    let job = job(DOCUMENT);
    let dir = tempfile::tempdir().unwrap();
    let unbroken = app(dir.path());
    assert_eq!(play(&unbroken, &job, None).await.unwrap(), Stop::VerifiedWithGaps);
    let wanted = end(&unbroken);
    assert_eq!(wanted.0["history"], json!(["initial_schema"]));
    let mut crashes = 0;
    for crash_at in 1.. {
        let dir = tempfile::tempdir().unwrap();
        if play(&app(dir.path()), &job, Some(crash_at)).await.is_ok() {
            break;
        }
        crashes += 1;
        let resumed = app(dir.path());
        let stop = play(&resumed, &job, None).await.unwrap();
        assert_eq!(stop, Stop::VerifiedWithGaps, "killed at write {crash_at}");
        assert_eq!(end(&resumed), wanted, "killed at write {crash_at}");
        let reader = resumed.reader().unwrap().unwrap();
        assert!(reader.verify(&RunId::parse("r1").unwrap()).unwrap().broken.is_none());
    }
    assert!(crashes > 60, "{crashes} writes were tried");
}

/// A provider that says it is done and has done nothing.
fn boaster() -> Arc<dyn Provider> {
    let script = |request: &Request| {
        let tool = if request.phase == "reason" { "plan" } else { "finish" };
        let asked = request.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
        let input = json!({ "items": ["everything"], "summary": "all done", "nothing_more_to_offer": true });
        let id = format!("{tool}-{asked}");
        let call = ToolCall { id, tool: tool.to_owned(), input, malformed: None };
        Ok(Turn::free("Done!", vec![call]))
    };
    Arc::new(Scripted::new("boaster", Box::new(script)).always_alike())
}

/// Which gates a run of the boaster is judged by, and how it ends.
async fn boast(gates: &[&str], prepare: impl FnOnce(&Path)) -> Stop {
    let (job, dir) = (job(DOCUMENT), tempfile::tempdir().unwrap());
    let app = app(dir.path());
    prepare(dir.path());
    let mut engine = app.engine(&job.requirements, None, Attended::No, silent()).unwrap();
    engine.provider = Some(boaster());
    let mut run = Run::new(RunId::parse("r1").unwrap());
    let started = RunStarted {
        version: VERSION,
        document: engine.ledger.put(&job.document).unwrap(),
        document_name: job.name.clone(),
        requirements: engine.ledger.put(b"{}").unwrap(),
        backend: true,
        provider: Some("boaster".to_owned()),
        acts: false,
        backend_first: false,
        gates: gates.iter().map(|gate| (*gate).to_owned()).collect(),
        checklist: Vec::new(),
        limits: Limits::default(),
    };
    engine.record(&mut run, Event::RunStarted(started)).unwrap();
    drive(&engine, &mut run).await.unwrap()
}

#[tokio::test]
async fn a_claim_is_not_believed() {
    let failed = |gate: &str| Stop::GateFailed { gate: gate.to_owned() };
    assert_eq!(boast(&["forge", "document"], |_| {}).await, failed("forge"));
    // Without a backend there is nothing sound, and nothing of what the document asks for.
    assert_eq!(boast(&["document"], |_| {}).await, failed("document"));
    assert_eq!(boast(&["forge"], |_| {}).await, failed("forge"));
    // Without any gate nothing is verified either.
    assert_ne!(boast(&[], |_| {}).await, Stop::Verified);
    assert_eq!(boast(&["no such gate"], |_| {}).await, failed("no such gate"));
}

/// Each gate sees what the other cannot: switched off, the run passes although it must not.
#[tokio::test]
async fn each_gate_is_needed() {
    // A sound backend that lacks what the document asks for: only the gate `document` sees that.
    let empty = |root: &Path| drop(app(root).forge.open().unwrap());
    assert_eq!(boast(&["forge", "document"], empty).await, Stop::GateFailed { gate: "document".to_owned() });
    assert_eq!(boast(&["forge"], empty).await, Stop::Verified);
    // Everything there, and a table that nobody declared: only the gate `forge` sees that.
    let job = job(DOCUMENT);
    let dir = tempfile::tempdir().unwrap();
    play(&app(dir.path()), &job, None).await.unwrap();
    let path = dir.path().join(".loki/forge/db.sqlite");
    let database = loki_kit::rusqlite::Connection::open(path).unwrap();
    database.execute_batch("create table smuggled (id integer primary key)").unwrap();
    drop(database);
    let verdicts = async |app: &App| {
        let mut verdicts = Vec::new();
        for gate in app.gates(&job.requirements, false) {
            verdicts.push((gate.id().to_owned(), gate.judge(&Case::default()).await.verdict));
        }
        verdicts
    };
    let found = verdicts(&app(dir.path())).await;
    let of = |name: &str, verdict| (name.to_owned(), verdict);
    let expected = [of("forge", Verdict::Fail), of("document", Verdict::Pass), of("served", Verdict::Pass)];
    assert_eq!(found, expected);
    // A migration in the project's folder that is not applied is missing too.
    std::fs::write(dir.path().join("forge/migrations/0002_more.yaml"), "migration: more\nchanges: []\n")
        .unwrap();
    let found = verdicts(&app(dir.path())).await;
    assert_eq!(found[1], ("document".to_owned(), Verdict::Fail));
    std::fs::remove_file(dir.path().join("forge/migrations/0002_more.yaml")).unwrap();
    // So is one that was changed after it was applied.
    let path = dir.path().join("forge/migrations/0001_initial_schema.yaml");
    let applied = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, applied.replace("title text", "title varchar(80)")).unwrap();
    assert_eq!(verdicts(&app(dir.path())).await[1], ("document".to_owned(), Verdict::Fail));
    std::fs::write(&path, applied).unwrap();
    assert_eq!(verdicts(&app(dir.path())).await[1], ("document".to_owned(), Verdict::Pass));
}

/// What two users and a visitor find through the server is held against what must come of it.
#[tokio::test]
async fn a_promise_that_the_server_does_not_keep_is_found() {
    let (job, dir) = (job(DOCUMENT), tempfile::tempdir().unwrap());
    let app = app(dir.path());
    play(&app, &job, None).await.unwrap();
    let forge = app.forge.open().unwrap();
    let scratch = dir.path().join("scratch");
    let kept = smoke::smoke(forge.database(), &scratch, &app.clock).await.unwrap();
    assert_eq!((kept.tables, kept.broken.as_slice(), kept.untried.as_slice()), (2, &[][..], &[][..]));
    let promised = |scene: &mut forge_database::prove::rls::scene::Scene| {
        for table in &mut scene.tables {
            table.attempts.iter_mut().for_each(|attempt| attempt.expected = !attempt.expected);
        }
    };
    let broken = smoke::smoke_of(forge.database(), &scratch, &app.clock, promised).await.unwrap();
    assert!(broken.broken.len() >= kept.attempts - 6, "{broken:?}");
    assert!(!scratch.exists(), "nothing is left of it");
}

#[tokio::test]
async fn what_the_council_refuses_is_not_applied() {
    let (job, dir) = (job(DOCUMENT), tempfile::tempdir().unwrap());
    let app = app(dir.path());
    let migrations = dir.path().join(MIGRATIONS);
    std::fs::create_dir_all(&migrations).unwrap();
    // No policy at all: the linter's Critical finding is the security reviewer's.
    let open = "migration: open\nchanges:\n  - add_table: {name: things, columns: [id pk, title text]}\n";
    std::fs::write(migrations.join("0001_open.yaml"), open).unwrap();
    let engine = app.engine(&job.requirements, None, Attended::No, silent()).unwrap();
    let mut run = load(&app, &engine, &job).unwrap();
    let stop = drive(&engine, &mut run).await.unwrap();
    assert_eq!(stop, Stop::GateFailed { gate: "document".to_owned() });
    let refused = run.steps.turns.is_empty() && !run.reviews.is_empty();
    assert!(refused && run.reviews.values().all(|review| !review.approved), "{:?}", run.reviews);
    let (state, _) = end(&app);
    assert_eq!(state["history"], json!([]), "nothing was applied");
}

#[tokio::test]
async fn a_command_sent_before_the_run_is_resumed_is_taken() {
    let (job, dir) = (job(DOCUMENT), tempfile::tempdir().unwrap());
    let app = app(dir.path());
    drop(play(&app, &job, Some(20)).await.unwrap_err());
    let reader = app.reader().unwrap().unwrap();
    let id = RunId::parse("r1").unwrap();
    reader.send(&id, &Command::Stop).unwrap();
    assert_eq!(play(&app, &job, None).await.unwrap(), Stop::Requested);
    let page = reader.events(&id, 0).unwrap();
    let receipts = page.events.iter().filter(|recorded| {
        matches!(&recorded.event, Event::EffectEnded { outcome: Outcome::Receipt { .. }, .. })
    });
    assert_eq!(receipts.count(), 1);
}
