//! MCP servers of others as the loop knows them: their tools become tools.
//!
//! A model is told of a tool what a person has looked at (`loki mcp servers trust`), never what a server says at the
//! moment. So nothing is started before a tool is called, and a tool that has become another one is not called.

mod approvals;
mod connection;
mod looked;
mod pipe;
mod start;
mod tokens;
mod tool;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use loki_engine::tool::Tool;
use loki_mcp::client::offered;

use crate::config::Config;
use crate::config::servers::Server;
use crate::context::Context;

use approvals::Approvals;
use connection::Connection;
pub(crate) use looked::{Looked, LookedError, Seen, digest as way_digest};
pub(crate) use start::{BeginError, Maker, Reach};

/// Names that the loop itself answers to.
const OF_THE_LOOP: [&str; 5] = ["plan", "note", "finish", "read_output", "skill"];

/// The servers of a project's runs.
#[derive(Clone, Default)]
pub(crate) struct Servers {
    connections: Arc<Vec<Arc<Connection>>>,
    approvals: Arc<Approvals>,
}

/// Why a tool that a server has is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It is.
    Offered,
    /// The settings do not allow it.
    NotAllowed,
    /// The definitions before it use up what definitions may have.
    TooMuch,
}

impl Servers {
    /// Those that the settings name. Nothing is started.
    pub(crate) fn of(context: &Context, config: &Config, workshop: Maker) -> Self {
        let Some(folder) = folder(context) else { return Self::default() };
        let enabled = config.servers().iter().filter(|(_, server)| server.enabled);
        let connections = enabled.filter_map(|(name, server)| {
            // Of what nobody has looked at nothing is offered; `loki mcp servers list` says so.
            let looked = Looked::read(&folder, name).ok().flatten()?;
            let looked = (looked.way == looked::digest(&server.way)).then_some(looked)?;
            Some(Arc::new(Connection::new(context, name, server, looked, Arc::clone(&workshop))))
        });
        let approvals = Approvals::new(&context.project.state_dir());
        Self { connections: Arc::new(connections.collect()), approvals: Arc::new(approvals) }
    }

    /// Their tools, under names that are none of `tools`.
    pub(crate) fn tools(&self, tools: &[Arc<dyn Tool>]) -> Vec<Arc<dyn Tool>> {
        let own = tools.iter().map(|tool| tool.spec().name);
        let taken: BTreeSet<String> = own.chain(OF_THE_LOOP.map(str::to_owned)).collect();
        let mut found = Vec::new();
        for connection in self.connections.iter() {
            for (seen, offer) in offers(&connection.server, &connection.looked) {
                if offer == Offer::Offered {
                    found.push((Arc::clone(connection), seen.clone()));
                }
            }
        }
        let pair = |(connection, seen): &(Arc<Connection>, Seen)| {
            (connection.name.clone(), seen.definition.name.clone())
        };
        let names = offered(found.iter().map(pair), &taken);
        let tool = |entry: (Arc<Connection>, Seen)| {
            let name = names.get(&pair(&entry)).cloned()?;
            let (connection, seen) = entry;
            let approvals = Arc::clone(&self.approvals);
            Some(Arc::new(tool::ServerTool { name, connection, definition: seen.definition, approvals })
                as Arc<dyn Tool>)
        };
        found.into_iter().filter_map(tool).collect()
    }

    /// Ends those that were started. The next call starts them anew.
    pub(crate) async fn end_all(&self) {
        for connection in self.connections.iter() {
            connection.end().await;
        }
    }
}

/// What of a server's tools is offered, in the order of their names.
pub(crate) fn offers<'a>(server: &Server, looked: &'a Looked) -> Vec<(&'a Seen, Offer)> {
    let mut left = server.definition_tokens_max;
    let offer = |seen: &'a Seen| {
        if !Server::lists(&server.allow, &seen.definition.name) {
            return (seen, Offer::NotAllowed);
        }
        match left.checked_sub(seen.tokens) {
            Some(rest) => {
                left = rest;
                (seen, Offer::Offered)
            }
            None => (seen, Offer::TooMuch),
        }
    };
    looked.tools.iter().map(offer).collect()
}

/// Where what was looked at is kept: beside the user's own settings, where no project and no command of one reaches.
pub(crate) fn folder(context: &Context) -> Option<PathBuf> {
    context.environment.config_dir().map(|folder| folder.join("mcp"))
}

#[cfg(test)]
mod tests;
