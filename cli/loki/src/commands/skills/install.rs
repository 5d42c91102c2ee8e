//! `loki skills install`.

use std::path::PathBuf;

use loki_skills::{Bundle, Catalog, Existing, Installed, State, check};
use serde_json::json;

use super::refused;
use crate::app::{App, skills};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Put a skill into the project or the home
///
/// Takes it from a folder or a `.tar.gz` or `.zip` archive, whole or not at all. Links are refused, nothing
/// of it is run, and a skill that is there already stays unless `--force` is given.
#[derive(clap::Args, Debug)]
pub(crate) struct InstallArgs {
    /// The skill's folder, or an archive
    source: String,
    /// Which skill, where there are several
    #[arg(long, value_name = "NAME")]
    skill: Option<String>,
    /// Into the home, for every project
    #[arg(long)]
    user: bool,
    /// In the place of one that is there already
    #[arg(long)]
    force: bool,
}

pub(super) fn install(ui: &mut Ui, context: &Context, args: &InstallArgs) -> Result<Status, CommandError> {
    let none = Catalog::default();
    let bundle = Bundle::of_source(&source(context, &args.source)?, args.skill.as_deref())
        .map_err(|error| refused(&error, &none))?;
    let folder = target(context, args.user)?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let installed =
        loki_skills::install(&bundle, &folder, existing).map_err(|error| refused(&error, &none))?;
    report(ui, context, &installed)?;
    Ok(Status::Success)
}

/// What is named, where it is something on this machine.
fn source(context: &Context, named: &str) -> Result<PathBuf, CommandError> {
    let remote = named.contains("://") || named.starts_with("git@");
    if remote {
        return Err(CommandError::new(ErrorKind::Usage, "skills are installed from this machine alone")
            .hint("Fetch it first, such as with `git clone`, look at it, and name its folder or archive."));
    }
    Ok(context.current_dir.join(named))
}

fn target(context: &Context, user: bool) -> Result<PathBuf, CommandError> {
    if !user {
        App::of(context).prepare()?;
        return Ok(context.project.root().join(skills::OWN_FOLDER));
    }
    match skills::home(context) {
        Some(home) => Ok(home.join(skills::OWN_FOLDER)),
        None => Err(CommandError::new(ErrorKind::Machine, "this user has no home folder")
            .hint("Set HOME to an absolute path, or install it into a project.")),
    }
}

fn report(ui: &mut Ui, context: &Context, installed: &Installed) -> Result<(), CommandError> {
    let Installed { name, path, files, hash, replaced } = installed;
    let found = check(path, &skills::tools());
    let warnings: Vec<&String> = found.errors.iter().chain(&found.warnings).collect();
    if ui.is_json() {
        return Ok(ui.result_json(&json!({
            "name": name, "path": path, "files": files, "sha256": hash, "replaced": replaced, "warnings": warnings,
        }))?);
    }
    ui.result(format_args!("{}", path.display()))?;
    for warning in warnings {
        ui.warning(format_args!("{warning}"))?;
    }
    let catalog = skills::everything(context);
    for other in catalog.all().iter().filter(|other| other.name == *name) {
        if let State::Shadowed { by } = &other.state {
            ui.status(format_args!("`{name}` ({}) is hidden by the one at {by}.", other.place))?;
        }
    }
    ui.status(format_args!("Read it before a run goes by it: `loki skills show {name}`."))?;
    Ok(())
}
