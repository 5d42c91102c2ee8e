//! `loki skills`.

mod install;
mod list;
mod show;
mod validate;

use loki_skills::{Catalog, SkillError};

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::nearest::nearest;
use crate::ui::Ui;

/// See, check and install the skills that a model may take up
///
/// A skill is a folder with a SKILL.md that says how something is done. Skills are looked for in
/// `.loki/skills`, `.agents/skills` and `.claude/skills`, of the project first and then of the home, and
/// last in the library that is built in. Of two of one name the first counts.
#[derive(clap::Args, Debug)]
pub(crate) struct SkillsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Validate(validate::ValidateArgs),
    Install(install::InstallArgs),
}

pub(crate) fn skills(ui: &mut Ui, context: &Context, args: &SkillsArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::List(args) => list::list(ui, context, args),
        Action::Show(args) => show::show(ui, context, args),
        Action::Validate(args) => validate::validate(ui, context, args),
        Action::Install(args) => install::install(ui, context, args),
    }
}

/// What went wrong with a skill, and what can be done about it.
fn refused(error: &SkillError, catalog: &Catalog) -> CommandError {
    let (kind, hint) = match error {
        SkillError::Unknown { name } => {
            let meant = nearest(name, catalog.active().map(|skill| skill.name.as_str()));
            let hint = match meant {
                Some(meant) => format!("Did you mean `{meant}`?"),
                None => "`loki skills list` prints those there are.".to_owned(),
            };
            (ErrorKind::NotFound, hint)
        }
        SkillError::Refused { .. } => {
            (ErrorKind::Input, "`loki skills validate` says what to mend.".to_owned())
        }
        SkillError::File { .. } => {
            (ErrorKind::NotFound, "`loki skills show NAME` lists its files.".to_owned())
        }
        SkillError::Read { .. } => (ErrorKind::Io, "Look at its rights, and whether it is there.".to_owned()),
        SkillError::Source { .. } => (
            ErrorKind::Input,
            "Name the folder of a skill, or a `.tar.gz` or `.zip` archive that holds one.".to_owned(),
        ),
        SkillError::Exists { .. } => {
            (ErrorKind::Input, "`--force` puts the new one in its place.".to_owned())
        }
        SkillError::Write { .. } => (ErrorKind::Io, "Look at the rights of the folder.".to_owned()),
    };
    CommandError::from_error(kind, error).hint(hint)
}
