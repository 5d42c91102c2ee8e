//! A run in a few words: what it is doing, and once it has stopped: why, on what evidence, and what to do next.

use loki_ledger::event::{EffectKind, Stop};
use loki_ledger::run::Run;

/// The story of a run that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// How it ended, in a few words.
    pub title: &'static str,
    /// Why, in a sentence.
    pub why: String,
    /// What is still missing.
    pub gaps: Vec<String>,
    /// What to do next, most useful first.
    pub next: Vec<String>,
}

impl Story {
    /// The story of how `run` stopped.
    pub fn of(run: &Run, stop: &Stop) -> Self {
        let gaps: Vec<String> = run.gates.iter().flat_map(|gate| gate.gaps.iter().cloned()).collect();
        let (title, why, next) = told(run, stop, gaps.len());
        Self { title, why, gaps, next: next.into_iter().map(str::to_owned).collect() }.with_approval(stop)
    }

    /// What is waited for is named in the command that ends the wait.
    fn with_approval(mut self, stop: &Stop) -> Self {
        if let Stop::NeedsPerson { subject } = stop {
            let short = subject.get(..12).unwrap_or(subject);
            self.next.insert(0, format!("loki approve {short} --reason \"…\"   (or `loki reject {short}`)"));
        }
        self
    }
}

/// An effect in a few words.
pub fn describe(kind: &EffectKind) -> String {
    match kind {
        EffectKind::Snapshot => "keeping the work tree".to_owned(),
        EffectKind::Turn { .. } => "asking the provider".to_owned(),
        EffectKind::Tool { call, .. } => format!("{} ({})", call.tool, call.id),
        EffectKind::Council { .. } => "the council reviews".to_owned(),
        EffectKind::Approve { .. } => "storing the approval".to_owned(),
        EffectKind::Refuse { call, .. } => format!("refusing {}", call.id),
        EffectKind::Compare => "comparing the work tree".to_owned(),
        EffectKind::Gate { gate } => format!("gate {gate}"),
        EffectKind::Receipt { .. } => "writing the receipt".to_owned(),
    }
}

/// A time for people, in UTC.
fn time(ms: i64) -> String {
    loki_store::Timestamp::from_millisecond(ms).map_or_else(|_| "then".to_owned(), |time| time.to_string())
}

fn told(run: &Run, stop: &Stop, gaps: usize) -> (&'static str, String, Vec<&'static str>) {
    let limits = &run.limits;
    let mut receipt = vec!["loki receipt", "loki verify --receipt"];
    if run.started.as_ref().is_some_and(|started| started.backend) {
        receipt.insert(0, "loki forge serve");
    }
    match stop {
        Stop::Verified => ("Verified", "every gate passed and nothing is missing.".to_owned(), receipt),
        Stop::VerifiedWithGaps => {
            let missing = if gaps == 1 { "1 thing is".to_owned() } else { format!("{gaps} things are") };
            ("Verified with gaps", format!("every gate passed; {missing} still missing."), receipt)
        }
        Stop::GateFailed { gate } => {
            let claim = run.claim.as_ref().map(|claim| format!(" The provider says: {}", claim.summary));
            let why = format!("the gate `{gate}` did not pass.{}", claim.unwrap_or_default());
            ("A gate failed", why, vec!["loki why", "mend the document, then `loki start` again"])
        }
        Stop::NeedsPerson { .. } => {
            let reason = run.reviews.values().rev().find_map(|review| review.needs_person.clone());
            let why = reason.unwrap_or_else(|| "a person must decide.".to_owned());
            ("Waiting for a person", why, vec!["then `loki resume`"])
        }
        Stop::NeedsModel => (
            "Stopped",
            "the document asks for no backend, and no model is configured that could write the application."
                .to_owned(),
            vec![
                "`loki forge-detect` on the document shows what was found in it",
                "`loki config set --user provider.name anthropic` (or another), then `loki start` again",
            ],
        ),
        Stop::ProviderFailed { message } => (
            "Stopped",
            format!("the provider failed for good: {message}"),
            vec!["loki doctor", "loki resume"],
        ),
        Stop::Stuck => (
            "Stuck",
            "several iterations failed alike and changed nothing; `handover.md` beside the receipt says where it stands."
                .to_owned(),
            vec!["loki why", "`loki steer \"…\"`, then `loki start` again"],
        ),
        Stop::EmptyTurn => (
            "Stopped",
            "the model said nothing, and nothing again when it was asked once more.".to_owned(),
            vec!["loki resume", "loki config set --user model.development MODEL"],
        ),
        Stop::Refused => (
            "Stopped",
            "the model refused to answer, and again when it was asked once more.".to_owned(),
            vec!["loki why", "mend the document, then `loki start` again"],
        ),
        Stop::RateLimited { until_ms } => (
            "Stopped",
            format!("the provider may not be asked before {}.", time(*until_ms)),
            vec!["`loki resume` after that", "loki config set --user run.wait_seconds_max N"],
        ),
        Stop::Requested => ("Stopped", "somebody asked it to.".to_owned(), vec!["loki resume"]),
        Stop::IterationsSpent => (
            "Stopped",
            format!("all {} iterations are used up.", limits.iterations_max),
            vec!["loki why", "loki resume --max-iterations N"],
        ),
        Stop::TimeSpent => (
            "Stopped",
            format!("all {} seconds are used up.", limits.duration_seconds_max),
            vec!["loki resume --max-seconds N"],
        ),
        Stop::BudgetSpent => (
            "Stopped",
            "the budget is used up, or what a turn cost is not known.".to_owned(),
            vec!["loki resume --budget USD"],
        ),
        Stop::OutputSpent => (
            "Stopped",
            format!("all {} bytes of output are used up.", limits.output_bytes_max),
            vec!["loki config set run.output_bytes_max N", "loki resume"],
        ),
        Stop::TurnsSpent => (
            "Stopped",
            format!("one phase took all of its {} turns.", limits.turns_max),
            vec!["loki why", "loki steer \"…\"", "loki resume"],
        ),
        Stop::RecoveriesSpent => (
            "Stopped",
            format!("one step took its process down {} times.", limits.recoveries_max),
            vec!["loki doctor", "loki why"],
        ),
    }
}
