//! Skills: taken up when they are needed, kept as they were, and narrowing what may be called.

use std::path::Path;

use loki_ledger::event::{Event, Outcome};
use loki_skills::{Catalog, Origin, Root};

use super::models::{Fake, calls};
use super::*;

const TEXT: &str = "Apply first before second.";

fn write(root: &Path, name: &str, more: &str, text: &str) {
    let folder = root.join("skills").join(name);
    std::fs::create_dir_all(folder.join("references")).unwrap();
    let front = format!("---\nname: {name}\ndescription: For {name} work.\n{more}---\n\n{text}\n");
    std::fs::write(folder.join("SKILL.md"), front).unwrap();
    std::fs::write(folder.join("references/x.md"), "the reference").unwrap();
}

/// An engine on `root` with the skills that are there now.
fn with_skills(root: &Path, world: &Arc<World>, provider: Arc<dyn Provider>) -> Engine {
    let roots = [Root { origin: Origin::Project, base: root.to_owned(), below: "skills" }];
    Engine { skills: Catalog::discover(&roots, &[]), ..engine(root, world, NAMES, provider) }
}

fn skill(input: Value) -> (&'static str, Value) {
    ("skill", input)
}

fn answers(request: &Request) -> Vec<(bool, String)> {
    let answer = |message: &Message| match message {
        Message::Tool { ok, output, .. } => Some((*ok, output.clone())),
        Message::User { .. } | Message::Assistant { .. } => None,
    };
    request.messages.iter().filter_map(answer).collect()
}

fn migrate(number: usize) -> Turn {
    calls(number, &[("migrate", json!({"name": "first"})), ("migrate", json!({"name": "second"}))])
}

#[tokio::test]
async fn a_skill_is_named_then_shown_then_stands() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "schema", "", TEXT);
    let fake = Fake::new(vec![
        Ok(calls(
            1,
            &[
                skill(json!({"name": "schema", "file": "references/x.md"})),
                skill(json!({"name": "schema"})),
                skill(json!({"name": "schema", "file": "references/x.md"})),
                skill(json!({"name": "schema", "file": "../../.loki/lock"})),
                skill(json!({"name": "unheard-of"})),
                skill(json!({})),
            ],
        )),
        Ok(calls(2, &[("plan", json!({"items": ["do it"]}))])),
        Ok(calls(3, &[skill(json!({"name": "schema"}))])),
        Ok(migrate(4)),
    ]);
    let engine = with_skills(dir.path(), &Arc::default(), Arc::clone(&fake) as Arc<dyn Provider>);
    let mut run = load(&engine).unwrap();
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    let asked = fake.asked.lock().unwrap();
    assert!(asked[0].system.contains("- schema: For schema work.") && !asked[0].system.contains(TEXT));
    assert!(asked[0].tools.iter().any(|tool| tool.name == "skill"));
    let told = answers(&asked[1]);
    let oks: Vec<bool> = told.iter().map(|(ok, _)| *ok).collect();
    assert_eq!(oks, [false, true, true, false, false, true], "{told:#?}");
    assert!(told[0].1.contains("not_taken_up") && told[1].1.contains(TEXT), "{told:#?}");
    assert_eq!(told[2].1, "the reference");
    assert!(told[5].1.contains("- schema (project): For schema work."));
    assert!(!asked[1].system.contains(TEXT), "the phase's own conversation holds it");
    assert!(asked[2].system.contains("<skill name=\"schema\" from=\"skills/schema\">\nApply first"));
    assert!(answers(&asked[3])[0].1.contains("stands in your instructions already"));
    let path = crate::receipt::folder(&engine.state, "r1").join("receipt.json");
    let receipt: crate::receipt::Receipt = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!((receipt.facts.skills.len(), receipt.facts.skills[0].sha256.len()), (1, 64));
    assert_eq!(engine.ledger.reader().fold(&run.id).unwrap(), run);
}

#[tokio::test]
async fn allowed_tools_narrow_until_the_phase_ends() {
    let dir = tempfile::tempdir().unwrap();
    let world: Arc<World> = Arc::default();
    write(dir.path(), "writing", "allowed-tools: Write\n", "Write only.");
    let fake = Fake::new(vec![
        Ok(calls(1, &[("plan", json!({"items": ["do it"]}))])),
        // What was asked for before the skill is not narrowed, what comes after it in the same turn is.
        Ok(calls(
            2,
            &[
                ("append", json!({})),
                skill(json!({"name": "writing"})),
                ("migrate", json!({"name": "first"})),
                ("write_file", json!({"path": "a.txt", "content": "a"})),
            ],
        )),
        Ok(calls(3, &[("finish", json!({"summary": "no more is allowed"}))])),
        Ok(calls(4, &[("plan", json!({"items": ["the rest"]}))])),
        Ok(migrate(5)),
    ]);
    let engine = with_skills(dir.path(), &world, Arc::clone(&fake) as Arc<dyn Provider>);
    let mut run = load(&engine).unwrap();
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!(run.iteration, 2);
    let asked = fake.asked.lock().unwrap();
    let told = answers(&asked[2]);
    let oks: Vec<bool> = told.iter().map(|(ok, _)| *ok).collect();
    assert_eq!(oks, [true, true, false, true], "{told:#?}");
    assert!(told[1].1.contains("allows only these tools until this phase ends: write_file"));
    assert!(told[2].1.contains("error not_allowed"), "{}", told[2].1);
    assert!(asked[4].system.contains("Write only."), "its text stands; its limits do not");
}

/// A run is ended after the skill was taken up; then the skill is changed on the disk.
#[tokio::test]
async fn a_resumed_run_goes_by_the_text_it_took_up() {
    let dir = tempfile::tempdir().unwrap();
    let world: Arc<World> = Arc::default();
    write(dir.path(), "schema", "", TEXT);
    {
        let take = calls(1, &[skill(json!({"name": "schema"}))]);
        let fake =
            Fake::new(vec![Ok(take), Err(ProviderError::permanent(loki_provider::Refusal::Other, "gone"))]);
        let engine = with_skills(dir.path(), &world, fake);
        let mut run = load(&engine).unwrap();
        assert!(matches!(drive(&engine, &mut run).await.unwrap(), Stop::ProviderFailed { .. }));
    }
    write(dir.path(), "schema", "", "Apply nothing.");
    std::fs::write(dir.path().join("skills/schema/references/x.md"), "another reference").unwrap();
    std::fs::write(dir.path().join("skills/schema/references/y.md"), "a new one").unwrap();
    let file = |path: &str| skill(json!({"name": "schema", "file": path}));
    let fake = Fake::new(vec![
        Ok(calls(2, &[skill(json!({"name": "schema"})), file("references/x.md"), file("references/y.md")])),
        Ok(calls(3, &[("plan", json!({"items": ["do it"]}))])),
        Ok(migrate(4)),
    ]);
    let engine = with_skills(dir.path(), &world, Arc::clone(&fake) as Arc<dyn Provider>);
    let mut run = load(&engine).unwrap();
    assert!(reopen(&engine, &mut run, None).unwrap());
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    let asked = fake.asked.lock().unwrap();
    let told = answers(&asked[1]);
    assert!(told[0].1.contains(TEXT) && told[1].1.contains(TEXT), "{told:#?}");
    assert!(
        told[2].1.contains("has changed since") && told[3].1.contains("was no file of the skill"),
        "{told:#?}"
    );
    assert!(asked[2].system.contains(TEXT) && !asked[2].system.contains("Apply nothing."));
    assert_eq!(run.skills.len(), 1);
}

/// Kills a run at its nth write, for every n: whatever was taken up is in the ledger whole, or not at all.
#[tokio::test]
async fn taking_up_survives_every_crash() {
    let provider = || {
        let answer = move |request: &Request| {
            let taken = request.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
            Ok(match (request.phase.as_str(), taken) {
                ("reason", 0) => calls(1, &[skill(json!({"name": "schema"}))]),
                ("reason", _) => calls(2, &[("plan", json!({"items": ["do it"]}))]),
                (_, 0) => migrate(3),
                (_, _) => calls(4, &[("finish", json!({"summary": "done"}))]),
            })
        };
        Arc::new(Scripted::new("script", Box::new(answer)))
    };
    let mut crashes = 0;
    for crash_at in 0.. {
        let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
        write(dir.path(), "schema", "", TEXT);
        let broken = {
            let engine = with_skills(dir.path(), &world, provider());
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
        let engine = with_skills(dir.path(), &world, provider());
        let mut run = load(&engine).unwrap();
        assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified, "killed at write {crash_at}");
        assert_eq!((run.skills.len(), run.skills[0].standing), (1, true), "killed at write {crash_at}");
        let events = engine.ledger.reader().events(&run.id, 0).unwrap().events;
        let taken =
            |event: &Event| matches!(event, Event::EffectEnded { outcome: Outcome::Activated { .. }, .. });
        assert_eq!(
            events.iter().filter(|recorded| taken(&recorded.event)).count(),
            1,
            "killed at write {crash_at}"
        );
        assert!(engine.ledger.reader().verify(&run.id).unwrap().broken.is_none());
    }
    assert!(crashes > 20, "{crashes} writes were tried");
}

#[tokio::test]
async fn without_skills_a_prompt_says_nothing_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(vec![Ok(calls(1, &[("plan", json!({"items": ["do it"]}))])), Ok(migrate(2))]);
    let engine = engine(dir.path(), &Arc::default(), NAMES, Arc::clone(&fake) as Arc<dyn Provider>);
    let mut run = load(&engine).unwrap();
    drive(&engine, &mut run).await.unwrap();
    let asked = fake.asked.lock().unwrap();
    assert!(!asked[0].system.contains("skill") && asked[0].tools.iter().all(|tool| tool.name != "skill"));
}
