//! A repository's own settings file, read by us: no other file is included, and nothing it names is opened.

use std::path::{Path, PathBuf};

use git2::{Config, Repository};

use super::git::{Found, Git};
use super::rules::read;

/// What a repository's settings file says, as far as it is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// `section.key` or `section.name.key` in lower case, and the value, in the file's order.
    values: Vec<(String, String)>,
    includes: bool,
}

impl Settings {
    /// The settings of a repository: of all its work trees, and of this one.
    pub(super) fn of(common: &Path, own: &Path) -> Self {
        let mut settings = Self::default();
        for file in [common.join("config"), own.join("config.worktree")] {
            if let Some(text) = read(&file) {
                settings.take(&String::from_utf8_lossy(&text));
            }
        }
        settings
    }

    /// The last value of a key, which is given in lower case.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a key is set to what git takes for true.
    pub(super) fn is(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| {
            ["true", "yes", "on", "1"].iter().any(|truth| value.eq_ignore_ascii_case(truth))
        })
    }

    /// Whether another file is included, which we do not read.
    pub(super) fn includes(&self) -> bool {
        self.includes
    }

    fn take(&mut self, text: &str) {
        // Looked for apart from the rest: whatever we make of a line, git may make something else of it.
        self.includes |= text.split('[').skip(1).any(|rest| {
            rest.trim_start().get(.."include".len()).is_some_and(|word| word.eq_ignore_ascii_case("include"))
        });
        let mut section = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let mut line = line.trim().to_owned();
            while line.ends_with('\\') && line.len() < 4096 {
                line.pop();
                line.push_str(lines.next().unwrap_or_default().trim_end());
            }
            let mut rest = line.as_str();
            if let Some((head, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                section = head.replace(['"', ' '], ".").replace("..", ".").trim_matches('.').to_lowercase();
                rest = after.trim();
            }
            if rest.is_empty() || rest.starts_with(['#', ';']) {
                continue;
            }
            let (key, value) = rest.split_once('=').unwrap_or((rest, "true"));
            self.values.push((format!("{section}.{}", key.trim().to_lowercase()), plain(value)));
        }
    }
}

/// Who signs commits in the project, as git's settings have it: the repository's, the user's, the system's.
/// None where there is no repository, or where they do not say.
pub fn identity(root: &Path) -> Option<(String, String)> {
    let git = match Git::find(root).ok()? {
        Found::Git(git) => Some(git),
        Found::Odd(_) => None,
        Found::None => return None,
    };
    let users = Config::open_default().and_then(|mut config| config.snapshot()).ok();
    let depends = users.as_ref().is_some_and(|config| {
        config.entries(Some("^includeif\\.")).is_ok_and(|mut entries| entries.next().is_some())
    });
    // Settings of the user that hold in some repositories only: git's library knows which.
    let opened = git.as_ref().filter(|git| depends && git.unreadable().is_none());
    let opened =
        opened.and_then(|_| Repository::open(root).and_then(|found| found.config()?.snapshot()).ok());
    let text = |key: &str| {
        let own = git.as_ref().and_then(|git| git.settings.get(key)).map(str::to_owned);
        let of = |config: &Option<Config>| config.as_ref().and_then(|config| config.get_string(key).ok());
        own.or_else(|| of(&opened)).or_else(|| of(&users)).filter(|text| !text.trim().is_empty())
    };
    text("user.name").zip(text("user.email"))
}

/// A value without its quotes, escapes and comment.
fn plain(value: &str) -> String {
    let (mut plain, mut quoted, mut end) = (String::new(), false, 0);
    let mut characters = value.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
        if quoted || !character.is_whitespace() {
            end = plain.len();
        }
    }
    plain.truncate(end);
    plain
}

/// A path that settings name, relative to the folder they are in.
pub(super) fn resolved(folder: &Path, named: &str) -> Option<PathBuf> {
    folder.join(named).canonicalize().ok()
}
