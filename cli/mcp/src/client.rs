//! An MCP client: servers of other people, whose tools loki may use.
//!
//! Whatever a server says is text of a stranger. It is read within bounds, and what is to be shown to a model is
//! made visible and fenced ([`shown`]). Nothing that a server says about its tools decides what they may do.

mod answer;
mod connect;
mod definition;
mod error;
mod handler;
mod http;
mod names;
pub mod oauth;
pub mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, PaginatedRequestParams};
use rmcp::service::{RunningService, ServiceError};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use answer::Answer;
pub use definition::{Definition, DefinitionError, Hints};
pub use error::ClientError;
pub use handler::{Answerer, Question};
pub use http::{AddressError, Remote, Token};
pub use names::offered;

use handler::Handler;
use oauth::Authorization;

/// Bytes of one message of a server.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Pages of a server's list of tools that are read, and tools on all of them.
const PAGES_MAX: usize = 64;
const TOOLS_MAX: usize = 1_000;
/// How often a server may ask back before it answers a call.
const ROUNDS_MAX: usize = 5;
/// How often a call is made again with more rights, after a person has given them.
const UPGRADES_MAX: usize = 2;
/// How long a server may take to say goodbye.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

/// How a client talks.
#[derive(Clone)]
pub struct Settings {
    /// What the client is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How long beginning, listing and a call may take, each.
    pub timeout: Duration,
    /// Which way of beginning is tried.
    pub protocol: Protocol,
    /// Who answers questions that the server has while it works; none: they are declined.
    pub answerer: Option<Arc<dyn Answerer>>,
}

/// How a client and a server come to terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The newest first; where the server does not know it, a handshake as in 2025-11-25.
    #[default]
    Newest,
    /// The handshake at once, for servers that take anything else badly.
    Handshake,
}

/// A server that is connected. Dropping it ends the connection.
pub struct Client {
    running: RunningService<RoleClient, Handler>,
    timeout: Duration,
    changes: watch::Receiver<u64>,
    /// Follows what the server says about its list, where that has to be asked for.
    follower: Option<JoinHandle<()>>,
    authorization: Option<Arc<Authorization>>,
}

impl Client {
    /// Every tool that the server lists: those that can be offered, and by name why another cannot.
    ///
    /// # Errors
    ///
    /// Fails where the server does not answer in time, or lists more than it may.
    pub async fn tools(&self) -> Result<Listing, ClientError> {
        let listed = tokio::time::timeout(self.timeout, self.listed());
        listed.await.map_err(|_| self.too_slow("list its tools"))?
    }

    async fn listed(&self) -> Result<Listing, ClientError> {
        let mut listing = Listing::default();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let page = loop {
                match self.running.peer().list_tools(params.clone()).await {
                    Ok(page) => break page,
                    Err(error) => self.allowed_more(error, "list its tools", UPGRADES_MAX).await?,
                }
            };
            for tool in page.tools {
                let name = tool.name.to_string();
                match Definition::of(tool) {
                    Ok(definition) => drop(listing.tools.insert(definition.name.clone(), definition)),
                    Err(why) => drop(listing.unusable.insert(shown::line(&name, 128), why)),
                }
            }
            if listing.tools.len() + listing.unusable.len() > TOOLS_MAX {
                return Err(ClientError::TooMany { tools_max: TOOLS_MAX });
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(listing);
            }
        }
        Err(ClientError::TooMany { tools_max: TOOLS_MAX })
    }

    /// Has a tool called. An answer that tells of a failure is an answer, not an error.
    ///
    /// Dropping the future tells the server that nobody waits any more.
    ///
    /// # Errors
    ///
    /// Fails where the server refuses the call, goes away or takes too long. Whether it has acted is not known then.
    pub async fn call(&self, tool: &str, input: &Map<String, Value>) -> Result<Answer, ClientError> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(input.clone());
        let called = tokio::time::timeout(self.timeout, self.called(params));
        called.await.map_err(|_| self.too_slow("answer"))?
    }

    async fn called(&self, params: CallToolRequestParams) -> Result<Answer, ClientError> {
        let mut left = UPGRADES_MAX;
        loop {
            match self.running.call_tool_with_mrtr_max_rounds(params.clone(), ROUNDS_MAX).await {
                Ok(result) => {
                    if let Some(authorization) = &self.authorization {
                        authorization.suffices();
                    }
                    return Ok(Answer::of(&result));
                }
                // It was turned away at the door, so making it again does nothing twice.
                Err(error) => self.allowed_more(error, "be called", left).await?,
            }
            left = left.saturating_sub(1);
        }
    }

    /// Goes to a person for what the server wants before it acts; an error where that is not what failed, or where
    /// it has been tried often enough.
    async fn allowed_more(
        &self,
        error: ServiceError,
        attempt: &'static str,
        left: usize,
    ) -> Result<(), ClientError> {
        let challenge = error.auth_challenge().map(str::to_owned);
        match (challenge, &self.authorization) {
            (Some(challenge), Some(authorization)) if left > 0 && authorization.can_ask() => {
                authorization.satisfy(&challenge).await.map_err(|source| ClientError::Authorize { source })
            }
            _ => Err(ClientError::of_service(attempt, error)),
        }
    }

    /// Changes whenever the server says that its list of tools has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Whether the server has gone.
    pub fn is_closed(&self) -> bool {
        self.running.is_closed() || self.running.peer().is_transport_closed()
    }

    /// Lets the server say goodbye, for a while.
    pub async fn close(mut self) {
        if let Some(follower) = self.follower.take() {
            follower.abort();
        }
        // A server that does not answer is left all the same.
        let _left = self.running.close_with_timeout(GOODBYE_MAX).await;
    }

    fn too_slow(&self, attempt: &'static str) -> ClientError {
        ClientError::TooSlow { attempt, seconds: self.timeout.as_secs() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
    }
}

/// What a server lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The tools that can be offered, by the server's own names.
    pub tools: BTreeMap<String, Definition>,
    /// Those that cannot, and why.
    pub unusable: BTreeMap<String, DefinitionError>,
}

#[cfg(test)]
mod tests;
