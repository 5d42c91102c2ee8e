//! Relations drawn in a line: `User 1--N Post`, `Post (N) -> (1) User`, `Team -> Members (1:N)`.

use std::collections::BTreeMap;

use crate::document::{Code, Document};
use crate::names;
use crate::scope::{Scope, Scoped};

/// A table that refers to another, both by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub child: String,
    pub parent: String,
    pub line: u32,
}

const LINE_BYTES_MAX: usize = 200;
const ONE_TO_MANY: &[&str] = &[
    "1--n",
    "1-n",
    "1:n",
    "1..n",
    "1->n",
    "1→n",
    "1:m",
    "1--m",
    "1:*",
    "1--*",
    "1-*",
    "1--",
    "1:many",
    "||--o{",
    "||--|{",
    "|o--o{",
    "one-to-many",
    "1-to-many",
    "1-to-n",
];
const MANY_TO_ONE: &[&str] = &[
    "n--1",
    "n-1",
    "n:1",
    "n..1",
    "n->1",
    "n→1",
    "m:1",
    "m--1",
    "*:1",
    "*--1",
    "many:1",
    "}o--||",
    "}|--||",
    "}o--o|",
    "many-to-one",
    "many-to-1",
    "n-to-1",
];
const ARROWS: &[&str] = &["->", "→", "-->", "=>", "⟶", "—>", "—", "--", "<-", "–", "-"];

/// The relations that lines of text and of plain code blocks draw between known tables.
pub(super) fn drawn(scoped: &Scoped<'_>, keys: &BTreeMap<String, String>) -> Vec<Relation> {
    let document: &Document = scoped.document;
    let blocks =
        document.blocks.iter().enumerate().filter(|(at, _)| scoped.blocks.get(*at) == Some(&Scope::In));
    let texts = blocks.flat_map(|(_, block)| block.lines());
    let plain = |code: &&Code| {
        scoped.sections.get(code.section) == Some(&Scope::In) && code.language.as_deref().is_none_or(is_text)
    };
    let codes = document.codes.iter().filter(plain).flat_map(|code| code.text.lines().zip(code.line..));
    texts
        .chain(codes.map(|(text, line)| (line, text)))
        .filter_map(|(line, text)| read(text, line, keys))
        .collect()
}

fn is_text(language: &str) -> bool {
    ["text", "txt", "plaintext", "erd", "diagram"].contains(&language)
}

/// Which side of a line is many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    Left,
    Right,
}

fn read(text: &str, line: u32, keys: &BTreeMap<String, String>) -> Option<Relation> {
    if text.len() > LINE_BYTES_MAX {
        return None;
    }
    let lower =
        text.to_lowercase().replace("one to many", "one-to-many").replace("many to one", "many-to-one");
    let tokens: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"' | '`' | ','))
        .filter(|token| !token.is_empty())
        .collect();
    let (many, left, right) = sides(&tokens)?;
    let (left, right) = (last_key(left, keys)?, first_key(right, keys)?);
    if left == right {
        return None;
    }
    let (child, parent) = if many == Many::Right { (right, left) } else { (left, right) };
    Some(Relation { child, parent, line })
}

/// Who is many, and the words on both sides of the cardinality.
fn sides<'t, 'w>(tokens: &'t [&'w str]) -> Option<(Many, &'t [&'w str], &'t [&'w str])> {
    for (at, token) in tokens.iter().enumerate() {
        let many = if ONE_TO_MANY.contains(token) {
            Many::Right
        } else if MANY_TO_ONE.contains(token) {
            Many::Left
        } else if let Some(many) = spaced(&tokens[at..]) {
            return Some((many, &tokens[..at], &tokens[at + 3..]));
        } else {
            continue;
        };
        let after = &tokens[at + 1..];
        if !after.is_empty() && at > 0 {
            return Some((many, &tokens[..at], after));
        }
        // `Team -> Members (1:N)`
        let arrow = tokens[..at].iter().position(|t| ARROWS.contains(t))?;
        return Some((many, &tokens[..arrow], &tokens[arrow + 1..at]));
    }
    None
}

/// `1 -> N` with spaces or parentheses between.
fn spaced(tokens: &[&str]) -> Option<Many> {
    let one = |t: &str| matches!(t, "1" | "one");
    let many = |t: &str| matches!(t, "n" | "m" | "*" | "many" | "0..n" | "0..*" | "1..n" | "1..*");
    match tokens {
        [left, arrow, right, ..] if ARROWS.contains(arrow) || *arrow == "to" => {
            if one(left) && many(right) {
                Some(Many::Right)
            } else if many(left) && one(right) {
                Some(Many::Left)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn last_key(tokens: &[&str], keys: &BTreeMap<String, String>) -> Option<String> {
    let words: Vec<&str> = tokens.iter().copied().filter(|t| !ARROWS.contains(t)).collect();
    let last = words.last()?;
    let pair = words.len().checked_sub(2).map(|at| format!("{}_{last}", words[at]));
    pair.into_iter().chain([(*last).to_owned()]).map(|name| key(&name)).find(|key| keys.contains_key(key))
}

fn first_key(tokens: &[&str], keys: &BTreeMap<String, String>) -> Option<String> {
    let mut words = tokens.iter().copied().filter(|t| !ARROWS.contains(t));
    let first = words.next()?;
    let pair = words.next().map(|second| format!("{first}_{second}"));
    pair.into_iter().chain([first.to_owned()]).map(|name| key(&name)).find(|key| keys.contains_key(key))
}

fn key(name: &str) -> String {
    names::key(name.trim_matches(|c: char| !c.is_alphanumeric()))
}
