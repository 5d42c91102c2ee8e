//! loki's tools over the Model Context Protocol.
//!
//! [`serve`] offers tools on any stream and hands each call to a [`Handler`]; [`bridge`] is the other end of a
//! stream that is a Unix socket: the MCP server that an agent starts, which only passes on what comes.

mod bridge;
mod server;

pub use bridge::bridge;
pub use server::{Handler, McpError, serve};

/// The argument with which the program of loki is the bridge, to be read before all others.
pub const BRIDGE_ARGUMENT: &str = "__mcp";
