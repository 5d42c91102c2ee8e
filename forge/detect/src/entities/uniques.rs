//! Groups of columns that sentences call unique together: "the pair of `a_id` and `b_id` is unique".

use crate::document::Kind;
use crate::requirements::TableNeed;
use crate::scope::{Scoped, Sentence};

/// What a sentence says about columns that are unique together, not each on its own.
const TOGETHER: &[&str] = &[
    "pair",
    "combination",
    "together",
    "unique (",
    "unique(",
    "unique on",
    "unique constraint",
    "unique index",
    "composite",
    "unique per",
    "unique for each",
    "unique within",
];

/// Adds to each table the groups of its columns that a sentence calls unique.
pub(super) fn add(scoped: &Scoped<'_>, tables: &mut [TableNeed]) {
    for sentence in scoped.wanted().filter(|s| s.kind != Kind::Heading) {
        if !sentence.norm.contains("unique") || !TOGETHER.iter().any(|mark| sentence.norm.contains(mark)) {
            continue;
        }
        if let Some((table, group)) = group(sentence, tables) {
            let group: Vec<String> = group.into_iter().map(str::to_owned).collect();
            if !table.uniques.contains(&group) {
                table.uniques.push(group);
            }
        }
    }
}

/// The columns a sentence names, and the table that has them all: the one described last before it.
fn group<'s, 't>(
    sentence: &'s Sentence,
    tables: &'t mut [TableNeed],
) -> Option<(&'t mut TableNeed, Vec<&'s str>)> {
    const COLUMNS_MIN: usize = 2;
    const COLUMNS_MAX: usize = 6;
    let mut words: Vec<&str> = Vec::new();
    for word in sentence.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        if word.len() > 1 && !words.contains(&word) && tables.iter().any(|t| has(t, word)) {
            words.push(word);
        }
        if words.len() > COLUMNS_MAX {
            return None;
        }
    }
    if words.len() < COLUMNS_MIN {
        return None;
    }
    let near = |t: &TableNeed| {
        let before = t.lines.iter().filter(|line| **line <= sentence.line).max().copied();
        (before.is_some(), before.unwrap_or(0))
    };
    let all = tables.iter_mut().filter(|t| words.iter().all(|word| has(t, word)));
    all.max_by_key(|t| near(t)).map(|table| (table, words))
}

fn has(table: &TableNeed, column: &str) -> bool {
    table.columns.iter().any(|c| c.name == column)
}
