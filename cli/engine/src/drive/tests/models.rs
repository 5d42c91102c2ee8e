//! What models do that programs do not: say nothing, refuse, break off, claim what is not so, go in circles.

use std::collections::VecDeque;

use loki_ledger::event::{Outcome, Wait};
use loki_provider::{Quote, TurnEnd};

use super::*;

/// A provider that answers from a list, then finishes.
pub(super) struct Fake {
    answers: Mutex<VecDeque<Result<Turn, ProviderError>>>,
    pub(super) asked: Mutex<Vec<Request>>,
    pub(super) quote: loki_provider::Cost,
    acts: bool,
}

impl Fake {
    pub(super) fn new(answers: Vec<Result<Turn, ProviderError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into()),
            asked: Mutex::default(),
            quote: Cost::Measured { micro_usd: 0 },
            acts: false,
        })
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Provider for Fake {
    fn name(&self) -> &str {
        "fake"
    }
    fn acts(&self) -> bool {
        self.acts
    }
    fn quote(&self, _request: &Request) -> Quote {
        Quote { cost: self.quote, ..Quote::default() }
    }
    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        self.asked.lock().unwrap().push(request.clone());
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(calls(self.asked(), &[("finish", json!({"summary": "done"}))])))
    }
}

/// A turn that calls tools; `number` keeps the ids apart.
pub(super) fn calls(number: usize, calls: &[(&str, Value)]) -> Turn {
    turn(calls.iter().map(|(tool, input)| (*tool, input.clone())).collect(), number)
}

pub(super) fn ended(end: TurnEnd) -> Turn {
    Turn { end, ..Turn::free("", Vec::new()) }
}

fn plan() -> Result<Turn, ProviderError> {
    Ok(calls(900, &[("plan", json!({"items": ["do it"]}))]))
}

/// An engine whose gate wants `NAMES` applied, and a run on it.
fn begin(root: &Path, provider: Arc<Fake>) -> (Engine, Run) {
    let engine = engine(root, &Arc::new(World::default()), NAMES, provider);
    let run = load(&engine).unwrap();
    (engine, run)
}

#[tokio::test]
async fn a_turn_without_an_answer_is_nudged_once_and_then_ends_the_run() {
    for (end, stop) in [(TurnEnd::Empty, Stop::EmptyTurn), (TurnEnd::Refused, Stop::Refused)] {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::new(vec![Ok(ended(end)), Ok(ended(end)), plan()]);
        let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
        assert_eq!(drive(&engine, &mut run).await.unwrap(), stop);
        assert_eq!(fake.asked(), 2, "{end:?}");
        assert!(reopen(&engine, &mut run, None).unwrap());
        run.limits.iterations_max = 1;
        assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::IterationsSpent, "it is asked again");
        let asked = fake.asked.lock().unwrap();
        assert!(
            matches!(
                &asked[1].messages[..],
                [Message::User { .. }, Message::Assistant { .. }, Message::User { .. }]
            ),
            "{:?}",
            asked[1].messages
        );
    }
}

#[tokio::test]
async fn one_turn_without_an_answer_ends_nothing() {
    for end in [TurnEnd::Empty, TurnEnd::Refused, TurnEnd::CutOff] {
        let dir = tempfile::tempdir().unwrap();
        let apply = |number, name: &str| Ok(calls(number, &[("migrate", json!({"name": name}))]));
        let fake = Fake::new(vec![
            Ok(ended(end)),
            plan(),
            Ok(ended(end)),
            apply(1, "first"),
            Ok(ended(end)),
            apply(2, "second"),
        ]);
        let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
        assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified, "{end:?}");
        assert_eq!(run.iteration, 1);
    }
}

#[tokio::test]
async fn a_false_claim_costs_an_iteration_and_does_not_end_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let claim = json!({"summary": "all done", "evidence": ["tests pass"], "nothing_more_to_offer": true});
    let fake = Fake::new(vec![
        plan(),
        Ok(calls(1, &[("finish", claim)])),
        plan(),
        Ok(calls(2, &[("migrate", json!({"name": "first"})), ("migrate", json!({"name": "second"}))])),
    ]);
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!(run.iteration, 2);
    let asked = fake.asked.lock().unwrap();
    assert!(asked[2].system.contains("<open-gates>\n- applied: 0 applied"), "{}", asked[2].system);
}

#[tokio::test]
async fn input_that_is_no_json_is_answered_and_never_carried_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut broken = calls(1, &[("migrate", Value::Null)]);
    broken.calls[0].malformed = Some("{\"name\": \"first".into());
    let fake = Fake::new(vec![plan(), Ok(broken)]);
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    run.limits.iterations_max = 1;
    drive(&engine, &mut run).await.unwrap();
    let asked = fake.asked.lock().unwrap();
    let Some(Message::Tool { ok: false, output, .. }) = asked[2].messages.last() else { panic!("{asked:?}") };
    assert!(output.contains("no JSON") && output.contains("valid JSON"), "{output}");
}

fn unavailable(retry_after_ms: Option<u64>, rate_limited: bool) -> Result<Turn, ProviderError> {
    Err(ProviderError::Transient { message: "busy".into(), retry_after_ms, rate_limited, spent: None })
}

#[tokio::test]
async fn a_rate_limit_is_a_wait_with_a_time_and_a_long_one_stops_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(vec![unavailable(Some(40), true), unavailable(Some(4_000_000), true)]);
    let (engine, mut run) = begin(dir.path(), fake);
    let waits = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&waits);
    let engine = Engine {
        observer: Box::new(move |recorded, _| {
            if let Event::WaitOpened(Wait::Timer { until_ms, .. }) = &recorded.event {
                seen.lock().unwrap().push(until_ms - recorded.at_ms);
            }
        }),
        ..engine
    };
    let stop = drive(&engine, &mut run).await.unwrap();
    let Stop::RateLimited { until_ms } = stop else { panic!("{stop:?}") };
    assert!(until_ms - run.last_ms > 3_500_000);
    let waits = waits.lock().unwrap();
    assert!(matches!(&waits[..], [1..=40]), "{waits:?}");
    assert!(reopen(&engine, &mut run, None).unwrap(), "it goes on later");
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_ends_the_run_and_one_that_is_busy_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new((0..9).map(|_| unavailable(Some(1), false)).collect());
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    assert!(matches!(drive(&engine, &mut run).await.unwrap(), Stop::ProviderFailed { .. }));
    assert_eq!(fake.asked(), 5);
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new((0..9).map(|_| unavailable(Some(1), true)).chain([plan()]).collect());
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    run.limits.iterations_max = 1;
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::IterationsSpent);
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_run_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = ProviderError::permanent(loki_provider::Refusal::Key, "bad key");
    let fake = Fake::new(vec![Err(refusal)]);
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    let stop = drive(&engine, &mut run).await.unwrap();
    assert!(matches!(&stop, Stop::ProviderFailed { message } if message.contains("bad key")), "{stop:?}");
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn a_run_in_circles_is_warned_then_plans_anew_then_hands_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut finished = calls(1, &[("finish", json!({"summary": "done"}))]);
    finished.model = "fake:model".into();
    let answers = (0..20).map(|n| if n % 2 == 0 { plan() } else { Ok(finished.clone()) }).collect();
    let fake = Fake::new(answers);
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Stuck);
    assert_eq!(run.iteration, 4);
    let asked = fake.asked.lock().unwrap();
    let planning: Vec<&Request> = asked.iter().filter(|request| request.phase == "reason").collect();
    let warned: Vec<bool> = planning.iter().map(|request| request.system.contains("<stuck>")).collect();
    assert_eq!(warned, [false, false, true, true]);
    let Message::User { text } = &planning[3].messages[0] else { panic!() };
    assert!(text.contains("does not lead anywhere"), "{text}");
    let note =
        std::fs::read_to_string(crate::receipt::folder(&engine.state, "r1").join("handover.md")).unwrap();
    for told in ["stuck", "applied: 0 applied", "do it", "iteration 4"] {
        assert!(note.contains(told), "{told}: {note}");
    }
}

#[tokio::test]
async fn a_tool_that_fails_whatever_it_is_given_ends_the_phase() {
    let dir = tempfile::tempdir().unwrap();
    let failing = |n| Ok(calls(n, &[("no_such_tool", json!({"try": n}))]));
    let fake = Fake::new(std::iter::once(plan()).chain((1..30).map(failing)).collect());
    let (engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    run.limits.iterations_max = 1;
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::IterationsSpent);
    assert_eq!(fake.asked(), 11, "one to plan, ten that failed");
    let asked = fake.asked.lock().unwrap();
    assert!(
        !asked[5].system.contains("<stuck>") && asked[6].system.contains("`no_such_tool` failed 5 times")
    );
}

/// Counts how often it ran, and never ends: whoever waits for it is killed.
struct Endless(Arc<Mutex<u32>>);

#[async_trait]
impl Tool for Endless {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "run".into(), description: String::new(), input_schema: json!({}) }
    }
    fn reads_only(&self) -> bool {
        false
    }
    fn recovery(&self) -> Recovery {
        Recovery::Report
    }
    async fn call(&self, _input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        *self.0.lock().unwrap() += 1;
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_command_that_was_cut_short_is_reported_and_not_run_again() {
    let (dir, ran) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(0)));
    let open = |fake: Arc<Fake>| {
        let (mut engine, run) = begin(dir.path(), fake);
        engine.tools.push(Arc::new(Endless(Arc::clone(&ran))));
        (engine, run)
    };
    {
        let (engine, mut run) = open(Fake::new(vec![plan(), Ok(calls(1, &[("run", json!({}))]))]));
        // Dropping the future is a crash.
        tokio::time::timeout(Duration::from_millis(300), drive(&engine, &mut run)).await.unwrap_err();
    }
    let fake = Fake::new(vec![]);
    let (engine, mut run) = open(Arc::clone(&fake));
    run.limits.iterations_max = 1;
    drive(&engine, &mut run).await.unwrap();
    assert_eq!(*ran.lock().unwrap(), 1);
    let asked = fake.asked.lock().unwrap();
    let Some(Message::Tool { ok: false, output, .. }) = asked[0].messages.last() else { panic!("{asked:?}") };
    assert!(output.contains("not done again"), "{output}");
}

/// An agent: each turn appends to a file by itself; the second one is killed.
struct Agent {
    file: std::path::PathBuf,
    turns: Mutex<u32>,
    dies_at: u32,
}

#[async_trait]
impl Provider for Agent {
    fn name(&self) -> &str {
        "agent"
    }
    fn acts(&self) -> bool {
        true
    }
    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        if request.phase == "reason" {
            return plan();
        }
        let turn = {
            let mut turns = self.turns.lock().unwrap();
            *turns += 1;
            *turns
        };
        let before = std::fs::read_to_string(&self.file).unwrap_or_default();
        std::fs::write(&self.file, format!("{before}line\n")).unwrap();
        if turn == self.dies_at {
            std::future::pending::<()>().await;
        }
        let taken = request.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
        Ok(match taken {
            0 => calls(1, &[("migrate", json!({"name": "first"}))]),
            1 => calls(2, &[("migrate", json!({"name": "second"}))]),
            _ => calls(3, &[("finish", json!({"summary": "done"}))]),
        })
    }
}

#[tokio::test]
async fn an_agents_turn_that_was_cut_short_is_undone_and_the_turns_before_it_stay() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let file = dir.path().join("agent.txt");
    let open = |dies_at| {
        let agent = Agent { file: file.clone(), turns: Mutex::new(0), dies_at };
        let engine = engine(dir.path(), &world, NAMES, Arc::new(agent));
        let run = match engine.ledger.reader().runs().unwrap().is_empty() {
            true => start_acting(&engine),
            false => load(&engine).unwrap(),
        };
        (engine, run)
    };
    {
        let (engine, mut run) = open(2);
        tokio::time::timeout(Duration::from_millis(500), drive(&engine, &mut run)).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "line\nline\n", "the second turn had begun");
    }
    let (engine, mut run) = open(0);
    let turns = run.spent.turns;
    assert_eq!(turns, 2, "one to plan, one that acted");
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "line\nline\nline\n", "no line twice");
    assert_eq!(*world.applied.lock().unwrap(), NAMES, "the answer that was recorded was not asked for again");
    assert_eq!(run.spent.turns, turns + 2);
}

fn start_acting(engine: &Engine) -> Run {
    let mut run = Run::new(RunId::parse("r1").unwrap());
    let started = RunStarted {
        version: VERSION,
        document: engine.ledger.put(b"# A document").unwrap(),
        document_name: "prd.md".into(),
        requirements: engine.ledger.put(b"{}").unwrap(),
        backend: true,
        provider: Some("agent".into()),
        acts: true,
        backend_first: false,
        gates: vec!["applied".into()],
        checklist: Vec::new(),
        limits: Limits::default(),
    };
    engine.record(&mut run, Event::RunStarted(started)).unwrap();
    run
}

#[tokio::test]
async fn notes_stay_in_every_later_prompt_and_long_answers_can_be_read_on() {
    struct Long;
    #[async_trait]
    impl Tool for Long {
        fn spec(&self) -> ToolSpec {
            ToolSpec { name: "long".into(), description: String::new(), input_schema: json!({}) }
        }
        fn reads_only(&self) -> bool {
            true
        }
        fn recovery(&self) -> Recovery {
            Recovery::Repeat
        }
        async fn call(&self, _input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
            let output = format!("{}NEEDLE{}", "a".repeat(100_000), "b".repeat(100_000));
            Ok(Answer::Done { summary: "long".into(), output })
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let note = json!({"kind": "decision", "text": "cents, not floats"});
    let fake = Fake::new(vec![
        plan(),
        Ok(calls(1, &[("long", json!({})), ("note", note)])),
        Ok(calls(2, &[("read_output", json!({"call": "c1-0", "offset": 100_000}))])),
    ]);
    let (mut engine, mut run) = begin(dir.path(), Arc::clone(&fake));
    engine.tools.push(Arc::new(Long));
    run.limits.iterations_max = 2;
    drive(&engine, &mut run).await.unwrap();
    let asked = fake.asked.lock().unwrap();
    let output = |request: &Request, id: &str| {
        request.messages.iter().find_map(|message| match message {
            Message::Tool { id: of, output, .. } if of == id => Some(output.clone()),
            _ => None,
        })
    };
    let shown = output(&asked[2], "c1-0").unwrap();
    assert!(!shown.contains("NEEDLE") && shown.contains("`read_output` of c1-0"), "{}", shown.len());
    assert!(output(&asked[3], "c2-0").unwrap().starts_with("NEEDLE"));
    let later = asked.iter().skip(4);
    assert!(later.clone().count() > 0);
    for request in later {
        assert!(request.system.contains("<decisions>\n- cents, not floats"), "{}", request.system);
    }
    assert!(run.notes.len() == 1);
}

#[test]
fn an_outcome_that_cost_nothing_is_not_flushed_and_one_that_did_is() {
    let failed = |usage| Event::EffectEnded {
        effect: 1,
        outcome: Outcome::Failed {
            code: "c".into(),
            message: "m".into(),
            transient: true,
            retry_at_ms: None,
            usage,
        },
    };
    assert!(!failed(None).must_reach_disk());
    assert!(failed(Some(loki_ledger::event::Usage::FREE)).must_reach_disk());
}
