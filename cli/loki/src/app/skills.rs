//! Where skills are looked for: in the project, in the user's home, in the library that is built in.

use std::path::PathBuf;

use loki_skills::{BUILTIN, Builtin, Catalog, Origin, Root, TOOLS};

use crate::config::Config;
use crate::config::keys::skills::{FROM, words};
use crate::context::Context;

/// The folders, below a project or a home, in the order in which they count. The first is loki's own, where
/// skills are installed; the others are those that agents share.
const FOLDERS: [&str; 3] = [OWN_FOLDER, ".agents/skills", ".claude/skills"];

/// Where skills are installed, below a project or a home.
pub(crate) const OWN_FOLDER: &str = ".loki/skills";

/// The skills that the settings let be used, of the library those in `builtin`.
pub(crate) fn catalog(context: &Context, config: &Config, builtin: &'static [Builtin]) -> Catalog {
    let from = config.get(&FROM);
    let wanted = |origin: Origin| words(&from).any(|word| word == origin.as_str());
    let roots: Vec<Root> = roots(context).into_iter().filter(|root| wanted(root.origin)).collect();
    Catalog::discover(&roots, if wanted(Origin::Builtin) { builtin } else { &[] })
}

/// Every skill there is, whatever the settings say.
pub(crate) fn everything(context: &Context) -> Catalog {
    Catalog::discover(&roots(context), &BUILTIN)
}

/// The user's home, where one is known.
pub(crate) fn home(context: &Context) -> Option<PathBuf> {
    context.environment.get("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// The names that `allowed-tools` may hold and that are known before a run.
pub(crate) fn tools() -> Vec<&'static str> {
    let operations = forge_ops::Forge::operations().iter().map(|operation| operation.info.name);
    TOOLS.into_iter().chain(operations).collect()
}

fn roots(context: &Context) -> Vec<Root> {
    let project = context.project.root().to_owned();
    let home = home(context).filter(|home| *home != project);
    let bases = std::iter::once((Origin::Project, project)).chain(home.map(|home| (Origin::Home, home)));
    bases.flat_map(|(origin, base)| FOLDERS.map(|below| Root { origin, base: base.clone(), below })).collect()
}

#[cfg(test)]
mod tests;
