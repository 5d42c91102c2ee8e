//! The events of `claude --output-format stream-json`: one JSON object a line.
//!
//! Only what is needed is read, and what is not known is passed over: every release brings new events. What
//! counts is the last one, `result`; without it nothing is known to have come to an end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::agent::{Cut, Flow, Lines, Splitter, Told};
use crate::conversation::text;
use crate::http::Complaint;
use crate::prices::Price;
use crate::{Cost, ProviderError, Tokens, TurnEnd};

/// Milliseconds that the agent may wait by itself before it asks again. A longer wait is the engine's.
const WAIT_MS_MAX: u64 = 60_000;
/// Messages whose usage is kept for a run that does not come to an end.
const MESSAGES_MAX: usize = 100_000;

/// What has been read of a run.
pub(super) struct Events {
    splitter: Splitter,
    /// It said anything at all.
    began: bool,
    price: Option<Price>,
    model: Option<String>,
    /// Tokens by message, as far as they were told before the end.
    used: BTreeMap<String, Tokens>,
    /// The kind of the last error that the agent met.
    error: Option<String>,
    /// Milliseconds that it wanted to wait, last.
    wait_ms: Option<u64>,
    /// It waits for too long.
    waits: bool,
    result: Option<Value>,
}

impl Lines for Events {
    fn take(&mut self, bytes: &[u8]) -> Flow {
        let mut splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        let flow = splitter.feed(bytes, |line| self.line(line));
        self.splitter = splitter;
        flow
    }
}

impl Events {
    /// Lines of at most so many bytes; `price` is for what the agent does not price itself.
    pub(super) fn new(line_bytes_max: usize, price: Option<Price>) -> Self {
        Self {
            splitter: Splitter::new(line_bytes_max),
            began: false,
            price,
            model: None,
            used: BTreeMap::new(),
            error: None,
            wait_ms: None,
            waits: false,
            result: None,
        }
    }

    /// What came of the run; `None` where it did not say.
    pub(super) fn outcome(&mut self) -> Option<Result<Told, ProviderError>> {
        let mut splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        splitter.finish(|line| self.line(line));
        self.splitter = splitter;
        match self.result.take() {
            Some(result) => Some(self.ended(&result)),
            None if self.waits => Some(Err(self.complain(None, "it is asked to wait"))),
            None => None,
        }
    }

    /// What is known where there is no outcome.
    pub(super) fn cut(&self) -> Cut {
        Cut { began: self.began, skipped: self.splitter.skipped(), spent: self.spent() }
    }

    /// What had been used by then, where there is no result.
    fn spent(&self) -> Option<(Tokens, Cost)> {
        if self.used.is_empty() {
            return None;
        }
        let tokens = self.used.values().fold(Tokens::default(), |sum, one| sum_of(sum, *one));
        Some((tokens, self.priced(&tokens)))
    }

    fn priced(&self, tokens: &Tokens) -> Cost {
        self.price.map_or(Cost::Unknown, |price| Cost::Estimated { micro_usd: price.of(tokens) })
    }

    fn line(&mut self, line: &[u8]) -> Flow {
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return Flow::Go };
        self.began |= !text(&event, "type").is_empty();
        match text(&event, "type") {
            "system" => return self.system(&event),
            "assistant" => self.assistant(&event),
            "result" => self.result = Some(event),
            _ => {}
        }
        Flow::Go
    }

    fn system(&mut self, event: &Value) -> Flow {
        match text(event, "subtype") {
            "init" => self.model = Some(text(event, "model").to_owned()).filter(|model| !model.is_empty()),
            "api_retry" => {
                self.error = Some(text(event, "error").to_owned());
                let wait = event.get("retry_delay_ms").and_then(Value::as_f64).unwrap_or(0.0);
                let wait_ms = whole(wait);
                self.wait_ms = Some(wait_ms);
                if wait_ms > WAIT_MS_MAX {
                    self.waits = true;
                    return Flow::Stop;
                }
            }
            _ => {}
        }
        Flow::Go
    }

    fn assistant(&mut self, event: &Value) {
        let error = text(event, "error");
        if !error.is_empty() {
            self.error = Some(error.to_owned());
            return;
        }
        self.wait_ms = None;
        let Some(message) = event.get("message") else { return };
        let Some(usage) = message.get("usage") else { return };
        if self.used.len() < MESSAGES_MAX {
            self.used.insert(text(message, "id").to_owned(), tokens(usage));
        }
    }

    fn ended(&self, result: &Value) -> Result<Told, ProviderError> {
        let (tokens, cost) = self.settled(result);
        let told = |end| Told {
            text: text(result, "result").to_owned(),
            end,
            tokens,
            cost,
            model: self.model.clone(),
        };
        if text(result, "stop_reason") == "refusal" {
            return Ok(told(TurnEnd::Refused));
        }
        match text(result, "subtype") {
            "error_max_turns" | "error_max_budget_usd" => return Ok(told(TurnEnd::CutOff)),
            "success" if result.get("is_error").and_then(Value::as_bool) != Some(true) => {
                let cut_off = text(result, "stop_reason") == "max_tokens";
                return Ok(told(if cut_off { TurnEnd::CutOff } else { TurnEnd::Complete }));
            }
            "success" if self.error.as_deref() == Some("max_output_tokens") => {
                return Ok(told(TurnEnd::CutOff));
            }
            _ => {}
        }
        let status = result.get("api_error_status").and_then(Value::as_u64);
        let error = self.complain(status.and_then(|status| u16::try_from(status).ok()), &words(result));
        Err(paid(error, tokens, cost))
    }

    /// An error of the API, as the agent passes it on.
    fn complain(&self, status: Option<u16>, message: &str) -> ProviderError {
        let kind = match self.error.as_deref().unwrap_or_default() {
            "authentication_failed" | "oauth_org_not_allowed" => "authentication_error",
            "rate_limit" => "rate_limit_error",
            "invalid_request" => "invalid_request_error",
            // The model and an empty account have the very names that vendors use; all else may pass.
            other => other,
        };
        let kinds = Some(kind.to_owned()).filter(|kind| !kind.is_empty()).into_iter().collect();
        Complaint { status, kinds, message: message.to_owned(), wait_ms: self.wait_ms }.into_error(None)
    }

    /// Tokens and money of the whole run. The models' own sums count, if there are any: the usage beside
    /// them leaves out what was asked on the side.
    ///
    /// What the agent runs could write to its output too. A result that has less than was told before it is not
    /// believed, so that nothing that was used can be denied.
    fn settled(&self, result: &Value) -> (Tokens, Cost) {
        let models = result.get("modelUsage").and_then(Value::as_object);
        let by_model = models
            .filter(|models| !models.is_empty())
            .map(|models| models.values().map(tokens_of_model).fold(Tokens::default(), sum_of));
        let tokens = by_model.or_else(|| result.get("usage").map(tokens)).unwrap_or_default();
        if let Some((seen, cost)) = self.spent().filter(|(seen, _)| !covers(&tokens, seen)) {
            return (seen, cost);
        }
        let usd = result.get("total_cost_usd").and_then(Value::as_f64);
        let cost = match usd.filter(|usd| usd.is_finite() && *usd >= 0.0) {
            Some(usd) => Cost::Measured { micro_usd: micro(usd) },
            None => self.priced(&tokens),
        };
        (tokens, cost)
    }
}

/// What is wrong, in the agent's words.
fn words(result: &Value) -> String {
    let said = text(result, "result");
    if !said.is_empty() {
        return said.to_owned();
    }
    let errors = result.get("errors").and_then(Value::as_array);
    let errors = errors.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    if errors.is_empty() { text(result, "subtype").to_owned() } else { errors }
}

/// Adds what was paid.
fn paid(error: ProviderError, tokens: Tokens, cost: Cost) -> ProviderError {
    if tokens == Tokens::default() {
        return error;
    }
    let spent = Some((tokens, cost));
    match error {
        ProviderError::Transient { message, retry_after_ms, rate_limited, .. } => {
            ProviderError::Transient { message, retry_after_ms, rate_limited, spent }
        }
        ProviderError::Permanent { refusal, message, .. } => {
            ProviderError::Permanent { refusal, message, spent }
        }
    }
}

fn tokens(usage: &Value) -> Tokens {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
    Tokens {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
    }
}

fn tokens_of_model(usage: &Value) -> Tokens {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
    Tokens {
        input: count("inputTokens"),
        output: count("outputTokens"),
        cache_read: count("cacheReadInputTokens"),
        cache_write: count("cacheCreationInputTokens"),
    }
}

fn covers(whole: &Tokens, part: &Tokens) -> bool {
    whole.input >= part.input
        && whole.output >= part.output
        && whole.cache_read >= part.cache_read
        && whole.cache_write >= part.cache_write
}

fn sum_of(one: Tokens, other: Tokens) -> Tokens {
    Tokens {
        input: one.input.saturating_add(other.input),
        output: one.output.saturating_add(other.output),
        cache_read: one.cache_read.saturating_add(other.cache_read),
        cache_write: one.cache_write.saturating_add(other.cache_write),
    }
}

/// US dollars as micro-dollars, rounded up. The agent adds up in binary fractions, whose dust is no money.
fn micro(usd: f64) -> u64 {
    whole(((usd * 1e9).round() / 1e3).ceil())
}

/// A whole number; what is too large, too small or none becomes the bound next to it, as such a cast does.
fn whole(number: f64) -> u64 {
    number as u64
}
