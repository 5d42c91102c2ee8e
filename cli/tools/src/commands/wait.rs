//! `wait_process`: what a started process has printed since, or how it ended.

use std::time::Duration;

use async_trait::async_trait;
use loki_engine::tool::{Answer, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use super::ending::ending;
use super::start::listed;
use super::{CommandTool, Commands, not_run};
use crate::input::Input;

const NAME: &str = "wait_process";
const KNOWN: &[&str] = &["id", "seconds_max"];
const SECONDS_DEFAULT: u64 = 5;
const SECONDS_MAX: u64 = 300;

/// Waits for processes.
pub(super) struct WaitProcess;

#[async_trait]
impl CommandTool for WaitProcess {
    fn spec(&self, _commands: &Commands) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Waits for a started process to end, for some seconds; tells its end, or that it goes on and where \
                it listens, and what it has printed since it was last asked."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "id": { "type": "string", "description": "The process's name." },
                    "seconds_max": {
                        "type": "integer", "minimum": 0, "maximum": SECONDS_MAX,
                        "description": "Seconds to wait; 0 only looks. Default 5.",
                    },
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
        let id = input.text("id")?;
        let seconds = input.number("seconds_max", 0..=SECONDS_MAX)?.unwrap_or(SECONDS_DEFAULT);
        let running = commands.processes.get(id)?;
        let outcome = running.ended(Duration::from_secs(seconds)).await.map_err(|error| not_run(&error))?;
        let (state, notes) = match outcome {
            Some(outcome) => {
                let workshop = &commands.workshop;
                let ending = ending(&workshop.policy, &workshop.places, &outcome, running.seconds_max);
                (ending.line, ending.notes)
            }
            None => {
                let ports = running.process.listening().await.unwrap_or_default();
                let listens = if ports.is_empty() {
                    "listens on no port".to_owned()
                } else {
                    format!("listens on {}", listed(&ports))
                };
                (format!("goes on, {listens}"), Vec::new())
            }
        };
        Ok(told(&format!("`{id}`: {state}"), &running.news(), &notes))
    }
}

/// A line, what was printed, and notes.
pub(super) fn told(line: &str, news: &str, notes: &[String]) -> Answer {
    let mut output = format!("{line}\n");
    output.push_str(if news.is_empty() {
        "[it has printed nothing more]"
    } else {
        news.trim_end_matches('\n')
    });
    output.push('\n');
    for note in notes {
        output.push_str(&format!("[{note}]\n"));
    }
    Answer::Done { summary: line.to_owned(), output }
}
