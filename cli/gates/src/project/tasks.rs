//! What a Makefile, a justfile or a Procfile declares.

use super::folder::Folder;
use super::{Kind, Part, Step, Tests};
use crate::runner::Runner;

const MAKEFILES: &[&str] = &["GNUmakefile", "makefile", "Makefile"];
const JUSTFILES: &[&str] = &["justfile", "Justfile", ".justfile"];

/// The tasks of a folder, by name.
struct Tasks {
    kind: Kind,
    names: Vec<String>,
}

/// A folder of which nothing else is known than its tasks.
pub(super) fn part(folder: &Folder<'_>) -> Option<Part> {
    let found = [just(folder), make(folder)]
        .into_iter()
        .flatten()
        .find(|tasks| tasks.first(&["test", "check"]).is_some());
    let tasks = found?;
    let mut part = Part::new(folder, tasks.kind);
    part.build.extend(tasks.first(&["build"]));
    part.test = tasks.first(&["test", "check"]).map(|step| Tests::new(step, &Runner::ALL));
    complete(folder, &mut part);
    Some(part)
}

/// Adds what the folder's tasks say and its kind does not.
pub(super) fn complete(folder: &Folder<'_>, part: &mut Part) {
    let tasks: Vec<Tasks> = [just(folder), make(folder)].into_iter().flatten().collect();
    if part.lint.is_empty() {
        part.lint.extend(tasks.iter().find_map(|tasks| tasks.first(&["lint"])));
    }
    if part.test.is_none() {
        let step = tasks.iter().find_map(|tasks| tasks.first(&["test"]));
        part.test = step.map(|step| Tests::new(step, &Runner::ALL));
    }
    if let Some(line) = procfile(folder) {
        part.start = Some(Step::shell(&line));
    }
    if part.start.is_none() {
        part.start = tasks.iter().find_map(|tasks| tasks.first(&["serve"]));
    }
}

impl Tasks {
    fn first(&self, names: &[&str]) -> Option<Step> {
        let name = names.iter().find(|name| self.names.iter().any(|task| task == *name))?;
        Some(Step::new([self.kind.name(), name]))
    }
}

fn make(folder: &Folder<'_>) -> Option<Tasks> {
    let text = folder.text(folder.first(MAKEFILES)?)?;
    let targets = text.lines().filter(|line| !line.starts_with(['\t', ' ', '#', '.'])).filter_map(|line| {
        let (targets, rest) = line.split_once(':')?;
        (!rest.starts_with('=') && !targets.contains('=')).then_some(targets)
    });
    let names = targets.flat_map(str::split_whitespace).map(str::to_owned).collect();
    Some(Tasks { kind: Kind::Make, names })
}

fn just(folder: &Folder<'_>) -> Option<Tasks> {
    let text = folder.text(folder.first(JUSTFILES)?)?;
    let recipes = text.lines().filter(|line| !line.starts_with(['\t', ' ', '#', '['])).filter_map(|line| {
        let (recipe, rest) = line.split_once(':')?;
        // A recipe that must be given something cannot be run without it.
        let mut words = recipe.split_whitespace();
        let name = words.next()?.trim_start_matches('@');
        let sound = !rest.starts_with('=') && words.all(|word| word.starts_with('*') || word.contains('='));
        sound.then(|| name.to_owned())
    });
    Some(Tasks { kind: Kind::Just, names: recipes.collect() })
}

/// The line that a Procfile has for what answers requests.
fn procfile(folder: &Folder<'_>) -> Option<String> {
    let text = folder.text("Procfile")?;
    let line = text.lines().find_map(|line| line.strip_prefix("web:"))?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}
