//! The agent CLI `codex`, headless: one run of it for each turn.
//!
//! It gets nothing but what is handed to it here: no settings, rules, hooks, plugins or instructions of the user
//! or of the project. Its own sandbox and approvals are off, because nobody is there to ask and the launcher
//! confines it. It reports tokens and no money, and cannot hold to a budget by itself: the price of its model must
//! be known, and what it has used up by now is estimated from its events, so that it can be stopped.

mod events;

use std::collections::BTreeMap;

use async_trait::async_trait;

use self::events::{Events, Meter};
use crate::agent::{
    AgentError, LINE_BYTES_MAX, Launch, PLACEHOLDER, Rights, Setup, no_result, not_launched, prompt, turn,
};
use crate::prices::Price;
use crate::{Provider, ProviderError, Quote, Refusal, Request, Turn, count};

const AGENT: &str = "codex";
const BASE_URL: &str = "https://api.openai.com/v1";

/// Characters of a prompt that it takes.
const PROMPT_CHARS_MAX: usize = 1_048_576;

/// Features that are off: what works beside the conversation would be counted nowhere, and the rest reaches for
/// things outside of the project.
const FEATURES_OFF: [&str; 16] = [
    "apps",
    "browser_use",
    "computer_use",
    "daemon_auto_start",
    "goals",
    "hooks",
    "image_generation",
    "memories",
    "multi_agent",
    "multi_agent_v2",
    "plugins",
    "remote_plugin",
    "shell_snapshot",
    "skill_mcp_dependency_install",
    "tool_search_always_defer_mcp_tools",
    "tool_suggest",
];

/// `codex`.
pub struct Codex {
    setup: Setup,
    price: Price,
    name: String,
}

impl Codex {
    /// The agent, as it is configured. Refused where the price of its model is not known, since nothing else
    /// tells what it costs.
    pub fn new(setup: Setup) -> Result<Self, AgentError> {
        setup.check(AGENT)?;
        let base_url = setup.base_url.as_deref().unwrap_or(BASE_URL);
        if !is_base_url(base_url) {
            return Err(AgentError::BaseUrl { agent: AGENT });
        }
        let Some(price) = setup.price else {
            return Err(AgentError::NoPrice { agent: AGENT, model: setup.model });
        };
        // A run is told as a sum, and prices for a long input are for single requests.
        let price = Price::flat(price.rates);
        let name = setup.model.as_ref().map_or_else(|| AGENT.to_owned(), |model| format!("{AGENT}:{model}"));
        Ok(Self { setup, price, name })
    }

    fn arguments(&self) -> Vec<String> {
        let fixed = [
            "exec",
            "--json",
            "--color=never",
            "--skip-git-repo-check",
            "--ephemeral",
            "--ignore-user-config",
            "--ignore-rules",
            "--dangerously-bypass-approvals-and-sandbox",
        ];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        for setting in self.settings() {
            arguments.extend(["-c".to_owned(), setting]);
        }
        if let Some(model) = &self.setup.model {
            arguments.extend(["--model".to_owned(), model.clone()]);
        }
        arguments.push("-".to_owned());
        arguments
    }

    fn settings(&self) -> Vec<String> {
        let bridge = &self.setup.bridge;
        let base_url = self.setup.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/');
        let list: Vec<String> = bridge.arguments.iter().map(|argument| quoted(argument)).collect();
        let mut settings = vec![
            "model_provider=\"loki\"".to_owned(),
            format!(
                "model_providers.loki={{name=\"loki\",base_url={},env_key=\"OPENAI_API_KEY\",\
                 wire_api=\"responses\",request_max_retries=3,stream_max_retries=3}}",
                quoted(base_url)
            ),
            format!(
                "mcp_servers.loki={{command={},args=[{}],env_vars=[{}],required=true,\
                 default_tools_approval_mode=\"approve\"}}",
                quoted(&bridge.program),
                list.join(","),
                quoted(bridge.variable)
            ),
            // Instructions that lie in the project are files like all others.
            "project_doc_max_bytes=0".to_owned(),
            "skills.include_instructions=false".to_owned(),
            "web_search=\"disabled\"".to_owned(),
            "history.persistence=\"none\"".to_owned(),
            "analytics.enabled=false".to_owned(),
            "feedback.enabled=false".to_owned(),
            "check_for_update_on_startup=false".to_owned(),
        ];
        settings.extend(FEATURES_OFF.map(|feature| format!("features.{feature}=false")));
        settings
    }
}

#[async_trait]
impl Provider for Codex {
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
        let stdin = prompt(request, rights);
        if stdin.chars().nth(PROMPT_CHARS_MAX).is_some() {
            let message = format!("the agent takes prompts of at most {PROMPT_CHARS_MAX} characters");
            return Err(ProviderError::permanent(Refusal::Request, message));
        }
        let meter = Meter::new(count::request(request), self.price, Setup::allowance_micro_usd(request));
        let launch = Launch {
            arguments: self.arguments(),
            stdin,
            variables: BTreeMap::from([("OPENAI_API_KEY".to_owned(), PLACEHOLDER.to_owned())]),
            settings_variable: "CODEX_HOME",
            seconds_max: self.setup.seconds_max,
            rights,
            desk: desk.clone(),
        };
        let mut events = Events::new(LINE_BYTES_MAX, self.price, meter);
        let ran =
            self.setup.launcher.launch(launch, &mut events).await.map_err(|error| not_launched(&error))?;
        match events.outcome() {
            Some(Ok(told)) => Ok(turn(request, &self.name, told, &desk)),
            Some(Err(error)) => Err(error),
            None => Err(no_result(&ran, events.cut())),
        }
    }
}

/// Whether it can stand in a setting as it is.
fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |byte: u8| (b'!'..=b'~').contains(&byte) && !b"\"'\\@?#{}".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(plain))
}

/// A text as TOML writes it; JSON writes these in the same way.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
