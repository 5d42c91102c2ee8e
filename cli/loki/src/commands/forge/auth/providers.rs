//! `loki forge auth providers`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

use forge_core::{NewAuditEntry, Resource, ResourceKind};
use forge_ops::{Forge, OpError, Outcome};
use loki_blueprint::signin::{default_spec, reference, references, steps, unavailable};
use loki_store::{Clock as _, SystemClock, replace_file};
use serde_json::{Map, Value, json};

use super::service::{no_backend, served};
use super::users::line;
use crate::app::serving::auth_settings::callback;
use crate::app::serving::values::{ValueError, Values};
use crate::config::keys;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Bytes of a value; a private key has less than four thousand.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Say by what people can sign in, and set what a provider wants to know
///
/// What only a person has, such as the secret that Google gives, is neither in the catalog nor in a setting: they
/// refer to it by a name (`secret:GOOGLE_CLIENT_SECRET`). The value is a variable of the server's environment, or
/// in a file of `.loki/forge/secrets` that its owner alone can read.
#[derive(clap::Args, Debug)]
pub(crate) struct ProvidersArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List the ways of signing in, and what they lack
    List,
    Add(AddArgs),
    /// Take a way of signing in away; who used it stays
    Remove {
        /// Its name
        name: String,
    },
    /// Keep a value that is read from standard input
    Set {
        /// Its name, such as GOOGLE_CLIENT_SECRET
        variable: String,
    },
    /// Forget a value that was kept
    Unset {
        /// Its name
        variable: String,
    },
}

/// Let people sign in by a provider
///
/// Says what is still missing, and where it is to be had.
#[derive(clap::Args, Debug)]
struct AddArgs {
    /// The provider: google, github, apple, microsoft, gitlab, discord, slack, or any name for an issuer
    name: String,
    /// The client's identifier, or `secret:NAME` for one that is kept elsewhere
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Read the client's secret from standard input
    #[arg(long)]
    secret: bool,
    /// The issuer, for a provider of OpenID Connect that is not known by name
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
}

pub(super) fn providers(
    ui: &mut Ui,
    context: &Context,
    args: &ProvidersArgs,
) -> Result<Status, CommandError> {
    let desk = Desk::open(context)?;
    match &args.action {
        None | Some(Action::List) => desk.list(ui)?,
        Some(Action::Add(args)) => desk.add(ui, args)?,
        Some(Action::Remove { name }) => {
            let data = desk.call("forge_auth_provider_remove", &json!({ "name": name }))?;
            if data["change"] == "not there" {
                return Err(CommandError::new(
                    ErrorKind::NotFound,
                    format_args!("there is no provider `{name}`"),
                )
                .hint("`loki forge auth providers` lists them."));
            }
            told(ui, &data, "Removed.")?;
        }
        Some(Action::Set { variable }) => {
            desk.put(variable, &from_stdin()?)?;
            told(ui, &json!({ "set": variable }), "Kept. A server that runs takes it when it starts again.")?;
        }
        Some(Action::Unset { variable }) => {
            desk.forget(variable)?;
            told(ui, &json!({ "unset": variable }), "Forgotten.")?;
        }
    }
    Ok(Status::Success)
}

/// Everything these commands work with.
struct Desk {
    forge: Forge,
    values: Values,
    /// Where providers send people back.
    callback: String,
}

impl Desk {
    fn open(context: &Context) -> Result<Desk, CommandError> {
        let (config, dir) = (context.config()?, context.project.forge_dir());
        if !Forge::exists(&dir) && config.get(&keys::FORGE_DATABASE_URL).is_empty() {
            return Err(no_backend());
        }
        let forge = Forge::open(&dir, Arc::new(SystemClock))
            .map_err(|error| CommandError::from_error(ErrorKind::State, &error))?;
        let values = Values::new(context.environment.all(), &dir);
        Ok(Desk { forge, values, callback: callback(&config, &served(&config)) })
    }

    fn call(&self, operation: &str, input: &Value) -> Result<Value, CommandError> {
        match self.forge.call(operation, input) {
            Ok(Outcome::Done { data, .. }) => Ok(data),
            Ok(Outcome::Review(_)) => Err(CommandError::new(ErrorKind::Stopped, "it waits for an approval")),
            Err(error @ OpError::Input { .. }) => Err(CommandError::from_error(ErrorKind::Input, &error)),
            Err(error) => Err(CommandError::from_error(ErrorKind::State, &error)),
        }
    }

    fn resources(&self) -> Result<Vec<Resource>, CommandError> {
        let all = self.forge.catalog().resources(Some(ResourceKind::AuthProvider));
        all.map_err(|error| CommandError::from_error(ErrorKind::State, &error))
    }

    /// The names of values that a way of signing in lacks.
    fn missing(&self, name: &str, spec: &Value) -> Result<Vec<String>, CommandError> {
        let mut missing = Vec::new();
        for variable in references(name, spec) {
            if self.values.get(&variable).map_err(|error| unusable(&error))?.is_none() {
                missing.push(variable);
            }
        }
        Ok(missing)
    }

    fn list(&self, ui: &mut Ui) -> Result<(), CommandError> {
        let mut all = Vec::new();
        for resource in self.resources()? {
            let spec = declared(&resource);
            let missing = self.missing(&resource.name, &spec)?;
            let off = unavailable(&resource.name, &spec);
            all.push((resource.name, spec, missing, off));
        }
        if ui.is_json() {
            let all = all.iter().map(|(name, spec, missing, off)| {
                let on = missing.is_empty() && off.is_none();
                json!({ "name": name, "method": spec["method"], "on": on, "missing": missing, "unavailable": off })
            });
            return Ok(ui.result_json(&Value::from_iter(all))?);
        }
        let rows: Vec<[String; 2]> = all
            .iter()
            .map(|(name, _, missing, off)| {
                let state = match (off, missing.is_empty()) {
                    (Some(why), _) => format!("not to be had: {why}"),
                    (None, true) => "on".to_owned(),
                    (None, false) => format!("off, lacks {}", missing.join(", ")),
                };
                [line(name), line(&state)]
            })
            .collect();
        ui.result_text(&table(&rows))?;
        if rows.is_empty() {
            ui.status(format_args!("No provider is declared."))?;
        }
        for (name, _, missing, _) in &all {
            for variable in missing {
                ui.detail(format_args!("{}", steps(name, variable, &self.callback)))?;
            }
        }
        Ok(())
    }

    fn add(&self, ui: &mut Ui, args: &AddArgs) -> Result<(), CommandError> {
        let known = default_spec(&args.name);
        let referred = args.client_id.as_deref().filter(|id| reference(id).is_some());
        if known["method"] == "none" || args.issuer.is_some() || referred.is_some() {
            let mut input = Map::from_iter([("name".to_owned(), json!(args.name))]);
            if let Some(id) = referred {
                input.insert("client_id".to_owned(), json!(id));
            }
            if args.issuer.is_some() {
                input.insert("issuer".to_owned(), json!(format!("secret:{}_ISSUER", prefix(&args.name))));
            }
            self.call("forge_auth_provider_add", &Value::Object(input))?;
        } else {
            let input = json!({ "kind": "auth_provider", "name": args.name, "spec": known });
            self.call("forge_declare", &input)?;
        }
        let resources = self.resources()?;
        let Some(resource) = resources.iter().find(|resource| resource.name == args.name) else {
            return Err(CommandError::new(ErrorKind::State, "the provider was not kept"));
        };
        let spec = declared(resource);
        let secret = if args.secret { Some(from_stdin()?) } else { None };
        let literal = args.client_id.clone().filter(|_| referred.is_none());
        for (field, value) in
            [("client_id", literal), ("issuer", args.issuer.clone()), ("client_secret", secret)]
        {
            let Some(value) = value else { continue };
            let name = spec[field].as_str().and_then(reference).ok_or_else(|| {
                CommandError::new(ErrorKind::Usage, format_args!("`{}` has no {field}", args.name))
            })?;
            self.put(name, &value)?;
        }
        self.added(ui, &args.name, &spec)
    }

    fn added(&self, ui: &mut Ui, name: &str, spec: &Value) -> Result<(), CommandError> {
        let missing = self.missing(name, spec)?;
        if ui.is_json() {
            let all: Vec<Value> = missing
                .iter()
                .map(|variable| json!({ "name": variable, "steps": steps(name, variable, &self.callback) }))
                .collect();
            return Ok(ui.result_json(&json!({ "name": name, "on": missing.is_empty(), "missing": all }))?);
        }
        for variable in &missing {
            ui.status(format_args!("{}.", steps(name, variable, &self.callback)))?;
        }
        if missing.is_empty() {
            ui.status(format_args!("People can sign in by {} once the server starts again.", line(name)))?;
        }
        Ok(())
    }

    /// Keeps a value, which stays out of every record.
    fn put(&self, variable: &str, value: &str) -> Result<(), CommandError> {
        let value = value.trim();
        if value.is_empty() || value.len() > VALUE_BYTES_MAX {
            return Err(CommandError::new(
                ErrorKind::Input,
                format_args!("the value of `{variable}` must have 1 to {VALUE_BYTES_MAX} bytes"),
            ));
        }
        self.note("auth.value.set", variable)?;
        let path = self.values.path(variable);
        let failed = |error: std::io::Error| {
            CommandError::new(ErrorKind::Io, format_args!("failed to write `{}`", path.display()))
                .caused_by(&error)
        };
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        replace_file(&path, value.as_bytes(), 0o600).map_err(failed)
    }

    fn forget(&self, variable: &str) -> Result<(), CommandError> {
        self.note("auth.value.unset", variable)?;
        let path = self.values.path(variable);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(CommandError::new(ErrorKind::NotFound, format_args!("no value `{variable}` is kept"))
                    .hint("A variable of the environment is unset there."))
            }
            Err(error) => {
                Err(CommandError::new(ErrorKind::Io, format_args!("failed to remove `{}`", path.display()))
                    .caused_by(&error))
            }
        }
    }

    /// Writes down that a value changes, if its name is one: it becomes the name of a file.
    fn note(&self, action: &str, variable: &str) -> Result<(), CommandError> {
        if reference(&format!("secret:{variable}")) != Some(variable) {
            return Err(unusable(&ValueError::Name));
        }
        let entry = NewAuditEntry {
            key: format!("{action}/{variable}/{}", SystemClock.now()),
            actor: "operator".to_owned(),
            action: action.to_owned(),
            subject: format!("secret {variable}"),
            details: json!({ "name": variable }),
        };
        let noted = self.forge.catalog().audit(entry);
        noted.map(drop).map_err(|error| CommandError::from_error(ErrorKind::State, &error))
    }
}

/// What a resource says of itself; what was declared by its name alone is what such a name stands for.
fn declared(resource: &Resource) -> Value {
    match resource.spec.as_object() {
        Some(spec) if !spec.is_empty() => resource.spec.clone(),
        Some(_) | None => default_spec(&resource.name),
    }
}

/// What the names of a provider's values begin with.
fn prefix(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A value is no argument, which other processes can read.
fn from_stdin() -> Result<String, CommandError> {
    let mut text = String::new();
    let bytes_max = u64::try_from(VALUE_BYTES_MAX + 2).unwrap_or(u64::MAX);
    std::io::stdin().lock().take(bytes_max).read_to_string(&mut text).map_err(|error| {
        CommandError::new(ErrorKind::Io, "failed to read a value from standard input").caused_by(&error)
    })?;
    Ok(text)
}

fn told(ui: &mut Ui, data: &Value, words: &str) -> Result<(), CommandError> {
    if ui.is_json() { Ok(ui.result_json(data)?) } else { Ok(ui.status(format_args!("{words}"))?) }
}

fn unusable(error: &ValueError) -> CommandError {
    let kind = match error {
        ValueError::Name => ErrorKind::Usage,
        ValueError::Read { .. } => ErrorKind::Io,
        ValueError::Open { .. } | ValueError::Content { .. } => ErrorKind::State,
    };
    CommandError::from_error(kind, error)
}
