//! Finds operations by words. The answer holds all that a call needs, so that a client whose list of tools stays as
//! it was can go on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use loki_operation::{Access, Allow};

use super::desk::Offer;
use super::listing::may;

/// Operations that are found by words at a time.
const FOUND_MAX: usize = 6;

/// Bytes of a query.
const QUERY_BYTES_MAX: usize = 500;

/// Words that say nothing about what is looked for.
const EMPTY: [&str; 12] = ["an", "and", "for", "from", "how", "in", "is", "of", "the", "to", "what", "with"];

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The operations that are listed from now on.
    pub(super) names: BTreeSet<String>,
    /// What the model reads.
    pub(super) text: String,
}

/// Looks for operations: by a group's name, by words, or, where there are none, tells which groups there are.
pub(super) fn search(offers: &[Offer], query: &str, allow: &Allow) -> Found {
    let query = &query[..query.floor_char_boundary(QUERY_BYTES_MAX)];
    let words: Vec<String> = words(query).filter(|word| !EMPTY.contains(&word.as_str())).collect();
    if words.is_empty() {
        return Found { names: BTreeSet::new(), text: groups(offers) };
    }
    let group = query.trim().to_lowercase();
    let mut found: Vec<&Offer> = offers.iter().filter(|offer| offer.group == group).collect();
    if found.is_empty() {
        let mut scored: Vec<(u32, &Offer)> = offers
            .iter()
            .map(|offer| (score(offer, &words), offer))
            .filter(|(score, _)| *score > 0)
            .collect();
        scored.sort_by_key(|(score, _)| Reverse(*score));
        found = scored.into_iter().take(FOUND_MAX).map(|(_, offer)| offer).collect();
    }
    if found.is_empty() {
        return Found {
            names: BTreeSet::new(),
            text: format!("Nothing is told of by these words.\n{}", groups(offers)),
        };
    }
    let names = found.iter().filter(|offer| may(allow, offer)).map(|offer| offer.name.clone()).collect();
    let told: Vec<String> = found.into_iter().map(|offer| tell(offer, allow)).collect();
    Found { names, text: format!("Listed from now on; `tools_call` calls them too.\n{}", told.join("\n")) }
}

/// An operation in two lines: what it does, and what it takes.
fn tell(offer: &Offer, allow: &Allow) -> String {
    let needs = match (may(allow, offer), offer.access) {
        (true, _) => "",
        (false, Access::Read) => " (not allowed here)",
        (false, Access::Write) => " (not allowed: `loki mcp --allow write`)",
        (false, Access::Destructive) => " (not allowed: `loki mcp --allow write,destructive`)",
    };
    format!("{}: {}{needs}\n  input {}", offer.name, offer.summary, offer.input_schema)
}

fn groups(offers: &[Offer]) -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for offer in offers {
        groups.entry(offer.group.as_str()).or_default().push(offer.name.as_str());
    }
    let mut text = String::from("Groups, and what is in them:");
    for (group, names) in groups {
        // Writing to a string cannot fail.
        write!(text, "\n{group}: {}", names.join(" ")).unwrap_or_default();
    }
    text
}

/// How well an operation fits: words of its name count most, then those it is described by.
fn score(offer: &Offer, wanted: &[String]) -> u32 {
    let name: Vec<String> = words(&offer.name).collect();
    let about: Vec<String> = words(&offer.summary).chain(words(&offer.group)).collect();
    let properties = offer.input_schema.get("properties").and_then(serde_json::Value::as_object);
    let takes: Vec<String> =
        properties.into_iter().flat_map(|known| known.keys()).flat_map(|name| words(name)).collect();
    let worth = |word: &String| {
        let near = |known: &String| known.starts_with(word.as_str()) || word.starts_with(known.as_str());
        let in_name = if name.contains(word) { 6 } else { u32::from(name.iter().any(near)) * 3 };
        in_name + u32::from(about.iter().any(near)) * 2 + u32::from(takes.contains(word))
    };
    wanted.iter().map(worth).sum()
}

/// The words of a text, in small letters and without the `s` of a plural.
fn words(text: &str) -> impl Iterator<Item = String> {
    let pieces = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 1);
    pieces.map(|word| {
        let word = word.to_lowercase();
        if word.len() > 3 { word.trim_end_matches('s').to_owned() } else { word }
    })
}

#[cfg(test)]
mod tests;
