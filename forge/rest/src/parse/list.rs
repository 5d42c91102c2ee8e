//! Lists: of columns, and of values.

use super::cursor::Cursor;
use super::{VALUES_MAX, names, whole};
use crate::error::RestError;

/// Names with commas between them: `columns` and `on_conflict`.
pub(super) fn names(parameter: &str, text: &str) -> Result<Vec<String>, RestError> {
    whole(&format!("{parameter} parameter"), text, |c| {
        let mut found = Vec::new();
        loop {
            c.item()?;
            found.push(names::name(c)?);
            if c.spaced(",").is_none() {
                return Some(found);
            }
        }
    })
}

/// `(a,"b,c")`. There is no value in `()`.
pub(super) fn values(c: &mut Cursor) -> Option<Vec<String>> {
    c.spaced("(")?;
    if c.looking_at(")") {
        c.spaced(")")?;
        return Some(Vec::new());
    }
    let mut found = Vec::new();
    loop {
        if found.len() == VALUES_MAX {
            return c.exceed(format!("more than {VALUES_MAX} values in a list"));
        }
        found.push(value(c));
        if c.string(",").is_none() {
            c.spaced(")")?;
            return Some(found);
        }
    }
}

/// A value that ends before a comma or a closing parenthesis, unless it is quoted.
pub(super) fn value(c: &mut Cursor) -> String {
    match c.attempt(whole_quoted) {
        Some(text) => text,
        None => c.take_while(|char| char != ',' && char != ')'),
    }
}

/// A quoted value with nothing behind it.
fn whole_quoted(c: &mut Cursor) -> Option<String> {
    let text = names::quoted(c)?;
    matches!(c.peek(), None | Some(',' | ')')).then_some(text)
}
