//! Carries out one effect: from a step to its intent, and from an intent to its outcome.
//!
//! Nothing here decides what comes next, and nothing here writes events: [`crate::drive`] does both.

mod review;

pub use review::CouncilVerdict;

use loki_ledger::event::{CallRef, Cost, EffectKind, Intent, Outcome, Recovery, Usage, Verdict};
use loki_ledger::run::Run;
use loki_provider::{Provider, ProviderError, Request, Turn};
use serde_json::{Value, json};

use crate::engine::{Engine, EngineError};
use crate::iteration::Step;
use crate::tool::{Answer, ToolError};
use crate::{prompt, receipt};

/// Bytes of one tool answer that are kept.
const OUTPUT_BYTES_MAX: usize = 8 << 20;
/// Items a plan may have, and bytes each.
const PLAN_ITEMS_MAX: usize = 200;
const PLAN_ITEM_BYTES_MAX: usize = 500;

/// What will be written down before the step is carried out.
pub(crate) fn intend(engine: &Engine, run: &Run, step: Step) -> Result<Intent, EngineError> {
    let repeat = |kind| Ok(Intent { kind, recovery: Recovery::Repeat });
    match step {
        Step::Snapshot => repeat(EffectKind::Snapshot),
        Step::Turn => {
            let request = engine.keep("a request", &prompt::request(&engine.sources(), run)?)?.id;
            repeat(EffectKind::Turn { request })
        }
        Step::Tool(call) => {
            let recovery = engine.tool(&call.tool).map_or(Recovery::Repeat, |tool| tool.recovery());
            Ok(Intent { kind: EffectKind::Tool { call }, recovery })
        }
        Step::Council(subject) => {
            let proposal = run.reviews.get(&subject).map(|review| review.proposal.clone());
            let proposal = match proposal {
                Some(proposal) => proposal,
                None => engine.keep("a proposal", &Value::Null)?.id,
            };
            repeat(EffectKind::Council { subject, proposal })
        }
        Step::Approve(subject, by) => repeat(EffectKind::Approve { subject, by }),
        Step::Refuse(call, subject) => repeat(EffectKind::Refuse { call, subject }),
        Step::Compare => repeat(EffectKind::Compare),
        Step::Gate(gate) => repeat(EffectKind::Gate { gate }),
        Step::Receipt(stop) => repeat(EffectKind::Receipt { stop }),
    }
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
        EffectKind::Turn { request } => turn(engine, &engine.read("a request", request)?).await,
        EffectKind::Tool { call } => tool(engine, call).await,
        EffectKind::Council { subject, proposal } => review::council(engine, subject, proposal).await,
        EffectKind::Approve { subject, by } => Ok(review::approve(engine, run, subject, by).await),
        EffectKind::Refuse { subject, .. } => review::refuse(engine, run, subject),
        EffectKind::Compare => compare(engine, run),
        EffectKind::Gate { gate } => judge(engine, gate).await,
        EffectKind::Receipt { stop } => receipt::write(engine, run, stop),
    }
}

async fn turn(engine: &Engine, request: &Request) -> Result<Outcome, EngineError> {
    let Some(provider) = &engine.provider else {
        return Ok(failed("no_provider", "no provider is configured", false));
    };
    match provider.turn(request).await {
        Ok(answer) => keep_turn(engine, provider.as_ref(), &answer),
        Err(error @ ProviderError::Transient { .. }) => {
            Ok(failed("provider_unavailable", &error.to_string(), true))
        }
        Err(error @ ProviderError::Permanent { .. }) => {
            Ok(failed("provider_refused", &error.to_string(), false))
        }
    }
}

fn keep_turn(engine: &Engine, provider: &dyn Provider, answer: &Turn) -> Result<Outcome, EngineError> {
    let kept = engine.keep("a turn", answer)?;
    let mut calls = Vec::with_capacity(answer.calls.len());
    for call in &answer.calls {
        let input = engine.keep("a call's input", &call.input)?.id;
        calls.push(CallRef { id: call.id.clone(), tool: call.tool.clone(), input });
    }
    let cost = match answer.cost {
        _ if provider.deterministic() => Cost::Measured { micro_usd: 0 },
        loki_provider::Cost::Measured { micro_usd } => Cost::Measured { micro_usd },
        loki_provider::Cost::Estimated { micro_usd } => Cost::Estimated { micro_usd },
        loki_provider::Cost::Unknown => Cost::Unknown,
    };
    let usage = Usage {
        input: answer.tokens.input,
        output: answer.tokens.output,
        cache_read: answer.tokens.cache_read,
        cache_write: answer.tokens.cache_write,
        cost,
    };
    Ok(Outcome::Turn { turn: kept.id, calls, usage, bytes: kept.bytes })
}

async fn tool(engine: &Engine, call: &CallRef) -> Result<Outcome, EngineError> {
    let input: Value = engine.read("a call's input", &call.input)?;
    match call.tool.as_str() {
        "plan" => return plan(engine, &input),
        "finish" => {
            let summary = input["summary"].as_str().unwrap_or("no summary").to_owned();
            let exhausted = input["nothing_more_to_offer"].as_bool().unwrap_or(false);
            return Ok(Outcome::Claimed { summary, exhausted });
        }
        _ => {}
    }
    let Some(tool) = engine.tool(&call.tool) else {
        let message = format!("there is no tool called `{}`", call.tool);
        return answered(engine, false, &message, &message);
    };
    match tool.call(&input).await {
        Ok(Answer::Done { summary, output }) => answered(engine, true, &summary, &output),
        Ok(Answer::Review(proposal)) => Ok(Outcome::Review {
            subject: proposal.subject.clone(),
            needs_person: proposal.needs_person.clone(),
            proposal: engine.keep("a proposal", &proposal)?.id,
        }),
        Err(error) => answered(engine, false, &error.message, &explain(&error)),
    }
}

fn plan(engine: &Engine, input: &Value) -> Result<Outcome, EngineError> {
    let Some(items) = input["items"].as_array() else {
        let message = "`plan` takes `items`, a list of sentences";
        return answered(engine, false, message, message);
    };
    let items = items
        .iter()
        .filter_map(Value::as_str)
        .take(PLAN_ITEMS_MAX)
        .map(|item| head(item, PLAN_ITEM_BYTES_MAX).to_owned())
        .collect();
    Ok(Outcome::Planned { items })
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

async fn judge(engine: &Engine, name: &str) -> Result<Outcome, EngineError> {
    let Some(gate) = engine.gates.iter().find(|gate| gate.id() == name) else {
        return Ok(Outcome::Gate {
            verdict: Verdict::Inconclusive,
            summary: format!("there is no gate called `{name}` here"),
            facts: engine.keep("a gate's facts", &json!({}))?.id,
            gaps: Vec::new(),
        });
    };
    let judged = gate.judge().await;
    let facts = engine.keep("a gate's facts", &judged.facts)?.id;
    Ok(Outcome::Gate { verdict: judged.verdict, summary: judged.summary, facts, gaps: judged.gaps })
}

/// A tool's answer, kept.
fn answered(engine: &Engine, ok: bool, summary: &str, output: &str) -> Result<Outcome, EngineError> {
    let kept = engine.keep("a tool's answer", &head(output, OUTPUT_BYTES_MAX))?;
    Ok(Outcome::Tool { ok, summary: summary.to_owned(), output: kept.id, bytes: kept.bytes })
}

fn failed(code: &str, message: &str, transient: bool) -> Outcome {
    Outcome::Failed { code: code.to_owned(), message: message.to_owned(), transient }
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
