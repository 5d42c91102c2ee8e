//! The environment, read once. Nothing else in the program asks the process for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables the program was started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Takes the process's own. A name or value that is not UTF-8 is none of ours and is left out.
    pub(crate) fn of_process() -> Environment {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Environment { variables: variables.collect() }
    }

    /// An environment of exactly these variables.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(variables: [(&str, &str); N]) -> Environment {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Environment { variables: BTreeMap::from(owned) }
    }

    /// The value of `name`; an empty one counts as unset.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every variable that is set, empty ones included.
    pub(crate) fn all(&self) -> BTreeMap<String, String> {
        self.variables.clone()
    }

    /// Every variable whose name begins with `prefix`, in the order of the names.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.variables
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Where the user's own configuration lives: `$XDG_CONFIG_HOME/loki`, else `~/.config/loki`.
    pub(crate) fn config_dir(&self) -> Option<PathBuf> {
        let base = match self.get("XDG_CONFIG_HOME") {
            Some(base) => PathBuf::from(base),
            None => PathBuf::from(self.get("HOME")?).join(".config"),
        };
        Some(base.join("loki"))
    }

    /// True where the surroundings say that nobody is watching.
    pub(crate) fn is_ci(&self) -> bool {
        self.get("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// True where the surroundings do not refuse colour.
    pub(crate) fn allows_color(&self) -> bool {
        self.get("NO_COLOR").is_none() && self.get("TERM") != Some("dumb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_folder_follows_xdg_then_home() {
        let both = Environment::of([("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]);
        assert_eq!(both.config_dir(), Some(PathBuf::from("/x/loki")));
        let home = Environment::of([("HOME", "/h"), ("XDG_CONFIG_HOME", "")]);
        assert_eq!(home.config_dir(), Some(PathBuf::from("/h/.config/loki")));
        assert_eq!(Environment::default().config_dir(), None);
    }

    #[test]
    fn ci_and_colour_are_read_from_their_usual_variables() {
        assert!(Environment::of([("CI", "true")]).is_ci());
        assert!(!Environment::of([("CI", "false")]).is_ci());
        assert!(!Environment::default().is_ci());
        assert!(!Environment::of([("NO_COLOR", "1")]).allows_color());
        assert!(Environment::of([("NO_COLOR", "")]).allows_color());
        assert!(!Environment::of([("TERM", "dumb")]).allows_color());
    }
}
