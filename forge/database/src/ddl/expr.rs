//! The tokens of check and policy texts, and which table or column each of their names means.
//!
//! Renames rewrite such texts name by name and leave everything else as it was written; drops ask
//! which texts still speak of what goes.

use std::ops::Range;

use crate::{people, schema::Schema};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word: a name, a keyword or a function.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A literal in single quotes.
    Text,
    /// A number.
    Number,
    /// An operator or punctuation.
    Symbol,
    /// What no token begins with, or a literal that does not end.
    Bad,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// What a name in a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    Table(String),
    Column { table: String, column: String },
}

/// Splits `text`; white space and comments are left out.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if text[at..].starts_with("--") => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'/' if text[at..].starts_with("/*") => {
                at += text[at..].find("*/").map_or(text.len() - at, |end| end + 2);
                continue;
            }
            quote @ (b'\'' | b'"') => {
                let kind = if quote == b'"' { Kind::Quoted } else { Kind::Text };
                let (end, closed) = quoted_end(bytes, at, quote);
                at = end;
                if closed { kind } else { Kind::Bad }
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                at += bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                Kind::Word
            }
            b if b.is_ascii_digit() => {
                at += bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'.').count();
                Kind::Number
            }
            _ => {
                let (length, kind) = symbol(&text[at..]);
                at += length;
                kind
            }
        };
        out.push(Token { kind, range: start..at });
    }
    out
}

/// The name that a word, whose case does not count, or a quoted name stands for.
fn name_of(text: &str, token: &Token) -> Option<String> {
    let slice = &text[token.range.clone()];
    match token.kind {
        Kind::Word => Some(slice.to_ascii_lowercase()),
        Kind::Quoted => Some(slice[1..slice.len() - 1].replace("\"\"", "\"")),
        Kind::Text | Kind::Number | Kind::Symbol | Kind::Bad => None,
    }
}

/// Which names in `text`, written for the table `owner`, mean which tables and columns of `schema`.
pub(crate) fn meanings(text: &str, owner: &str, schema: &Schema) -> Vec<(Range<usize>, Meaning)> {
    let tokens = tokens(text);
    let mut reader = Reader { text, tokens: &tokens, schema, found: Vec::new() };
    let base = vec![Source { table: owner.to_owned(), alias: owner.to_owned() }];
    reader.scope(0, tokens.len(), &mut vec![base]);
    reader.found.sort_by_key(|(range, _)| range.start);
    reader.found
}

/// `text` with every name replaced for which `replace` says something.
pub(crate) fn rewrite(
    text: &str,
    owner: &str,
    schema: &Schema,
    replace: impl Fn(&Meaning) -> Option<String>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (range, meaning) in meanings(text, owner, schema) {
        let Some(name) = replace(&meaning) else { continue };
        out.push_str(&text[copied..range.start]);
        if text.as_bytes()[range.start] == b'"' || forge_core::is_reserved(&name) {
            out.push('"');
            out.push_str(&name);
            out.push('"');
        } else {
            out.push_str(&name);
        }
        copied = range.end;
    }
    out.push_str(&text[copied..]);
    out
}

/// A table in a scope, under the name by which the scope's columns may be qualified.
#[derive(Clone)]
struct Source {
    table: String,
    alias: String,
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
    schema: &'a Schema,
    found: Vec<(Range<usize>, Meaning)>,
}

impl Reader<'_> {
    /// Reads the tokens `from..to`, which belong to the innermost of `scopes`.
    fn scope(&mut self, from: usize, to: usize, scopes: &mut Vec<Vec<Source>>) {
        let mut at = from;
        while at < to {
            if self.is(at, "(") && self.word(at + 1).is_some_and(|w| w.eq_ignore_ascii_case("select")) {
                let end = self.closing(at, to);
                scopes.push(self.sources(at + 1, end));
                self.scope(at + 1, end, scopes);
                scopes.pop();
                at = end;
                continue;
            }
            at += self.name(at, scopes);
        }
    }

    /// Notes what the name at `at` means; returns how many tokens it took.
    fn name(&mut self, at: usize, scopes: &[Vec<Source>]) -> usize {
        let Some(name) = name_of(self.text, &self.tokens[at]) else { return 1 };
        let range = self.tokens[at].range.clone();
        if self.in_sources(at) {
            let (table, last) = self.table_at(at, name.clone());
            let known = self.schema.tables.contains_key(&table);
            if known {
                self.found.push((self.tokens[last].range.clone(), Meaning::Table(table)));
            }
            if known || last > at {
                return last + 1 - at;
            }
        }
        // A function, or the type of a cast.
        if self.is(at + 1, "(") || at.checked_sub(1).is_some_and(|before| self.is(before, "::")) {
            return 1;
        }
        if self.is(at + 1, ".") {
            return self.qualified(at, &name, scopes);
        }
        let owner = scopes.iter().rev().flatten().find(|source| self.has(&source.table, &name));
        if let Some(source) = owner {
            self.found.push((range, Meaning::Column { table: source.table.clone(), column: name }));
        }
        1
    }

    fn qualified(&mut self, at: usize, qualifier: &str, scopes: &[Vec<Source>]) -> usize {
        let Some(column) = self.tokens.get(at + 2).and_then(|token| name_of(self.text, token)) else {
            return 2;
        };
        let source = scopes.iter().rev().flatten().find(|source| source.alias == qualifier);
        if let Some(source) = source {
            if source.alias == source.table {
                self.found.push((self.tokens[at].range.clone(), Meaning::Table(source.table.clone())));
            }
            if self.has(&source.table, &column) {
                let meaning = Meaning::Column { table: source.table.clone(), column };
                self.found.push((self.tokens[at + 2].range.clone(), meaning));
            }
        }
        3
    }

    /// The tables that the `select` between `from` and `to` reads, inner selects left out.
    fn sources(&self, from: usize, to: usize) -> Vec<Source> {
        let mut sources = Vec::new();
        let mut depth = 0usize;
        for at in from..to {
            if self.is(at, "(") {
                depth += 1;
            } else if self.is(at, ")") {
                depth = depth.saturating_sub(1);
            } else if depth == 0
                && self.in_sources(at)
                && let Some(first) = name_of(self.text, &self.tokens[at])
            {
                let (table, last) = self.table_at(at, first);
                let next =
                    if self.word(last + 1).is_some_and(|w| w.eq_ignore_ascii_case("as")) { 2 } else { 1 };
                let alias =
                    self.word(last + next).filter(|word| !ends_sources(word)).map(str::to_ascii_lowercase);
                let own = if table == people::USERS { people::NAME } else { &table };
                sources.push(Source { alias: alias.unwrap_or_else(|| own.to_owned()), table });
            }
        }
        sources
    }

    /// The table named at `at`, whose first word is `first`, perhaps its schema; and its last token.
    fn table_at(&self, at: usize, first: String) -> (String, usize) {
        let behind = self.tokens.get(at + 2).filter(|_| self.is(at + 1, "."));
        match behind.and_then(|token| name_of(self.text, token)) {
            Some(table) if first == "public" => (table, at + 2),
            Some(table) => (format!("{first}.{table}"), at + 2),
            None => (first, at),
        }
    }

    /// Whether the token stands where a `select` names a table.
    fn in_sources(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        if self.word(before).is_some_and(|w| w.eq_ignore_ascii_case("from") || w.eq_ignore_ascii_case("join"))
        {
            // `is distinct from x` compares; it reads nothing.
            return !before
                .checked_sub(1)
                .and_then(|b| self.word(b))
                .is_some_and(|word| word.eq_ignore_ascii_case("distinct"));
        }
        false
    }

    fn closing(&self, open: usize, to: usize) -> usize {
        let mut depth = 0usize;
        for at in open..to {
            if self.is(at, "(") {
                depth += 1;
            } else if self.is(at, ")") {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
        }
        to
    }

    fn has(&self, table: &str, column: &str) -> bool {
        people::table(self.schema, table).is_some_and(|table| table.column(column).is_some())
    }

    fn is(&self, at: usize, symbol: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.kind == Kind::Symbol && &self.text[t.range.clone()] == symbol)
    }

    fn word(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).filter(|t| t.kind == Kind::Word).map(|t| &self.text[t.range.clone()])
    }
}

fn ends_sources(word: &str) -> bool {
    ["where", "join", "on", "inner", "left", "cross", "group", "order", "limit", "union", "using"]
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Where the quoted token that begins at `start` ends, and whether it was closed.
fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> (usize, bool) {
    let mut at = start + 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return (at + 1, true);
            }
            at += 1;
        }
        at += 1;
    }
    (bytes.len(), false)
}

/// The symbol that `rest` begins with: its length and kind.
fn symbol(rest: &str) -> (usize, Kind) {
    const SYMBOLS: [&str; 25] = [
        "->>", "<=", ">=", "<>", "!=", "==", "||", "::", "->", "@>", "(", ")", ",", ".", "=", "<", ">", "+",
        "-", "*", "/", "%", "[", "]", "~",
    ];
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => (symbol.len(), Kind::Symbol),
        None => (rest.chars().next().map_or(1, char::len_utf8), Kind::Bad),
    }
}
