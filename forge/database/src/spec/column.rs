//! The mini-language of columns: `price numeric(10,2) not null default 0`.

use std::collections::BTreeSet;

use super::{
    error::{Place, SpecError},
    node::Node,
    types,
};
use crate::people;
use crate::schema::{ColumnDefault, OnDelete, Type};

/// What a column's text says; what it leaves open is judged later.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) at: Place,
    pub(super) name: String,
    pub(super) ty: Option<Type>,
    pub(super) key: bool,
    pub(super) nullable: Option<bool>,
    pub(super) unique: bool,
    pub(super) reference: Option<Reference>,
    pub(super) default: Default,
    /// `serial`: counts by itself even though nobody said `default identity`.
    pub(super) serial: bool,
}

/// What a column's text says of its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Default {
    Open,
    None,
    Is(ColumnDefault),
}

/// `fk->users.id on delete cascade`
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) at: Place,
    pub(super) table: String,
    pub(super) column: Option<String>,
    pub(super) on_delete: OnDelete,
}

const EXPECTED: &str = "a type, pk, not null, null, unique, fk->table.column, on delete ..., or default ...";
const WORDS: [&str; 14] = [
    "pk",
    "primary",
    "not",
    "null",
    "required",
    "nullable",
    "optional",
    "unique",
    "fk",
    "references",
    "on",
    "default",
    "identity",
    "delete",
];

/// A word of the text, with the number of its first character.
#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    at: usize,
}

/// Reads one column.
pub(super) fn parse(node: &Node, text: &str, enums: &BTreeSet<String>) -> Result<Draft, SpecError> {
    let words = split(text)
        .map_err(|(at, problem)| SpecError::new(node.place_of(at), problem, "the closing mark"))?;
    let Some(first) = words.first() else {
        return Err(SpecError::new(node.at, "a column is empty", "`name type`"));
    };
    let mut reader = Reader { node, words: &words, next: 1, enums, draft: empty(first.text, node.at) };
    while let Some(word) = reader.words.get(reader.next).copied() {
        reader.word(word)?;
    }
    Ok(reader.draft)
}

pub(super) fn empty(name: &str, at: Place) -> Draft {
    Draft {
        at,
        name: name.to_owned(),
        ty: None,
        key: false,
        nullable: None,
        unique: false,
        reference: None,
        default: Default::Open,
        serial: false,
    }
}

struct Reader<'t> {
    node: &'t Node,
    words: &'t [Word<'t>],
    next: usize,
    enums: &'t BTreeSet<String>,
    draft: Draft,
}

impl<'t> Reader<'t> {
    fn word(&mut self, word: Word<'t>) -> Result<(), SpecError> {
        let lower = word.text.to_ascii_lowercase();
        self.next += 1;
        match lower.as_str() {
            "pk" | "primary_key" => self.draft.key = true,
            "primary" => {
                self.expect(word, "key")?;
                self.draft.key = true;
            }
            "not" => {
                self.expect(word, "null")?;
                self.set_nullable(word, false)?;
            }
            "required" => self.set_nullable(word, false)?,
            "null" | "nullable" | "optional" => self.set_nullable(word, true)?,
            "unique" => self.draft.unique = true,
            "identity" => self.set_default(word, Default::Is(ColumnDefault::Identity))?,
            "default" => {
                let value = self.value(word)?;
                self.set_default(word, value)?;
            }
            "on" => self.on_delete(word)?,
            "fk" | "references" => {
                let target = self.take(word, "a table, as in fk->users.id")?;
                self.reference(target)?;
            }
            _ if lower.starts_with("fk->") || lower.starts_with("->") => self.reference(word)?,
            _ => self.ty(word)?,
        }
        Ok(())
    }

    fn reference(&mut self, word: Word<'t>) -> Result<(), SpecError> {
        let text = word.text.strip_prefix("fk").unwrap_or(word.text);
        let mut target = text.strip_prefix("->").unwrap_or(text);
        if target.is_empty() {
            target = self.take(word, "a table, as in fk->users.id")?.text;
        }
        let (table, column) = target_of(target);
        let column = column.map(str::to_owned);
        if self.draft.reference.is_some() {
            return Err(self.error(word, "the column refers to two tables", "one fk->"));
        }
        if table.is_empty() || column.as_deref() == Some("") {
            return Err(self.error(
                word,
                format!("`{}` names no table", word.text),
                "fk->table or fk->table.column",
            ));
        }
        let at = self.node.place_of(word.at);
        self.draft.reference =
            Some(Reference { at, table: table.to_owned(), column, on_delete: OnDelete::Restrict });
        Ok(())
    }

    fn on_delete(&mut self, word: Word<'t>) -> Result<(), SpecError> {
        const ACTIONS: &str = "cascade, set null or restrict";
        self.expect(word, "delete")?;
        let action = self.take(word, ACTIONS)?;
        let on_delete = match action.text.to_ascii_lowercase().as_str() {
            "cascade" => OnDelete::Cascade,
            "restrict" => OnDelete::Restrict,
            "set" => {
                self.expect(action, "null")?;
                OnDelete::SetNull
            }
            "no" => {
                self.expect(action, "action")?;
                OnDelete::Restrict
            }
            _ => return Err(self.error(action, format!("`{}` is no action", action.text), ACTIONS)),
        };
        match &mut self.draft.reference {
            Some(reference) => {
                reference.on_delete = on_delete;
                Ok(())
            }
            None => Err(self.error(
                word,
                "`on delete` without a foreign key before it",
                "fk->table on delete ...",
            )),
        }
    }

    fn ty(&mut self, word: Word<'t>) -> Result<(), SpecError> {
        let mut text = word.text.to_owned();
        // Types of several words.
        let longer = match text.to_ascii_lowercase().as_str() {
            "double" => Some(["precision"].as_slice()),
            "character" => Some(["varying"].as_slice()),
            "timestamp" => self.peek().and_then(|next| match next.to_ascii_lowercase().as_str() {
                "with" => Some(["with", "time", "zone"].as_slice()),
                "without" => Some(["without", "time", "zone"].as_slice()),
                _ => None,
            }),
            _ => None,
        };
        for wanted in longer.unwrap_or_default() {
            let Some(next) = self.peek() else { break };
            if !next.to_ascii_lowercase().starts_with(wanted) {
                break;
            }
            text = format!("{text} {next}");
            self.next += 1;
        }
        // `varchar (80)`
        if self.peek().is_some_and(|next| next.starts_with('(')) && !text.contains('(') {
            text.push_str(self.peek().unwrap_or_default());
            self.next += 1;
        }
        let known: Vec<&str> =
            types::NAMES.into_iter().chain(WORDS).chain(self.enums.iter().map(String::as_str)).collect();
        if self.draft.ty.is_some() {
            let problem = format!("`{}` is one word too many", word.text);
            return Err(self.error(word, problem, EXPECTED).meant(word.text, &known));
        }
        let base = text.split(['(', '[']).next().unwrap_or_default().to_ascii_lowercase();
        self.draft.serial = matches!(base.as_str(), "serial" | "bigserial");
        match types::parse(&text, self.enums) {
            Ok(ty) => self.draft.ty = Some(ty),
            Err(problem) => return Err(self.error(word, problem, types::EXPECTED).meant(&base, &known)),
        }
        Ok(())
    }

    fn value(&mut self, word: Word<'t>) -> Result<Default, SpecError> {
        let value = self.take(word, "a value, now(), uuid() or auth.uid()")?;
        Ok(default_of(value.text))
    }

    fn set_default(&mut self, word: Word<'t>, default: Default) -> Result<(), SpecError> {
        if self.draft.default != Default::Open {
            return Err(self.error(word, "the column has two defaults", "one default"));
        }
        self.draft.default = default;
        Ok(())
    }

    fn set_nullable(&mut self, word: Word<'t>, nullable: bool) -> Result<(), SpecError> {
        if self.draft.nullable.is_some_and(|before| before != nullable) {
            return Err(self.error(word, "the column is both null and not null", "one of them"));
        }
        self.draft.nullable = Some(nullable);
        Ok(())
    }

    fn expect(&mut self, before: Word<'t>, wanted: &str) -> Result<(), SpecError> {
        let word = self.take(before, &format!("`{wanted}` after `{}`", before.text))?;
        if word.text.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        Err(self.error(
            word,
            format!("`{}` cannot follow `{}`", word.text, before.text),
            format!("`{wanted}`"),
        ))
    }

    fn take(&mut self, before: Word<'t>, expected: &str) -> Result<Word<'t>, SpecError> {
        let word = self.words.get(self.next).copied().ok_or_else(|| {
            let at = self.node.place_of(before.at + before.text.chars().count());
            SpecError::new(at, format!("nothing follows `{}`", before.text), expected)
        })?;
        self.next += 1;
        Ok(word)
    }

    fn peek(&self) -> Option<&'t str> {
        self.words.get(self.next).map(|word| word.text)
    }

    fn error(&self, word: Word<'t>, problem: impl Into<String>, expected: impl Into<String>) -> SpecError {
        SpecError::new(self.node.place_of(word.at), problem, expected)
    }
}

/// The table that a key refers to, and what stands behind it as its column: `users.id`, `users(id)`, and the
/// same of `auth.users`, the only table with a point in its name.
pub(super) fn target_of(text: &str) -> (&str, Option<&str>) {
    let split = |text: &str, from: usize| text[from..].find(['.', '(']).map(|at| from + at);
    let of_people =
        text.strip_prefix(people::USERS).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '(']));
    let from = if of_people { people::USERS.len() } else { 0 };
    match split(text, from) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_end_matches(')').trim())),
        None => (text, None),
    }
}

/// What a default's text means.
pub(super) fn default_of(text: &str) -> Default {
    if let Some(literal) = quoted(text) {
        return Default::Is(ColumnDefault::Literal(literal));
    }
    let bare = text.split("::").next().unwrap_or(text);
    match bare.to_ascii_lowercase().as_str() {
        "now()" | "current_timestamp" | "current_date" | "current_time" => Default::Is(ColumnDefault::Now),
        "uuid()" | "gen_random_uuid()" | "uuid_generate_v4()" => Default::Is(ColumnDefault::RandomUuid),
        "auth.uid()" => Default::Is(ColumnDefault::CurrentUser),
        "identity" => Default::Is(ColumnDefault::Identity),
        "none" | "null" => Default::None,
        _ => Default::Is(ColumnDefault::Literal(bare.to_owned())),
    }
}

/// The text in single quotes, a cast after them left out.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?;
    let mut out = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\'' {
            out.push(c);
        } else if chars.peek() == Some(&'\'') {
            chars.next();
            out.push(c);
        } else {
            return Some(out);
        }
    }
    None
}

/// Splits at white space outside quotes and parentheses; `Err`: what does not end, and where it
/// begins.
fn split(text: &str) -> Result<Vec<Word<'_>>, (usize, String)> {
    let mut words = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    let mut quote: Option<usize> = None;
    let mut parens: Vec<usize> = Vec::new();
    for (at, (byte, c)) in text.char_indices().enumerate() {
        let outside = quote.is_none() && parens.is_empty();
        if outside && c.is_whitespace() {
            if let Some((from, at)) = start.take() {
                words.push(Word { text: &text[from..byte], at });
            }
            continue;
        }
        start.get_or_insert((byte, at));
        match (c, quote) {
            ('\'', None) => quote = Some(at),
            ('\'', Some(_)) => quote = None,
            ('(', None) => parens.push(at),
            (')', None) if parens.pop().is_none() => return Err((at, "a `)` closes nothing".to_owned())),
            _ => {}
        }
    }
    if let Some(at) = quote {
        return Err((at, "a text in quotes does not end".to_owned()));
    }
    if let Some(at) = parens.pop() {
        return Err((at, "a `(` is not closed".to_owned()));
    }
    if let Some((from, at)) = start {
        words.push(Word { text: &text[from..], at });
    }
    Ok(words)
}
