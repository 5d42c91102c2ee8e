//! Values that only a person has, such as the secret that Google gave: by name, from the environment or a file.
//!
//! What is declared and what is configured says `secret:NAME`; the value itself is in neither.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use loki_blueprint::signin::reference;

/// The folder of such files in a backend's folder.
const DIR: &str = "secrets";
/// Bytes of a value: a private key has less than four thousand.
const BYTES_MAX: u64 = 16 * 1024;
/// Rights of others to a file.
const OTHERS: u32 = 0o077;

/// Where values are looked up: among variables first, then in the folder.
#[derive(Clone)]
pub(crate) struct Values {
    variables: BTreeMap<String, String>,
    dir: PathBuf,
}

/// Why a value that is there cannot be used. Says nothing of the value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    /// The reference is to no name.
    #[error("`secret:NAME` takes a name of A-Z, 0-9 and _")]
    Name,
    /// The file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error("`{}` is no file that its owner alone may read: `chmod 600` it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It is no value.
    #[error("`{}` is empty, no text, or longer than {BYTES_MAX} bytes", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
}

impl Values {
    /// The values of a backend in the folder `forge`, beside these variables.
    pub(crate) fn new(variables: BTreeMap<String, String>, forge: &Path) -> Values {
        Values { variables, dir: forge.join(DIR) }
    }

    /// The value called `name`; `None` where nobody has set it.
    pub(crate) fn get(&self, name: &str) -> Result<Option<String>, ValueError> {
        // The name becomes one of a file: it is nothing but what a variable may be called.
        if reference(&format!("secret:{name}")) != Some(name) {
            return Err(ValueError::Name);
        }
        if let Some(value) = self.variables.get(name).filter(|value| !value.trim().is_empty()) {
            return Ok(Some(value.trim().to_owned()));
        }
        self.of_file(&self.path(name))
    }

    /// The file of the value called `name`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What `text` stands for: the value that it refers to, else itself.
    pub(crate) fn resolved(&self, text: &str) -> Result<Option<String>, ValueError> {
        match text.strip_prefix("secret:") {
            Some(name) => self.get(name),
            None => Ok(Some(text.to_owned())),
        }
    }

    fn of_file(&self, path: &Path) -> Result<Option<String>, ValueError> {
        let read = |source| ValueError::Read { path: path.to_owned(), source };
        // A link or a pipe in its place is not followed, and nobody waits for it.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(read(error)),
        };
        let meta = file.metadata().map_err(read)?;
        if !meta.is_file() || meta.mode() & OTHERS != 0 {
            return Err(ValueError::Open { path: path.to_owned() });
        }
        let mut text = String::new();
        let content = || ValueError::Content { path: path.to_owned() };
        file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|_| content())?;
        let value = text.trim();
        if value.is_empty() || text.len() as u64 > BYTES_MAX {
            return Err(content());
        }
        Ok(Some(value.to_owned()))
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").field("dir", &self.dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(values: &Values, name: &str, text: &[u8], mode: u32) {
        fs::create_dir_all(&values.dir).unwrap();
        fs::write(values.path(name), text).unwrap();
        fs::set_permissions(values.path(name), Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_variable_comes_before_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let variables = [("A".to_owned(), " of the variable\n".to_owned()), ("B".to_owned(), String::new())];
        let values = Values::new(BTreeMap::from(variables), dir.path());
        assert_eq!(values.get("C").unwrap(), None);
        for name in ["A", "B"] {
            write(&values, name, b"of the file\n", 0o600);
        }
        assert_eq!(values.get("A").unwrap().as_deref(), Some("of the variable"));
        assert_eq!(values.get("B").unwrap().as_deref(), Some("of the file"));
        assert_eq!(values.resolved("secret:B").unwrap().as_deref(), Some("of the file"));
        assert_eq!(values.resolved("itself").unwrap().as_deref(), Some("itself"));
        assert!(!format!("{values:?}").contains("of the"));
    }

    #[test]
    fn what_others_may_read_or_is_no_value_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let values = Values::new(BTreeMap::new(), dir.path());
        for mode in [0o644, 0o640, 0o606] {
            write(&values, "A", b"x", mode);
            assert!(matches!(values.get("A"), Err(ValueError::Open { .. })), "{mode:o}");
        }
        for bytes in [&b""[..], b" \n", b"\xff", &[b'x'; 16 * 1024 + 1]] {
            write(&values, "A", bytes, 0o600);
            assert!(matches!(values.get("A"), Err(ValueError::Content { .. })));
        }
        fs::remove_file(values.path("A")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", values.path("A")).unwrap();
        assert!(values.get("A").is_err(), "a link is not followed");
        for name in ["../A", "a", "", "A/B", "A\0"] {
            assert!(matches!(values.get(name), Err(ValueError::Name)), "{name:?}");
        }
    }
}
