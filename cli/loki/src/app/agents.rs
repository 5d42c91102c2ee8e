//! Agents that bring tools of their own: `claude` and `codex`, confined like every other command.
//!
//! An agent runs in the project's sandbox and, beyond what every command may, reaches the API of its maker. The
//! key to it never gets in: the proxy puts it into requests to that host, and the agent finds a placeholder. A
//! login that the user has made with the agent itself is not used, since it would have to be inside, and whatever
//! the agent runs could read it.

mod door;
mod launch;
pub(crate) mod program;
mod reach;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use loki_provider::agent::{AgentError, Bridge, Setup};
use loki_provider::prices::Price;
use loki_provider::{Claude, Codex, Provider};
use loki_sandbox::workshop::DOOR_VARIABLE;

use self::launch::{Confined, MakeWorkshop};
use self::program::Program;
use self::reach::Reach;
use crate::config::keys;
use crate::confinement::{self, PolicyArgs, StrengthArgs};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::models::Named;

/// Seconds that a turn of an agent may take, where the policy allows as much.
const TURN_SECONDS_MAX: u64 = 3_600;

/// What loki knows about an agent's program and its maker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// The program's name, and the provider's.
    name: &'static str,
    /// The package that holds it.
    package: &'static str,
    /// Where its API is.
    api: &'static str,
    /// The environment variable that holds its key by custom.
    key_variable: &'static str,
    /// The header that the key goes into, and what stands before it there.
    key_header: (&'static str, &'static str),
}

const CLAUDE: Kind = Kind {
    name: "claude",
    package: "@anthropic-ai/claude-code",
    api: "https://api.anthropic.com",
    key_variable: "ANTHROPIC_API_KEY",
    key_header: ("x-api-key", ""),
};
const CODEX: Kind = Kind {
    name: "codex",
    package: "@openai/codex",
    api: "https://api.openai.com",
    key_variable: "OPENAI_API_KEY",
    key_header: ("authorization", "Bearer "),
};

/// The agent that the settings name, as a provider. `price` is what its model costs, where that is known.
///
/// Nothing is started yet. An error where its program or its key is not there, or where it cannot be used as
/// it is configured.
pub(super) fn agent(
    context: &Context,
    named: &Named,
    price: Option<Price>,
) -> Result<Arc<dyn Provider>, CommandError> {
    let kind = if named.provider == CLAUDE.name { CLAUDE } else { CODEX };
    let config = context.config()?;
    // What is said about the provider is said about the one that is named there, and no other.
    let of_main = |key| {
        let main = config.get(&keys::PROVIDER_NAME).trim() == kind.name;
        Some(config.get(key)).filter(|text: &String| main && !text.trim().is_empty())
    };
    let base_url = of_main(&keys::PROVIDER_BASE_URL);
    let variable = of_main(&keys::PROVIDER_KEY_VARIABLE).unwrap_or_else(|| kind.key_variable.to_owned());
    let has_key = context.environment.get(&variable).is_some();
    let reach = Reach::new(kind, base_url.as_deref(), has_key.then_some(variable.as_str()))
        .map_err(|error| refused_reach(kind, &variable, &error))?;
    let program = Program::find(kind.name, context.environment.get("PATH").unwrap_or_default())
        .map_err(|error| missing(kind, &error))?;
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(|source| {
        CommandError::new(ErrorKind::Machine, "failed to find the program of loki itself").caused_by(&source)
    })?;
    let bridge = Bridge {
        program: own.display().to_string(),
        arguments: vec![loki_mcp::BRIDGE_ARGUMENT.to_owned()],
        variable: DOOR_VARIABLE,
    };
    let model = Some(named.model.clone()).filter(|model| !model.is_empty());
    let temporary = PathBuf::from(context.environment.get("TMPDIR").unwrap_or("/tmp"));
    let make = workshop(context.clone());
    let launcher = Arc::new(Confined { program, own, reach, temporary, make, workshop: OnceLock::new() });
    let setup =
        Setup { model, price, base_url, bridge, answer: None, launcher, seconds_max: TURN_SECONDS_MAX };
    let provider: Result<Arc<dyn Provider>, AgentError> = if kind.name == CLAUDE.name {
        Claude::new(setup).map(|claude| Arc::new(claude) as Arc<dyn Provider>)
    } else {
        Codex::new(setup).map(|codex| Arc::new(codex) as Arc<dyn Provider>)
    };
    provider.map_err(|error| refused(kind, &error))
}

/// The project's sandbox, when it is needed.
fn workshop(context: Context) -> MakeWorkshop {
    let make = move || {
        let policy = confinement::policy(&context, &PolicyArgs::default())?;
        confinement::workshop(&context, policy, &StrengthArgs::default())
    };
    Box::new(move || {
        make().map_err(|error: CommandError| {
            let causes = error.causes.iter().map(|cause| format!(": {cause}"));
            format!("{}{}", error.message, causes.collect::<String>())
        })
    })
}

fn refused(kind: Kind, error: &AgentError) -> CommandError {
    let shown = CommandError::from_error(ErrorKind::Config, error);
    match error {
        AgentError::NoPrice { model: None, .. } => shown
            .hint(format_args!("Name a model: `loki config set --user model.development {}:MODEL`.", kind.name)),
        AgentError::NoPrice { model: Some(model), .. } => shown.hint(format_args!(
            "Say what it costs, in US dollars a million tokens: `loki config set --user provider.prices \"{model}=INPUT/OUTPUT\"`."
        )),
        AgentError::BaseUrl { .. } => shown.hint("Look at `provider.base_url`: `loki config show`."),
        AgentError::Model { .. } => shown.hint("`loki config show` shows the models that are set."),
    }
}

fn refused_reach(kind: Kind, variable: &str, error: &reach::ReachError) -> CommandError {
    let shown = CommandError::from_error(ErrorKind::Config, error);
    match error {
        reach::ReachError::NoKey => shown
            .hint(format_args!("Set {variable} to a key of its API."))
            .hint(format_args!(
                "A login of `{}` itself is not used: it would have to be inside the sandbox, where every command could read it.",
                kind.name
            )),
        reach::ReachError::Address | reach::ReachError::Plain | reach::ReachError::Policy { .. } => {
            shown.hint("Look at `provider.base_url`: `loki config show`.")
        }
    }
}

fn missing(kind: Kind, error: &program::ProgramError) -> CommandError {
    CommandError::from_error(ErrorKind::NotFound, error)
        .hint(format_args!("Install it: `npm install --global {}`.", kind.package))
}
