//! Whether a run still gets anywhere. Pure.
//!
//! Judged by outcomes, never by words: an iteration after which the same things fail, in the same files,
//! under the same plan, brought nothing. So did a tool that fails again and again, whatever it is given.
//! Waiting is no failure: it makes neither an iteration nor a failed call.

use loki_ledger::run::Run;

/// Iterations one after the other that came to the same, for each rung.
const SAME_HINT: usize = 2;
const SAME_REPLAN: usize = 3;
const SAME_STOP: usize = 4;
/// Calls of one tool that failed one after the other, for each rung.
const STREAK_HINT: u32 = 5;
const STREAK_REPLAN: u32 = 10;

/// How far up the ladder a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// It gets somewhere.
    None,
    /// Tell the provider what keeps failing.
    Hint,
    /// Have it plan anew, without the plan that does not work.
    Replan,
    /// Hand over to a person.
    Stop,
}

/// How far up the ladder the iterations are.
pub fn rung(run: &Run) -> Rung {
    let Some(last) = run.marks.last() else { return Rung::None };
    let same = run.marks.iter().rev().take_while(|mark| mark.same_as(last)).count();
    match same {
        SAME_STOP.. => Rung::Stop,
        SAME_REPLAN => Rung::Replan,
        SAME_HINT => Rung::Hint,
        _ => Rung::None,
    }
}

/// How far up the ladder the calls of this iteration are.
pub fn streak(run: &Run) -> Rung {
    match run.streaks.values().max() {
        Some(STREAK_REPLAN..) => Rung::Replan,
        Some(STREAK_HINT..) => Rung::Hint,
        Some(_) | None => Rung::None,
    }
}
