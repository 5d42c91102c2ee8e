//! loki over the Model Context Protocol.
//!
//! [`Server`] offers what a [`desk::Desk`] has, on a stream ([`serve_on`]) or over HTTP ([`Endpoint`], [`listen`]).
//! [`serve`] offers a few fixed tools to an agent that loki drives; [`bridge`] is the other end of that stream: the
//! MCP server that the agent starts, which only passes on what comes. [`client`] is the other side: servers of others.

mod bridge;
pub mod client;
mod server;

pub use bridge::bridge;
pub use server::{
    Answer, Endpoint, Handler, LEAN, McpError, Server, Session, Settings, Shown, desk, listen, schema, serve,
    serve_on,
};

/// The argument with which the program of loki is the bridge, to be read before all others.
pub const BRIDGE_ARGUMENT: &str = "__mcp";
