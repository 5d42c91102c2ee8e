//! What a model's work is done with: who does it, and how its commands run.

use std::sync::{Arc, OnceLock};

use loki_blueprint::signin;
use loki_gates::Commands;
use loki_provider::{NowMs, Provider};
use loki_sandbox::Workshop;
use loki_skills::{BUILTIN, Catalog};
use loki_store::Clock;

use super::servers::Servers;
use super::serving::values::Values;
use crate::config::{Config, keys};
use crate::confinement::{self, PolicyArgs, StrengthArgs};
use crate::context::Context;
use crate::environment::Environment;
use crate::error::CommandError;
use crate::models::Models;

/// What a model's work is done with.
pub(crate) struct Work {
    context: Context,
    config: Config,
    /// Values that must be found in no file.
    secrets: Vec<Vec<u8>>,
    /// Made when the first command is to run.
    workshop: Arc<OnceLock<Result<Arc<Workshop>, String>>>,
    provider: Option<Arc<dyn Provider>>,
}

impl Work {
    /// What is needed to judge and to show what is there. Asks for no key.
    pub(crate) fn to_judge(context: &Context) -> Result<Self, CommandError> {
        Ok(Self {
            context: context.clone(),
            config: context.config()?,
            secrets: secrets(context)?,
            workshop: Arc::default(),
            provider: None,
        })
    }

    /// The same, with the models that are configured.
    pub(crate) fn to_drive(context: &Context, clock: &Arc<dyn Clock>) -> Result<Self, CommandError> {
        let mut work = Self::to_judge(context)?;
        let clock = Arc::clone(clock);
        let now_ms: NowMs = Arc::new(move || clock.now().as_millisecond());
        work.provider = Models::of(context)?
            .provider(&now_ms, &|named, price| super::agents::agent(context, named, price))?;
        Ok(work)
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The variables that the program was started with.
    pub(crate) fn environment(&self) -> &Environment {
        &self.context.environment
    }

    /// Who writes the application; `None` where no model is configured.
    pub(crate) fn provider(&self) -> Option<&Arc<dyn Provider>> {
        self.provider.as_ref()
    }

    /// How commands run, or why they cannot.
    pub(crate) fn workshop(&self) -> Result<Arc<Workshop>, String> {
        made(&self.context, &self.workshop)
    }

    /// MCP servers of others, which are started in the same sandbox.
    pub(crate) fn servers(&self, context: &Context) -> Servers {
        let (context_there, workshop) = (self.context.clone(), Arc::clone(&self.workshop));
        Servers::of(context, &self.config, Arc::new(move || made(&context_there, &workshop)))
    }

    /// The skills at hand; those about a backend where `backend` says that there is to be one.
    pub(crate) fn skills(&self, backend: bool) -> Catalog {
        super::skills::catalog(&self.context, &self.config, if backend { &BUILTIN } else { &[] })
    }

    /// The project's own commands, where settings name any.
    pub(crate) fn commands(&self) -> Commands {
        let named = |key| Some(self.config.get(key)).filter(|text: &String| !text.trim().is_empty());
        Commands {
            build: named(&keys::GATES_BUILD),
            test: named(&keys::GATES_TEST),
            lint: named(&keys::GATES_LINT),
            start: named(&keys::GATES_START),
        }
    }

    /// Whether models review a change.
    pub(crate) fn reviews(&self) -> bool {
        self.config.get(&keys::GATES_REVIEW)
    }

    /// Whether a verified run becomes a commit.
    pub(crate) fn commits(&self) -> bool {
        self.config.get(&keys::GIT_COMMIT) == "verified"
    }

    /// Who is named as co-author of such commits.
    pub(crate) fn co_author(&self) -> Option<String> {
        Some(self.config.get(&keys::GIT_CO_AUTHOR)).filter(|name| !name.trim().is_empty())
    }

    /// Values that must be found in no file.
    pub(crate) fn secrets(&self) -> Vec<Vec<u8>> {
        self.secrets.clone()
    }
}

fn made(
    context: &Context,
    workshop: &OnceLock<Result<Arc<Workshop>, String>>,
) -> Result<Arc<Workshop>, String> {
    let make = || {
        let policy = confinement::policy(context, &PolicyArgs::default())?;
        confinement::workshop(context, policy, &StrengthArgs::default())
    };
    workshop.get_or_init(|| make().map(Arc::new).map_err(|error: CommandError| error.message)).clone()
}

/// The keys of models, and what sign-in shows providers. A value that cannot be read is in no file that is judged.
fn secrets(context: &Context) -> Result<Vec<Vec<u8>>, CommandError> {
    const BYTES_MIN: usize = 8;
    let values = Values::new(context.environment.all(), &context.project.forge_dir());
    let mut secrets = Models::of(context)?.secrets();
    let of_signin = signin::secret_variables().filter_map(|name| values.get(name).ok().flatten());
    secrets.extend(of_signin.filter(|value| value.len() >= BYTES_MIN).map(String::into_bytes));
    Ok(secrets)
}
