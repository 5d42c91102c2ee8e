//! `loki init`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use loki_templates::Template;

use crate::config::keys::{ALL, is_the_users};
use crate::context::{Context, STATE_DIR};
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::nearest::nearest;
use crate::ui::{Ui, table};

/// Make a folder a project, with a document to start from if one is wanted
///
/// Writes `.loki/config.toml` with every setting commented out and, with `--template`, a PRD.md. Files
/// that are there already stay as they are.
#[derive(clap::Args, Debug)]
pub(crate) struct InitArgs {
    /// The template to take PRD.md from
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Print the templates there are
    #[arg(long, conflicts_with_all = ["template", "dir"])]
    list: bool,
    /// The folder, made if it is missing (default: this one)
    dir: Option<PathBuf>,
}

pub(crate) fn init(ui: &mut Ui, context: &Context, args: &InitArgs) -> Result<Status, CommandError> {
    if args.list {
        list(ui)?;
        return Ok(Status::Success);
    }
    let root = match &args.dir {
        Some(dir) => context.current_dir.join(dir),
        None => context.named_or_current_dir().to_owned(),
    };
    let document = match &args.template {
        Some(name) => Some(document(name, &root)?),
        None => None,
    };
    let written = write_all(&root, document.as_deref())?;
    report(ui, &root, &written)?;
    Ok(Status::Success)
}

fn list(ui: &mut Ui) -> Result<(), CommandError> {
    let templates = loki_templates::list();
    if ui.is_json() {
        let listed: Vec<_> = templates
            .iter()
            .map(|Template { name, about, .. }| serde_json::json!({ "name": name, "about": about }))
            .collect();
        return Ok(ui.result_json(&listed)?);
    }
    let rows: Vec<[String; 2]> =
        templates.iter().map(|template| [template.name.to_owned(), template.about.to_owned()]).collect();
    Ok(ui.result_text(&table(&rows))?)
}

/// The template's document with the folder's name in it. Refuses where it would cover another.
fn document(name: &str, root: &Path) -> Result<String, CommandError> {
    let text = loki_templates::render(name, &project_name(root)).map_err(|unknown| {
        let error = CommandError::new(ErrorKind::NotFound, &unknown);
        match nearest(name, loki_templates::list().iter().map(|template| template.name)) {
            Some(meant) => error.hint(format_args!("Did you mean `{meant}`?")),
            None => error.hint("`loki init --list` prints the templates there are."),
        }
    })?;
    let path = root.join("PRD.md");
    match fs::read(&path) {
        Ok(there) if there == text.as_bytes() => Ok(text),
        Err(missing) if matches!(missing.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(text)
        }
        Ok(_) | Err(_) => {
            let message = format_args!("`{}` is there already", path.display());
            Err(CommandError::new(ErrorKind::Input, message)
                .hint("Move it away, or run `loki init` without `--template`."))
        }
    }
}

/// `night-desk` is called Night Desk.
fn project_name(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    let words: Vec<String> = name.split(['-', '_', ' ', '.']).filter_map(capital).collect();
    words.join(" ")
}

/// Writes what is missing, and names it.
fn write_all(root: &Path, document: Option<&str>) -> Result<Vec<PathBuf>, CommandError> {
    let state = root.join(STATE_DIR);
    fs::create_dir_all(&state).map_err(|error| failed(&state, &error))?;
    let files = [
        (Some("*\n!.gitignore\n!config.toml\n".to_owned()), state.join(".gitignore")),
        (Some(commented_settings()), state.join("config.toml")),
        (document.map(str::to_owned), root.join("PRD.md")),
    ];
    let mut written = Vec::new();
    for (text, path) in files {
        let Some(text) = text else { continue };
        match create(&path, &text) {
            Ok(()) => written.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, &error)),
        }
    }
    Ok(written)
}

/// Writes a new file whole or not at all; one that is there is an error.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        fs::remove_file(path)?; // Half a document would look like the person's own.
    }
    written
}

/// Every setting that is a project's to make with its default, commented out.
fn commented_settings() -> String {
    let mut text = String::from(
        "# Settings of this project. Remove the `# ` before one to change it. Which provider and models are asked \
         is\n# for you alone to say: `loki config set --user provider.name NAME`.\n",
    );
    let mut section = "";
    for key in ALL.iter().filter(|key| !is_the_users(key.name())) {
        let (of, name) = key.name().split_once('.').unwrap_or(("", key.name()));
        if of != section {
            text.push_str(&format!("\n[{of}]\n"));
            section = of;
        }
        text.push_str(&format!("# {}.\n# {name} = {}\n", key.about(), key.default_toml()));
    }
    text
}

fn report(ui: &mut Ui, root: &Path, written: &[PathBuf]) -> Result<(), CommandError> {
    if ui.is_json() {
        return Ok(ui.result_json(&serde_json::json!({ "project": root, "written": written }))?);
    }
    for path in written {
        ui.result(format_args!("{}", path.display()))?;
    }
    if written.is_empty() {
        ui.status(format_args!("Nothing to do: `{}` is a project already.", root.display()))?;
    } else if root.join("PRD.md").is_file() {
        // A run works on the project of the folder it is started in.
        ui.status(format_args!("Next: cd {} && loki start PRD.md", root.display()))?;
    } else {
        ui.status(format_args!(
            "Next: write {}, then run `loki start PRD.md` beside it.",
            root.join("PRD.md").display()
        ))?;
    }
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(ErrorKind::Io, format_args!("failed to write `{}`", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};
    use crate::environment::Environment;

    #[test]
    fn a_second_time_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("night-desk");
        let text = document("forge-saas", &root).unwrap();
        assert!(text.starts_with("# Night Desk\n"));
        assert_eq!(write_all(&root, Some(&text)).unwrap().len(), 3);
        assert_eq!(document("forge-saas", &root).unwrap(), text);
        assert_eq!(write_all(&root, Some(&text)).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn another_document_is_not_covered_and_an_unknown_template_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("PRD.md"), "mine").unwrap();
        let error = document("forge-saas", dir.path()).unwrap_err();
        assert!(error.message.ends_with("is there already"), "{}", error.message);
        let error = document("forge-sass", dir.path()).unwrap_err();
        assert_eq!(
            (error.kind, error.hints),
            (ErrorKind::NotFound, vec!["Did you mean `forge-saas`?".to_owned()])
        );
    }

    #[test]
    fn the_settings_written_are_read_and_each_can_be_switched_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        let load = |text: &str| {
            fs::write(&file, text).unwrap();
            Config::load(None, &file, &Environment::default(), &Overrides::default()).unwrap()
        };
        let text = commented_settings();
        assert_eq!(load(&text).entries().count(), ALL.len());
        let switched_on: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let config = load(&switched_on);
        assert!(
            config.entries().all(|(name, entry)| {
                (entry.source.to_string() == file.display().to_string()) != is_the_users(name)
            }),
            "{switched_on}"
        );
    }
}
