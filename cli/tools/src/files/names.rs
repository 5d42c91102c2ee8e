//! Paths as models write them, and names as they are shown.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::FileError;

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 2_048;
/// Folders and names of a path.
const PARTS_MAX: usize = 64;

/// A place in the project: its path from the root, without `.`, `..` and doubled slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    path: String,
}

impl Place {
    /// The root.
    pub(super) fn top() -> Place {
        Place { path: String::new() }
    }

    /// A place that was found by looking; none where a name is no UTF-8.
    pub(super) fn found(path: &[u8]) -> Option<Place> {
        Some(Place { path: str::from_utf8(path).ok()?.to_owned() })
    }

    /// True for the root itself.
    pub fn is_top(&self) -> bool {
        self.path.is_empty()
    }

    /// The path from the root; empty for the root itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path for a system call.
    pub(super) fn path_or_dot(&self) -> &str {
        if self.is_top() { "." } else { &self.path }
    }

    /// The path as people and models are shown it.
    pub fn shown(&self) -> String {
        if self.is_top() { ".".to_owned() } else { shown(self.path.as_bytes()) }
    }

    /// The folder's path, empty at the top, and the name in it.
    pub(super) fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }

    /// Refuses what is loki's and git's own.
    pub(super) fn is_open(&self) -> Result<(), FileError> {
        match whose(self.path.as_bytes()) {
            Some(whose) => Err(FileError::Closed { path: self.shown(), whose }),
            None => Ok(()),
        }
    }

    /// Refuses names that nobody could read or type.
    pub(super) fn may_be_made(&self) -> Result<(), FileError> {
        match self.path.chars().any(is_hidden) {
            true => Err(FileError::Bad { path: self.shown(), why: "a name may not hold control characters" }),
            false => Ok(()),
        }
    }
}

/// Whose own a path is, if anybody's: git's anywhere, loki's at the top; whatever the letters' case.
pub(super) fn whose(path: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(path).to_lowercase();
    let mut names = text.split('/');
    if text.split('/').any(|name| name == ".git") {
        return Some("git's");
    }
    (names.next() == Some(".loki")).then_some("loki's")
}

/// The place that a path names; `roots` are the names of the root.
pub(super) fn place(roots: &[PathBuf], path: &str) -> Result<Place, FileError> {
    let bad = |why| Err(FileError::Bad { path: shown(path.as_bytes()), why });
    if path.len() > PATH_BYTES_MAX {
        let path = shown(path.as_bytes().get(..80).unwrap_or_default());
        return Err(FileError::Bad { path, why: "it is too long" });
    }
    if path.contains('\0') {
        return bad("it holds a zero byte");
    }
    let relative = match Path::new(path).is_absolute() {
        false => path,
        true => match roots.iter().find_map(|root| Path::new(path).strip_prefix(root).ok()?.to_str()) {
            Some(relative) => relative,
            None => return Err(FileError::Outside { path: shown(path.as_bytes()) }),
        },
    };
    let parts: Vec<&str> = relative.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return bad("it holds `..`");
    }
    if parts.len() > PARTS_MAX {
        return bad("it has too many folders");
    }
    Ok(Place { path: parts.join("/") })
}

/// A name or path as people and models are shown it: control characters, characters that turn the direction
/// of writing around and bytes that are no UTF-8 are escaped.
pub fn shown(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_hidden(character) {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing into a string cannot fail.
            let _infallible = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Whether a character is one that people would not see as it is.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Result<String, &'static str> {
        let roots = [PathBuf::from("/srv/app"), PathBuf::from("/link")];
        place(&roots, path).map(|place| place.path().to_owned()).map_err(|error| error.code())
    }

    #[test]
    fn paths_are_relative_to_the_root_or_below_it() {
        for (path, expected) in [
            ("a", "a"),
            ("./a//b/.", "a/b"),
            ("", ""),
            (".", ""),
            ("/srv/app", ""),
            ("/srv/app/src/x", "src/x"),
            ("/link/x", "x"),
            ("-rf", "-rf"),
            ("a\nb", "a\nb"),
        ] {
            assert_eq!(at(path).as_deref(), Ok(expected), "{path:?}");
        }
        let long = "x".repeat(PATH_BYTES_MAX + 1);
        let deep = "x/".repeat(PARTS_MAX + 1);
        for path in ["..", "a/../b", "/srv/app/../x", "/srv/application", "/etc", "a\0b", &long, &deep] {
            assert_eq!(at(path), Err("bad_path"), "{path:?}");
        }
    }

    #[test]
    fn what_is_lokis_and_gits_own_is_closed_in_any_case() {
        for path in
            [".git", ".git/config", ".GIT/x", "vendor/lib/.Git/hooks", ".loki/x", ".LOKI", ".lo\u{212a}i"]
        {
            assert!(whose(path.as_bytes()).is_some(), "{path}");
        }
        for path in ["", "git", ".gitignore", "a/.loki", ".github/x", ".git2"] {
            assert_eq!(whose(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn names_are_shown_so_that_nothing_in_them_acts() {
        assert_eq!(shown("plain ünï/日本".as_bytes()), "plain ünï/日本");
        assert_eq!(shown(b"a\nb\x1b[2J"), "a\\nb\\u{1b}[2J");
        assert_eq!(shown(b"bad\xff\xfe.txt"), "bad\\xff\\xfe.txt");
        assert_eq!(shown("x\u{202e}gpj.exe".as_bytes()), "x\\u{202e}gpj.exe");
    }
}
