//! Sentences that announce a table's fields.

use crate::lexicon;

use super::fields;

/// The table of `Each task has the following fields:`, `Task properties:`, `users table:`.
pub(super) fn announced(text: &str) -> Option<String> {
    const TEXT_BYTES_MAX: usize = 160;
    let head = text.split([':', '：']).next().unwrap_or_default();
    if head.len() > TEXT_BYTES_MAX || !text.contains([':', '：']) {
        return None;
    }
    let norm = lexicon::normalise(head);
    let words: Vec<&str> =
        norm.split(' ').map(|w| w.trim_matches(|c: char| matches!(c, ',' | '.' | '(' | ')'))).collect();
    has_pattern(&words).or_else(|| noun_pattern(&words))
}

/// "each|every|a|the X has|should have|includes …"
fn has_pattern(words: &[&str]) -> Option<String> {
    const VERBS: &[&str] = &[
        "has",
        "have",
        "contains",
        "contain",
        "includes",
        "include",
        "consists",
        "stores",
        "store",
        "comprises",
    ];
    let verb = words.iter().position(|w| VERBS.contains(w))?;
    let mut end = verb;
    while end > 0 && ["should", "must", "will", "can", "also", "shall"].contains(&words[end - 1]) {
        end -= 1;
    }
    let start =
        words[..end].iter().rposition(|w| ["each", "every", "a", "an", "the", "all", "that"].contains(w))?;
    let noun = &words[start + 1..end];
    if noun.is_empty()
        || noun.len() > 3
        || noun.iter().any(|w| {
            [
                "app",
                "application",
                "system",
                "page",
                "form",
                "user",
                "project",
                "game",
                "site",
                "website",
                "dashboard",
                "screen",
                "header",
                "menu",
                "table",
                "api",
            ]
            .contains(w)
        }) && noun.len() == 1
            && !fields_follow(&words[verb..])
    {
        return None;
    }
    fields::entity(&noun.join(" "))
}

fn fields_follow(words: &[&str]) -> bool {
    words.iter().any(|w| ["fields", "properties", "attributes", "columns"].contains(w))
}

/// "X fields", "X table", "properties of X", "fields for each X".
fn noun_pattern(words: &[&str]) -> Option<String> {
    const NOUNS: &[&str] =
        &["fields", "properties", "attributes", "columns", "table", "model", "entity", "schema"];
    const NONE: &[&str] = &[
        "following",
        "required",
        "the",
        "key",
        "main",
        "form",
        "input",
        "these",
        "its",
        "minimum",
        "additional",
        "database",
        "data",
        "custom",
        "with",
        "optional",
        "and",
    ];
    let at = words.iter().position(|w| NOUNS.contains(w))?;
    if let Some(of) = words[at..].iter().position(|w| ["of", "for"].contains(w)) {
        let noun: Vec<&str> = words[at + of + 1..]
            .iter()
            .copied()
            .filter(|w| !["each", "a", "an", "the", "every"].contains(w))
            .take(3)
            .collect();
        return if noun.is_empty() { None } else { fields::entity(&noun.join(" ")) };
    }
    let before = words[..at].iter().rposition(|w| NONE.contains(w)).map_or(0, |n| n + 1);
    let noun = &words[before..at];
    if noun.is_empty() || noun.len() > 2 || words.len() > 8 {
        return None;
    }
    fields::entity(&noun.join(" "))
}
