//! Why a skill is not there, or is refused.

use std::io;

/// Why something could not be done with a skill.
#[derive(Debug, thiserror::Error)]
pub enum SkillError {
    /// Nothing is called so.
    #[error("there is no skill `{name}`")]
    Unknown {
        /// The name that was asked for, fit to be shown.
        name: String,
    },
    /// Its text cannot be taken over as it is.
    #[error("the skill at `{place}` is refused: {why}")]
    Refused {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// It has no such file.
    #[error("the skill has no file `{path}`: {why}")]
    File {
        /// The path that was asked for, fit to be shown.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something on the disk could not be read.
    #[error("failed to read `{place}`")]
    Read {
        /// What.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file or folder holds no skill that could be installed.
    #[error("`{place}` cannot be installed from: {why}")]
    Source {
        /// What was named.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A skill of that name is installed already.
    #[error("there is a skill at `{place}` already")]
    Exists {
        /// Where.
        place: String,
    },
    /// It could not be written.
    #[error("failed to write the skill to `{place}`")]
    Write {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}
