//! What of a workshop's rights changes: for one job, for another folder, for another purpose.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Job, Workshop};
use crate::policy::{Document, Places, PlacesError, Policy};
use crate::proxy::Secrets;

/// Places that a job names at most.
const PLACES_MAX: usize = 64;

/// Why a job was not run: it asks for what no job gets, or for what is not there.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A place that must stay closed.
    #[error("`{}` cannot be opened for a command: {why}", path.display())]
    Closed {
        /// The place, without links.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A place that cannot be found.
    #[error("failed to find `{}`", path.display())]
    Find {
        /// The place.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Too many places.
    #[error("a command names at most {PLACES_MAX} places of its own")]
    TooMany,
    /// The door is no Unix socket.
    #[error("`{}` is no Unix socket", path.display())]
    Door {
        /// What was named.
        path: PathBuf,
    },
    /// A variable that no program can be given.
    #[error("`{name}` cannot be given as a variable")]
    Variable {
        /// Its name.
        name: String,
    },
    /// A variable that would hand out a secret which only the proxy may use.
    #[error("the variable `{name}` holds a secret that only the proxy uses")]
    Secret {
        /// Its name.
        name: String,
    },
}

/// Why commands cannot be run elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum ElsewhereError {
    /// A folder cannot be found or made.
    #[error("failed to find or make `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Commands cannot be confined there.
    #[error("commands cannot be confined there")]
    Places(#[from] PlacesError),
}

/// What a job has for itself.
pub(super) struct Rights {
    pub(super) policy: Policy,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) door: Option<PathBuf>,
}

impl Workshop {
    /// The same rights for commands of another project folder, with a home and a folder for passing files of
    /// their own. Both are made where they are not there. Rules for paths of the project count there; what is
    /// named by absolute path stays where it is. The record stays the same.
    pub fn elsewhere(
        &self,
        project: &Path,
        own_home: &Path,
        own_tmp: &Path,
    ) -> Result<Workshop, ElsewhereError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ElsewhereError::Folder { path, source }
        };
        let own = |path: &Path| {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))?;
            path.canonicalize().map_err(failed(path))
        };
        let project = project.canonicalize().map_err(failed(project))?;
        let home = self.places.home().map(Path::to_owned);
        let places = Places::new(project, home, own(own_home)?, own(own_tmp)?)?;
        Ok(Workshop { places, ..self.clone() })
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Workshop {
        Workshop { policy: Arc::new(policy), ..self.clone() }
    }

    /// The same with a policy document over its policy, such as one that opens the host of a model's API.
    #[must_use]
    pub fn with_document(&self, document: &Document) -> Workshop {
        self.with_policy(self.policy.with(document))
    }

    /// The same without a right to change anything of the project, and without any way out.
    #[must_use]
    pub fn read_only(&self) -> Workshop {
        self.with_policy(self.policy.read_only())
    }
}

/// Works out what a job has for itself.
pub(super) fn of(workshop: &Workshop, job: &Job) -> Result<Rights, JobError> {
    let secrets = secrets(workshop);
    sound_variables(job, &secrets)?;
    let mut policy = workshop.policy.as_ref().clone();
    if let Some(seconds) = job.seconds_max {
        policy.limits.wall_seconds_max = policy.limits.wall_seconds_max.min(seconds);
    }
    if job.programs.len() + job.read.len() > PLACES_MAX {
        return Err(JobError::TooMany);
    }
    for path in job.programs.iter().chain(&job.read) {
        let real = found(path)?;
        // A name that is a link has to be there as well as what it leads to.
        let named = (real != *path && is_plain(path)).then_some(path);
        for path in [&real].into_iter().chain(named) {
            let closed = |why| JobError::Closed { path: path.clone(), why };
            policy.let_read(&workshop.places, path).map_err(closed)?;
        }
    }
    let door = job.door.as_deref().map(door).transpose()?;
    Ok(Rights { policy, secrets: Arc::new(secrets), door })
}

fn door(path: &Path) -> Result<PathBuf, JobError> {
    let real = found(path)?;
    let is_socket = fs::symlink_metadata(&real).is_ok_and(|meta| meta.file_type().is_socket());
    if is_socket { Ok(real) } else { Err(JobError::Door { path: path.to_owned() }) }
}

fn found(path: &Path) -> Result<PathBuf, JobError> {
    let failed = |source| JobError::Find { path: path.to_owned(), source };
    if !path.is_absolute() {
        return Err(failed(io::Error::other("the path is not absolute")));
    }
    path.canonicalize().map_err(failed)
}

fn is_plain(path: &Path) -> bool {
    !path.components().any(|part| part == std::path::Component::ParentDir)
}

fn sound_variables(job: &Job, secrets: &BTreeMap<String, String>) -> Result<(), JobError> {
    for (name, value) in &job.variables {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(JobError::Variable { name: name.clone() });
        }
        if secrets.values().any(|secret| value.contains(secret.as_str())) {
            return Err(JobError::Secret { name: name.clone() });
        }
    }
    Ok(())
}

/// The secrets that the policy names and that are there.
fn secrets(workshop: &Workshop) -> BTreeMap<String, String> {
    let value = |rule: &crate::policy::SecretRule| {
        let given = workshop.secrets.get(&rule.name);
        let value = given.or_else(|| workshop.variables.get(&rule.variable).cloned());
        Some((rule.name.clone(), value.filter(|value| !value.is_empty())?))
    };
    workshop.policy.secrets.iter().filter_map(value).collect()
}
