//! The budget: reserved before a call, settled after it, never exceeded, and kept across deaths.

use loki_provider::{Quote, Tokens};

use super::models::calls;
use super::*;

/// What one turn of [`Paid`] uses, and the most that it may cost.
const TOKENS: Tokens = Tokens { input: 11, output: 7, cache_read: 5, cache_write: 3 };
const PRICE: u64 = 6;
const MOST: u64 = 10;

/// A model with a price, that plans, applies what it must and finishes. It counts what it was asked for.
struct Paid {
    quote: Cost,
    asked: Mutex<u32>,
}

impl Paid {
    fn new() -> Arc<Self> {
        Arc::new(Self { quote: Cost::Measured { micro_usd: MOST }, asked: Mutex::new(0) })
    }
}

#[async_trait]
impl Provider for Paid {
    fn name(&self) -> &str {
        "paid"
    }
    fn quote(&self, _request: &Request) -> Quote {
        Quote { tokens: TOKENS, cost: self.quote }
    }
    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        *self.asked.lock().unwrap() += 1;
        let taken = request.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
        let turn = match (request.phase.as_str(), taken) {
            ("reason", _) => calls(taken, &[("plan", json!({"items": ["one"]}))]),
            (_, n) if n < NAMES.len() => calls(taken, &[("migrate", json!({"name": NAMES[n]}))]),
            (_, _) => calls(taken, &[("finish", json!({"summary": "done"}))]),
        };
        let cost = Cost::Measured { micro_usd: PRICE };
        Ok(Turn { tokens: TOKENS, cost, model: "paid:m".into(), ..turn })
    }
}

fn within(engine: &Engine, micro_usd: u64) -> Run {
    let mut run = load(engine).unwrap();
    run.limits.budget_micro_usd_max = Some(micro_usd);
    run
}

#[tokio::test]
async fn a_call_that_might_not_be_covered_is_not_made() {
    for budget in 0..40 {
        let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
        let paid = Paid::new();
        let engine = engine(dir.path(), &world, NAMES, Arc::clone(&paid) as Arc<dyn Provider>);
        let mut run = within(&engine, budget);
        let stop = drive(&engine, &mut run).await.unwrap();
        // Each call costs 6 of the 10 that are reserved for it; four are needed.
        let covered = if budget < MOST { 0 } else { (budget - MOST) / PRICE + 1 };
        assert_eq!(u64::from(*paid.asked.lock().unwrap()), covered.min(4), "budget {budget}");
        assert_eq!(stop == Stop::Verified, covered >= 4, "budget {budget}: {stop:?}");
        assert!(stop == Stop::Verified || stop == Stop::BudgetSpent);
        assert!(run.spent.micro_usd <= budget);
    }
}

#[tokio::test]
async fn a_wider_budget_lets_the_run_go_on_where_it_was() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let paid = Paid::new();
    let engine = engine(dir.path(), &world, NAMES, Arc::clone(&paid) as Arc<dyn Provider>);
    let mut run = within(&engine, 17);
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::BudgetSpent);
    let wider = Limits { budget_micro_usd_max: Some(100), ..run.limits.clone() };
    assert!(reopen(&engine, &mut run, Some(wider)).unwrap());
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!((*paid.asked.lock().unwrap(), run.spent.micro_usd), (4, 4 * PRICE));
}

#[tokio::test]
async fn what_nobody_can_price_is_not_bought_under_a_budget() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let paid = Arc::new(Paid { quote: Cost::Unknown, asked: Mutex::new(0) });
    let engine = engine(dir.path(), &world, NAMES, Arc::clone(&paid) as Arc<dyn Provider>);
    let mut run = within(&engine, 1_000_000);
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::BudgetSpent);
    assert_eq!(*paid.asked.lock().unwrap(), 0);
}

/// Dies at every write in turn, five times over in one run, and adds up: tokens of every answer that was
/// recorded, and the reservation of every call whose answer was lost.
#[tokio::test]
async fn the_account_is_kept_to_the_token_however_often_a_run_is_killed() {
    for first in (3..60).step_by(4) {
        let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
        let (mut asked, mut killed) = (0, 0);
        let run = loop {
            let paid = Paid::new();
            let engine = engine(dir.path(), &world, NAMES, Arc::clone(&paid) as Arc<dyn Provider>);
            if killed < 5 {
                engine.ledger.crash_after(first + killed);
            }
            let ended = match load(&engine) {
                Ok(mut run) => drive(&engine, &mut run).await.map(|_stop| run).ok(),
                Err(_) => None,
            };
            asked += u64::from(*paid.asked.lock().unwrap());
            match ended {
                Some(run) => break run,
                None => killed += 1,
            }
        };
        let turns = u64::from(run.spent.turns);
        let spent = &run.spent;
        let told = (spent.input, spent.output, spent.cache_read, spent.cache_write);
        assert_eq!(told, (11 * turns, 7 * turns, 5 * turns, 3 * turns), "from write {first}");
        let lost = spent.micro_usd_lost / MOST;
        assert_eq!(spent.micro_usd, PRICE * turns + MOST * lost, "from write {first}");
        assert!(lost >= asked - turns, "every answer that was lost is counted: {lost} of {}", asked - turns);
        assert_eq!(turns, 4, "no answer that was recorded was asked for again");
        assert_eq!(spent.models["paid:m"].turns, 4);
        assert_eq!(spent.estimated, lost > 0);
    }
}
