//! Questions to a policy: what may be done with a file, which rule lets a host through.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::paths::{self, Root};
use super::{Access, FileRule, HostRule, Origin, Policy, hosts, presets};

/// Where the places that policies name are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    project: PathBuf,
    home: Option<PathBuf>,
    own_home: PathBuf,
    own_temporary: PathBuf,
}

/// Why commands cannot be confined at these places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacesError {
    /// A path that could mean several places.
    #[error("the path of the {what} is not absolute or holds `..`: `{}`", path.display())]
    NotPlain {
        /// Which of the places.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The project holds what a command must not change.
    #[error("`{}` cannot be a project for confined commands: {within} is within it", path.display())]
    TooWide {
        /// The project.
        path: PathBuf,
        /// What is within.
        within: String,
    },
}

impl Places {
    /// The project, the user's home where one is known, and the sandbox's own home and folder for passing files.
    ///
    /// All are absolute, and real: without links. A project that holds the home or parts of the system is refused.
    pub fn new(
        project: PathBuf,
        home: Option<PathBuf>,
        own_home: PathBuf,
        own_temporary: PathBuf,
    ) -> Result<Places, PlacesError> {
        let named =
            [("project", Some(&project)), ("home", home.as_ref()), ("sandbox's home", Some(&own_home))];
        for (what, path) in
            named.into_iter().chain([("sandbox's folder for passing files", Some(&own_temporary))])
        {
            if let Some(path) = path.filter(|path| !is_plain(path)) {
                return Err(PlacesError::NotPlain { what, path: path.clone() });
            }
        }
        let too_wide = |within: String| PlacesError::TooWide { path: project.clone(), within };
        if home.as_ref().is_some_and(|home| home.starts_with(&project)) {
            return Err(too_wide("your home".to_owned()));
        }
        if let Some(system) = presets::system_paths().find(|path| Path::new(path).starts_with(&project)) {
            return Err(too_wide(format!("`{system}`")));
        }
        Ok(Places { project, home, own_home, own_temporary })
    }

    /// The project.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The user's home.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The sandbox's own home, which is `$HOME` for the command.
    pub fn own_home(&self) -> &Path {
        &self.own_home
    }

    /// The sandbox's own folder for passing files, which is `$TMPDIR` for the command.
    pub fn own_temporary(&self) -> &Path {
        &self.own_temporary
    }

    /// Where a rule's path is; none where it is in a home that is not known.
    pub fn locate(&self, path: &str) -> Option<PathBuf> {
        let (root, rest) = paths::split(path);
        let root = match root {
            Root::System => Path::new("/"),
            Root::Home => self.home.as_deref()?,
            Root::Project => &self.project,
            Root::OwnHome => &self.own_home,
            Root::OwnTemporary => &self.own_temporary,
        };
        Some(if rest.is_empty() { root.to_owned() } else { root.join(rest) })
    }

    /// `path` the way a rule would write it.
    pub fn written(&self, path: &Path) -> String {
        let below =
            |root: &Path| path.strip_prefix(root).ok().map(|rest| rest.to_string_lossy().into_owned());
        if let Some(rest) = below(&self.project) {
            return match rest.as_str() {
                "" => ".".to_owned(),
                rest if rest.starts_with(['~', '@']) => format!("./{rest}"),
                rest => rest.to_owned(),
            };
        }
        match self.home.as_deref().and_then(below) {
            Some(rest) if rest.is_empty() => "~".to_owned(),
            Some(rest) => format!("~/{rest}"),
            None => path.to_string_lossy().into_owned(),
        }
    }

    /// A variable's value with the place that it begins with; none where that is in a home that is not known.
    pub(super) fn filled_in(&self, value: &str) -> Option<String> {
        match paths::split(value).0 {
            Root::Home | Root::OwnHome | Root::OwnTemporary => {
                self.locate(value).map(|path| path.to_string_lossy().into_owned())
            }
            Root::System | Root::Project => Some(value.to_owned()),
        }
    }
}

/// Absolute and without `..`, so that containment can be read off it.
pub(super) fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| matches!(part, Component::ParentDir))
}

impl Policy {
    /// What the command may do with `path`, which is absolute and free of links, and the rule that says so.
    /// Where no rule says anything, the file is not there.
    ///
    /// The innermost rule of preset and user decides; among those of one place the later layer, then the
    /// stricter. The innermost rule of the project can only take away from that, and nothing from the
    /// sandbox's own folders.
    pub fn file(&self, places: &Places, path: &Path) -> (Access, Option<&FileRule>) {
        self.files_at(places).file(path)
    }

    /// The rules for files by where they are on this machine, for asking about many files.
    pub fn files_at(&self, places: &Places) -> Files<'_> {
        self.files_where(places, |_, _| true)
    }

    fn files_where(&self, places: &Places, mut keep: impl FnMut(&Path, &FileRule) -> bool) -> Files<'_> {
        let mut rules: HashMap<PathBuf, Vec<&FileRule>> = HashMap::with_capacity(self.files.len());
        for rule in &self.files {
            if let Some(path) = places.locate(&rule.path).filter(|path| keep(path, rule)) {
                rules.entry(path).or_default().push(rule);
            }
        }
        let project_has_word = self.files.iter().any(|rule| rule.origin == Origin::Project);
        Files { rules, project_has_word }
    }

    /// The rule that lets a connection to `name` on `port` through, if one does.
    pub fn host(&self, name: &str, port: u16) -> Option<&HostRule> {
        let name = hosts::asked(name);
        let asked = hosts::Pattern::Exactly(&name);
        self.network
            .iter()
            .find(|rule| rule.ports.contains(&port) && hosts::Pattern::of(&rule.host).covers(&asked))
    }

    /// Every place at which what may be done changes, with the rule that decides there, sorted by path.
    ///
    /// Among these the innermost decides, and no two are for one place. The rule may be one for a place
    /// further out, where it is the stricter: only its `access` counts here, not its `path`.
    pub fn expand(&self, places: &Places) -> Vec<(PathBuf, &FileRule)> {
        self.expand_where(places, |_, _| true)
    }

    /// The same for places and rules that `keep` wants. Where it wants a place, it must want all that rules name
    /// around it: those say what holds there too.
    pub fn expand_where(
        &self,
        places: &Places,
        keep: impl FnMut(&Path, &FileRule) -> bool,
    ) -> Vec<(PathBuf, &FileRule)> {
        let files = self.files_where(places, keep);
        let decided = files.rules.keys().filter_map(|path| Some((path.clone(), files.deciding(path)?)));
        let mut places: Vec<(PathBuf, &FileRule)> = decided.collect();
        places.sort_unstable_by(|(left, _), (right, _)| left.as_os_str().cmp(right.as_os_str()));
        places
    }
}

/// A policy's rules for files by where they are on this machine.
#[derive(Debug)]
pub struct Files<'p> {
    rules: HashMap<PathBuf, Vec<&'p FileRule>>,
    /// Whether any rule is the project's: most of the time none is, and nothing need be looked for.
    project_has_word: bool,
}

impl<'p> Files<'p> {
    /// As [`Policy::file`].
    pub fn file(&self, path: &Path) -> (Access, Option<&'p FileRule>) {
        let rule = self.deciding(path);
        (rule.map_or(Access::Hide, |rule| rule.access), rule)
    }

    fn deciding(&self, path: &Path) -> Option<&'p FileRule> {
        if !is_plain(path) {
            return None;
        }
        let base = self.innermost(path, |rule| rule.origin < Origin::Project)?;
        if matches!(paths::split(&base.path).0, Root::OwnHome | Root::OwnTemporary) {
            return Some(base);
        }
        if !self.project_has_word {
            return Some(base);
        }
        let cap = self.innermost(path, |rule| rule.origin == Origin::Project);
        Some(cap.filter(|cap| cap.access.looseness() < base.access.looseness()).unwrap_or(base))
    }

    fn innermost(&self, path: &Path, of: impl Fn(&FileRule) -> bool) -> Option<&'p FileRule> {
        path.ancestors().filter_map(|place| self.rules.get(place)).find_map(|rules| {
            let candidates = rules.iter().copied().filter(|rule| of(rule));
            candidates.max_by_key(|rule| (rule.origin, std::cmp::Reverse(rule.access.looseness())))
        })
    }
}
