use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::breaker::{FAILURES_MAX, HOLD_MS_DEFAULT, OPEN_MS};
use crate::{Raw, Refusal, Scripted};

/// What a model does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Answers,
    Breaks,
    BreaksAfter(Cost),
    Limits(Option<u64>),
    Refuses(Refusal),
}
use Does::{Answers, Breaks, BreaksAfter, Limits, Refuses};

const USED: Tokens = Tokens { input: 100, output: 10, cache_read: 1, cache_write: 2 };

fn outcome(name: &str, does: Does) -> Result<Turn, ProviderError> {
    let transient = |retry_after_ms, rate_limited, spent| {
        Err(ProviderError::Transient { message: "no".into(), retry_after_ms, rate_limited, spent })
    };
    match does {
        Answers => {
            let raw = Raw { from: format!("wire:{name}"), content: "thoughts".into() };
            Ok(Turn { tokens: USED, raw: Some(raw), ..Turn::free(name, vec![]) })
        }
        Breaks => transient(None, false, None),
        BreaksAfter(cost) => transient(None, false, Some((USED, cost))),
        Limits(wait) => transient(wait, true, None),
        Refuses(refusal) => Err(ProviderError::permanent(refusal, name)),
    }
}

/// What a model does next; nothing left: it answers.
struct Plan {
    model: String,
    next: VecDeque<Does>,
}

/// What models do, who was asked, and the time.
#[derive(Default, Clone)]
struct World {
    plans: Arc<Mutex<Vec<Plan>>>,
    asked: Arc<Mutex<Vec<String>>>,
    now: Arc<AtomicI64>,
}

impl World {
    fn model(&self, name: &str) -> Arc<dyn Provider> {
        let (world, name) = (self.clone(), name.to_owned());
        let called = name.clone();
        let script = move |_request: &Request| {
            world.asked.lock().unwrap().push(name.clone());
            let mut plans = world.plans.lock().unwrap();
            let plan = plans.iter_mut().find(|plan| plan.model == name);
            outcome(&name, plan.and_then(|plan| plan.next.pop_front()).unwrap_or(Answers))
        };
        Arc::new(Scripted::new(&called, Box::new(script)))
    }

    fn models(&self, names: &str) -> Vec<Arc<dyn Provider>> {
        names.split_whitespace().map(|name| self.model(name)).collect()
    }

    /// A router over names in the three tiers.
    fn router(&self, planning: &str, development: &str, fast: &str) -> Router {
        let tiers = Tiers {
            planning: self.models(planning),
            development: self.models(development),
            fast: self.models(fast),
        };
        Router::new(tiers, self.clock()).unwrap()
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || now.load(Ordering::SeqCst))
    }

    fn plan(&self, name: &str, does: &[Does]) {
        self.plans
            .lock()
            .unwrap()
            .push(Plan { model: name.to_owned(), next: does.iter().copied().collect() });
    }

    /// Who was asked since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn later(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }
}

fn request(phase: &str) -> Request {
    Request {
        phase: phase.into(),
        iteration: 1,
        system: String::new(),
        messages: vec![Message::User { text: "go".into() }],
        tools: Vec::new(),
        allowance_micro_usd: None,
    }
}

/// A conversation whose latest answer bears `from`.
fn conversation(phase: &str, from: Option<&str>) -> Request {
    let mut request = request(phase);
    let raw = from.map(|from| Raw { from: from.into(), content: "thoughts".into() });
    request.messages.push(Message::Assistant { text: "yes".into(), calls: vec![], raw });
    request.messages.push(Message::User { text: "on".into() });
    request
}

async fn answer(router: &Router, request: &Request) -> String {
    router.turn(request).await.unwrap().text
}

async fn refused(router: &Router, phase: &str) -> (Option<u64>, bool) {
    match router.turn(&request(phase)).await.unwrap_err() {
        ProviderError::Transient { retry_after_ms, rate_limited, .. } => (retry_after_ms, rate_limited),
        permanent @ ProviderError::Permanent { .. } => panic!("{permanent}"),
    }
}

#[tokio::test]
async fn the_phase_chooses_the_tier() {
    let world = World::default();
    let router = world.router("p", "d", "f");
    let cases =
        [("reason", "p"), ("review", "p"), ("plan", "p"), ("act", "d"), ("reflect", "f"), ("title", "f")];
    for (phase, model) in cases {
        let turn = router.turn(&request(phase)).await.unwrap();
        assert_eq!((turn.text.as_str(), turn.model.as_str()), (model, model), "{phase}");
    }
    assert_eq!((router.name(), router.acts(), router.deterministic()), ("d", false, false));
    let router = world.router("", "", "f");
    assert_eq!((router.name(), answer(&router, &request("plan")).await), ("f", "f".to_owned()));
}

#[tokio::test]
async fn asks_each_once_down_the_tiers_and_never_up() {
    let world = World::default();
    for name in ["p1", "p2", "d1", "d2", "f1"] {
        world.plan(name, &[Breaks; 3]);
    }
    let router = world.router("p1 p2 d1", "d1 d2", "p2 f1");
    assert_eq!(refused(&router, "reason").await, (None, false));
    assert_eq!(world.asked(), ["p1", "p2", "d1", "d2", "f1"]);
    assert_eq!(refused(&router, "act").await, (None, false));
    assert_eq!(world.asked(), ["d1", "d2", "p2", "f1"]);
    assert_eq!(refused(&router, "reflect").await, (None, false));
    assert_eq!(world.asked(), ["p2", "f1"]);
}

#[tokio::test]
async fn a_refusal_that_will_not_pass_ends_the_turn_at_once() {
    for refusal in [Refusal::Key, Refusal::Model, Refusal::Quota, Refusal::Request, Refusal::Other] {
        let world = World::default();
        world.plan("d1", &[Breaks]);
        world.plan("d2", &[Refuses(refusal)]);
        let router = world.router("", "d1 d2 d3", "f");
        let error = router.turn(&request("act")).await.unwrap_err();
        let ProviderError::Permanent { refusal: of, message, .. } = error else { panic!("{error}") };
        assert_eq!((of, message.as_str()), (refusal, "d2"));
        assert_eq!(world.asked(), ["d1", "d2"]);
    }
}

#[tokio::test]
async fn what_broken_attempts_used_is_in_the_answer() {
    let measured = |micro_usd| Cost::Measured { micro_usd };
    let estimated = |micro_usd| Cost::Estimated { micro_usd };
    let cases = [
        (vec![], measured(0), 1),
        (vec![Breaks], measured(0), 1),
        (vec![BreaksAfter(measured(5))], measured(5), 2),
        (vec![BreaksAfter(measured(5)), Breaks, BreaksAfter(estimated(7))], estimated(12), 3),
        (vec![BreaksAfter(Cost::Unknown), BreaksAfter(measured(5))], Cost::Unknown, 3),
    ];
    for (breaks, cost, times) in cases {
        let world = World::default();
        for (name, does) in ["d1", "d2", "d3"].iter().zip(&breaks) {
            world.plan(name, &[*does]);
        }
        let router = world.router("", "d1 d2 d3", "f");
        let turn = router.turn(&request("act")).await.unwrap();
        assert_eq!(
            (turn.cost, turn.tokens.input, turn.tokens.cache_write),
            (cost, 100 * times, 2 * times),
            "{breaks:?}"
        );
    }
}

#[tokio::test]
async fn what_was_used_is_in_the_error_too() {
    let world = World::default();
    world.plan("d1", &[BreaksAfter(Cost::Measured { micro_usd: 5 })]);
    world.plan("f", &[BreaksAfter(Cost::Measured { micro_usd: 6 })]);
    let error = world.router("", "d1", "f").turn(&request("act")).await.unwrap_err();
    let ProviderError::Transient { spent: Some((tokens, cost)), message, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((tokens.output, cost), (20, Cost::Measured { micro_usd: 11 }));
    assert_eq!(message, "d1: no; f: no");
}

#[tokio::test]
async fn says_when_the_first_of_them_may_be_asked_again() {
    let world = World::default();
    world.plan("d1", &[Limits(Some(60_000))]);
    world.plan("f", &[Limits(Some(20_000))]);
    let router = world.router("", "d1", "f");
    assert_eq!(refused(&router, "act").await, (Some(20_000), true));
    world.later(5_000);
    assert_eq!(refused(&router, "act").await, (Some(15_000), true));
    assert_eq!(world.asked(), ["d1", "f"], "who is held back is not asked");
    world.later(15_000);
    assert_eq!(answer(&router, &request("act")).await, "f");
    world.later(40_000);
    assert_eq!(answer(&router, &request("act")).await, "d1");

    let world = World::default();
    world.plan("d1", &[Limits(None)]);
    world.plan("f", &[Breaks; 5]);
    let router = world.router("", "d1", "f");
    assert_eq!(refused(&router, "act").await, (None, false), "f may be asked again");
    for _ in 1..FAILURES_MAX {
        assert!(!refused(&router, "reflect").await.1);
    }
    assert_eq!(refused(&router, "reflect").await, (Some(OPEN_MS), false));
    assert_eq!(
        refused(&router, "act").await,
        (Some(HOLD_MS_DEFAULT), false),
        "one is limited, the other broken"
    );
}

#[tokio::test]
async fn a_model_that_keeps_failing_is_left_alone_in_every_tier() {
    let world = World::default();
    world.plan("m", &[Breaks; 5]);
    let router = world.router("m p", "m d", "f");
    for phase in ["reason", "act", "reason", "act", "reason"] {
        answer(&router, &request(phase)).await;
    }
    assert_eq!(world.asked().iter().filter(|name| *name == "m").count(), 5);
    assert_eq!(answer(&router, &request("act")).await, "d");
    assert_eq!(world.asked(), ["d"]);
    world.later(30_000);
    assert_eq!(answer(&router, &request("act")).await, "m", "the probe");
    assert_eq!(answer(&router, &request("reason")).await, "m");
}

#[tokio::test]
async fn a_conversation_stays_with_the_model_that_answered_it() {
    let world = World::default();
    world.plan("d1", &[Limits(Some(1_000))]);
    world.plan("d2", &[Answers, Answers, Limits(Some(5_000))]);
    let router = world.router("p", "d1 d2", "f");
    assert_eq!(answer(&router, &request("act")).await, "d2");
    world.later(1_000);
    let going_on = conversation("act", Some("wire:d2"));
    assert_eq!(answer(&router, &going_on).await, "d2", "though the first is free again");
    world.asked();
    assert_eq!(answer(&router, &going_on).await, "d1", "for the second is not");
    assert_eq!(world.asked(), ["d2", "d1"]);

    let router = world.router("p", "d1 d2", "f");
    let cases = [
        ("act", Some("d2"), "d2"), // its name is enough after a restart
        ("act", Some("f"), "f"),
        ("act", Some("p"), "d1"), // never up
        ("act", Some("nobody"), "d1"),
        ("act", None, "d1"),
        ("reflect", Some("d2"), "f"),
    ];
    for (phase, from, model) in cases {
        assert_eq!(answer(&router, &conversation(phase, from)).await, model, "{phase} {from:?}");
    }
}

/// A model with a price, or an agent, that answers, breaks off or hangs.
struct Priced {
    name: &'static str,
    quote: Cost,
    acts: bool,
    breaks_after: Option<Cost>,
    hangs: bool,
    allowed: Mutex<Vec<Option<u64>>>,
}

impl Priced {
    fn new(name: &'static str, quote: Cost) -> Self {
        Self { name, quote, acts: false, breaks_after: None, hangs: false, allowed: Mutex::default() }
    }
}

#[async_trait]
impl Provider for Priced {
    fn name(&self) -> &str {
        self.name
    }

    fn deterministic(&self) -> bool {
        self.quote == Cost::Measured { micro_usd: 0 }
    }

    fn acts(&self) -> bool {
        self.acts
    }

    fn quote(&self, _request: &Request) -> Quote {
        Quote { tokens: USED, cost: self.quote }
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        self.allowed.lock().unwrap().push(request.allowance_micro_usd);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        outcome(self.name, self.breaks_after.map_or(Answers, BreaksAfter))
    }
}

fn of_tiers(planning: Vec<Arc<Priced>>, development: Vec<Arc<Priced>>, fast: Vec<Arc<Priced>>) -> Tiers {
    let each =
        |models: Vec<Arc<Priced>>| models.into_iter().map(|model| model as Arc<dyn Provider>).collect();
    Tiers { planning: each(planning), development: each(development), fast: each(fast) }
}

fn estimated(micro_usd: u64) -> Cost {
    Cost::Estimated { micro_usd }
}

#[test]
fn quotes_the_dearest_that_may_answer() {
    let model = |name, cost| vec![Arc::new(Priced::new(name, cost))];
    let quote = |tiers: Tiers, phase: &str| {
        Router::new(tiers, World::default().clock()).unwrap().quote(&request(phase)).cost
    };
    let tiers = of_tiers(model("p", estimated(9)), model("d", estimated(2)), model("f", estimated(3)));
    assert_eq!(quote(tiers.clone(), "reason"), estimated(9));
    assert_eq!(quote(tiers.clone(), "act"), estimated(3), "the planning model cannot answer");
    assert_eq!(quote(tiers, "reflect"), estimated(3));
    let tiers = of_tiers(model("p", Cost::Unknown), model("d", estimated(2)), model("f", estimated(3)));
    assert_eq!(quote(tiers.clone(), "reason"), Cost::Unknown);
    assert_eq!(quote(tiers, "act"), estimated(3));
    let tiers = of_tiers(vec![], vec![], model("f", Cost::Measured { micro_usd: 0 }));
    assert_eq!(quote(tiers.clone(), "act"), Cost::Measured { micro_usd: 0 });
    assert!(Router::new(tiers, World::default().clock()).unwrap().deterministic());
}

#[tokio::test]
async fn a_request_with_an_allowance_is_passed_on_with_what_is_left_of_it() {
    let cases = [
        (Some(100), estimated(30), estimated(70), Some(Some(70))),
        (Some(100), estimated(30), Cost::Unknown, Some(Some(70))),
        (Some(100), estimated(30), estimated(71), None),
        (Some(100), estimated(100), estimated(0), None),
        (Some(100), Cost::Unknown, estimated(1), None),
        (None, estimated(30), estimated(99), Some(None)),
        (None, Cost::Unknown, estimated(99), Some(None)),
    ];
    for (allowance, spent, quote, passed_on) in cases {
        let first = Priced { breaks_after: Some(spent), ..Priced::new("d1", estimated(50)) };
        let (first, second) = (Arc::new(first), Arc::new(Priced::new("d2", quote)));
        let tiers = of_tiers(vec![], vec![], vec![first, Arc::clone(&second)]);
        let router = Router::new(tiers, World::default().clock()).unwrap();
        let turn = router.turn(&Request { allowance_micro_usd: allowance, ..request("act") }).await;
        let allowed = second.allowed.lock().unwrap().first().copied();
        assert_eq!(
            (allowed, turn.is_ok()),
            (passed_on, passed_on.is_some()),
            "{allowance:?} {spent:?} {quote:?}"
        );
    }
}

#[test]
fn a_turn_that_is_dropped_frees_the_probes_place() {
    let world = World::default();
    let model = Arc::new(Priced { hangs: true, ..Priced::new("f", Cost::Unknown) });
    let router = Router::new(of_tiers(vec![], vec![], vec![Arc::clone(&model)]), world.clock()).unwrap();
    let breaker = &router.models[0].breaker;
    for _ in 0..FAILURES_MAX {
        breaker.admit(0).unwrap().failed(0, None);
    }
    world.later(30_000);
    let request = request("act");
    let (mut probe, mut other) = (router.turn(&request), router.turn(&request));
    let mut context = Context::from_waker(Waker::noop());
    assert!(probe.as_mut().poll(&mut context).is_pending());
    assert!(matches!(other.as_mut().poll(&mut context), Poll::Ready(Err(_))), "one probe at a time");
    drop(probe);
    assert!(router.turn(&request).as_mut().poll(&mut context).is_pending(), "the next one may try");
    assert_eq!(model.allowed.lock().unwrap().len(), 2);
}

#[test]
fn refuses_what_cannot_stand_in_for_each_other() {
    let build = |tiers| Router::new(tiers, World::default().clock()).map(|_| ());
    let model = |name| Arc::new(Priced::new(name, Cost::Unknown));
    let agent = || Arc::new(Priced { acts: true, ..Priced::new("agent", Cost::Unknown) });
    assert_eq!(build(of_tiers(vec![model("p")], vec![model("d")], vec![])), Err(RouterError::Empty));
    assert_eq!(build(of_tiers(vec![], vec![agent()], vec![agent()])), Ok(()));
    let mixed = RouterError::Mixed { agent: "agent".into(), model: "f".into() };
    assert_eq!(build(of_tiers(vec![], vec![agent()], vec![model("f")])), Err(mixed));
    let many = vec![model("m"); MODELS_MAX + 1];
    let refused = RouterError::TooMany { tier: Tier::Development };
    assert_eq!(build(of_tiers(vec![], many, vec![model("f")])), Err(refused));
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => Just(Answers),
        3 => Just(Breaks),
        1 => Just(BreaksAfter(Cost::Measured { micro_usd: 1 })),
        2 => proptest::option::of(0_u64..40_000).prop_map(Limits),
        1 => Just(Refuses(Refusal::Key)),
    ]
}

/// Which models stand in which tier, what each of them does in turn, and the turns: a phase, milliseconds before
/// it, and whose answer the conversation goes on from.
type Story = ([Vec<u8>; 3], Vec<Vec<Does>>, Vec<(usize, i64, Option<u8>)>);

fn story() -> impl Strategy<Value = Story> {
    let tier = |least| proptest::collection::vec(0_u8..6, least..4);
    let plans = proptest::collection::vec(proptest::collection::vec(does(), 0..20), 6);
    let turns = proptest::collection::vec((0_usize..3, 0_i64..20_000, proptest::option::of(0_u8..6)), 1..20);
    ((tier(0), tier(0), tier(1)).prop_map(|(p, d, f)| [p, d, f]), plans, turns)
}

proptest! {
    /// Whatever the models do and however time passes: no turn asks a model that stands only above its tier, none
    /// is asked twice in a turn, nobody is asked after an answer or a refusal, and no money is lost.
    #[test]
    fn never_upgrades_and_asks_each_at_most_once((tiers, plans, turns) in story()) {
        let world = World::default();
        for (model, plan) in plans.iter().enumerate() {
            world.plan(&format!("m{model}"), plan);
        }
        let names: Vec<Vec<String>> =
            tiers.iter().map(|tier| tier.iter().map(|model| format!("m{model}")).collect()).collect();
        let router = world.router(&names[0].join(" "), &names[1].join(" "), &names[2].join(" "));
        let mut asked_before = [0_usize; 6];
        for (tier, ms, from) in turns {
            world.later(ms);
            let from = from.map(|model| format!("wire:m{model}"));
            let request = conversation(["reason", "act", "reflect"][tier], from.as_deref());
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(result) = router.turn(&request).as_mut().poll(&mut context) else {
                panic!("scripted models answer at once")
            };
            let answered = !matches!(result, Err(ProviderError::Transient { .. }));
            let asked = world.asked();
            let mut broke = 0;
            for (place, name) in asked.iter().enumerate() {
                prop_assert!(names[tier..].iter().flatten().any(|below| below == name), "{name} stands above");
                prop_assert!(!asked[..place].contains(name), "{name} was asked twice");
                let model: usize = name[1..].parse().unwrap();
                let did = plans[model].get(asked_before[model]).copied().unwrap_or(Answers);
                asked_before[model] += 1;
                let ends = matches!(did, Answers | Refuses(_));
                prop_assert_eq!(ends, answered && place + 1 == asked.len());
                broke += u64::from(matches!(did, BreaksAfter(_)));
            }
            let spent = match result {
                Ok(turn) => Some(turn.cost),
                Err(ProviderError::Transient { spent, .. }) => {
                    Some(spent.map_or(Cost::Measured { micro_usd: 0 }, |spent| spent.1))
                }
                Err(ProviderError::Permanent { .. }) => None,
            };
            let kept = spent.is_none_or(|spent| spent == Cost::Measured { micro_usd: broke });
            prop_assert!(kept, "{spent:?} of {broke}");
        }
    }
}
