//! Who does the thinking: one trait, one file for each kind of provider.
//!
//! A provider takes a request (instructions, the conversation of one phase, the tools at hand) and
//! answers with words and tool calls. It never acts: the engine does, and writes it down.

mod scripted;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

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
    /// Reported by the provider, or nothing was paid for.
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
        /// Seconds it asks to be left alone, where it says.
        retry_after_seconds: Option<u64>,
    },
    /// Asking again will not help: a bad key, an unknown model, an empty account.
    #[error("the provider refuses: {message}")]
    Permanent {
        /// What it said.
        message: String,
    },
}
