//! What can be wrong with a policy, and where.

use std::fmt;

/// A place in a policy's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, in characters from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The sort of flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The text is not of the language.
    Syntax,
    /// It is, but longer, deeper or larger than a policy may be.
    Limit,
    /// SQL that policies do not have.
    Unsupported,
    /// A table that is not in the schema.
    UnknownTable,
    /// A column that its table does not have, or that two tables have.
    UnknownColumn,
    /// Operands that do not go together.
    Type,
    /// A policy that, to be evaluated, must be evaluated.
    Cycle,
    /// A shorthand that is not one, or does not fit its table.
    Shorthand,
}

/// A policy that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// What sort of flaw it is.
    pub flaw: Flaw,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// Where, when the flaw is in a policy's text.
    pub at: Option<Position>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{} ({at})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for PolicyError {}

impl PolicyError {
    pub(super) fn new(flaw: Flaw, message: impl Into<String>) -> Self {
        PolicyError { flaw, message: message.into(), hint: None, at: None }
    }

    pub(super) fn at(flaw: Flaw, at: Position, message: impl Into<String>) -> Self {
        PolicyError { at: Some(at), ..PolicyError::new(flaw, message) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
