//! What a run may use up. Pure.

use loki_ledger::event::Stop;
use loki_ledger::run::Run;

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
