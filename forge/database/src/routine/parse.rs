//! Text to the parser's trees, within bounds.
//!
//! The parser recurses, and so does everything that walks its trees, so the number of tokens and the
//! depth of the nesting are bounded before and while it runs.

use std::ops::Range;

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, Tokenizer};

use super::error::{LIMIT, Place, RoutineError, SYNTAX};

/// The longest text of a view or function, in bytes.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;
/// The most tokens of a text.
pub const TOKENS_MAX: usize = 4_000;
/// The most statements of a function.
pub const STATEMENTS_MAX: usize = 32;
/// How deep parentheses and subqueries may be nested.
pub const NESTING_MAX: usize = 40;

/// The statements of a text.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement>, RoutineError> {
    let mut parser = parser(text)?;
    let statements = parser.parse_statements().map_err(|error| syntax(&error))?;
    if statements.len() > STATEMENTS_MAX {
        let message =
            format!("there are {} statements, at most {STATEMENTS_MAX} are allowed", statements.len());
        return Err(RoutineError::new(LIMIT, message));
    }
    Ok(statements)
}

/// One expression, such as an argument's default.
pub(crate) fn expression(text: &str) -> Result<sqlparser::ast::Expr, RoutineError> {
    let mut parser = parser(text)?;
    let expr = parser.parse_expr().map_err(|error| syntax(&error))?;
    match parser.peek_token().token {
        Token::EOF => Ok(expr),
        other => Err(RoutineError::new(SYNTAX, format!("there is more after the expression: `{other}`"))),
    }
}

/// One type.
pub(crate) fn data_type(text: &str) -> Result<sqlparser::ast::DataType, RoutineError> {
    let mut parser = parser(text)?;
    let ty = parser.parse_data_type().map_err(|error| syntax(&error))?;
    match parser.peek_token().token {
        Token::EOF => Ok(ty),
        other => Err(RoutineError::new(SYNTAX, format!("there is more after the type: `{other}`"))),
    }
}

/// The bytes of the text at a place that the parser gives.
pub(super) fn range(text: &str, span: Span) -> Option<Range<usize>> {
    let at = |place: Location| {
        let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let within =
            text[start..].char_indices().map(|(at, _)| at).chain([text.len() - start]).nth(column)?;
        Some(start + within)
    };
    let range = at(span.start)?..at(span.end)?;
    text.get(range.clone()).map(|_| range)
}

fn parser(text: &str) -> Result<Parser<'static>, RoutineError> {
    static DIALECT: PostgreSqlDialect = PostgreSqlDialect {};
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text has {} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len());
        return Err(RoutineError::new(LIMIT, message).hint("split it into several functions or views"));
    }
    if text.contains('\0') {
        return Err(RoutineError::new(SYNTAX, "the text holds a null byte"));
    }
    let tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location().map_err(|error| {
        let at = Place { line: error.location.line, column: error.location.column };
        RoutineError { at: Some(at), ..RoutineError::new(SYNTAX, error.message) }
    })?;
    let words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
    if words > TOKENS_MAX {
        let message = format!("the text has {words} tokens, at most {TOKENS_MAX} are allowed");
        return Err(RoutineError::new(LIMIT, message).hint("split it into several functions or views"));
    }
    Ok(Parser::new(&DIALECT).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens))
}

/// The parser's messages carry their place at the end.
fn syntax(error: &ParserError) -> RoutineError {
    match error {
        ParserError::RecursionLimitExceeded => {
            RoutineError::new(LIMIT, format!("the text is nested more than {NESTING_MAX} deep"))
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            let (what, at) = located(message);
            RoutineError { at, ..RoutineError::new(SYNTAX, format!("syntax error: {what}")) }
        }
    }
}

fn located(message: &str) -> (&str, Option<Place>) {
    let Some((what, rest)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let place = rest.split_once(", Column: ").and_then(|(line, column)| {
        Some(Place { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    (what, place)
}
