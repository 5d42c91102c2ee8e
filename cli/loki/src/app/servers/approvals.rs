//! Approvals of calls: each is for one call, and outlives the process that it was given in.

use std::io;
use std::path::{Path, PathBuf};

use loki_store::replace_file;

/// The approvals of a project, one file each.
#[derive(Default)]
pub(crate) struct Approvals {
    folder: PathBuf,
}

impl Approvals {
    /// Those of the project with this state.
    pub(crate) fn new(state: &Path) -> Self {
        Self { folder: state.join("mcp/approved") }
    }

    /// Approves the call of this hash.
    pub(super) fn give(&self, subject: &str) -> io::Result<()> {
        replace_file(&self.place(subject)?, b"", 0o600)
    }

    /// Whether the call of this hash was approved; it is not any more.
    pub(super) fn take(&self, subject: &str) -> io::Result<bool> {
        match std::fs::remove_file(self.place(subject)?) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn place(&self, subject: &str) -> io::Result<PathBuf> {
        let is_hash = subject.len() == 64 && subject.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash { Ok(self.folder.join(subject)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_counts_once_and_for_its_call_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = ("a".repeat(64), "b".repeat(64));
        Approvals::new(dir.path()).give(&one).unwrap();
        // In another process, as it were.
        let approvals = Approvals::new(dir.path());
        assert!(!approvals.take(&other).unwrap());
        assert!(approvals.take(&one).unwrap());
        assert!(!approvals.take(&one).unwrap());
        approvals.give("../../escape").unwrap_err();
    }
}
