//! `run_command`: runs one line of shell to its end.

use async_trait::async_trait;
use loki_engine::tool::{Answer, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use super::ending::{Ending, ending};
use super::{CommandTool, Commands, command_shown, not_run, output};
use crate::input::Input;

const NAME: &str = "run_command";
const KNOWN: &[&str] = &["command", "folder", "seconds_max", "stdin"];
/// Seconds where nothing is said.
const SECONDS_DEFAULT: u64 = 120;
/// Bytes that a command is given to read.
const STDIN_BYTES_MAX: usize = 1 << 20;

/// Runs commands.
pub(super) struct RunCommand;

#[async_trait]
impl CommandTool for RunCommand {
    fn spec(&self, commands: &Commands) -> ToolSpec {
        let most = commands.seconds_max();
        ToolSpec {
            name: NAME.to_owned(),
            description: "Runs a command by `/bin/sh -c` in the sandbox and waits for its end. Tells the exit code and what \
                it printed, stdout and stderr together: 32 KiB, the middle left out. No terminal; nothing that it \
                started goes on afterwards. For servers use `start_process`."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "command": { "type": "string", "description": "One line for the shell." },
                    "folder": { "type": "string", "description": "The folder it runs in. Default: the project's." },
                    "seconds_max": {
                        "type": "integer", "minimum": 1, "maximum": most,
                        "description": format!("Seconds until it is ended. Default {}.", SECONDS_DEFAULT.min(most)),
                    },
                    "stdin": { "type": "string", "description": "What it reads. Default: nothing." },
                },
                "required": ["command"],
                "additionalProperties": false,
            }),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::Report
    }

    async fn call(&self, commands: &Commands, input: &Value) -> Result<Answer, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let most = commands.seconds_max();
        let seconds = input.number("seconds_max", 1..=most)?.unwrap_or(SECONDS_DEFAULT).min(most);
        let stdin = input.text_if_any("stdin")?.unwrap_or("");
        if stdin.len() > STDIN_BYTES_MAX {
            let message = format!("`stdin` has more than {STDIN_BYTES_MAX} bytes");
            return Err(ToolError::new("bad_input", message, Some("write it into a file")));
        }
        let mut job = commands.job(&input, seconds)?;
        job.stdin = stdin.as_bytes().to_vec();
        let done = commands.workshop.run(job).await.map_err(|error| not_run(&error))?;
        let workshop = &commands.workshop;
        let ending = ending(&workshop.policy, &workshop.places, &done.outcome, seconds);
        answer(input.text("command")?, ending, &output::shown(&done.both))
    }
}

/// A success, or an error whose first line says how it ended.
pub(super) fn answer(command: &str, ending: Ending, printed: &str) -> Result<Answer, ToolError> {
    let Ending { failure, line, notes } = ending;
    let mut text = format!("{line}\n");
    if printed.is_empty() {
        text.push_str("[it printed nothing]\n");
    } else {
        text.push_str(printed);
        if !printed.ends_with('\n') {
            text.push('\n');
        }
    }
    for note in notes {
        text.push_str(&format!("[{note}]\n"));
    }
    match failure {
        None => Ok(Answer::Done { summary: format!("`{}`: {line}", command_shown(command)), output: text }),
        Some(code) => Err(ToolError::new(code, text, None)),
    }
}
