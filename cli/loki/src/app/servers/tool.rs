//! A tool of a server as a tool of the loop.

use std::sync::Arc;

use async_trait::async_trait;
use forge_core::evidence_hash;
use loki_engine::tool::{Answer, Proposal, Tool, ToolError};
use loki_ledger::event::{Approver, Recovery};
use loki_mcp::client::{self, Definition, shown};
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use super::approvals::Approvals;
use super::connection::Connection;
use super::tokens;
use crate::config::servers::Server;

/// Bytes of a call's input that a person is shown.
const INPUT_BYTES_MAX: usize = 4_000;
/// Bytes of an answer's first line.
const SUMMARY_BYTES_MAX: usize = 200;

pub(super) struct ServerTool {
    /// What it is called where a model sees it.
    pub(super) name: String,
    pub(super) connection: Arc<Connection>,
    /// What was looked at.
    pub(super) definition: Definition,
    pub(super) approvals: Arc<Approvals>,
}

impl ServerTool {
    fn server(&self) -> &Server {
        &self.connection.server
    }

    /// The user knows; what the server says of itself decides nothing.
    fn is_known_to_read(&self) -> bool {
        Server::lists(&self.server().reads, &self.definition.name)
    }

    /// What a person is asked: this very call, and none like it.
    fn proposal(&self, call: &str, input: &Value) -> Proposal {
        let (server, tool) = (&self.connection.name, shown::line(&self.definition.name, 128));
        let subject = evidence_hash(&json!({
            "server": server,
            "tool": self.definition.name,
            "definition": self.definition.digest,
            "input": input,
            "call": call,
        }));
        let (input, left) = shown::cut(&shown::visible(&input.to_string()), INPUT_BYTES_MAX);
        let rest = if left > 0 { format!(" … and {left} bytes more") } else { String::new() };
        Proposal {
            subject,
            title: format!("call `{tool}` of the MCP server `{server}` with {}", shown::line(&input, 300)),
            findings: Vec::new(),
            facts: Vec::new(),
            needs_person: Some(format!(
                "`{tool}` of the MCP server `{server}` is called only when you approve"
            )),
            person_alone: true,
            act: vec![format!("{server}: {tool} {input}{rest}")],
            undo: Vec::new(),
        }
    }

    fn answer(&self, answer: &client::Answer) -> Result<Answer, ToolError> {
        let whose = format!("the MCP server `{}`", self.connection.name);
        let (kept, cut_off) = tokens::cut(&answer.text, self.server().answer_tokens_max);
        let fenced = shown::fenced(&whose, kept).map_err(|error| {
            ToolError::new("no_randomness", format!("the answer cannot be fenced: {error}"), None)
        })?;
        let left = cut_off + answer.left_out;
        let output = match left {
            0 => fenced,
            left => format!("{fenced}\n[{left} more bytes were left out; ask for less at a time]"),
        };
        let summary = format!("{whose} answered {} bytes", answer.text.len());
        if answer.is_error {
            let first = shown::line(kept, SUMMARY_BYTES_MAX);
            return Err(ToolError::new(
                "tool_failed",
                format!("{whose} says that it failed: {first}\n{output}"),
                None,
            ));
        }
        Ok(Answer::Done { summary, output })
    }
}

#[async_trait]
impl Tool for ServerTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.clone(),
            description: self.definition.told_description(&self.connection.name),
            input_schema: self.definition.told_schema(),
        }
    }

    fn reads_only(&self) -> bool {
        // What a person approves is asked for where there is somebody to approve it: while acting.
        self.is_known_to_read() && !Server::lists(&self.server().approve, &self.definition.name)
    }

    /// A call that was cut short is told of, and made again only where that is the same as making it once: as the
    /// user knows, or as the definition said that somebody has looked at.
    fn recovery(&self) -> Recovery {
        match self.is_known_to_read() || self.definition.hints.idempotent == Some(true) {
            true => Recovery::Repeat,
            false => Recovery::Report,
        }
    }

    async fn prepare_call(&self, call: &str, _input: &Value) -> Option<String> {
        Some(call.to_owned())
    }

    async fn call(&self, input: &Value, expects: Option<&str>) -> Result<Answer, ToolError> {
        let Some(members) = input.as_object() else {
            return Err(ToolError::new("bad_input", format!("`{}` takes an object", self.name), None));
        };
        if Server::lists(&self.server().approve, &self.definition.name) {
            let proposal = self.proposal(expects.unwrap_or_default(), input);
            let taken = self.approvals.take(&proposal.subject).map_err(|error| unkept(&error))?;
            if !taken {
                return Ok(Answer::Review(Box::new(proposal)));
            }
        }
        self.answer(&self.connection.call(&self.definition, members).await?)
    }

    async fn approve(&self, subject: &str, by: &Approver) -> Result<(), ToolError> {
        match by {
            Approver::Person { .. } => self.approvals.give(subject).map_err(|error| unkept(&error)),
            Approver::Council { .. } => {
                Err(ToolError::new("needs_person", "only a person approves such a call", None))
            }
        }
    }
}

fn unkept(error: &std::io::Error) -> ToolError {
    ToolError::new("no_approval", format!("the approval cannot be kept: {error}"), None)
}
