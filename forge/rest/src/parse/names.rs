//! Names, quoted or not, and the ways into JSON values.

use http::StatusCode;

use super::{DEPTH_MAX, STEPS_MAX, cursor::Cursor, unreadable, whole};
use crate::ast::{Arrow, Field, JsonKey, JsonStep};
use crate::error::RestError;

/// How names are told in errors.
const NAME: &str = "field name (* or [a..z0..9_$])";
/// How keys of JSON objects are told in errors.
const KEY: &str = "any non reserved character different from: .,>()";

/// A name of a column, a relation or a function.
pub(super) fn name(c: &mut Cursor) -> Option<String> {
    if c.peek() == Some('"') {
        return quoted(c);
    }
    dashed(c, is_identifier, NAME, &["letter", "digit"])
}

/// What is between quotes; a backslash stands before what means itself.
pub(super) fn quoted(c: &mut Cursor) -> Option<String> {
    c.string("\"")?;
    let mut text = String::new();
    loop {
        match c.take() {
            Some('"') => return Some(text),
            Some('\\') => match c.take() {
                Some(escaped) => text.push(escaped),
                None => return c.fail("\"\\\"\""),
            },
            Some(char) => text.push(char),
            None => return c.fail("\"\\\"\""),
        }
    }
}

/// An identifier without dashes: a type, a language.
pub(super) fn identifier(c: &mut Cursor) -> Option<String> {
    let text = c.take_while(is_identifier);
    c.expect("letter");
    c.expect("digit");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A field with the blanks around it.
pub(super) fn field(c: &mut Cursor) -> Option<Field> {
    c.blanks();
    let name = name(c)?;
    let path = json_path(c)?;
    c.blanks();
    Some(Field { name, path })
}

/// The steps into a JSON value; there may be none.
pub(super) fn json_path(c: &mut Cursor) -> Option<Vec<JsonStep>> {
    let mut steps = Vec::new();
    loop {
        let arrow = if c.string("->>").is_some() {
            Arrow::Text
        } else if c.string("->").is_some() {
            Arrow::Json
        } else {
            return Some(steps);
        };
        if steps.len() == STEPS_MAX {
            return c.exceed(format!("more than {STEPS_MAX} steps into a JSON value"));
        }
        let key = match c.attempt(index) {
            Some(index) => JsonKey::Index(index),
            None => JsonKey::Name(key(c)?),
        };
        steps.push(JsonStep { arrow, key });
    }
}

/// The names in front of the last one of a parameter, which says what it is: `a.b.order`.
pub(super) fn path_before_last(parameter: &str) -> Result<Vec<String>, RestError> {
    let mut path = whole("tree path", parameter, path)?;
    path.pop();
    Ok(path)
}

/// Names with delimiters between them.
pub(super) fn path(c: &mut Cursor) -> Option<Vec<String>> {
    let mut names = vec![name(c)?];
    while c.delimiter().is_some() {
        if names.len() == DEPTH_MAX {
            return c.exceed(format!("more than {DEPTH_MAX} names in a path"));
        }
        names.push(name(c)?);
    }
    Some(names)
}

/// The embedded relations on the way, and the field.
pub(super) fn tree_path(parameter: &str) -> Result<(Vec<String>, Field), RestError> {
    let (mut names, steps) = whole("tree path", parameter, |c| Some((path(c)?, json_path(c)?)))?;
    let Some(name) = names.pop() else {
        return Err(unreadable(format!("\"failed to parse tree path ({parameter})\""), String::new()));
    };
    Ok((names, Field { name, path: steps }))
}

/// A number of an element, if that is all there is.
fn index(c: &mut Cursor) -> Option<i64> {
    let negative = c.looking_at("-");
    if negative {
        c.take();
    }
    let digits = c.take_while(|char| char.is_ascii_digit());
    c.expect("digit");
    if digits.is_empty() {
        return None;
    }
    // Not joined by `||`: each of them is to be told.
    let ends = ["->", "::", ".", ","].map(|end| c.ahead(end));
    let ended = c.looking_at(")") | c.end();
    if !ended && !ends.contains(&true) {
        return None;
    }
    // Databases number elements with 32 bits.
    match digits.parse::<i32>() {
        Ok(number) => Some(i64::from(if negative { -number } else { number })),
        Err(_) => c.refuse(RestError::new(
            StatusCode::BAD_REQUEST,
            "22003",
            format!("value \"{digits}\" is out of range for type integer"),
        )),
    }
}

/// A name of a member.
fn key(c: &mut Cursor) -> Option<String> {
    if c.peek() == Some('"') {
        return quoted(c);
    }
    dashed(c, |char| !"(-:.,>)".contains(char), KEY, &[])
}

/// Parts with single dashes between them; an arrow is none.
fn dashed(c: &mut Cursor, fits: fn(char) -> bool, label: &str, more: &[&str]) -> Option<String> {
    let mut text = part(c, fits, label)?;
    loop {
        for label in more {
            c.expect(label);
        }
        if c.looking_at("->") || !c.ahead("-") {
            return Some(text);
        }
        c.take();
        text.push('-');
        text.push_str(&part(c, fits, label)?);
    }
}

/// One part, without the blanks around it.
fn part(c: &mut Cursor, fits: fn(char) -> bool, label: &str) -> Option<String> {
    let mark = c.mark();
    let text = c.take_while(fits);
    let trimmed = text.trim();
    if trimmed.is_empty() {
        c.back(mark);
        return c.fail(label);
    }
    Some(trimmed.to_owned())
}

fn is_identifier(char: char) -> bool {
    char.is_alphabetic() || char.is_ascii_digit() || "_ $".contains(char)
}
