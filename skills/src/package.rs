//! A skill as it is taken up: what it says, and what every file of it was at that moment.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::beneath::Contents;
use crate::bundle::Bundle;
use crate::frontmatter::{self, Frontmatter};
use crate::{Grants, Origin, SKILL_FILE};

/// A skill, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What it says about itself.
    pub frontmatter: Frontmatter,
    /// Its text, as written.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it is, such as `.loki/skills/x`, fit to be shown.
    pub place: String,
    /// Every file but `SKILL.md`, by path.
    pub files: Vec<FileEntry>,
    /// SHA-256 over all of its files, lower-case hex.
    pub hash: String,
}

/// A file of a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path in the skill, with slashes.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them, lower-case hex.
    pub sha256: String,
}

impl Package {
    /// The skill that these files make.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(crate) fn of(bundle: &Bundle, origin: Origin, place: String) -> Result<Package, String> {
        let Some(contents) = bundle.files().get(SKILL_FILE) else {
            return Err(format!("it has no `{SKILL_FILE}`"));
        };
        let text = frontmatter::text_of(contents.bytes.clone())?;
        let (frontmatter, body) = frontmatter::parse(&text)?;
        let body = body.to_owned();
        let others = bundle.files().iter().filter(|(path, _)| *path != SKILL_FILE);
        let files = others.map(|(path, contents)| FileEntry {
            path: path.clone(),
            bytes: contents.bytes.len() as u64,
            sha256: sha256(&contents.bytes),
        });
        Ok(Package { frontmatter, text: body, origin, place, files: files.collect(), hash: hash(bundle) })
    }

    /// The tools it gets by with; `None`: it names none, and so narrows nothing.
    pub fn grants(&self) -> Option<Grants> {
        self.frontmatter.allowed_tools.as_deref().map(Grants::parse)
    }
}

/// SHA-256, lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Over every path, whether it may be run, and what is in it: nothing can be moved from one to another.
fn hash(bundle: &Bundle) -> String {
    let mut all = Sha256::new();
    for (path, Contents { bytes, executable }) in bundle.files() {
        all.update((path.len() as u64).to_be_bytes());
        all.update(path.as_bytes());
        all.update([u8::from(*executable)]);
        all.update(Sha256::digest(bytes));
    }
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
