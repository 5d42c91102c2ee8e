//! Why a view or function cannot be used, with the code that Postgres gives for it.

use std::fmt;

use sqlparser::tokenizer::Span;

/// A place in the text of a view or function, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// A view or function that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineError {
    /// The SQLSTATE.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// Where, when the flaw is at one place.
    pub at: Option<Place>,
}

/// The text is not of the language.
pub(super) const SYNTAX: &str = "42601";
/// SQL that does not run on SQLite, or is not read here.
pub(super) const UNSUPPORTED: &str = "0A000";
/// Longer, deeper or larger than a routine may be.
pub(super) const LIMIT: &str = "54001";
/// A table or view that is not there.
pub(super) const UNKNOWN_TABLE: &str = "42P01";
/// A column that is not there.
pub(super) const UNKNOWN_COLUMN: &str = "42703";
/// A name that two things have.
pub(super) const AMBIGUOUS: &str = "42702";
/// A function or operator that is not there.
pub(super) const UNKNOWN_FUNCTION: &str = "42883";
/// A type that is not there.
pub(super) const UNKNOWN_TYPE: &str = "42704";
/// Types that do not go together.
pub(super) const TYPE: &str = "42804";
/// A column that is neither grouped nor aggregated.
pub(super) const GROUPING: &str = "42803";
/// A text that is no value of its type.
pub(super) const VALUE: &str = "22P02";
/// A conversion that does not exist.
pub(super) const CAST: &str = "42846";
/// A definition that contradicts itself.
pub(super) const DEFINITION: &str = "42P13";
/// What the caller may not do.
pub(super) const DENIED: &str = "42501";

impl RoutineError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        RoutineError { code, message: message.into(), hint: None, at: None }
    }

    pub(super) fn at(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        RoutineError { at: place(span), ..RoutineError::new(code, message) }
    }

    /// What SQLite or this reader does not have, named.
    pub(super) fn unsupported(span: Span, what: impl fmt::Display) -> Self {
        RoutineError::at(UNSUPPORTED, span, format!("{what} cannot run on SQLite"))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same flaw, seen from outside of what has it.
    pub(super) fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self.at = None;
        self
    }
}

impl fmt::Display for RoutineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{} (line {}, column {})", self.message, at.line, at.column),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RoutineError {}

/// The start of a span; the empty span is no place.
fn place(span: Span) -> Option<Place> {
    (span.start.line > 0).then_some(Place { line: span.start.line, column: span.start.column })
}
