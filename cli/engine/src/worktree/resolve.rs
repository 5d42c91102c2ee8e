//! Commits by the names that people give them.

use super::rules::read;
use super::{Worktree, WorktreeError};

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 1024;

impl Worktree {
    /// The commit, hex, that a branch, tag, hash or an expression such as `HEAD~2` names in the project's
    /// repository. An error where there is no repository, or no such commit.
    pub fn resolve(&self, name: &str) -> Result<String, WorktreeError> {
        let no = |reason| WorktreeError::Unknown { name: name.chars().take(100).collect(), reason };
        let store = self.store()?;
        let git = store.git.as_ref().map_err(|reason| no(*reason))?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(no("that is no name of a commit"));
        }
        // The store reads the project's objects and branches, but has a HEAD of its own.
        let named = match name.strip_prefix("HEAD").or_else(|| name.strip_prefix('@')) {
            Some(rest) if rest.is_empty() || rest.starts_with(['~', '^', '@']) => {
                let head = read(&git.own.join("HEAD")).and_then(|text| String::from_utf8(text).ok());
                let head = head.ok_or(no("the repository has no HEAD"))?;
                let head = head.trim();
                format!("{}{rest}", head.strip_prefix("ref: ").unwrap_or(head))
            }
            Some(_) | None => name.to_owned(),
        };
        store
            .repository
            .revparse_single(&named)
            .and_then(|object| object.peel_to_commit())
            .map(|commit| commit.id().to_string())
            .map_err(|_error| no("no branch, tag or commit is called so"))
    }
}
