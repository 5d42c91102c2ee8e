//! Which models work on a run: the settings, read into providers.

mod defaults;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use loki_provider::prices::{self, Price};
use loki_provider::router::{Router, Tiers};
use loki_provider::vendors::{Dialect, VENDORS, Vendor, vendor};
use loki_provider::{Endpoint, EndpointError, Http, Limits, NowMs, Provider, Secret, Thinking, connect};

use crate::config::{Config, keys};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::nearest::nearest;

/// The provider that needs no model.
pub(crate) const BLUEPRINT: &str = "blueprint";
/// Agents that bring tools of their own.
pub(crate) const AGENTS: [&str; 2] = ["claude", "codex"];

/// A model, as a setting names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The vendor or agent.
    pub(crate) provider: String,
    /// The model's name there; empty: the agent's own choice.
    pub(crate) model: String,
}

/// Makes the provider of an agent. Its work is confined, so that whoever wires it knows more than settings do.
pub(crate) type MakeAgent<'a> = &'a dyn Fn(&Named, Option<Price>) -> Result<Arc<dyn Provider>, CommandError>;

/// What the settings say about models.
pub(crate) struct Models<'a> {
    config: Config,
    context: &'a Context,
}

impl<'a> Models<'a> {
    /// Reads the settings.
    pub(crate) fn of(context: &'a Context) -> Result<Self, CommandError> {
        Ok(Self { config: context.config()?, context })
    }

    /// Whether a model is configured at all.
    pub(crate) fn any(&self) -> bool {
        self.config.get(&keys::PROVIDER_NAME).trim() != BLUEPRINT
    }

    /// The values of keys that are configured: what must never be found in a file or a prompt.
    pub(crate) fn secrets(&self) -> Vec<Vec<u8>> {
        let mut variables: Vec<String> =
            VENDORS.iter().map(|vendor| vendor.key_variable.to_owned()).collect();
        variables.push(self.config.get(&keys::PROVIDER_KEY_VARIABLE));
        let values = variables.iter().filter_map(|name| self.context.environment.get(name));
        values.filter(|value| value.len() >= 8).map(|value| value.as_bytes().to_vec()).collect()
    }

    /// The provider of a run; `None` where no model is configured.
    pub(crate) fn provider(
        &self,
        now_ms: &NowMs,
        agent: MakeAgent<'_>,
    ) -> Result<Option<Arc<dyn Provider>>, CommandError> {
        if !self.any() {
            return Ok(None);
        }
        let http = Http::new(Limits::default(), Arc::clone(now_ms))
            .map(Arc::new)
            .map_err(|error| CommandError::from_error(ErrorKind::Machine, &error))?;
        let priced = prices::parse(&self.config.get(&keys::PROVIDER_PRICES))
            .map_err(|error| CommandError::from_error(ErrorKind::Config, &error))?;
        let make = |named: &Named| self.make(named, &priced, &http, agent);
        let tier = |named: Vec<Named>| named.iter().map(make).collect::<Result<Vec<_>, _>>();
        let [planning, development, fast] = self.named()?;
        let tiers = Tiers { planning: tier(planning)?, development: tier(development)?, fast: tier(fast)? };
        let router = Router::new(tiers, Arc::clone(now_ms))
            .map_err(|error| CommandError::from_error(ErrorKind::Config, &error))?;
        Ok(Some(Arc::new(router)))
    }

    /// The models of planning, development and fast, in order.
    fn named(&self) -> Result<[Vec<Named>; 3], CommandError> {
        let main = self.config.get(&keys::PROVIDER_NAME).trim().to_owned();
        known(&main)?;
        let list = |key| -> Vec<Named> {
            let text: String = self.config.get(key);
            text.split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(|name| read(name, &main))
                .collect()
        };
        let (mut planning, mut development, mut fast) =
            (list(&keys::MODEL_PLANNING), list(&keys::MODEL_DEVELOPMENT), list(&keys::MODEL_FAST));
        let usual = |tier: &str| {
            defaults::model(&main, tier)
                .map(|model| Named { provider: main.clone(), model: model.to_owned() })
        };
        if planning.is_empty() && development.is_empty() && fast.is_empty() {
            planning.extend(usual("planning"));
            development.extend(usual("development"));
            fast.extend(usual("fast"));
        }
        if development.is_empty() && fast.is_empty() {
            development.clone_from(&planning);
        }
        if fast.is_empty() {
            fast.clone_from(&development);
        }
        if fast.is_empty() {
            let message = format_args!("no model of `{main}` is named");
            return Err(CommandError::new(ErrorKind::Config, message)
                .hint("Name one: `loki config set --user model.development MODEL`."));
        }
        for named in planning.iter().chain(&development).chain(&fast) {
            known(&named.provider)?;
        }
        Ok([planning, development, fast])
    }

    fn make(
        &self,
        named: &Named,
        priced: &[(String, Price)],
        http: &Arc<Http>,
        agent: MakeAgent<'_>,
    ) -> Result<Arc<dyn Provider>, CommandError> {
        let by_user = priced.iter().find(|(model, _)| *model == named.model).map(|(_, price)| *price);
        let Some(vendor) = vendor(&named.provider) else {
            let maker = if named.provider == "claude" { "anthropic" } else { "openai" };
            return agent(named, by_user.or_else(|| prices::price(maker, &named.model)));
        };
        let price = by_user.or_else(|| prices::price(vendor.priced_as, &named.model));
        if price.is_none() && !vendor.local {
            let message = format_args!("no price is known for `{}` of {}", named.model, vendor.name);
            return Err(CommandError::new(ErrorKind::Config, message)
                .hint(format_args!(
                    "A run keeps to a budget, so it needs one: `loki config set --user provider.prices \"{}=INPUT/OUTPUT\"`, in US dollars a million tokens.",
                    named.model
                ))
                .hint("`loki config show` shows the models that are set."));
        }
        let endpoint = self.endpoint(vendor, named, price);
        connect(endpoint, Arc::clone(http)).map_err(|error| refused(&error))
    }

    fn endpoint(&self, vendor: &'static Vendor, named: &Named, price: Option<Price>) -> Endpoint {
        let main = self.config.get(&keys::PROVIDER_NAME).trim() == vendor.name;
        // What is said about the provider is said about the one that is named there, and no other.
        let of_main =
            |key| Some(self.config.get(key)).filter(|text: &String| main && !text.trim().is_empty());
        let variable =
            of_main(&keys::PROVIDER_KEY_VARIABLE).unwrap_or_else(|| vendor.key_variable.to_owned());
        let thinking = self.config.get(&keys::PROVIDER_THINKING_TOKENS);
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Endpoint {
            vendor,
            base_url: of_main(&keys::PROVIDER_BASE_URL),
            key: self.context.environment.get(&variable).map(Secret::new),
            model: named.model.clone(),
            output_tokens_max: small(self.config.get(&keys::PROVIDER_OUTPUT_TOKENS_MAX)),
            thinking: match vendor.dialect {
                Dialect::Anthropic if thinking > 0 => Thinking::Budget(small(thinking)),
                Dialect::Anthropic | Dialect::Chat | Dialect::Responses => Thinking::Unasked,
            },
            price,
        }
    }
}

/// Reads `[provider:]model`. A model's own name may hold a colon, as those of Ollama do.
fn read(text: &str, main: &str) -> Named {
    if let Some((provider, model)) = text.split_once(':')
        && (vendor(provider).is_some() || AGENTS.contains(&provider))
    {
        return Named { provider: provider.to_owned(), model: model.trim().to_owned() };
    }
    Named { provider: main.to_owned(), model: text.to_owned() }
}

fn known(name: &str) -> Result<(), CommandError> {
    if vendor(name).is_some() || AGENTS.contains(&name) {
        return Ok(());
    }
    let names = || VENDORS.iter().map(|vendor| vendor.name).chain(AGENTS).chain([BLUEPRINT]);
    let error = CommandError::new(ErrorKind::Config, format_args!("there is no provider `{name}`"));
    Err(match nearest(name, names()) {
        Some(meant) => error.hint(format_args!("Did you mean `{meant}`?")),
        None => error.hint(format_args!("The providers are {}.", names().collect::<Vec<_>>().join(", "))),
    })
}

fn refused(error: &EndpointError) -> CommandError {
    let shown = CommandError::from_error(ErrorKind::Config, error);
    match error {
        EndpointError::NoKey { variable, .. } => shown.hint(format_args!(
            "Set {variable}, or name another variable: `loki config set --user provider.key_variable NAME`."
        )),
        EndpointError::BaseUrl { .. } | EndpointError::Plain { .. } => {
            shown.hint("Look at `provider.base_url`: `loki config show`.")
        }
        EndpointError::Dialect { .. }
        | EndpointError::Key { .. }
        | EndpointError::Model { .. }
        | EndpointError::Tokens => shown.hint("`loki config show` shows what is set."),
    }
}
