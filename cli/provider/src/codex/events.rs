//! The events of `codex exec --json`: one JSON object a line.
//!
//! Only what is needed is read, and what is not known is passed over. What counts is the last one,
//! `turn.completed` or `turn.failed`; without it nothing is known to have come to an end.

use serde_json::Value;

use crate::agent::{Cut, Flow, Lines, Splitter, Told};
use crate::conversation::text;
use crate::http::Complaint;
use crate::prices::Price;
use crate::{Cost, ProviderError, Tokens, TurnEnd, count};

/// Bytes of its words that are kept.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Tokens of a tool's answer that the agent shows its model at the most.
const SHOWN_TOKENS_MAX: u64 = 12_000;
/// Tokens of thoughts and changes that come with each thing the agent does.
const UNSEEN_TOKENS: u64 = 300;

/// What has been read of a run.
pub(super) struct Events {
    splitter: Splitter,
    /// It said anything at all.
    began: bool,
    price: Price,
    meter: Meter,
    /// The last words of the agent.
    said: String,
    over_budget: bool,
    end: Option<End>,
}

enum End {
    Completed(Tokens),
    Failed(String),
}

/// About what a run has used by now, for as long as nothing better is known.
///
/// Each thing that the agent did or said came of a request that held everything before it. Thoughts and changes of
/// files are not in the events at their full length, so that something is added for each.
pub(super) struct Meter {
    price: Price,
    allowance_micro_usd: Option<u64>,
    /// Tokens of the conversation by now.
    held: u64,
    tokens: Tokens,
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
    /// Lines of at most so many bytes.
    pub(super) fn new(line_bytes_max: usize, price: Price, meter: Meter) -> Self {
        let splitter = Splitter::new(line_bytes_max);
        Self { splitter, began: false, price, meter, said: String::new(), over_budget: false, end: None }
    }

    /// What came of the run; `None` where it did not say.
    pub(super) fn outcome(&mut self) -> Option<Result<Told, ProviderError>> {
        let mut splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        splitter.finish(|line| {
            self.line(line);
            Flow::Go
        });
        self.splitter = splitter;
        match self.end.take() {
            Some(End::Completed(tokens)) => Some(Ok(self.told(tokens))),
            Some(End::Failed(message)) => Some(Err(self.failed(&message))),
            None if self.over_budget => Some(Err(ProviderError::Transient {
                message: "the agent was stopped: it used up what was left of the budget".to_owned(),
                retry_after_ms: None,
                rate_limited: false,
                spent: self.spent(),
            })),
            None => None,
        }
    }

    /// What is known where there is no outcome.
    pub(super) fn cut(&self) -> Cut {
        Cut { began: self.began, skipped: self.splitter.skipped(), spent: self.spent() }
    }

    /// What had been used by then, about.
    fn spent(&self) -> Option<(Tokens, Cost)> {
        self.meter.spent()
    }

    fn told(&mut self, tokens: Tokens) -> Told {
        Told {
            text: std::mem::take(&mut self.said),
            end: TurnEnd::Complete,
            tokens,
            cost: Cost::Measured { micro_usd: self.price.of(&tokens) },
            model: None,
        }
    }

    fn line(&mut self, line: &[u8]) -> Flow {
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return Flow::Go };
        self.began |= !text(&event, "type").is_empty();
        match text(&event, "type") {
            "item.completed" => {
                let item = event.get("item").unwrap_or(&Value::Null);
                self.item(item);
                if self.meter.is_over() {
                    self.over_budget = true;
                    return Flow::Stop;
                }
            }
            "turn.completed" => {
                self.end = Some(End::Completed(tokens(event.get("usage").unwrap_or(&Value::Null))));
            }
            "turn.failed" => {
                let message = event.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
                self.end = Some(End::Failed(message.to_owned()));
            }
            _ => {}
        }
        Flow::Go
    }

    fn item(&mut self, item: &Value) {
        match text(item, "type") {
            // Its own remarks, of which no model knows.
            "error" | "" => return,
            "agent_message" => text(item, "text").clone_into(&mut self.said),
            _ => {}
        }
        if let Some((end, _)) = self.said.char_indices().find(|(at, _)| *at >= TEXT_BYTES_MAX) {
            self.said.truncate(end);
        }
        let (written, answered) = match text(item, "type") {
            "command_execution" => {
                (text(item, "command").to_owned(), text(item, "aggregated_output").to_owned())
            }
            "mcp_tool_call" => (member(item, "arguments"), member(item, "result")),
            _ => (text(item, "text").to_owned(), String::new()),
        };
        self.meter.add(count::tokens(&written), count::tokens(&answered));
    }

    fn failed(&self, message: &str) -> ProviderError {
        let error = complaint(message).into_error(None);
        match (error, self.spent()) {
            (error, None) => error,
            (ProviderError::Transient { message, retry_after_ms, rate_limited, .. }, spent) => {
                ProviderError::Transient { message, retry_after_ms, rate_limited, spent }
            }
            (ProviderError::Permanent { refusal, message, .. }, spent) => {
                ProviderError::Permanent { refusal, message, spent }
            }
        }
    }
}

impl Meter {
    /// A run whose prompt has about so many tokens.
    pub(super) fn new(prompt: u64, price: Price, allowance_micro_usd: Option<u64>) -> Self {
        Self { price, allowance_micro_usd, held: prompt, tokens: Tokens::default() }
    }

    fn add(&mut self, written: u64, answered: u64) {
        let written = written.saturating_add(UNSEEN_TOKENS);
        let answered = answered.min(SHOWN_TOKENS_MAX);
        // What was sent before is read from a cache as a rule; only what is new is not.
        let first = self.tokens == Tokens::default();
        match first {
            true => self.tokens.input = self.held,
            false => self.tokens.cache_read = self.tokens.cache_read.saturating_add(self.held),
        }
        self.tokens.input = self.tokens.input.saturating_add(answered);
        self.tokens.output = self.tokens.output.saturating_add(written);
        self.held = self.held.saturating_add(written).saturating_add(answered);
    }

    fn is_over(&self) -> bool {
        self.allowance_micro_usd.is_some_and(|most| self.price.of(&self.tokens) > most)
    }

    fn spent(&self) -> Option<(Tokens, Cost)> {
        let cost = Cost::Estimated { micro_usd: self.price.of(&self.tokens) };
        (self.tokens != Tokens::default()).then_some((self.tokens, cost))
    }
}

fn member(item: &Value, name: &str) -> String {
    item.get(name).map(Value::to_string).unwrap_or_default()
}

/// Tokens as the agent adds them up: its input holds what came from the cache and what went there.
fn tokens(usage: &Value) -> Tokens {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
    let cache_read = count("cached_input_tokens");
    let cache_write = count("cache_write_input_tokens");
    Tokens {
        input: count("input_tokens").saturating_sub(cache_read).saturating_sub(cache_write),
        output: count("output_tokens"),
        cache_read,
        cache_write,
    }
}

/// What went wrong, from the agent's words: it passes on neither status nor kind.
fn complaint(message: &str) -> Complaint {
    let lower = message.to_ascii_lowercase();
    let after = |mark: &str| {
        let digits: String = lower.split_once(mark)?.1.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().filter(|status| (400..600).contains(status))
    };
    let status = after("unexpected status ").or_else(|| after("last status: "));
    let kinds: &[(&str, &str)] = &[
        ("quota exceeded", "insufficient_quota"),
        ("exceeded your current quota", "insufficient_quota"),
        ("usage limit", "insufficient_quota"),
        ("does not exist or you do not have access", "model_not_found"),
        ("context window", "context_length_exceeded"),
        ("rate limit", "rate_limit_exceeded"),
    ];
    let kind = kinds.iter().find(|(words, _)| lower.contains(words)).map(|(_, kind)| (*kind).to_owned());
    Complaint { status, kinds: kind.into_iter().collect(), message: message.to_owned(), wait_ms: None }
}
