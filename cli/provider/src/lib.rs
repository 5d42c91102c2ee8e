//! Who does the thinking: one trait, one file for each kind of provider.
//!
//! A provider takes a request (instructions, the conversation of one phase, the tools at hand) and
//! answers with words and tool calls. It never acts: the engine does, and writes it down.

pub mod agent;
mod answer;
mod anthropic;
pub mod breaker;
mod chat;
mod claude;
mod codex;
mod conversation;
pub mod count;
mod endpoint;
mod http;
mod ids;
pub mod prices;
mod responses;
pub mod router;
mod scripted;
mod sse;
#[cfg(test)]
mod testing;
pub mod vendors;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use anthropic::Anthropic;
pub use chat::Chat;
pub use claude::Claude;
pub use codex::Codex;
pub use endpoint::{Endpoint, EndpointError, Thinking, connect};
pub use http::{Http, HttpError, Limits, NowMs, Secret, http_client};
pub use responses::Responses;
pub use scripted::{Script, Scripted};

/// A model, an agent or a deterministic planner.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name, as shown to people and kept in receipts.
    fn name(&self) -> &str;

    /// Whether the same request always brings the same answer, at no cost.
    fn deterministic(&self) -> bool {
        false
    }

    /// Whether it must be shown the answers of tools whole, however long they are, in an iteration. A
    /// model's attention is short; a program's is not.
    fn exact(&self, _iteration: u32) -> bool {
        self.deterministic()
    }

    /// Whether its turns change the project's files themselves: an agent with tools of its own.
    fn acts(&self) -> bool {
        false
    }

    /// The most that the request can cost: reserved before the turn, settled after it.
    fn quote(&self, _request: &Request) -> Quote {
        Quote::default()
    }

    /// Answers one request. Dropping the future must abandon the work.
    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError>;
}

/// What a provider is asked. This, serialised, is exactly what `loki prompt` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The phase it is for: `reason`, `act` or `reflect`.
    pub phase: String,
    /// The iteration, from 1.
    pub iteration: u32,
    /// Standing instructions: the goal, the rules, the state of the project.
    pub system: String,
    /// The conversation of this phase so far, oldest first.
    pub messages: Vec<Message>,
    /// The tools that may be called.
    pub tools: Vec<ToolSpec>,
    /// What the turn may cost at the most, in millionths of a US dollar, for providers that can hold
    /// to it while they work; `None`: no budget is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance_micro_usd: Option<u64>,
}

/// What a request may cost at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quote {
    /// Tokens at the most: the input as counted here, the output as limited.
    pub tokens: Tokens,
    /// Money at the most; [`Cost::Unknown`] where no price is known.
    pub cost: Cost,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// From the engine.
    User {
        /// The words.
        text: String,
    },
    /// From the provider.
    Assistant {
        /// The words.
        text: String,
        /// The calls it asked for.
        calls: Vec<ToolCall>,
        /// The answer as its provider gave it, to be sent back as it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<Raw>,
    },
    /// The answer to a call.
    Tool {
        /// The call's id.
        id: String,
        /// Whether it did what was asked.
        ok: bool,
        /// The answer.
        output: String,
    },
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does, for the one who calls it.
    pub description: String,
    /// JSON Schema of its input.
    pub input_schema: serde_json::Value,
}

/// A call that a provider asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's name for the call; unique within a conversation.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// Its input.
    pub input: serde_json::Value,
    /// What the provider wrote in place of an input, where that was no JSON. Such a call is answered
    /// with what is wrong with it, and not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
}

/// A provider's answer in its own dialect: what must be sent back unchanged (thinking and its
/// signatures, encrypted reasoning) for the conversation to go on. Only a provider of the same dialect
/// and model looks inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raw {
    /// The dialect and the model it came from, such as `anthropic:claude-opus-4-1`.
    pub from: String,
    /// The answer's parts.
    pub content: serde_json::Value,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnEnd {
    /// It said what it had to say, or waits for the answers to its calls.
    #[default]
    Complete,
    /// It was cut off at the most tokens it may write.
    CutOff,
    /// The model refuses to answer.
    Refused,
    /// It said nothing and asked for nothing.
    Empty,
}

/// A provider's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The words.
    pub text: String,
    /// The calls it asks for, in order. None: the phase is over as far as it is concerned.
    pub calls: Vec<ToolCall>,
    /// What it used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: Cost,
    /// The model that answered, such as `anthropic:claude-opus-4-1`.
    #[serde(default)]
    pub model: String,
    /// How it ended.
    #[serde(default)]
    pub end: TurnEnd,
    /// The answer as it came, where it must be sent back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Raw>,
}

impl Turn {
    /// An answer that cost nothing.
    pub fn free(text: &str, calls: Vec<ToolCall>) -> Self {
        Self {
            text: text.to_owned(),
            calls,
            tokens: Tokens::default(),
            cost: Cost::Measured { micro_usd: 0 },
            model: String::new(),
            end: TurnEnd::Complete,
            raw: None,
        }
    }
}

/// Tokens of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Input tokens that were not cached.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
}

/// Money in millionths of a US dollar, with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Cost {
    /// Reported by the provider, as money or as tokens that have a list price; or nothing was paid for.
    Measured {
        /// The amount.
        micro_usd: u64,
    },
    /// Computed from tokens that were counted here.
    Estimated {
        /// The amount.
        micro_usd: u64,
    },
    /// Not known.
    #[default]
    Unknown,
}

/// Why a provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Asking again later may help.
    #[error("the provider cannot answer at the moment: {message}")]
    Transient {
        /// What it said.
        message: String,
        /// Milliseconds it asks to be left alone, where it says.
        retry_after_ms: Option<u64>,
        /// Whether it is there and well, and only refuses to be asked so often.
        rate_limited: bool,
        /// What it had used up by then, as far as it said: a broken stream is paid for all the same.
        spent: Option<(Tokens, Cost)>,
    },
    /// Asking again will not help.
    #[error("the provider refuses ({}): {message}", refusal.as_str())]
    Permanent {
        /// What kind of refusal.
        refusal: Refusal,
        /// What it said.
        message: String,
        /// What had been used up by then, as far as anybody said.
        spent: Option<(Tokens, Cost)>,
    },
}

/// Why asking again will not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key is missing, wrong, or may not do this.
    Key,
    /// There is no such model.
    Model,
    /// The account is empty.
    Quota,
    /// The request is not one it understands, or is too long.
    Request,
    /// Something else.
    Other,
}

impl Refusal {
    /// It in a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Model => "model",
            Self::Quota => "quota",
            Self::Request => "request",
            Self::Other => "other",
        }
    }
}

impl ProviderError {
    /// A failure that may pass, of which nothing else is known.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient { message: message.into(), retry_after_ms: None, rate_limited: false, spent: None }
    }

    /// A refusal.
    pub fn permanent(refusal: Refusal, message: impl Into<String>) -> Self {
        Self::Permanent { refusal, message: message.into(), spent: None }
    }
}
