//! The settings of skills, `skills.*`.

use super::{Key, one_of};

/// Whose skills a model may take up.
pub(crate) static FROM: Key<String> = Key::new(
    "skills.from",
    "Whose skills a model may take up, separated by commas: project, home, builtin, or none",
    || "project, home, builtin".to_owned(),
    |text| words(text).try_for_each(|word| one_of(word, &["project", "home", "builtin", "none"])),
);

/// The words of such a list.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}
