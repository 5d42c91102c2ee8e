//! A server during a run: begun with when a tool of it is called, watched for what it says of its tools, ended with
//! the phase.

use std::collections::BTreeMap;

use loki_engine::tool::ToolError;
use loki_mcp::client::{Answer, ClientError, Definition};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, watch};

use super::Looked;
use super::start::{BeginError, Begun, Maker, Reach, causes};
use crate::config::servers::Server;
use crate::context::Context;

/// How often in a row a server may fail before it is left alone.
const FAILURES_MAX: usize = 5;

/// A server, and what was looked at of it.
pub(crate) struct Connection {
    pub(super) name: String,
    pub(super) server: Server,
    pub(super) looked: Looked,
    reach: Reach,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    failures: usize,
}

/// A server under way, with the hashes of its tools as it defines them now.
struct Live {
    begun: Begun,
    changes: watch::Receiver<u64>,
    digests: BTreeMap<String, String>,
}

impl Connection {
    pub(super) fn new(context: &Context, name: &str, server: &Server, looked: Looked, maker: Maker) -> Self {
        let reach = Reach::new(context, name, server, maker);
        Self { name: name.to_owned(), server: server.clone(), looked, reach, state: Mutex::default() }
    }

    /// Calls a tool that is still what was looked at. Whatever fails is told and is not the end of the run.
    pub(super) async fn call(
        &self,
        tool: &Definition,
        input: &Map<String, Value>,
    ) -> Result<Answer, ToolError> {
        let mut state = self.state.lock().await;
        if state.failures >= FAILURES_MAX {
            let message = format!("the MCP server `{}` failed {FAILURES_MAX} times in a row", self.name);
            return Err(ToolError::new("server_failed", message, Some("go on without it")));
        }
        match self.called(&mut state, tool, input).await {
            Ok(answer) => {
                state.failures = 0;
                Ok(answer)
            }
            Err(Trouble::Told(error)) => Err(error),
            Err(Trouble::Broken(error)) => {
                state.live = None;
                state.failures += 1;
                Err(error)
            }
        }
    }

    async fn called(
        &self,
        state: &mut State,
        tool: &Definition,
        input: &Map<String, Value>,
    ) -> Result<Answer, Trouble> {
        if state.live.as_ref().is_some_and(|live| live.begun.client.is_closed()) {
            state.live = None;
        }
        let live = match &mut state.live {
            Some(live) => live,
            empty => empty.insert(self.begin().await?),
        };
        if live.changes.has_changed().unwrap_or(false) {
            live.changes.mark_unchanged();
            live.digests = self.digests(&live.begun).await?;
        }
        match live.digests.get(&tool.name) {
            Some(digest) if *digest == tool.digest => {}
            Some(_) => {
                return Err(Trouble::Told(
                    self.stopped(tool, "defines it otherwise than when it was looked at"),
                ));
            }
            None => return Err(Trouble::Told(self.stopped(tool, "does not have it any more"))),
        }
        live.begun.client.call(&tool.name, input).await.map_err(|error| self.failed(tool, &error))
    }

    async fn begin(&self) -> Result<Live, Trouble> {
        let begun = self.reach.begin().await.map_err(|error| self.unbegun(&error))?;
        let changes = begun.client.changes();
        let digests = self.digests(&begun).await?;
        Ok(Live { begun, changes, digests })
    }

    async fn digests(&self, begun: &Begun) -> Result<BTreeMap<String, String>, Trouble> {
        let listing = begun.client.tools().await.map_err(|error| {
            let message = format!("the MCP server `{}` does not list its tools: {error}", self.name);
            Trouble::Broken(ToolError::new("server_failed", message, None))
        })?;
        Ok(listing.tools.into_iter().map(|(name, tool)| (name, tool.digest)).collect())
    }

    /// Ends it, if it was begun with.
    pub(super) async fn end(&self) {
        if let Some(live) = self.state.lock().await.live.take() {
            live.begun.client.close().await;
        }
    }

    fn stopped(&self, tool: &Definition, how: &str) -> ToolError {
        let message = format!("`{}` was not called: the MCP server `{}` {how}", tool.name, self.name);
        let hint =
            format!("Go on without it. A person looks at it again: `loki mcp servers trust {}`.", self.name);
        ToolError::new("definition_changed", message, Some(&hint))
    }

    fn unbegun(&self, error: &BeginError) -> Trouble {
        // What the client says is told whole already.
        let why = match error {
            BeginError::Client { told, .. } => told.clone(),
            error => causes(error),
        };
        let message = format!("the MCP server `{}` cannot be used: {why}", self.name);
        Trouble::Broken(ToolError::new("server_failed", message, Some("go on without it, or try once more")))
    }

    fn failed(&self, tool: &Definition, error: &ClientError) -> Trouble {
        let message = format!("`{}` of the MCP server `{}`: {}", tool.name, self.name, causes(error));
        match error {
            ClientError::Refused { .. } => Trouble::Told(ToolError::new("refused", message, None)),
            _ => Trouble::Broken(ToolError::new(
                "server_failed",
                message,
                Some("Whether it has acted is not known: look before you call it again."),
            )),
        }
    }
}

/// What went wrong, and whether the connection is any good afterwards.
enum Trouble {
    Told(ToolError),
    Broken(ToolError),
}
