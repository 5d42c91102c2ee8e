//! `kill_process`: ends a started process.

use async_trait::async_trait;
use loki_engine::tool::{Answer, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use loki_sandbox::End;
use serde_json::{Value, json};

use super::ending::ending;
use super::wait::told;
use super::{CommandTool, Commands, not_run};
use crate::input::Input;

const NAME: &str = "kill_process";
const KNOWN: &[&str] = &["id"];

/// Ends processes.
pub(super) struct KillProcess;

#[async_trait]
impl CommandTool for KillProcess {
    fn spec(&self, _commands: &Commands) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Ends a started process and everything it started, and tells what it had printed since it was last \
                asked."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": { "id": { "type": "string", "description": "The process's name." } },
                "required": ["id"],
                "additionalProperties": false,
            }),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::Repeat
    }

    async fn call(&self, commands: &Commands, input: &Value) -> Result<Answer, ToolError> {
        let id = Input::of(NAME, KNOWN, input)?.text("id")?;
        let running = commands.processes.get(id)?;
        let outcome = running.kill().await.map_err(|error| not_run(&error))?;
        let workshop = &commands.workshop;
        let ending = ending(&workshop.policy, &workshop.places, &outcome, running.seconds_max);
        let state = match outcome.end {
            End::Stopped => "ended; nothing of it is left".to_owned(),
            _ => format!("had ended already: {}", ending.line),
        };
        Ok(told(&format!("`{id}`: {state}"), &running.news(), &ending.notes))
    }
}
