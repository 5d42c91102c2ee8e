//! `like` and regular expressions.

use regex::{Regex, RegexBuilder};
use rusqlite::Connection;
use rusqlite::functions::Context;
use rusqlite::types::ValueRef;

use super::{scalar, text, truth};
use crate::sqlite::values::Refused;

/// Postgres' words and those of the expressions here.
const WORDS: [(&str, &str); 13] = [
    ("[[:<:]]", "\\b{start}"),
    ("[[:>:]]", "\\b{end}"),
    ("\\m", "\\b{start}"),
    ("\\M", "\\b{end}"),
    ("\\y", "\\b"),
    ("\\Y", "\\B"),
    ("\\Z", "\\z"),
    ("[:alpha:]", "\\p{Alphabetic}"),
    ("[:alnum:]", "\\p{Alphabetic}\\p{Nd}"),
    ("[:upper:]", "\\p{Uppercase}"),
    ("[:lower:]", "\\p{Lowercase}"),
    ("[:digit:]", "\\p{Nd}"),
    ("[:space:]", "\\s"),
];

/// The most bytes of a compiled expression.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    // rest_like(text, pattern, any case)
    scalar(conn, "rest_like", 3, false, |context| {
        let found = if any_case(context) {
            like(&text(context, 0).to_lowercase(), &text(context, 1).to_lowercase())
        } else {
            like(text(context, 0), text(context, 1))
        };
        match found {
            Some(found) => truth(found),
            None => Err(Refused::new("22025", "LIKE pattern must not end with escape character")),
        }
    })?;
    // rest_match(text, expression, any case)
    scalar(conn, "rest_match", 3, false, |context| {
        let any_case = any_case(context);
        let pattern = text(context, 1).to_owned();
        let regex = context
            .get_or_create_aux(1, |_| compile(&pattern, any_case))
            .map_err(|_| Refused::new("2201B", "invalid regular expression"))?;
        truth(regex.is_match(text(context, 0)))
    })
}

fn any_case(context: &Context<'_>) -> bool {
    context.get_raw(2) == ValueRef::Integer(1)
}

/// The words of Postgres' expressions that are others here: the edges of words, and classes within brackets,
/// which are those of Unicode.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '[']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = WORDS.iter().find(|(word, _)| rest.starts_with(word));
        if let Some((word, other)) = known {
            out.push_str(other);
            rest = &rest[word.len()..];
            continue;
        }
        let taken = if rest.starts_with('\\') { rest.chars().take(2).map(char::len_utf8).sum() } else { 1 };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// In Postgres' expressions a point matches the end of a line too.
fn compile(pattern: &str, any_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&translated(pattern))
        .case_insensitive(any_case)
        .dot_matches_new_line(true)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
}

/// Why an expression is none: a SQLSTATE and a message.
pub(in crate::sqlite) fn regex_flaw(pattern: &str) -> Option<(&'static str, String)> {
    let error = compile(pattern, false).err()?;
    let why = match &error {
        regex::Error::CompiledTooBig(_) => "regular expression is too complex",
        _ if pattern.matches('(').count() != pattern.matches(')').count() => "parentheses () not balanced",
        _ if pattern.matches('[').count() != pattern.matches(']').count() => "brackets [] not balanced",
        _ if pattern.starts_with(['*', '+', '?']) => "quantifier operand invalid",
        _ if error.to_string().contains("repetition") => "invalid repetition count(s)",
        _ => "invalid escape \\ sequence",
    };
    Some(("2201B", format!("invalid regular expression: {why}")))
}

enum Part {
    Any,
    One,
    Char(char),
    /// A backslash at the end, which escapes nothing.
    Unfinished,
}

/// Whether a text matches: `%` is anything, `_` one character, and a backslash takes either's meaning away.
/// Nothing where the pattern ends with one that something would have to match.
fn like(text: &str, pattern: &str) -> Option<bool> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => chars.next().map_or(Part::Unfinished, Part::Char),
            c => Part::Char(c),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut part) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                again = Some((part, at));
                part += 1;
            }
            Some(Part::One) => {
                at += 1;
                part += 1;
            }
            Some(Part::Char(c)) if text.get(at) == Some(c) => {
                at += 1;
                part += 1;
            }
            Some(Part::Unfinished) => return None,
            _ => {
                let Some((any, from)) = again else { return Some(false) };
                again = Some((any, from + 1));
                at = from + 1;
                part = any + 1;
            }
        }
    }
    Some(parts.iter().skip(part).all(|part| matches!(part, Part::Any)))
}
