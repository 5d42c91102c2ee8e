//! A place in a text, and the furthest place at which reading it failed.

use crate::error::RestError;

use super::{ITEMS_MAX, unreadable};

/// Labels that expectations are told by.
pub(super) const END: &str = "end of input";

/// Reads a text character by character. A grammar rule gives nothing where it does not match; what would
/// have matched is remembered here for the error.
pub(super) struct Cursor {
    chars: Vec<char>,
    at: usize,
    failure: Failure,
    items: usize,
    refused: Option<RestError>,
    /// Whether something was read after which there is no other way to read the text.
    pub(super) committed: bool,
}

/// Where reading failed, and why.
#[derive(Debug, Clone, Default)]
struct Failure {
    at: usize,
    found: Option<Found>,
    expected: Vec<String>,
}

/// What was there instead.
#[derive(Debug, Clone, Copy)]
enum Found {
    Char(char),
    End,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Cursor {
        Cursor {
            chars: text.chars().collect(),
            at: 0,
            failure: Failure::default(),
            items: 0,
            refused: None,
            committed: false,
        }
    }

    /// The place, to come back to.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Goes back to a place.
    pub(super) fn back(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Whether `text` comes next.
    pub(super) fn looking_at(&self, text: &str) -> bool {
        let mut rest = self.chars.iter().skip(self.at);
        text.chars().all(|char| rest.next() == Some(&char))
    }

    /// Takes the next character, whatever it is.
    pub(super) fn take(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// Takes characters as long as they fit.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&fits) {
            self.at += 1;
        }
        self.chars.get(start..self.at).unwrap_or_default().iter().collect()
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> String {
        self.take_while(|_| true)
    }

    /// Takes `text`, or fails where it begins.
    pub(super) fn string(&mut self, text: &str) -> Option<()> {
        self.string_as(text, &format!("\"{text}\""))
    }

    /// The same, with another word for it in errors.
    pub(super) fn string_as(&mut self, text: &str, label: &str) -> Option<()> {
        let mut ahead = self.at;
        for char in text.chars() {
            let found = self.chars.get(ahead).copied();
            if found != Some(char) {
                self.fail_with(found.map_or(Found::End, Found::Char), label);
                return None;
            }
            ahead += 1;
        }
        self.at = ahead;
        Some(())
    }

    /// Takes the delimiter between names, operators and values.
    pub(super) fn delimiter(&mut self) -> Option<()> {
        self.string_as(".", "delimiter (.)")
    }

    /// Takes spaces and tabs.
    pub(super) fn blanks(&mut self) {
        self.take_while(|char| char == ' ' || char == '\t');
    }

    /// Takes `text` with the blanks around it.
    pub(super) fn spaced(&mut self, text: &str) -> Option<()> {
        let mark = self.mark();
        self.blanks();
        if self.string(text).is_none() {
            self.back(mark);
            return None;
        }
        self.blanks();
        Some(())
    }

    /// Whether nothing is left.
    pub(super) fn end(&mut self) -> bool {
        let ended = self.peek().is_none();
        self.expect(END);
        ended && self.refused.is_none()
    }

    /// Whether `text` comes next, which would be fine here.
    pub(super) fn ahead(&mut self, text: &str) -> bool {
        self.expect(&format!("\"{text}\""));
        self.looking_at(text)
    }

    /// Remembers that `label` would be fine here, without failing.
    pub(super) fn expect(&mut self, label: &str) {
        let found = self.peek().map_or(Found::End, Found::Char);
        self.fail_with(found, label);
    }

    /// Fails here for want of `label`.
    pub(super) fn fail<T>(&mut self, label: &str) -> Option<T> {
        self.expect(label);
        None
    }

    /// Counts an item; fails where there are too many.
    pub(super) fn item(&mut self) -> Option<()> {
        self.items += 1;
        if self.items > ITEMS_MAX {
            return self.exceed(format!("more than {ITEMS_MAX} items"));
        }
        Some(())
    }

    /// Fails for good because of a bound.
    pub(super) fn exceed<T>(&mut self, bound: String) -> Option<T> {
        self.refuse(unreadable("failed to parse query string".to_owned(), format!("It has {bound}")))
    }

    /// Fails for good, with this error.
    pub(super) fn refuse<T>(&mut self, error: RestError) -> Option<T> {
        self.refused.get_or_insert(error);
        self.committed = true;
        None
    }

    /// Tries a rule: where it fails, nothing was read.
    pub(super) fn attempt<T>(&mut self, rule: impl FnOnce(&mut Cursor) -> Option<T>) -> Option<T> {
        let mark = self.mark();
        let found = rule(self);
        if found.is_none() {
            self.back(mark);
        }
        found
    }

    /// The same, and where it fails, nobody is told.
    pub(super) fn quietly<T>(&mut self, rule: impl FnOnce(&mut Cursor) -> Option<T>) -> Option<T> {
        let before = self.failure.clone();
        let found = self.attempt(rule);
        if found.is_none() {
            self.failure = before;
        }
        found
    }

    /// Forgets the ways that failed: they are out of the question now.
    pub(super) fn forget(&mut self) {
        self.failure = Failure::default();
    }

    /// Reads a rule behind which there is no way back: other ways that failed before are forgotten.
    pub(super) fn decided<T>(&mut self, rule: impl FnOnce(&mut Cursor) -> Option<T>) -> Option<T> {
        let before = std::mem::take(&mut self.failure);
        let found = rule(self);
        if found.is_none() {
            let own = std::mem::replace(&mut self.failure, before);
            self.merge(own);
        }
        found
    }

    /// Reads a rule whose expectations go by one name.
    pub(super) fn labelled<T>(
        &mut self,
        label: &str,
        rule: impl FnOnce(&mut Cursor) -> Option<T>,
    ) -> Option<T> {
        let before = std::mem::take(&mut self.failure);
        let found = rule(self);
        let mut own = std::mem::replace(&mut self.failure, before);
        if found.is_none() {
            own.expected = vec![label.to_owned()];
        }
        self.merge(own);
        found
    }

    fn fail_with(&mut self, found: Found, label: &str) {
        let own = Failure { at: self.at, found: Some(found), expected: vec![label.to_owned()] };
        self.merge(own);
    }

    /// Of two failures the further one counts; two at one place are told together.
    fn merge(&mut self, other: Failure) {
        if other.found.is_none() {
            return;
        }
        if self.failure.found.is_none() || other.at > self.failure.at {
            self.failure = other;
        } else if other.at == self.failure.at {
            for label in other.expected {
                if !self.failure.expected.contains(&label) {
                    self.failure.expected.push(label);
                }
            }
        }
    }

    /// The error for what was not read: `what` is the parameter and `text` what it was.
    pub(super) fn error(&self, what: &str, text: &str) -> RestError {
        if let Some(refused) = &self.refused {
            return refused.clone();
        }
        let (line, column) = self.position();
        unreadable(
            format!("\"failed to parse {what} ({text})\" (line {line}, column {column})"),
            self.failure.told(),
        )
    }

    /// Line and column of the furthest failure, from 1; a tab goes to the next column of eight.
    fn position(&self) -> (usize, usize) {
        self.chars.iter().take(self.failure.at).fold((1, 1), |(line, column), char| match char {
            '\n' => (line + 1, 1),
            '\t' => (line, column + 8 - (column - 1) % 8),
            _ => (line, column + 1),
        })
    }
}

impl Failure {
    fn told(&self) -> String {
        let end_would_do = self.expected.iter().any(|label| label == END);
        let found = match self.found {
            Some(Found::Char(char)) if end_would_do => format!("unexpected '{char}'"),
            Some(Found::Char(char)) => format!("unexpected \"{char}\""),
            Some(Found::End) | None => format!("unexpected {END}"),
        };
        match self.expected.split_last() {
            None => found,
            Some((only, [])) => format!("{found} expecting {only}"),
            Some((last, others)) => format!("{found} expecting {} or {last}", others.join(", ")),
        }
    }
}
