//! What is wrong with a text, and where.

use std::fmt;

/// A place in a text, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A text that is no migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// What was expected there.
    pub expected: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)?;
        if self.expected.is_empty() { Ok(()) } else { write!(f, "; expected {}", self.expected) }
    }
}

impl std::error::Error for SpecError {}

impl forge_core::Explain for SpecError {
    fn code(&self) -> &'static str {
        "migration_spec"
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl SpecError {
    pub(super) fn new(at: Place, problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            line: at.line,
            column: at.column,
            problem: problem.into(),
            expected: expected.into(),
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With the hint that `near`, one of `known`, is meant, when one is near enough.
    pub(super) fn meant(self, name: &str, known: &[&str]) -> Self {
        let known: Vec<String> = known.iter().map(|known| (*known).to_owned()).collect();
        match crate::ddl::closest(name, &known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}
