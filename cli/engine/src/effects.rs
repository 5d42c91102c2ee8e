//! Carries out one effect: from a step to its intent, and from an intent to its outcome.
//!
//! Nothing here decides what comes next, and nothing here writes events: [`crate::drive`] does both.

mod judge;
mod review;
mod skill;
mod tool;
mod turn;

pub use review::{CouncilVerdict, Held, convene};

use loki_ledger::event::{EffectKind, Intent, Outcome, Phase, Recovery};
use loki_ledger::run::Run;
use serde_json::Value;

use crate::engine::{Engine, EngineError};
use crate::iteration::Step;
use crate::limits;
use crate::tool::ToolError;
use crate::{prompt, receipt};

/// Bytes of one tool answer that are kept.
const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// Whether a step can be paid for.
pub(crate) enum Cost {
    /// It can, or costs nothing.
    Covered,
    /// It may cost more than is left.
    TooMuch {
        /// What it may cost; `None`: nobody knows.
        needed_micro_usd: Option<u64>,
    },
}

/// What will be written down before the step is carried out, and whether it can be paid for.
pub(crate) async fn intend(engine: &Engine, run: &Run, step: Step) -> Result<(Intent, Cost), EngineError> {
    let mut reserved = Some(0);
    let (kind, recovery) = match step {
        Step::Snapshot => (EffectKind::Snapshot, Recovery::Repeat),
        Step::Turn => {
            let mut request = prompt::request(&engine.sources(run.iteration), run)?;
            request.allowance_micro_usd = limits::left(run);
            reserved = turn::quote(engine, &request);
            let undone = engine.provider.as_ref().is_some_and(|provider| provider.acts());
            let recovery = match run.phase {
                Some(Phase::Act) if undone => Recovery::RollBack,
                Some(_) | None => Recovery::Repeat,
            };
            (EffectKind::Turn { request: engine.keep("a request", &request)?.id }, recovery)
        }
        Step::Tool(call) => tool::intend(engine, run, call).await?,
        Step::Council(subject) => {
            let proposal = run.reviews.get(&subject).map(|review| review.proposal.clone());
            let proposal = match proposal {
                Some(proposal) => proposal,
                None => engine.keep("a proposal", &Value::Null)?.id,
            };
            (EffectKind::Council { subject, proposal }, Recovery::Repeat)
        }
        Step::Approve(subject, by) => (EffectKind::Approve { subject, by }, Recovery::Repeat),
        Step::Refuse(call, subject) => (EffectKind::Refuse { call, subject }, Recovery::Repeat),
        Step::Compare => (EffectKind::Compare, Recovery::Repeat),
        Step::Gate(gate) => {
            reserved = judge::quote(engine, run, &gate)?;
            (EffectKind::Gate { gate }, Recovery::Repeat)
        }
        Step::Receipt(stop) => (EffectKind::Receipt { stop }, Recovery::Repeat),
    };
    let cost = match (limits::left(run), reserved) {
        (Some(left), Some(needed)) if needed > left => Cost::TooMuch { needed_micro_usd: Some(needed) },
        (Some(_), None) => Cost::TooMuch { needed_micro_usd: None },
        (Some(_), Some(_)) | (None, _) => Cost::Covered,
    };
    Ok((Intent { kind, recovery, reserved_micro_usd: reserved.unwrap_or(0) }, cost))
}

/// Carries the effect out and says what came of it.
pub(crate) async fn act(
    engine: &Engine,
    run: &Run,
    effect: u64,
    kind: &EffectKind,
) -> Result<Outcome, EngineError> {
    match kind {
        EffectKind::Snapshot => {
            let at_ms = engine.clock.now().as_millisecond();
            let commit = engine.worktree.snapshot(&run.id, effect, at_ms)?.commit;
            Ok(Outcome::Snapshot { commit })
        }
        EffectKind::Turn { request } => turn::ask(engine, &engine.read("a request", request)?).await,
        EffectKind::Tool { call, expects } => tool::call(engine, run, call, expects.as_deref()).await,
        EffectKind::Council { subject, proposal } => review::council(engine, subject, proposal).await,
        EffectKind::Approve { subject, by } => Ok(review::approve(engine, run, subject, by).await),
        EffectKind::Refuse { subject, .. } => review::refuse(engine, run, subject),
        EffectKind::Compare => compare(engine, run),
        EffectKind::Gate { gate } => judge::judge(engine, run, gate).await,
        EffectKind::Receipt { stop } => receipt::write(engine, run, stop),
    }
}

fn compare(engine: &Engine, run: &Run) -> Result<Outcome, EngineError> {
    let tree = engine.worktree.tree()?;
    let (Some(first), Some(last)) = (run.snapshots.first(), run.snapshots.last()) else {
        return Ok(failed("no_snapshot", "there is no snapshot to compare with", false));
    };
    let whole = engine.worktree.difference(&first.commit)?;
    let files = match first == last {
        true => whole.paths.len(),
        false => engine.worktree.difference(&last.commit)?.paths.len(),
    };
    Ok(Outcome::Compared { tree, files: u32::try_from(files).unwrap_or(u32::MAX), diff_sha256: whole.sha256 })
}

/// A tool's answer, kept.
fn answered(engine: &Engine, ok: bool, summary: &str, output: &str) -> Result<Outcome, EngineError> {
    let kept = engine.keep("a tool's answer", &head(output, OUTPUT_BYTES_MAX))?;
    Ok(Outcome::Tool { ok, summary: summary.to_owned(), output: kept.id, bytes: kept.bytes })
}

/// An effect that could not be carried out.
pub(crate) fn failed(code: &str, message: &str, transient: bool) -> Outcome {
    Outcome::Failed {
        code: code.to_owned(),
        message: message.to_owned(),
        transient,
        retry_at_ms: None,
        usage: None,
    }
}

fn explain(error: &ToolError) -> String {
    match &error.hint {
        Some(hint) => format!("error {}: {}\nhint: {hint}", error.code, error.message),
        None => format!("error {}: {}", error.code, error.message),
    }
}

/// The first bytes of a text, at most so many, whole characters only.
pub(crate) fn head(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
