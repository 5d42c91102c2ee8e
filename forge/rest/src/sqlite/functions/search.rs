//! Text search: words, stop words and stems, and queries on them, as the configurations `english` and `simple`
//! have them. Addresses of the web and of mail are taken as their words.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::functions::Context;
use rusqlite::types::ValueRef;
use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};

use super::{Given, scalar, text, truth};
use crate::ast::SearchKind;
use crate::sqlite::values::Refused;

/// The most parentheses within each other.
const DEPTH_MAX: usize = 50;

const STOP_WORDS: &str = "i me my myself we our ours ourselves you your yours yourself yourselves he him his \
    himself she her hers herself it its itself they them their theirs themselves what which who whom this that \
    these those am is are was were be been being have has had having do does did doing a an the and but if or \
    because as until while of at by for with about against between into through during before after above below \
    to from up down in out on off over under again further then once here there when where why how all any both \
    each few more most other some such no nor not only own same so than too very s t can will just don should now";

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Query {
    /// A lexeme, or all that begin with it.
    Lexeme(String, bool),
    /// Not this.
    Not(Box<Query>),
    /// Both.
    And(Box<Query>, Box<Query>),
    /// One of the two.
    Or(Box<Query>, Box<Query>),
    /// One so many places before the other.
    Phrase(Box<Query>, Box<Query>, u32),
}

/// Lexemes with their places.
type Document = BTreeMap<String, BTreeSet<u32>>;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    // rest_search(text, configuration or null for a tsvector, query)
    scalar(conn, "rest_search", 3, true, search)
}

fn search(context: &Context<'_>) -> Given {
    if context.get_raw(0) == ValueRef::Null {
        return Ok(rusqlite::types::Value::Null);
    }
    let query: Option<Query> = serde_json::from_str(text(context, 2))
        .map_err(|_| Refused::new("42601", "syntax error in tsquery"))?;
    let Some(query) = query else { return truth(false) };
    let document = match context.get_raw(1) {
        ValueRef::Null => vector(text(context, 0)),
        _ => document(text(context, 1), text(context, 0)),
    };
    truth(matches(&document, &query))
}

/// Whether there is such a configuration.
pub(in crate::sqlite) fn is_known(config: &str) -> bool {
    matches!(config, "english" | "simple" | "pg_catalog.english" | "pg_catalog.simple")
}

/// A query as `rest_search` takes it; the message of the error where it is none.
pub(in crate::sqlite) fn query(kind: SearchKind, config: &str, text: &str) -> Result<String, String> {
    let query = match kind {
        SearchKind::Plain => joined(config, text, 0),
        SearchKind::Phrase => phrase(config, text),
        SearchKind::Web => web(config, text),
        SearchKind::Query => {
            let flaw = || format!("syntax error in tsquery: \"{text}\"");
            let tokens = tokens(text).ok_or_else(flaw)?;
            let mut parser = Parser { config, tokens: &tokens, at: 0, depth: 0 };
            if tokens.is_empty() {
                None
            } else {
                let query = parser.or().ok_or_else(flaw)?;
                if parser.at < tokens.len() {
                    return Err(flaw());
                }
                query
            }
        }
    };
    serde_json::to_string(&query).map_err(|error| error.to_string())
}

/// The words of a text in lower case with their places. A word with hyphens comes as a whole and in parts.
fn words(text: &str) -> Vec<(String, u32)> {
    let mut words = Vec::new();
    let mut place = 0;
    let mut add = |word: &str| {
        place += 1;
        words.push((word.to_lowercase(), place));
    };
    for run in text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')) {
        for word in run.split('_') {
            let word = word.trim_matches('-');
            let parts: Vec<&str> = word.split('-').filter(|part| !part.is_empty()).collect();
            if parts.len() > 1 {
                add(word);
            }
            parts.iter().for_each(|part| add(part));
        }
    }
    words
}

/// The lexeme of a word; none for a stop word.
fn lexeme(config: &str, word: &str) -> Option<String> {
    if config.ends_with("simple") {
        return Some(word.to_owned());
    }
    if STOP_WORDS.split_whitespace().any(|stop| stop == word) {
        return None;
    }
    Some(Stemmer::create(Algorithm::English).stem(word).into_owned())
}

fn document(config: &str, text: &str) -> Document {
    let mut document = Document::new();
    for (word, place) in words(text) {
        if let Some(lexeme) = lexeme(config, &word) {
            document.entry(lexeme).or_default().insert(place);
        }
    }
    document
}

/// The text form of a `tsvector`: `'cat':3A 'fat':2,4`.
fn vector(text: &str) -> Document {
    let mut document = Document::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        let quoted = chars.next_if_eq(&'\'').is_some();
        while let Some(c) = chars.next_if(|c| quoted || !(c.is_whitespace() || *c == ':')) {
            if quoted && c == '\'' && chars.next_if_eq(&'\'').is_none() {
                break;
            }
            word.push(c);
        }
        let places: String = std::iter::from_fn(|| chars.next_if(|c| !c.is_whitespace())).collect();
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let places = places.trim_start_matches(':').split(',');
        let places =
            places.filter_map(|place| place.trim_end_matches(char::is_alphabetic).parse::<u32>().ok());
        if !word.is_empty() {
            document.entry(word).or_default().extend(places);
        }
    }
    document
}

fn matches(document: &Document, query: &Query) -> bool {
    match query {
        Query::Lexeme(word, false) => document.contains_key(word),
        Query::Lexeme(word, true) => document.keys().any(|lexeme| lexeme.starts_with(word.as_str())),
        Query::Not(of) => !matches(document, of),
        Query::And(one, other) => matches(document, one) && matches(document, other),
        Query::Or(one, other) => matches(document, one) || matches(document, other),
        Query::Phrase(..) => !places(document, query).is_empty(),
    }
}

/// Where what is searched for ends.
fn places(document: &Document, query: &Query) -> BTreeSet<u32> {
    match query {
        Query::Lexeme(word, false) => document.get(word).cloned().unwrap_or_default(),
        Query::Lexeme(word, true) => document
            .iter()
            .filter(|(lexeme, _)| lexeme.starts_with(word.as_str()))
            .flat_map(|(_, places)| places.iter().copied())
            .collect(),
        Query::Not(of) => {
            let without = places(document, of);
            let all: BTreeSet<u32> = document.values().flatten().copied().collect();
            all.difference(&without).copied().collect()
        }
        Query::And(one, other) => {
            places(document, one).intersection(&places(document, other)).copied().collect()
        }
        Query::Or(one, other) => places(document, one).union(&places(document, other)).copied().collect(),
        Query::Phrase(one, other, distance) => {
            let first = places(document, one);
            let after =
                |place: &u32| place.checked_sub(*distance).is_some_and(|start| first.contains(&start));
            places(document, other).into_iter().filter(after).collect()
        }
    }
}

fn both(
    one: Option<Query>,
    other: Option<Query>,
    with: impl Fn(Box<Query>, Box<Query>) -> Query,
) -> Option<Query> {
    match (one, other) {
        (Some(one), Some(other)) => Some(with(Box::new(one), Box::new(other))),
        (one, other) => one.or(other),
    }
}

/// All words; with a distance, each so far after the one before, stop words counted.
fn joined(config: &str, text: &str, distance: u32) -> Option<Query> {
    let mut query: Option<Query> = None;
    let mut last = 0;
    for (word, place) in words(text) {
        let Some(lexeme) = lexeme(config, &word) else { continue };
        let apart = if query.is_some() { (place - last) * distance } else { 0 };
        query = both(query, Some(Query::Lexeme(lexeme, false)), |one, other| match distance {
            0 => Query::And(one, other),
            _ => Query::Phrase(one, other, apart),
        });
        last = place;
    }
    query
}

fn phrase(config: &str, text: &str) -> Option<Query> {
    joined(config, text, 1)
}

/// Words, "phrases", `or`, and `-` for what must not be there.
fn web(config: &str, text: &str) -> Option<Query> {
    let mut any: Option<Query> = None;
    let mut all: Option<Query> = None;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (negated, bare) = match rest.strip_prefix('-') {
            Some(bare) => (true, bare),
            None => (false, rest),
        };
        let (item, after) = match bare.strip_prefix('"') {
            Some(inside) => {
                let (inside, after) = inside.split_once('"').unwrap_or((inside, ""));
                (phrase(config, inside), after)
            }
            None => {
                let end = bare.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(bare.len());
                let (word, after) = bare.split_at(end);
                if word.eq_ignore_ascii_case("or") && !negated {
                    any = both(any.take(), all.take(), Query::Or);
                    rest = after.trim_start();
                    continue;
                }
                (phrase(config, word), after)
            }
        };
        let item = if negated { item.map(|item| Query::Not(Box::new(item))) } else { item };
        all = both(all.take(), item, Query::And);
        rest = after.trim_start();
    }
    both(any, all, Query::Or)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Or,
    And,
    Not,
    Follows(u32),
    Open,
    Close,
    Word(String, bool),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            c if c.is_whitespace() => continue,
            '|' => Token::Or,
            '&' => Token::And,
            '!' => Token::Not,
            '(' => Token::Open,
            ')' => Token::Close,
            '<' => {
                let inner: String = std::iter::from_fn(|| chars.next_if(|c| *c != '>')).collect();
                chars.next_if_eq(&'>')?;
                Token::Follows(if inner == "-" { 1 } else { inner.parse().ok()? })
            }
            c => {
                let quoted = c == '\'';
                let mut word = if quoted { String::new() } else { c.to_string() };
                let ends = |c: &char| c.is_whitespace() || "|&!()<:".contains(*c);
                while let Some(c) = chars.next_if(|c| quoted || !ends(c)) {
                    if quoted && c == '\'' && chars.next_if_eq(&'\'').is_none() {
                        break;
                    }
                    word.push(c);
                }
                let weights: String = match chars.next_if_eq(&':') {
                    Some(_) => std::iter::from_fn(|| chars.next_if(|c| "*ABCDabcd".contains(*c))).collect(),
                    None => String::new(),
                };
                Token::Word(word, weights.contains('*'))
            }
        });
    }
    Some(tokens)
}

/// Reads a query: `|` binds least, then `&`, then `<->`, then `!`. What is within may come to nothing.
struct Parser<'q> {
    config: &'q str,
    tokens: &'q [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, token: &Token) -> bool {
        let is = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(is);
        is
    }

    fn or(&mut self) -> Option<Option<Query>> {
        let mut query = self.and()?;
        while self.take(&Token::Or) {
            query = both(query, self.and()?, Query::Or);
        }
        Some(query)
    }

    fn and(&mut self) -> Option<Option<Query>> {
        let mut query = self.follows()?;
        while self.take(&Token::And) {
            query = both(query, self.follows()?, Query::And);
        }
        Some(query)
    }

    fn follows(&mut self) -> Option<Option<Query>> {
        let mut query = self.not()?;
        while let Some(Token::Follows(distance)) = self.tokens.get(self.at) {
            self.at += 1;
            query = both(query, self.not()?, |one, other| Query::Phrase(one, other, *distance));
        }
        Some(query)
    }

    fn not(&mut self) -> Option<Option<Query>> {
        let mut negated = false;
        while self.take(&Token::Not) {
            negated = !negated;
        }
        let query = self.word()?;
        Some(if negated { query.map(|query| Query::Not(Box::new(query))) } else { query })
    }

    fn word(&mut self) -> Option<Option<Query>> {
        if self.take(&Token::Open) {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return None;
            }
            let query = self.or()?;
            self.depth -= 1;
            return self.take(&Token::Close).then_some(query);
        }
        let Some(Token::Word(word, prefix)) = self.tokens.get(self.at) else { return None };
        self.at += 1;
        let mut query = phrase(self.config, word);
        if let (true, Some(Query::Lexeme(_, begins))) = (*prefix, &mut query) {
            *begins = true;
        }
        Some(query)
    }
}
