//! The query string: text in, [`crate::ast::Query`] out.
//!
//! A recursive-descent parser over characters, one small grammar for each parameter. It looks nothing up
//! and gives no value a type. What is too long, too many or too deep is refused, and what cannot be read is
//! told with its column, in the words that clients of this dialect know (PGRST100).

mod array;
mod cursor;
mod filter;
mod list;
mod logic;
mod names;
mod order;
mod pairs;
pub(crate) mod percent;
mod select;
#[cfg(test)]
mod tests;

use http::StatusCode;

use crate::ast::{Query, Scoped};
use crate::error::RestError;
use crate::wire::range;

use cursor::Cursor;

pub use pairs::canonical;

/// The most bytes of a query string.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;
/// The most parameters.
const PARAMETERS_MAX: usize = 1_000;
/// The most items of one parameter: columns, conditions, terms, taken together.
const ITEMS_MAX: usize = 2_000;
/// The most values of a list.
const VALUES_MAX: usize = 10_000;
/// The deepest nesting of embedded relations, of conditions and of paths to them.
const DEPTH_MAX: usize = 32;
/// The most steps into a JSON value.
const STEPS_MAX: usize = 64;

/// Whether a parameter without an operator is an argument of a function, or a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loose {
    /// It is an argument: a function is called by GET.
    Argument,
    /// It is a mistake.
    Mistake,
}

/// Reads a query string (without `?`).
///
/// Fails with 400 PGRST100 where it cannot be read, 22P02 where a list of values cannot, 416 PGRST103 for a
/// limit below zero, and 414 where it is too long.
pub fn query(text: &str, loose: Loose) -> Result<Query, RestError> {
    let mut query = Query::default();
    let mut selected = false;
    for (name, value) in pairs::pairs(text)? {
        let Some(value) = value else { continue };
        match name.as_str() {
            // Of these the first counts.
            "select" if selected => {}
            "select" => {
                selected = true;
                query.select = select::select(&value)?;
            }
            "columns" if query.columns.is_some() => {}
            "columns" => query.columns = Some(list::names("columns", &value)?),
            "on_conflict" if query.on_conflict.is_some() => {}
            "on_conflict" => query.on_conflict = Some(list::names("on_conflict", &value)?),
            _ => parameter(&mut query, &name, &value, loose)?,
        }
    }
    Ok(query)
}

/// Reads a parameter that may be about an embedded relation.
fn parameter(query: &mut Query, name: &str, value: &str, loose: Loose) -> Result<(), RestError> {
    match name.rsplit('.').next().unwrap_or(name) {
        "and" | "or" => query.filters.push(logic::parameter(name, value)?),
        "order" => {
            let what = order::order(value)?;
            query.orders.push(Scoped { path: names::path_before_last(name)?, what });
        }
        "limit" => {
            let path = names::path_before_last(name)?;
            query.limits.extend(limit(value)?.map(|what| Scoped { path, what }));
        }
        "offset" => {
            let path = names::path_before_last(name)?;
            query.offsets.extend(range::number(value).map(|what| Scoped { path, what }));
        }
        _ => match filter::parameter(name, value, loose)? {
            filter::Parameter::Filter(filter) => query.filters.push(filter),
            filter::Parameter::Argument(name) => query.arguments.push((name, value.to_owned())),
        },
    }
    Ok(())
}

/// A limit; nothing where the text is no number, which clients of this dialect are used to.
fn limit(value: &str) -> Result<Option<u64>, RestError> {
    let below_zero = value.strip_prefix('-').and_then(range::number).is_some_and(|number| number > 0);
    if below_zero { Err(range::negative_limit()) } else { Ok(range::number(value)) }
}

/// Parses all of `text` with `grammar`. `what` names the parameter in the message of an error.
fn whole<T>(what: &str, text: &str, grammar: impl FnOnce(&mut Cursor) -> Option<T>) -> Result<T, RestError> {
    let mut cursor = Cursor::new(text);
    let parsed = grammar(&mut cursor).filter(|_| cursor.end());
    parsed.ok_or_else(|| cursor.error(what, text))
}

/// The error for a query string that cannot be read.
fn unreadable(message: String, details: String) -> RestError {
    RestError::new(StatusCode::BAD_REQUEST, "PGRST100", message).details(details)
}
