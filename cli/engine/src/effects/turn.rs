//! A turn: what it may cost, what the provider answers, and how that is kept.

use loki_ledger::event::{CallRef, Cost, Outcome, TurnEnd, Usage};
use loki_ledger::run::RATE_LIMITED;
use loki_provider::{Provider, ProviderError, Request, Tokens, Turn};
use serde_json::Value;

use super::failed;
use crate::engine::{Engine, EngineError};

/// Calls that one turn may ask for. What is asked for beyond them is left out.
const CALLS_MAX: usize = 64;

/// What the turn may cost at the most, in millionths of a US dollar; `None`: nobody knows.
pub(super) fn quote(engine: &Engine, request: &Request) -> Option<u64> {
    let provider = engine.provider.as_ref()?;
    if provider.deterministic() {
        return Some(0);
    }
    match provider.quote(request).cost {
        loki_provider::Cost::Measured { micro_usd } | loki_provider::Cost::Estimated { micro_usd } => {
            Some(micro_usd)
        }
        loki_provider::Cost::Unknown => None,
    }
}

/// Asks the provider.
pub(super) async fn ask(engine: &Engine, request: &Request) -> Result<Outcome, EngineError> {
    let Some(provider) = &engine.provider else {
        return Ok(failed("no_provider", "no provider is configured", false));
    };
    match provider.turn(request).await {
        Ok(answer) => keep(engine, provider.as_ref(), answer),
        Err(error) => Ok(refused(engine, &error)),
    }
}

/// The outcome of a turn without an answer.
fn refused(engine: &Engine, error: &ProviderError) -> Outcome {
    let message = error.to_string();
    match error {
        ProviderError::Transient { retry_after_ms, rate_limited, spent, .. } => {
            let now_ms = engine.clock.now().as_millisecond();
            let later = |ms: u64| now_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
            Outcome::Failed {
                code: if *rate_limited { RATE_LIMITED } else { "provider_unavailable" }.to_owned(),
                message,
                transient: true,
                retry_at_ms: retry_after_ms.map(later),
                usage: spent.map(|(tokens, cost)| usage(tokens, cost)),
            }
        }
        ProviderError::Permanent { spent, .. } => Outcome::Failed {
            code: "provider_refused".to_owned(),
            message,
            transient: false,
            retry_at_ms: None,
            usage: spent.map(|(tokens, cost)| usage(tokens, cost)),
        },
    }
}

fn keep(engine: &Engine, provider: &dyn Provider, mut answer: Turn) -> Result<Outcome, EngineError> {
    answer.calls.truncate(CALLS_MAX);
    let kept = engine.keep("a turn", &answer)?;
    let mut calls = Vec::with_capacity(answer.calls.len());
    for call in &answer.calls {
        let input = match &call.malformed {
            Some(written) => engine.keep("a call's input", &Value::from(written.as_str()))?.id,
            None => engine.keep("a call's input", &call.input)?.id,
        };
        let malformed = call.malformed.is_some();
        calls.push(CallRef { id: call.id.clone(), tool: call.tool.clone(), input, malformed });
    }
    let cost = match answer.cost {
        _ if provider.deterministic() => loki_provider::Cost::Measured { micro_usd: 0 },
        cost => cost,
    };
    Ok(Outcome::Turn {
        turn: kept.id,
        calls,
        usage: usage(answer.tokens, cost),
        bytes: kept.bytes,
        model: answer.model,
        end: match answer.end {
            loki_provider::TurnEnd::Complete => TurnEnd::Complete,
            loki_provider::TurnEnd::CutOff => TurnEnd::CutOff,
            loki_provider::TurnEnd::Refused => TurnEnd::Refused,
            loki_provider::TurnEnd::Empty => TurnEnd::Empty,
        },
    })
}

fn usage(tokens: Tokens, cost: loki_provider::Cost) -> Usage {
    Usage {
        input: tokens.input,
        output: tokens.output,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
        cost: match cost {
            loki_provider::Cost::Measured { micro_usd } => Cost::Measured { micro_usd },
            loki_provider::Cost::Estimated { micro_usd } => Cost::Estimated { micro_usd },
            loki_provider::Cost::Unknown => Cost::Unknown,
        },
    }
}
