//! The agent CLI `claude`, headless: one run of it for each turn.
//!
//! It gets nothing but what is handed to it here: no settings, hooks, plugins, skills, memories or MCP servers
//! of the user or of the project, since a project could bring its own. Its own permission checks are off, because
//! nobody is there to ask and the launcher confines it.

mod events;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use self::events::Events;
use crate::agent::{
    AgentError, LINE_BYTES_MAX, Launch, PLACEHOLDER, Rights, Setup, no_result, not_launched, prompt, turn,
};
use crate::{Provider, ProviderError, Quote, Request, Turn};

const AGENT: &str = "claude";

/// Tools of its own that it may use; sub-agents, schedules and the web are not among them.
const TOOLS_CHANGE: &str = "Bash,Edit,Glob,Grep,NotebookEdit,Read,Write";
/// Likewise where it may only read. What a command of its shell changes is refused by the sandbox.
const TOOLS_READ: &str = "Bash,Glob,Grep,Read";

/// Switches that are on, whatever the user's own.
const SWITCHES: [&str; 13] = [
    // It refuses to work without permission checks as root, unless it is told that it is confined.
    "IS_SANDBOX",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    "CLAUDE_CODE_DISABLE_CLAUDE_MDS",
    "CLAUDE_CODE_DISABLE_CRON",
    "CLAUDE_CODE_DISABLE_FILE_CHECKPOINTING",
    "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL",
    "CLAUDE_CODE_DISABLE_WORKFLOWS",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_TELEMETRY",
    "DISABLE_UPDATES",
];
/// How often it repeats a request by itself before it gives up: a turn that is given up is work lost.
const RETRIES_MAX: &str = "4";

/// `claude`.
pub struct Claude {
    setup: Setup,
    name: String,
}

impl Claude {
    /// The agent, as it is configured.
    pub fn new(setup: Setup) -> Result<Self, AgentError> {
        setup.check(AGENT)?;
        let name = setup.model.as_ref().map_or_else(|| AGENT.to_owned(), |model| format!("{AGENT}:{model}"));
        Ok(Self { setup, name })
    }

    fn arguments(&self, request: &Request, rights: Rights) -> Vec<String> {
        let tools = match rights {
            Rights::Change => TOOLS_CHANGE,
            Rights::Read => TOOLS_READ,
        };
        let servers = self.servers().to_string();
        let fixed = [
            "--print",
            "--output-format",
            "stream-json",
            "--verbose",
            "--permission-mode",
            "bypassPermissions",
            "--setting-sources",
            "",
            "--no-session-persistence",
            "--disable-slash-commands",
            "--strict-mcp-config",
            "--mcp-config",
            &servers,
            "--tools",
            tools,
        ];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        if let Some(model) = &self.setup.model {
            arguments.extend(["--model".to_owned(), model.clone()]);
        }
        if let Some(micro_usd) = Setup::allowance_micro_usd(request) {
            let usd = format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000);
            arguments.extend(["--max-budget-usd".to_owned(), usd]);
        }
        arguments
    }

    /// The MCP servers it has: the desk.
    fn servers(&self) -> serde_json::Value {
        let bridge = &self.setup.bridge;
        let variable = bridge.variable;
        json!({"mcpServers": {"loki": {
            "type": "stdio",
            "command": bridge.program,
            "args": bridge.arguments,
            "env": {variable: format!("${{{variable}}}")},
        }}})
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> =
            SWITCHES.map(|name| (name.to_owned(), "1".to_owned())).into();
        let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
        set("ANTHROPIC_API_KEY", PLACEHOLDER);
        set("CLAUDE_CODE_MAX_RETRIES", RETRIES_MAX);
        if let Some(base_url) = &self.setup.base_url {
            set("ANTHROPIC_BASE_URL", base_url.trim_end_matches('/'));
        }
        variables
    }
}

#[async_trait]
impl Provider for Claude {
    fn name(&self) -> &str {
        &self.name
    }

    fn acts(&self) -> bool {
        true
    }

    fn quote(&self, request: &Request) -> Quote {
        Setup::quote(request)
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        let desk = self.setup.desk(request)?;
        let rights = Rights::of(&request.phase);
        let launch = Launch {
            arguments: self.arguments(request, rights),
            stdin: prompt(request, rights),
            variables: self.variables(),
            settings_variable: "CLAUDE_CONFIG_DIR",
            seconds_max: self.setup.seconds_max,
            rights,
            desk: desk.clone(),
        };
        let mut events = Events::new(LINE_BYTES_MAX, self.setup.price);
        let ran =
            self.setup.launcher.launch(launch, &mut events).await.map_err(|error| not_launched(&error))?;
        match events.outcome() {
            Some(Ok(told)) => Ok(turn(request, &self.name, told, &desk)),
            Some(Err(error)) => Err(error),
            None => Err(no_result(&ran, events.cut())),
        }
    }
}

#[cfg(test)]
mod tests;
