//! `probe_process`: asks a started server something over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use loki_engine::tool::{Answer, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use super::http::{self, METHODS, Request};
use super::processes::Running;
use super::{CommandTool, Commands};
use crate::input::Input;

const NAME: &str = "probe_process";
const KNOWN: &[&str] = &["id", "path", "method", "port", "headers", "body"];
/// How long an answer is waited for.
const WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a body that is sent.
const BODY_BYTES_MAX: usize = 1 << 20;
const HEADERS_MAX: usize = 32;

/// Asks processes.
pub(super) struct ProbeProcess;

#[async_trait]
impl CommandTool for ProbeProcess {
    fn spec(&self, _commands: &Commands) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Sends an HTTP request to a started process and tells status, headers and body (32 KiB, the middle \
                left out). Redirections are not followed."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "id": { "type": "string", "description": "The process's name." },
                    "path": { "type": "string", "description": "Path and query. Default `/`." },
                    "method": { "type": "string", "enum": METHODS, "description": "Default `GET`." },
                    "port": {
                        "type": "integer", "minimum": 1, "maximum": 65535,
                        "description": "Default: the lowest port it listens on.",
                    },
                    "headers": {
                        "type": "object", "additionalProperties": { "type": "string" },
                        "description": "Headers to send, by name.",
                    },
                    "body": { "type": "string", "description": "What to send; JSON is announced as such." },
                },
                "required": ["id"],
                "additionalProperties": false,
            }),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::Repeat
    }

    async fn call(&self, commands: &Commands, input: &Value) -> Result<Answer, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let request = request(&input)?;
        let port = input.number("port", 1..=65_535)?.and_then(|port| u16::try_from(port).ok());
        let running = commands.processes.get(input.text("id")?)?;
        let port = match port {
            Some(port) => port,
            None => lowest(&running).await?,
        };
        let asked = tokio::time::timeout(WITHIN, http::ask(&running.process, port, &request)).await;
        let failed = |why: String| {
            let message = format!("{} {} on port {port}: {why}", request.method, request.path);
            ToolError::new("no_answer", message, Some("see what it printed with `wait_process`"))
        };
        let answer = asked
            .map_err(|_| failed(format!("no whole answer within {} s", WITHIN.as_secs())))?
            .map_err(|error| failed(error.to_string()))?;
        let summary = format!("{} {} on port {port}: {}", request.method, request.path, answer.status_line);
        Ok(Answer::Done { summary, output: answer.text() })
    }
}

fn request(input: &Input<'_>) -> Result<Request, ToolError> {
    let body = input.text_if_any("body")?.unwrap_or("");
    if body.len() > BODY_BYTES_MAX {
        let message = format!("`body` has more than {BODY_BYTES_MAX} bytes");
        return Err(ToolError::new("bad_input", message, Some("send less")));
    }
    let mut headers = input.texts("headers", HEADERS_MAX)?;
    let names_type = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("content-type");
    if !body.is_empty() && !headers.iter().any(names_type) {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
        headers.push(("content-type", if is_json { "application/json" } else { "text/plain" }));
    }
    Request::new(
        input.choice("method", METHODS)?.unwrap_or("GET"),
        http::checked_path(input.text_if_any("path")?.unwrap_or("/"))?,
        &headers,
        body,
    )
}

async fn lowest(running: &Running) -> Result<u16, ToolError> {
    let ports = running.process.listening().await.unwrap_or_default();
    ports.first().copied().ok_or_else(|| {
        let hint = "wait with `wait_process`, and see what it printed";
        ToolError::new("no_port", "the process listens on no port", Some(hint))
    })
}
