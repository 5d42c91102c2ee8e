//! `loki config`.

use std::path::Path;
use std::str::FromStr;

use toml_edit::{DocumentMut, Item, Table};

use crate::config::{self, AnyKey, Config, Entry};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Show or change settings
///
/// Settings come in layers, each over the one before: built-in values, `~/.config/loki/config.toml`,
/// `.loki/config.toml`, variables such as `LOKI_RUN_ITERATIONS_MAX`, and the flags of a command.
#[derive(clap::Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Print every setting with its value and where it comes from
    Show,
    /// Print the value of one setting
    Get {
        /// The setting, such as `run.iterations_max`
        key: String,
    },
    /// Write one setting to the project's configuration file
    Set {
        /// The setting, such as `run.iterations_max`
        key: String,
        /// Its new value
        value: String,
        /// Write to the user's own configuration file
        #[arg(long)]
        user: bool,
    },
    /// Print where the configuration files are
    Path,
}

pub(crate) fn config(ui: &mut Ui, context: &Context, args: &ConfigArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::Show => show(ui, context)?,
        Action::Get { key } => get(ui, context, key)?,
        Action::Set { key, value, user } => {
            let file = if *user { user_file(context)? } else { context.project.config_file() };
            let below = if *user { None } else { Some(Config::of_user(context.user_config().as_deref())?) };
            set(ui, &file, below.as_ref(), key, value)?;
        }
        Action::Path => path(ui, context)?,
    }
    Ok(Status::Success)
}

fn show(ui: &mut Ui, context: &Context) -> Result<(), CommandError> {
    let config = context.config()?;
    if ui.is_json() {
        let settings: serde_json::Map<_, _> =
            config.entries().map(|(name, entry)| (name.to_owned(), as_json(name, entry))).collect();
        return Ok(ui.result_json(&settings)?);
    }
    let rows: Vec<[String; 3]> = config
        .entries()
        .map(|(name, entry)| [name.to_owned(), shown(name, &entry.value), entry.source.to_string()])
        .collect();
    Ok(ui.result_text(&table(&rows))?)
}

fn get(ui: &mut Ui, context: &Context, key: &str) -> Result<(), CommandError> {
    let config = context.config()?;
    let entry = config.entry(key)?;
    if ui.is_json() {
        return Ok(ui.result_json(&as_json(key, entry))?);
    }
    Ok(ui.result(format_args!("{}", shown(key, &entry.value)))?)
}

/// `below`: the settings that a project's file lies over.
fn set(ui: &mut Ui, file: &Path, below: Option<&Config>, name: &str, text: &str) -> Result<(), CommandError> {
    let key = config::key_named(name).ok_or_else(|| config::unknown(name, "settings"))?;
    let value = key.parse(text).map_err(|reason| {
        CommandError::new(ErrorKind::Config, format_args!("wrong value for `{name}`: {reason}"))
    })?;
    below.map_or(Ok(()), |below| below.may_project_set(key, &value))?;
    let before = config::read_file(file)?.unwrap_or_default();
    let after = edited(&before, key, &value).map_err(|error| {
        CommandError::new(ErrorKind::Config, format_args!("failed to change `{}`", file.display()))
            .caused_by(&error)
            .hint("Mend the file by hand first.")
    })?;
    write(file, &after).map_err(|error| {
        CommandError::new(ErrorKind::Io, format_args!("failed to write `{}`", file.display()))
            .caused_by(&error)
    })?;
    ui.status(format_args!("Set {name} to {} in {}.", shown(name, &value), file.display()))?;
    Ok(())
}

fn path(ui: &mut Ui, context: &Context) -> Result<(), CommandError> {
    let (user, project) = (context.user_config(), context.project.config_file());
    if ui.is_json() {
        return Ok(ui.result_json(&serde_json::json!({ "user": user, "project": project }))?);
    }
    for path in user.iter().chain([&project]) {
        ui.result(format_args!("{}", path.display()))?;
    }
    Ok(())
}

fn user_file(context: &Context) -> Result<std::path::PathBuf, CommandError> {
    context.user_config().ok_or_else(|| {
        CommandError::new(ErrorKind::Config, "no folder for the user's own configuration is known")
            .hint("Set HOME or XDG_CONFIG_HOME.")
    })
}

/// The file's text with one setting changed; comments and order stay.
fn edited(before: &str, key: &dyn AnyKey, value: &toml::Value) -> Result<String, toml_edit::TomlError> {
    let mut document = DocumentMut::from_str(before)?;
    let value = toml_edit::Value::from_str(&value.to_string())?;
    let mut names = key.name().split('.').peekable();
    let mut place = document.as_table_mut();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            place[name] = Item::Value(value);
            break;
        }
        let section = place.entry(name).or_insert_with(|| Item::Table(Table::new()));
        if section.as_table_mut().is_none() {
            let whole = std::mem::take(section);
            *section = Item::Table(whole.into_table().unwrap_or_default());
        }
        let Some(inner) = section.as_table_mut() else { break };
        place = inner;
    }
    Ok(document.to_string())
}

/// Writes beside the file, then puts it in its place, so that a crash leaves the old one or the new one.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension("toml.new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, file)
}

fn as_json(name: &str, entry: &Entry) -> serde_json::Value {
    let source = entry.source.to_string();
    match entry.value.as_str().filter(|_| config::keys::is_secret(name)) {
        Some(url) => serde_json::json!({ "value": without_password(url), "source": source }),
        None => serde_json::json!({ "value": entry.value, "source": source }),
    }
}

/// The value as it is typed on the command line, without a password that it holds.
fn shown(name: &str, value: &toml::Value) -> String {
    let plain = plain(value);
    if config::keys::is_secret(name) { without_password(&plain) } else { plain }
}

/// The URL with three stars for its password, and for everything behind a `?`, which may hold one as well.
fn without_password(url: &str) -> String {
    let (url, parameters) = url.split_once('?').map_or((url, ""), |(url, _)| (url, "?***"));
    let hidden = url.split_once("://").and_then(|(scheme, rest)| {
        let (who, place) = rest.rsplit_once('@')?;
        let (user, _password) = who.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{place}"))
    });
    format!("{}{parameters}", hidden.as_deref().unwrap_or(url))
}

/// The value as it is typed on the command line.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::RUN_ITERATIONS_MAX;
    use crate::ui::{Format, Verbosity};

    #[test]
    fn a_changed_setting_keeps_comments_and_order() {
        let before = "# mine\n[run] # limits\nrecoveries_max = 1\niterations_max = 2 # few\n";
        let after = edited(before, &RUN_ITERATIONS_MAX, &toml::Value::Integer(7)).unwrap();
        assert!(
            after.starts_with("# mine\n[run] # limits\nrecoveries_max = 1\niterations_max = 7"),
            "{after}"
        );
    }

    #[test]
    fn a_new_setting_gets_its_section_however_sections_are_written() {
        let value = toml::Value::Integer(7);
        for before in ["", "[run]\n", "run.recoveries_max = 1\n", "run = { recoveries_max = 1 }\n"] {
            let after = edited(before, &RUN_ITERATIONS_MAX, &value).unwrap();
            let read: toml::Table = after.parse().unwrap();
            assert_eq!(read["run"]["iterations_max"].as_integer(), Some(7), "{after}");
            assert_eq!(read["run"].get("recoveries_max").is_some(), before.contains("recoveries"), "{after}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("postgres://ada:s3cret@db:5432/app", "postgres://ada:***@db:5432/app"),
            ("postgres://ada:p@ss:w@db/app?sslmode=require", "postgres://ada:***@db/app?***"),
            ("postgres://db/app?password=s3cret", "postgres://db/app?***"),
            ("postgres://ada@db/app", "postgres://ada@db/app"),
            ("", ""),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn nothing_is_written_for_an_unknown_key_or_a_wrong_value() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/config.toml");
        let (mut ui, ..) = Ui::captured(Format::Text, Verbosity::Normal);
        let unknown = set(&mut ui, &file, None, "run.iteration_max", "3").unwrap_err();
        assert_eq!(unknown.hints, ["Did you mean `run.iterations_max`?"]);
        let wrong = set(&mut ui, &file, None, "run.iterations_max", "0").unwrap_err();
        assert_eq!(wrong.message, "wrong value for `run.iterations_max`: expected 1 to 10000");
        assert!(!file.parent().unwrap().exists());
        set(&mut ui, &file, None, "run.iterations_max", "3").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[run]\niterations_max = 3\n");
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        std::fs::write(&file, "[run\n").unwrap();
        let (mut ui, ..) = Ui::captured(Format::Text, Verbosity::Normal);
        let error = set(&mut ui, &file, None, "run.iterations_max", "3").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[run\n");
    }
}
