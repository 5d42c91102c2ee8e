//! The settings, in layers: defaults < `~/.config/loki/config.toml` < `.loki/config.toml` <
//! `LOKI_*` < flags. Every value knows the layer it came from; a key nobody knows is refused.

pub(crate) mod keys;
pub(crate) mod servers;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{CommandError, ErrorKind};
use crate::nearest::nearest;

pub(crate) use keys::ALL;
pub(crate) use value::{AnyKey, Key, Setting};

use servers::Server;

/// A configuration file longer than this is not one.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const PREFIX: &str = "LOKI_";

/// Where a value came from, lowest layer first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Built in.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of this very command.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Environment(name) => write!(f, "${name}"),
            Source::Flag => f.write_str("flag"),
        }
    }
}

/// Whose a configuration file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The user's own.
    User,
    /// The project's, which may have come with its sources.
    Project,
}

/// One setting as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Its value, already checked against its key.
    pub(crate) value: toml::Value,
    /// The layer that had the last word.
    pub(crate) source: Source,
}

/// Values given by the flags of a command: the topmost layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides(Vec<(&'static str, toml::Value)>);

impl Overrides {
    /// Sets `key` where the flag was given.
    pub(crate) fn set<T: Setting>(&mut self, key: &'static Key<T>, value: Option<T>) {
        self.0.extend(value.map(|value| (key.name(), value.to_toml())));
    }
}

/// Every setting with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    entries: BTreeMap<&'static str, Entry>,
    servers: BTreeMap<String, Server>,
}

impl Config {
    /// Lays the layers over each other.
    pub(crate) fn load(
        user: Option<&Path>,
        project: &Path,
        environment: &Environment,
        flags: &Overrides,
    ) -> Result<Config, CommandError> {
        let mut config = Config::defaults();
        if let Some(user) = user {
            config.lay_file(user, Whose::User)?;
        }
        config.lay_file(project, Whose::Project)?;
        config.lay_environment(environment)?;
        for (name, value) in &flags.0 {
            let key = key_named(name).ok_or_else(|| unknown(name, "flags"))?;
            config.put(key, value, Source::Flag)?;
        }
        Ok(config)
    }

    /// The defaults with the user's file over them.
    pub(crate) fn of_user(user: Option<&Path>) -> Result<Config, CommandError> {
        let mut config = Config::defaults();
        user.map_or(Ok(()), |user| config.lay_file(user, Whose::User))?;
        Ok(config)
    }

    /// The value of `key`.
    pub(crate) fn get<T: Setting>(&self, key: &'static Key<T>) -> T {
        let entry = self.entries.get(key.name());
        entry.and_then(|entry| T::from_toml(&entry.value)).unwrap_or_else(|| key.default_value())
    }

    /// Every setting, in the order of the names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (*name, entry))
    }

    /// The MCP servers whose tools a run may use, by name.
    pub(crate) fn servers(&self) -> &BTreeMap<String, Server> {
        &self.servers
    }

    /// The setting called `name`, or an error with the nearest name.
    pub(crate) fn entry(&self, name: &str) -> Result<&Entry, CommandError> {
        self.entries.get(name).ok_or_else(|| unknown(name, "settings"))
    }

    /// The built-in values alone.
    pub(crate) fn defaults() -> Config {
        let entries = ALL.iter().map(|key| {
            let entry = Entry { value: key.default_toml(), source: Source::Default };
            (key.name(), entry)
        });
        Config { entries: entries.collect(), servers: BTreeMap::new() }
    }

    /// Refuses what a project's file must not say: how its commands are confined is for whoever runs them.
    pub(crate) fn may_project_set(&self, key: &dyn AnyKey, value: &toml::Value) -> Result<(), CommandError> {
        let name = key.name();
        if keys::is_the_users(name) {
            let message = format_args!("a project's file cannot set `{name}`: it says who is sent what");
            return Err(CommandError::new(ErrorKind::Config, message)
                .hint(format_args!("Set it yourself: `loki config set --user {name} VALUE`.")));
        }
        let now = self.entries.get(name).map(|entry| &entry.value);
        if name == keys::RUN_BUDGET_USD_MAX.name()
            && let (Some(before), Some(after)) = (now.and_then(f64::from_toml), f64::from_toml(value))
            && after > before
        {
            let message = format_args!("a project's file cannot raise `{name}` from {before} to {after}");
            return Err(CommandError::new(ErrorKind::Config, message)
                .hint(format_args!("Raise it yourself: `loki config set --user {name} {after}`.")));
        }
        let (before, after) = (now.and_then(toml::Value::as_str), value.as_str());
        if let (Some(order), Some(before), Some(after)) = (keys::strictness(key.name()), before, after) {
            let strict = |word: &str| order.iter().position(|known| *known == word);
            if strict(after) < strict(before) {
                let message =
                    format_args!("a project's file cannot loosen `{name}` from `{before}` to `{after}`");
                return Err(CommandError::new(ErrorKind::Config, message)
                    .hint(format_args!("Allow it yourself: `loki config set --user {name} {after}`.")));
            }
        }
        Ok(())
    }

    fn lay_file(&mut self, path: &Path, whose: Whose) -> Result<(), CommandError> {
        let Some(text) = read_file(path)? else { return Ok(()) };
        let mut table = parse_file(path, &text)?;
        self.lay_servers(&mut table, whose).map_err(|why| {
            let message = format_args!("wrong MCP servers in {}", path.display());
            let error = CommandError::new(ErrorKind::Config, message).caused_by(&Reason(why));
            match whose {
                Whose::User => error,
                Whose::Project => {
                    error.hint("What is started or reached belongs into your own file: `loki config path`.")
                }
            }
        })?;
        for (name, value) in leaves(&table) {
            let shown = path.display().to_string();
            let key = key_named(&name).ok_or_else(|| unknown(&name, &shown))?;
            if whose == Whose::Project {
                self.may_project_set(key, &value)?;
            }
            self.put(key, &value, Source::File(path.to_owned()))?;
        }
        Ok(())
    }

    fn lay_servers(&mut self, table: &mut toml::Table, whose: Whose) -> Result<(), String> {
        let tables = servers::taken(table)?;
        self.servers = match whose {
            Whose::User => servers::named(tables)?,
            Whose::Project => servers::narrowed(std::mem::take(&mut self.servers), tables)?,
        };
        Ok(())
    }

    /// A variable that is near no key belongs to another program and is left alone; a near one is a slip.
    fn lay_environment(&mut self, environment: &Environment) -> Result<(), CommandError> {
        for (variable, text) in environment.with_prefix(PREFIX) {
            let source = Source::Environment(variable.to_owned());
            if let Some(key) = ALL.iter().find(|key| variable_of(key.name()) == variable) {
                let value = key.parse(text).map_err(|reason| wrong(key.name(), &source, &reason))?;
                self.put(*key, &value, source)?;
                continue;
            }
            let names: Vec<String> = ALL.iter().map(|key| variable_of(key.name())).collect();
            if let Some(meant) = nearest(variable, names.iter().map(String::as_str)) {
                let message = format_args!("unknown setting `{variable}` in the environment");
                return Err(CommandError::new(ErrorKind::Config, message)
                    .hint(format_args!("Did you mean `{meant}`?")));
            }
        }
        Ok(())
    }

    fn put(&mut self, key: &dyn AnyKey, value: &toml::Value, source: Source) -> Result<(), CommandError> {
        let value = key.check(value).map_err(|reason| wrong(key.name(), &source, &reason))?;
        self.entries.insert(key.name(), Entry { value, source });
        Ok(())
    }
}

/// The key called `name`.
pub(crate) fn key_named(name: &str) -> Option<&'static dyn AnyKey> {
    ALL.iter().copied().find(|key| key.name() == name)
}

/// The environment variable that sets `name`: `LOKI_RUN_ITERATIONS_MAX` for `run.iterations_max`.
pub(crate) fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('.', "_"))
}

/// The error for a key that nobody knows, found in `place`.
pub(crate) fn unknown(name: &str, place: &str) -> CommandError {
    let error = CommandError::new(ErrorKind::Config, format_args!("unknown setting `{name}` in {place}"));
    match nearest(name, ALL.iter().map(|key| key.name())) {
        Some(meant) => error.hint(format_args!("Did you mean `{meant}`?")),
        None => error.hint("Run `loki config show` for every setting."),
    }
}

/// The text of a configuration file; none where there is no such file.
pub(crate) fn read_file(path: &Path) -> Result<Option<String>, CommandError> {
    let unreadable = |source: &io::Error| {
        CommandError::new(ErrorKind::Config, format_args!("failed to read `{}`", path.display()))
            .caused_by(source)
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let message = format_args!("`{}` is longer than {FILE_BYTES_MAX} bytes", path.display());
        return Err(CommandError::new(ErrorKind::Config, message));
    }
    Ok(Some(text))
}

fn parse_file(path: &Path, text: &str) -> Result<toml::Table, CommandError> {
    text.parse::<toml::Table>().map_err(|error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let message = format_args!("{}:{line}:{column}: not valid TOML", path.display());
        CommandError::new(ErrorKind::Config, message).caused_by(&Reason(error.message().to_owned()))
    })
}

/// Every value with its dotted name. An empty table stands for itself, so that it is refused where it is unknown.
fn leaves(table: &toml::Table) -> Vec<(String, toml::Value)> {
    let mut found = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => {
                let section = format!("{name}.");
                if inner.is_empty() && !ALL.iter().any(|key| key.name().starts_with(&section)) {
                    found.push((name.clone(), value.clone()));
                }
                found.extend(
                    leaves(inner).into_iter().map(|(rest, value)| (format!("{section}{rest}"), value)),
                );
            }
            _ => found.push((name.clone(), value.clone())),
        }
    }
    found
}

fn wrong(name: &str, source: &Source, reason: &str) -> CommandError {
    CommandError::new(ErrorKind::Config, format_args!("wrong value for `{name}` in {source}"))
        .caused_by(&Reason(reason.to_owned()))
}

/// A cause that is only words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Reason(String);

#[cfg(test)]
mod tests;
