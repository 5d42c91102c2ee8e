//! What the tests of a file are, whatever its language.

use std::ops::Range;

use super::asserts::Assert;
use super::lex::Token;

/// The tests of one side of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Suite {
    /// Its tests, in order.
    pub(super) tests: Vec<Test>,
    /// Assertions outside of tests: in what tests share.
    pub(super) shared_asserts: usize,
    /// The line of a mark that keeps all others from running, such as `.only`.
    pub(super) focus: Option<(u32, String)>,
    /// Conditions under which the file is compiled at all.
    pub(super) conditions: Vec<String>,
    /// Rust: modules that are declared and kept elsewhere.
    pub(super) modules: Vec<String>,
}

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    /// Its name, with the names of what it is in, outermost first.
    pub(super) scope: Vec<String>,
    /// Its own name.
    pub(super) name: String,
    /// Its line, from 1.
    pub(super) line: u32,
    /// What keeps it from running, or from running everywhere.
    pub(super) skip: Option<String>,
    /// What makes its failure a success.
    pub(super) inverted: Option<String>,
    /// Cases it is run with, where they are listed at its head.
    pub(super) cases: Option<usize>,
    /// What it asserts.
    pub(super) asserts: Vec<Assert>,
    /// Assertions that cannot fail it: their failure is caught, or they are never reached.
    pub(super) muted: usize,
    /// Its body as text, to know it by under another name.
    pub(super) body: String,
}

impl Test {
    /// Its name in full.
    pub(super) fn full_name(&self) -> String {
        let mut name = self.scope.join(" > ");
        if !name.is_empty() {
            name.push_str(" > ");
        }
        name + &self.name
    }

    /// Assertions that can fail.
    pub(super) fn asserts_that_count(&self) -> usize {
        self.asserts.iter().filter(|assert| !assert.trivial).count()
    }

    /// Assertions that hold whatever happens.
    pub(super) fn trivial(&self) -> usize {
        self.asserts.len() - self.asserts_that_count()
    }
}

/// A test that was found, before its body was looked into.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) scope: Vec<String>,
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) skip: Option<String>,
    pub(super) inverted: Option<String>,
    pub(super) cases: Option<usize>,
    /// Where its body is, in tokens.
    pub(super) body: Range<usize>,
    /// Parts of the body that cannot fail it.
    pub(super) muted: Vec<Range<usize>>,
}

/// The text of a string literal, without its quotes.
pub(super) fn unquoted<'t>(token: &Token<'t>) -> &'t str {
    let text = token.text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '#');
    text.trim_matches(|c| matches!(c, '"' | '\'' | '`' | '#'))
}
