//! Trees of conditions: `or=(a.eq.1,and(b.gt.2,not.c.is.null))`

use super::cursor::Cursor;
use super::filter::{self, Extent};
use super::{DEPTH_MAX, names, whole};
use crate::ast::{Cond, Scoped};
use crate::error::RestError;

/// Reads a parameter whose name ends in `and` or `or`; before it may stand `not` and the way to an embedded
/// relation, in any order.
pub(super) fn parameter(name: &str, value: &str) -> Result<Scoped<Cond>, RestError> {
    let mut path = whole("logic path", name, names::path)?;
    let last = path.pop().unwrap_or_default();
    let steps = path.len();
    path.retain(|name| name != "not");
    let not = if path.len() < steps { "not." } else { "" };
    // With its name in front the value is a tree like those within it.
    let text = format!("{not}{last}{value}");
    let mut cursor = Cursor::new(&text);
    match tree(&mut cursor, 0).filter(|_| cursor.end()) {
        Some(what) => Ok(Scoped { path, what }),
        None => Err(cursor.error("logic tree", value)),
    }
}

/// A condition, or a tree of them.
fn tree(c: &mut Cursor, depth: usize) -> Option<Cond> {
    if depth > DEPTH_MAX {
        return c.exceed(format!("conditions nested more than {DEPTH_MAX} deep"));
    }
    c.item()?;
    if let Some(cond) = c.attempt(leaf) {
        return Some(cond);
    }
    let not = c.labelled("negation operator (not)", |c| {
        c.attempt(|c| {
            c.string("not")?;
            c.delimiter()
        })
    });
    let negated = not.is_some();
    if negated {
        c.forget();
        if let Some(cond) = c.quietly(leaf) {
            return Some(turned(cond));
        }
    }
    let and = c.decided(connective)?;
    let of = c.decided(|c| branches(c, depth))?;
    Some(if and { Cond::All { negated, of } } else { Cond::Any { negated, of } })
}

/// A test of a field.
fn leaf(c: &mut Cursor) -> Option<Cond> {
    let field = names::field(c)?;
    c.delimiter()?;
    let (negated, test) = filter::tested(c, Extent::Item)?;
    Some(Cond::Test { field, negated, test })
}

/// The opposite of a condition: `not.a.eq.1` is `a.not.eq.1`.
fn turned(cond: Cond) -> Cond {
    match cond {
        Cond::Test { field, negated, test } => Cond::Test { field, negated: !negated, test },
        Cond::All { negated, of } => Cond::All { negated: !negated, of },
        Cond::Any { negated, of } => Cond::Any { negated: !negated, of },
    }
}

/// Whether it is `and`, else `or`.
fn connective(c: &mut Cursor) -> Option<bool> {
    c.labelled("logic operator (and, or)", |c| {
        if c.string("and").is_some() {
            return Some(true);
        }
        c.string("or").map(|()| false)
    })
}

fn branches(c: &mut Cursor, depth: usize) -> Option<Vec<Cond>> {
    c.spaced("(")?;
    let mut of = Vec::new();
    loop {
        of.push(tree(c, depth + 1)?);
        if c.spaced(",").is_none() {
            c.spaced(")")?;
            return Some(of);
        }
    }
}
