//! What a run may use up. Pure.

use loki_ledger::event::Stop;
use loki_ledger::run::Run;

/// What is left of the money, in millionths of a US dollar; `None`: no budget is set.
pub fn left(run: &Run) -> Option<u64> {
    run.limits.budget_micro_usd_max.map(|max| max.saturating_sub(run.spent.micro_usd))
}

/// Whether so much of the budget is used up that people should know: 80 %.
pub fn is_low(run: &Run) -> bool {
    let spent = u128::from(run.spent.micro_usd);
    run.limits.budget_micro_usd_max.is_some_and(|max| spent > 0 && spent * 10 >= u128::from(max) * 8)
}

/// The limit that the run has reached, if it has reached one. A turn whose cost is not known counts as
/// the whole budget where there is one: an account with a hole cannot hold a limit.
pub fn reached(run: &Run) -> Option<Stop> {
    let (limits, spent) = (&run.limits, &run.spent);
    if spent.active_ms >= limits.duration_seconds_max.saturating_mul(1000) {
        return Some(Stop::TimeSpent);
    }
    if spent.output_bytes >= limits.output_bytes_max {
        return Some(Stop::OutputSpent);
    }
    match limits.budget_micro_usd_max {
        Some(max) if spent.micro_usd >= max && spent.micro_usd > 0 => Some(Stop::BudgetSpent),
        Some(_) if spent.turns_unknown > 0 => Some(Stop::BudgetSpent),
        Some(_) | None => None,
    }
}
