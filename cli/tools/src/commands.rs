//! Tools that run commands: each is one line for a shell, confined by the workshop's policy.

mod ending;
mod http;
mod kill;
mod output;
mod probe;
mod processes;
mod run;
mod start;
#[cfg(test)]
mod tests;
mod wait;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Answer, Tool, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use loki_sandbox::{CallError, Job, Workshop};
use serde_json::Value;

use crate::files::{FileError, Project};
use crate::input::Input;

pub use processes::Processes;

/// Bytes of a command: the system takes no more than twice that in one argument.
const COMMAND_BYTES_MAX: usize = 64 << 10;
/// Bytes of a command that its answers repeat.
const COMMAND_BYTES_SHOWN: usize = 80;

/// What the tools for commands share.
pub(crate) struct Commands {
    pub(crate) project: Project,
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) processes: Processes,
}

/// The tools for commands.
pub(crate) fn tools(commands: Commands) -> Vec<Arc<dyn Tool>> {
    let commands = Arc::new(commands);
    let made: [Box<dyn CommandTool>; 5] = [
        Box::new(run::RunCommand),
        Box::new(start::StartProcess),
        Box::new(wait::WaitProcess),
        Box::new(probe::ProbeProcess),
        Box::new(kill::KillProcess),
    ];
    let tool = |tool| Arc::new(InWorkshop { tool, commands: Arc::clone(&commands) }) as Arc<dyn Tool>;
    made.into_iter().map(tool).collect()
}

/// What a tool for commands does.
#[async_trait]
trait CommandTool: Send + Sync {
    /// See [`Tool::spec`].
    fn spec(&self, commands: &Commands) -> ToolSpec;

    /// See [`Tool::recovery`].
    fn recovery(&self) -> Recovery;

    /// See [`Tool::call`].
    async fn call(&self, commands: &Commands, input: &Value) -> Result<Answer, ToolError>;
}

/// Such a tool for the engine.
struct InWorkshop {
    tool: Box<dyn CommandTool>,
    commands: Arc<Commands>,
}

#[async_trait]
impl Tool for InWorkshop {
    fn spec(&self) -> ToolSpec {
        self.tool.spec(&self.commands)
    }

    fn reads_only(&self) -> bool {
        false
    }

    fn is_for_the_workspace(&self) -> bool {
        true
    }

    fn recovery(&self) -> Recovery {
        self.tool.recovery()
    }

    async fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        self.tool.call(&self.commands, input).await
    }
}

impl Commands {
    /// Seconds that any command may take.
    fn seconds_max(&self) -> u64 {
        self.workshop.policy.limits.wall_seconds_max
    }

    /// The job for an input's `command` and `folder`.
    fn job(&self, input: &Input<'_>, seconds_max: u64) -> Result<Job, ToolError> {
        let command = input.text("command")?;
        if command.trim().is_empty() || command.contains('\0') || command.len() > COMMAND_BYTES_MAX {
            let message =
                format!("`command` must be a line of at most {COMMAND_BYTES_MAX} bytes for the shell");
            return Err(ToolError::new("bad_input", message, Some("write longer scripts into a file")));
        }
        let mut job = Job::new(["/bin/sh", "-c", command], self.folder(input)?);
        job.seconds_max = Some(seconds_max);
        job.output_bytes_max = output::BYTES_MAX;
        job.listens = true; // Tests bring servers of their own.
        Ok(job)
    }

    /// The folder that an input names; the project's own where it names none.
    fn folder(&self, input: &Input<'_>) -> Result<PathBuf, ToolError> {
        let place = self.project.place(input.text_if_any("folder")?.unwrap_or(""))?;
        match self.project.is_folder(&place)? {
            true => Ok(self.project.path_of(&place)),
            false => Err(FileError::NotFolder { path: place.shown() }.into()),
        }
    }
}

/// A command's beginning, on one line.
fn command_shown(command: &str) -> String {
    let line = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.floor_char_boundary(COMMAND_BYTES_SHOWN.min(line.len()));
    let rest = if end < line.len() { "…" } else { "" };
    format!("{}{rest}", crate::files::shown(&line.as_bytes()[..end]))
}

/// Why a command did not run, with all that is known of the cause.
fn not_run(error: &CallError) -> ToolError {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    ToolError::new("not_run", message, Some("go on without commands, or try another one"))
}
