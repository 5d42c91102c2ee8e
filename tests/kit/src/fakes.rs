//! Model APIs on loopback, as strict as the real ones: what they would refuse is refused in their
//! words and kept as a complaint, and what they answer comes from a [`Script`] of no dialect.
//!
//! ```no_run
//! use loki_kit::fakes::{self, Reply, Script};
//!
//! let fake = fakes::anthropic::start(Script::list([Reply::say("Hello.")]));
//! // … a client that asks `fake.url()` with the key `fakes::KEY` …
//! assert!(fake.complaints().is_empty());
//! ```

pub mod anthropic;
pub mod chat;
mod hands;
mod http;
mod openai;
pub mod projects;
pub mod repair;
pub mod responses;
mod script;
mod server;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use script::{Reply, Script, Seen, ToolResult, Usage};
use server::{Server, Shared};
use wire::Wire;

/// The key that a fake accepts unless it is told another.
pub const KEY: &str = "sk-fake-0123456789abcdef";

/// A fake before it starts.
pub struct Setup {
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) key: String,
    /// Empty: every model.
    pub(crate) models: Vec<String>,
}

impl Setup {
    /// Of the Messages API.
    pub fn anthropic() -> Setup {
        Setup::of(anthropic::Messages)
    }

    /// Of chat completions.
    pub fn chat() -> Setup {
        Setup::of(chat::Completions)
    }

    /// Of the Responses API.
    pub fn responses() -> Setup {
        Setup::of(responses::Responses)
    }

    fn of(wire: impl Wire + 'static) -> Setup {
        Setup { wire: Box::new(wire), key: KEY.to_owned(), models: Vec::new() }
    }

    /// With this key in place of [`KEY`].
    #[must_use]
    pub fn key(self, key: &str) -> Setup {
        Setup { key: key.to_owned(), ..self }
    }

    /// With these models and no others.
    #[must_use]
    pub fn models<'a>(self, models: impl IntoIterator<Item = &'a str>) -> Setup {
        Setup { models: models.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// Starts it on a free port of loopback. It ends when the [`Fake`] is dropped.
    pub fn start(self, script: Script) -> Fake {
        Fake { server: Server::start(self, script) }
    }
}

/// A running fake.
pub struct Fake {
    server: Server,
}

impl Fake {
    /// Where it is, such as `http://127.0.0.1:40123`: without a path and without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// What was wrong with the requests, in order. Empty at the end of a good test.
    pub fn complaints(&self) -> Vec<String> {
        self.shared().complaints()
    }

    /// Every request so far, the refused ones too.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared().requests()
    }

    /// What the client was told of the tokens.
    pub fn reported(&self) -> Ledger {
        self.shared().reported()
    }

    /// Waits until so many requests have arrived, for half a minute at the most: true where they have.
    pub fn wait_for_requests(&self, count: usize) -> bool {
        self.shared().wait_for_requests(count, Duration::from_secs(30))
    }

    fn shared(&self) -> &Arc<Shared> {
        self.server.shared()
    }
}

/// A request, kept for assertions.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Such as `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; null where it was empty or no JSON.
    pub body: Value,
    /// The answer's status; none while there is no answer.
    pub status: Option<u16>,
}

/// Tokens as a client was told of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// In answers that came to their end.
    pub whole: Usage,
    /// In streams that broke before it: as much as they had said.
    pub broken: Usage,
    /// Answers of the model that came to their end.
    pub answers: usize,
    /// Answers of the model that did not.
    pub breaks: usize,
}

impl Ledger {
    /// Everything the client was told, whole and broken.
    pub fn total(&self) -> Usage {
        self.whole.plus(self.broken)
    }
}

#[cfg(test)]
mod tests;
