//! What every command may ask about where it runs.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::Globals;
use crate::config::{Config, Overrides};
use crate::environment::Environment;
use crate::error::{CommandError, ErrorKind};

/// The folder that holds a project's state.
pub(crate) const STATE_DIR: &str = ".loki";

/// Where a command runs, and with which settings.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The environment of the process.
    pub(crate) environment: Environment,
    /// The folder the program was started in.
    pub(crate) current_dir: PathBuf,
    /// The project the command is about.
    pub(crate) project: Project,
    /// Whether `--project` named it.
    pub(crate) named: bool,
}

impl Context {
    /// Finds the project: `--project`, else the nearest folder upward with a `.loki`, else this one.
    pub(crate) fn find(environment: Environment, globals: &Globals) -> Result<Context, CommandError> {
        let current_dir = std::env::current_dir().map_err(|source| {
            CommandError::new(ErrorKind::Io, "failed to find the current folder").caused_by(&source)
        })?;
        let project = Project::find(globals.project.as_deref(), &current_dir)?;
        Ok(Context { environment, current_dir, project, named: globals.project.is_some() })
    }

    /// The folder of `--project`, else this very one: for what must not act on a project further up.
    pub(crate) fn named_or_current_dir(&self) -> &Path {
        if self.named { self.project.root() } else { &self.current_dir }
    }

    /// Reads the configuration with all its layers below the command's own flags.
    pub(crate) fn config(&self) -> Result<Config, CommandError> {
        self.config_with(&Overrides::default())
    }

    /// Reads the configuration with `flags` as its topmost layer.
    pub(crate) fn config_with(&self, flags: &Overrides) -> Result<Config, CommandError> {
        let user = self.user_config();
        Config::load(user.as_deref(), &self.project.config_file(), &self.environment, flags)
    }

    /// The user's own configuration file, where a home folder is known.
    pub(crate) fn user_config(&self) -> Option<PathBuf> {
        self.environment.config_dir().map(|dir| dir.join("config.toml"))
    }
}

/// A folder with, or to be given, a `.loki`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// The project at `root`, which must be a folder.
    fn find(named: Option<&Path>, current_dir: &Path) -> Result<Project, CommandError> {
        let Some(named) = named else {
            let found = current_dir.ancestors().find(|folder| folder.join(STATE_DIR).is_dir());
            return Ok(Project { root: found.unwrap_or(current_dir).to_owned() });
        };
        let root = current_dir.join(named);
        match std::fs::metadata(&root) {
            Ok(meta) if meta.is_dir() => Ok(Project { root }),
            Ok(_) => Err(not_a_folder(&root, &io::Error::from(io::ErrorKind::NotADirectory))),
            Err(source) => Err(not_a_folder(&root, &source)),
        }
    }

    /// The project rooted at exactly this folder.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Project {
        Project { root: root.to_owned() }
    }

    /// The project's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `.loki`, whether or not it exists.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.root.join(STATE_DIR)
    }

    /// `.loki/config.toml`.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.state_dir().join("config.toml")
    }

    /// `.loki/forge`, the backend's folder.
    pub(crate) fn forge_dir(&self) -> PathBuf {
        self.state_dir().join("forge")
    }
}

fn not_a_folder(root: &Path, source: &io::Error) -> CommandError {
    CommandError::new(ErrorKind::Usage, format_args!("cannot use `{}` as the project", root.display()))
        .caused_by(source)
        .hint("`--project` takes an existing folder.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_state_folder_upward() {
        let top = tempfile::tempdir().unwrap();
        let deep = top.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(Project::find(None, &deep).unwrap(), Project::at(&deep));
        std::fs::create_dir(top.path().join(".loki")).unwrap();
        assert_eq!(Project::find(None, &deep).unwrap(), Project::at(top.path()));
    }

    #[test]
    fn a_named_project_must_be_a_folder() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join("file"), "").unwrap();
        for named in ["file", "missing"] {
            let error = Project::find(Some(Path::new(named)), top.path()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Usage);
            assert_eq!(error.hints, ["`--project` takes an existing folder."]);
        }
    }
}
