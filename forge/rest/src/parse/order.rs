//! `order=`: `a.desc.nullslast,rel(b->>c).asc`

use super::cursor::Cursor;
use super::{names, whole};
use crate::ast::{Direction, Field, Nulls, OrderTerm};
use crate::error::RestError;

/// Reads the terms.
pub(super) fn order(text: &str) -> Result<Vec<OrderTerm>, RestError> {
    whole("order", text, |c| {
        let mut terms = Vec::new();
        loop {
            c.item()?;
            c.blanks();
            terms.push(match c.attempt(related) {
                Some(term) => term,
                None => own(c)?,
            });
            c.blanks();
            if !c.ahead(",") {
                return Some(terms);
            }
            c.take();
        }
    })
}

/// A term of an embedded relation: `rel(field)`.
fn related(c: &mut Cursor) -> Option<OrderTerm> {
    let relation = names::name(c)?;
    c.string("(")?;
    let field = names::field(c)?;
    c.string(")")?;
    Some(behind(c, Some(relation), field))
}

/// A term of the relation itself.
fn own(c: &mut Cursor) -> Option<OrderTerm> {
    let field = c.decided(names::field)?;
    Some(behind(c, None, field))
}

/// What may stand behind the field.
fn behind(c: &mut Cursor, relation: Option<String>, field: Field) -> OrderTerm {
    let direction = word(c, "asc", Direction::Ascending).or_else(|| word(c, "desc", Direction::Descending));
    let nulls = word(c, "nullsfirst", Nulls::First).or_else(|| word(c, "nullslast", Nulls::Last));
    OrderTerm { relation, field, direction, nulls }
}

fn word<T>(c: &mut Cursor, text: &str, meaning: T) -> Option<T> {
    c.attempt(|c| {
        c.delimiter()?;
        c.string(text)
    })?;
    Some(meaning)
}
