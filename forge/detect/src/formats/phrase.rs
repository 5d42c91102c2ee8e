//! A column in free words: `user_id (FK -> users.id)`, `email: string, unique`, `status (draft, sent)`.

use super::scan::{self, Comments, Cursor, Kind, Token};
use super::{build, types};
use crate::names;
use crate::requirements::{ColumnNeed, ColumnType};

/// What follows a column's name may have this many characters; longer text is a sentence.
const PHRASE_CHARS_MAX: usize = 300;

/// A column as a phrase describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The column.
    pub column: ColumnNeed,
    /// The table, column and deletion rule it refers to.
    pub reference: Option<(String, Option<String>, Option<String>)>,
    /// Signs of a schema: a type, a key, a constraint.
    pub signs: usize,
    /// Words that belong to no column definition.
    pub strangers: usize,
}

/// Reads one column. Nothing comes back when the text does not begin with a name.
pub(crate) fn column(text: &str) -> Option<Phrase> {
    let text = text.trim_start_matches(|c: char| !(c.is_ascii_alphabetic() || c == '_')).trim_end();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.len() > 48 || rest.chars().count() > PHRASE_CHARS_MAX {
        return None;
    }
    let mut column = build::column(name);
    if column.name.is_empty() {
        return None;
    }
    let rest = rest.trim_start_matches(['`', '*', '"']);
    let optional = rest.starts_with('?');
    let rest =
        rest.replace(['\u{2192}', '\u{27f6}', '\u{21d2}'], " -> ").replace(['\u{2013}', '\u{2014}'], " - ");
    let tokens = scan::tokens(&rest, 1, Comments::Percent);
    let mut phrase = Phrase { column: ColumnNeed::default(), reference: None, signs: 0, strangers: 0 };
    let mut cursor = Cursor::new(&tokens);
    let mut values = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = cursor.next() {
        depth = if token.mark('(') { depth + 1 } else { depth.saturating_sub(usize::from(token.mark(')'))) };
        let strangers = phrase.strangers;
        match token.kind {
            Kind::Word => {
                word(&mut cursor, token, &mut column, &mut phrase);
                // What stands in brackets explains the column: `value (M, L, XL)`.
                phrase.strangers = if depth > 0 { strangers } else { phrase.strangers };
            }
            Kind::Text => values.push(token.text.to_owned()),
            Kind::Mark if token.mark('>') || token.mark('[') || token.mark('?') => {
                if token.mark('>') {
                    refer(&mut cursor, &mut phrase);
                }
            }
            Kind::Mark | Kind::Number | Kind::Line => {}
        }
    }
    if optional {
        column.nullable = true;
    }
    let listed = enumerated(&rest, &column.name);
    column.values = if values.len() >= 2 { values } else { listed };
    if !column.values.is_empty() {
        phrase.strangers = 0;
        phrase.signs += 1;
    } else if rest.contains("(1-5)") || rest.contains("1-10") {
        column.r#type = ColumnType::Integer;
    }
    if phrase.reference.is_none()
        && rest
            .to_ascii_lowercase()
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|part| part == "fk" || part == "foreign")
    {
        phrase.reference = column.name.strip_suffix("_id").map(|stem| (stem.to_owned(), None, None));
    }
    phrase.column = column;
    Some(phrase)
}

/// Reads a list of columns, parted by commas outside brackets.
pub(crate) fn columns(text: &str) -> Vec<Phrase> {
    parts(text).into_iter().filter_map(column).collect()
}

/// The parts of `text` between commas (or semicolons) that stand outside brackets and quotes.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let (mut out, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let mut quoted = None;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' | '`' if quoted == Some(letter) => quoted = None,
            '"' | '`' if quoted.is_none() => quoted = Some(letter),
            _ if quoted.is_some() => {}
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '>' if !text[..at].ends_with('-') => depth = depth.saturating_sub(1),
            ',' | ';' if depth == 0 => {
                out.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(text[start..].trim());
    out.retain(|part| !part.is_empty());
    out
}

fn word(cursor: &mut Cursor<'_, '_>, token: &Token<'_>, column: &mut ColumnNeed, phrase: &mut Phrase) {
    let lower = token.text.to_ascii_lowercase();
    let after = |word: &str| cursor.peek().is_some_and(|next| next.is(word));
    let signs = phrase.signs;
    phrase.signs += 1;
    match lower.as_str() {
        "pk" | "primary" | "primarykey" => {
            column.primary_key = true;
            cursor.eat("key");
        }
        "unique" | "uk" => column.unique = true,
        "not" if after("null") => {
            cursor.next();
            column.nullable = false;
        }
        "required" | "mandatory" => column.nullable = false,
        "null" | "nullable" | "optional" => column.nullable = true,
        "references" | "ref" => refer(cursor, phrase),
        "fk" | "foreign" => {
            cursor.eat("key");
            let marked = cursor.eat_mark(':') | cursor.eat_mark('(') | cursor.eat("to");
            if marked || cursor.peek().is_some_and(|next| next.names() && !next.is("references")) {
                refer(cursor, phrase);
            }
        }
        "default" | "defaults" => {
            cursor.eat("to");
            let _marked = cursor.eat_mark(':') | cursor.eat_mark('=') | cursor.eat_mark('(');
            let value = cursor.next().filter(|value| value.kind != Kind::Mark && value.kind != Kind::Line);
            column.default = value.and_then(|value| match value.kind {
                Kind::Text => Some(value.text.to_owned()),
                Kind::Word => {
                    build::default_value(value.text).or_else(|| Some(value.text.to_ascii_lowercase()))
                }
                Kind::Number | Kind::Mark | Kind::Line => Some(value.text.to_owned()),
            });
        }
        "on" if after("delete") => {
            cursor.next();
            let action = scan::joined(&cursor.rest()[..cursor.rest().len().min(2)]);
            if let (Some(rule), Some(reference)) = (build::on_delete(&action), phrase.reference.as_mut()) {
                reference.2 = Some(rule);
            }
            cursor.next();
        }
        "auto" | "autoincrement" | "auto_increment" | "increment" | "index" | "indexed" | "enum" | "key"
        | "hashed" | "array" | "generated" | "check" | "timestamps" => {}
        "or" | "of" | "and" | "a" | "the" | "with" | "zone" | "precision" | "varying" | "to" | "max"
        | "min" => {
            phrase.signs = signs;
        }
        _ => type_word(cursor, token, column, phrase, signs),
    }
}

fn type_word(
    cursor: &mut Cursor<'_, '_>,
    token: &Token<'_>,
    column: &mut ColumnNeed,
    phrase: &mut Phrase,
    signs: usize,
) {
    let mut written = token.text.to_owned();
    if cursor.peek().is_some_and(|next| next.mark('(') || next.mark('[') || next.mark('<')) {
        let tail: Vec<_> = cursor
            .rest()
            .iter()
            .take(6)
            .take_while(|next| !next.mark(',') || token.is("decimal") || token.is("numeric"))
            .copied()
            .collect();
        written.push_str(&scan::joined(&tail));
        if let Some(end) = written.find([')', ']', '>']) {
            written.truncate(end + 1);
        }
    }
    match types::parse(&written, &column.name) {
        Some(r#type) if column.r#type == ColumnType::Unspecified => column.r#type = r#type,
        Some(_) => phrase.signs = signs,
        None => {
            phrase.signs = signs;
            phrase.strangers += 1;
        }
    }
}

/// At the name of a table, perhaps with a column: `users.id`, `users(id)`.
fn refer(cursor: &mut Cursor<'_, '_>, phrase: &mut Phrase) {
    while cursor.peek().is_some_and(|token| matches!(token.text, ":" | ">" | "-" | "<" | "(" | "=")) {
        cursor.next();
    }
    cursor.eat("references");
    cursor.eat("the");
    let Some(table) = cursor.peek().filter(|token| token.names()) else { return };
    let (mut table, mut to) = (table.text, None);
    cursor.next();
    if cursor.peek().is_some_and(|token| token.mark('.') || token.mark('(')) {
        cursor.next();
        if let Some(column) = cursor.peek().filter(|token| token.names()) {
            to = Some(column.text.to_owned());
            cursor.next();
        }
        if table.eq_ignore_ascii_case("auth") && to.as_deref() == Some("users") {
            (table, to) = ("users", None);
        }
    }
    let known = names::snake(table);
    if phrase.reference.is_none()
        && !known.is_empty()
        && !matches!(known.as_str(), "null" | "not" | "optional" | "nullable")
    {
        phrase.reference = Some((known, to, None));
        phrase.signs += 1;
    }
}

/// The values that brackets or bars list after a column whose name says it is one of several.
fn enumerated(rest: &str, name: &str) -> Vec<String> {
    let last = name.rsplit('_').next().unwrap_or(name);
    if !CHOICES.contains(&last) {
        return Vec::new();
    }
    let lower = rest.to_ascii_lowercase();
    let inside = match (rest.find('('), rest.rfind(')')) {
        (Some(from), Some(to)) if from < to => &rest[from + 1..to],
        _ if rest.contains('|') || rest.matches('/').count() >= 1 || lower.contains("enum") => rest,
        _ => return Vec::new(),
    };
    let inside = inside.trim_start_matches([':', ' ', '-']);
    let inside = inside.strip_prefix("enum").unwrap_or(inside).trim_start_matches([':', ' ', '(', '[']);
    let parts: Vec<&str> = inside
        .split(['|', '/', ','])
        .map(|part| part.trim().trim_matches(['\'', '"', '`', ')', ']', ' ']))
        .collect();
    let fits = |part: &&str| {
        !part.is_empty()
            && part.len() <= 30
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            && types::parse(part, "").is_none()
            && !matches!(
                part.to_ascii_lowercase().as_str(),
                "pk" | "fk" | "unique" | "required" | "optional" | "nullable" | "enum"
            )
    };
    if parts.len() >= 2 && parts.iter().all(fits) {
        parts.into_iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    }
}

/// Last words of columns that hold one of a few values.
const CHOICES: &[&str] = &[
    "status",
    "state",
    "type",
    "role",
    "kind",
    "level",
    "priority",
    "category",
    "tier",
    "plan",
    "gender",
    "visibility",
    "method",
    "frequency",
    "severity",
    "stage",
    "phase",
    "mode",
    "privacy",
    "unit",
    "size",
    "source",
    "difficulty",
];
