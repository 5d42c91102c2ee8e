//! A skill, as the ledger keeps it.

use serde::{Deserialize, Serialize};

use super::ArtifactId;

/// A skill that was taken up: instructions on how something is done. The run goes by this text from then on,
/// whatever becomes of the file it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// Where it was: a path, or that it is built in.
    pub place: String,
    /// SHA-256 over all of its files, hex.
    pub hash: String,
    /// Its text, and the hash of each of its other files, as JSON.
    pub snapshot: ArtifactId,
    /// The tools it gets by with, as it names them; `None`: it names none, and so narrows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_tools: Option<String>,
}
