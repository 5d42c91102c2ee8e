//! Check texts as SQLite conditions.
//!
//! Only words from a list pass, so nothing of a check reaches the engine that is not a column of
//! the table, a literal, an operator or one of a few functions that both engines have.

use super::quote_name;
use crate::{
    ddl::expr::{self, Kind},
    schema::{Check, Schema, Table},
};

/// The longest check.
const CHECK_BYTES_MAX: usize = 4_000;
/// The deepest nesting.
const DEPTH_MAX: usize = 50;

const KEYWORDS: [&str; 11] =
    ["and", "or", "not", "in", "is", "null", "like", "between", "true", "false", "escape"];
const FUNCTIONS: [&str; 8] = ["length", "lower", "upper", "abs", "coalesce", "round", "trim", "nullif"];
const SYMBOLS: [&str; 16] =
    ["(", ")", ",", "=", "<", ">", "<=", ">=", "<>", "!=", "+", "-", "*", "/", "%", "||"];

/// Whether `check` can be used, and if not, why; asks SQLite's own parser last.
pub(crate) fn check_text(_schema: &Schema, table: &Table, check: &Check) -> Result<(), String> {
    check_sql(table, check).map(|_| ())
}

/// The condition, in one canonical spelling.
pub(super) fn check_sql(table: &Table, check: &Check) -> Result<String, String> {
    let text = check.expr.as_str();
    if text.len() > CHECK_BYTES_MAX {
        return Err(format!("it is {} bytes long, {CHECK_BYTES_MAX} are allowed", text.len()));
    }
    let tokens = expr::tokens(text);
    if tokens.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut parts = Vec::with_capacity(tokens.len());
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        let slice = &text[token.range.clone()];
        let opens = tokens.get(at + 1).is_some_and(|next| &text[next.range.clone()] == "(");
        let part = match token.kind {
            Kind::Word => word(table, slice, opens)?,
            Kind::Quoted => column(table, &slice[1..slice.len() - 1])?,
            Kind::Text => slice.to_owned(),
            Kind::Number => number(slice)?,
            Kind::Symbol if SYMBOLS.contains(&slice) => {
                match slice {
                    "(" => depth += 1,
                    ")" => depth = depth.checked_sub(1).ok_or("a `)` closes nothing")?,
                    _ => {}
                }
                if depth > DEPTH_MAX {
                    return Err(format!("it is nested more than {DEPTH_MAX} deep"));
                }
                slice.to_owned()
            }
            Kind::Symbol | Kind::Bad => return Err(format!("`{slice}` cannot be used here")),
        };
        parts.push(part);
    }
    if depth > 0 {
        return Err("a `(` is not closed".to_owned());
    }
    shape(&tokens, text)?;
    Ok(parts.join(" "))
}

fn word(table: &Table, word: &str, opens: bool) -> Result<String, String> {
    let lower = word.to_ascii_lowercase();
    if opens && FUNCTIONS.contains(&lower.as_str()) {
        return Ok(lower);
    }
    if KEYWORDS.contains(&lower.as_str()) {
        return Ok(lower.to_ascii_uppercase());
    }
    if opens {
        return Err(format!("there is no function `{word}` here"));
    }
    column(table, word)
}

fn column(table: &Table, name: &str) -> Result<String, String> {
    match table.column(name) {
        Some(_) => Ok(quote_name(name)),
        None => Err(format!("`{}` has no column `{name}`", table.name)),
    }
}

fn number(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain && text.parse::<f64>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no number"))
    }
}

/// Operands and operators must take turns: finds `price >=`, `a b` and the like before SQLite does.
fn shape(tokens: &[expr::Token], text: &str) -> Result<(), String> {
    let mut wants_operand = true;
    for token in tokens {
        let slice = text[token.range.clone()].to_ascii_lowercase();
        let (operand, wants_next) = match (token.kind, slice.as_str()) {
            (Kind::Symbol, "(" | "-" | "+") => continue_with(&mut wants_operand, &slice),
            (Kind::Symbol, ")") => (None, false),
            (Kind::Symbol, _) => (Some(false), true),
            (Kind::Word, "not") => (None, true),
            (Kind::Word, "and" | "or" | "in" | "is" | "like" | "between" | "escape") => (Some(false), true),
            (Kind::Word, word) if FUNCTIONS.contains(&word) => (Some(true), true),
            _ => (Some(true), false),
        };
        match operand {
            Some(true) if !wants_operand => return Err(format!("an operator is missing before `{slice}`")),
            Some(false) if wants_operand => return Err(format!("a value is missing before `{slice}`")),
            _ => {}
        }
        wants_operand = wants_next;
    }
    if wants_operand { Err("it ends in the middle".to_owned()) } else { Ok(()) }
}

fn continue_with(wants_operand: &mut bool, symbol: &str) -> (Option<bool>, bool) {
    // A sign before a value, or an operator after one; a parenthesis may follow either (`in (`).
    if symbol != "(" && !*wants_operand {
        return (Some(false), true);
    }
    (None, true)
}
