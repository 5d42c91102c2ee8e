//! The projects of this user: a small file, so that one dashboard shows the runs of all of them.
//!
//! It is a convenience and nothing depends on it: a file that is missing, damaged or cannot be written
//! means that fewer projects are listed.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use loki_store::replace_file;
use serde::{Deserialize, Serialize};

use crate::context::{Context, STATE_DIR};
use crate::environment::Environment;

/// The format's version.
const VERSION: u32 = 1;

/// Projects kept: those that were worked on last.
const PROJECTS_MAX: usize = 200;

/// Bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file's name.
const FILE: &str = "projects.json";

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    version: u32,
    /// Folders, the one worked on last first.
    projects: Vec<String>,
}

/// Puts the project first in the index.
pub(crate) fn remember(context: &Context) -> std::io::Result<()> {
    let Some(dir) = folder(&context.environment) else { return Ok(()) };
    let root = context.project.root().canonicalize()?;
    // A name that is no text cannot be kept as JSON; such a project is found from its own folder.
    let Some(root) = root.to_str() else { return Ok(()) };
    let mut projects = vec![root.to_owned()];
    projects.extend(read(&dir).projects.into_iter().filter(|known| known != root && is_project(known)));
    projects.truncate(PROJECTS_MAX);
    let text = serde_json::to_vec_pretty(&Index { version: VERSION, projects })?;
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    replace_file(&dir.join(FILE), &text, 0o600)
}

/// The projects, this one first.
pub(crate) fn projects(context: &Context) -> Vec<PathBuf> {
    let here = context.project.root();
    let here = here.canonicalize().unwrap_or_else(|_| here.to_owned());
    let known = folder(&context.environment).map(|dir| read(&dir).projects).unwrap_or_default();
    let others = known.into_iter().filter(|root| is_project(root)).map(PathBuf::from);
    let others = others.filter(|root| *root != here).take(PROJECTS_MAX);
    std::iter::once(here.clone()).chain(others).collect()
}

/// Where the user's state is kept: `$XDG_STATE_HOME/loki`, else `~/.local/state/loki`.
fn folder(environment: &Environment) -> Option<PathBuf> {
    let base = match environment.get("XDG_STATE_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(environment.get("HOME")?).join(".local/state"),
    };
    base.is_absolute().then(|| base.join("loki"))
}

fn is_project(root: &str) -> bool {
    Path::new(root).is_absolute() && Path::new(root).join(STATE_DIR).is_dir()
}

/// The index; an empty one where there is none that can be read.
fn read(dir: &Path) -> Index {
    let mut text = String::new();
    let file =
        File::open(dir.join(FILE)).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    let index = file.ok().and_then(|_| serde_json::from_str::<Index>(&text).ok());
    index.filter(|index| index.version == VERSION).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Project;

    fn context(state: &Path, root: &Path) -> Context {
        std::fs::create_dir_all(root.join(STATE_DIR)).unwrap();
        Context {
            environment: Environment::of([("XDG_STATE_HOME", state.to_str().unwrap())]),
            current_dir: root.to_owned(),
            project: Project::at(root),
            named: false,
        }
    }

    #[test]
    fn projects_are_remembered_once_and_the_last_comes_first() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let of = |name: &str| context(&top.join("state"), &top.join(name));
        for name in ["a", "b", "a", "c"] {
            remember(&of(name)).unwrap();
        }
        assert_eq!(projects(&of("b")), [top.join("b"), top.join("c"), top.join("a")]);
        std::fs::remove_dir_all(top.join("c")).unwrap();
        assert_eq!(projects(&of("b")), [top.join("b"), top.join("a")]);
    }

    #[test]
    fn a_damaged_index_is_no_index() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let here = context(&top, &top.join("a"));
        let file = top.join("loki/projects.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        for damage in [
            "{",
            "{\"version\": 9, \"projects\": [\"/x\"]}",
            "{\"version\": 1, \"projects\": [\"relative\"]}",
        ] {
            std::fs::write(&file, damage).unwrap();
            assert_eq!(projects(&here), [top.join("a")], "{damage}");
        }
        remember(&here).unwrap();
        let kept: Index = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(kept.projects, [top.join("a").to_str().unwrap()]);
    }

    #[test]
    fn without_a_home_nothing_is_written() {
        let top = tempfile::tempdir().unwrap();
        let here =
            Context { environment: Environment::default(), ..context(top.path(), &top.path().join("a")) };
        remember(&here).unwrap();
        assert!(!top.path().join("loki").exists());
    }
}
