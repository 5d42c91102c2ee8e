//! Array literals as Postgres writes them: `{a,"b,c",NULL}`.

use http::StatusCode;

use super::VALUES_MAX;
use crate::error::RestError;

/// The elements of an array literal; nothing for null.
///
/// Fails with 22P02, as Postgres does, where it is none, or has arrays in it.
pub(super) fn elements(text: &str) -> Result<Vec<Option<String>>, RestError> {
    let malformed = |details: &str| {
        RestError::new(StatusCode::BAD_REQUEST, "22P02", format!("malformed array literal: \"{text}\""))
            .details(details)
    };
    let trimmed = text.trim();
    let Some(opened) = trimmed.strip_prefix('{') else {
        return Err(malformed("Array value must start with \"{\" or dimension information."));
    };
    let Some(inner) = opened.strip_suffix('}') else {
        return Err(malformed("Unexpected end of input."));
    };
    if inner.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut rest = inner.chars().peekable();
    loop {
        if found.len() == VALUES_MAX {
            return Err(malformed(&format!("It has more than {VALUES_MAX} elements.")));
        }
        found.push(element(&mut rest).map_err(|details| malformed(&details))?);
        match rest.next() {
            None => return Ok(found),
            Some(',') => {}
            Some(_) => return Err(malformed("Incorrectly quoted array element.")),
        }
    }
}

/// One element, up to the comma behind it.
fn element(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<String>, String> {
    while rest.next_if(|char| char.is_ascii_whitespace()).is_some() {}
    if rest.next_if_eq(&'"').is_some() {
        return quoted(rest).map(Some);
    }
    let mut text = String::new();
    // What was escaped is no blank to be trimmed, and makes no NULL.
    let mut kept = 0;
    while let Some(char) = rest.next_if(|char| *char != ',') {
        match char {
            '\\' => {
                text.push(rest.next().ok_or("Unexpected end of input.")?);
                kept = text.len();
            }
            '"' => return Err("Incorrectly quoted array element.".to_owned()),
            '{' | '}' => return Err(format!("Unexpected \"{char}\" character.")),
            _ => text.push(char),
        }
    }
    let end = text.trim_end().len().max(kept);
    text.truncate(end);
    match text.as_str() {
        "" => Err("Unexpected \",\" character.".to_owned()),
        null if kept == 0 && null.eq_ignore_ascii_case("null") => Ok(None),
        _ => Ok(Some(text)),
    }
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match rest.next() {
            Some('"') => break,
            Some('\\') => text.push(rest.next().ok_or("Unexpected end of input.")?),
            Some(char) => text.push(char),
            None => return Err("Unexpected end of input.".to_owned()),
        }
    }
    while rest.next_if(|char| char.is_ascii_whitespace()).is_some() {}
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    #[test]
    fn elements_are_read_as_postgres_reads_them() {
        for (text, expected) in [
            ("{}", some(&[])),
            ("{ }", some(&[])),
            ("{a,b}", some(&["a", "b"])),
            ("{ a b , c }", some(&["a b", "c"])),
            (r#"{"a,b","c\"d","e\\f",""}"#, some(&["a,b", "c\"d", "e\\f", ""])),
            (r"{a\,b\ }", some(&["a,b "])),
            (r#"{"NULL",N\ULL}"#, some(&["NULL", "NULL"])),
        ] {
            assert_eq!(elements(text).unwrap(), expected, "{text}");
        }
        assert_eq!(elements("{NULL,null,a}").unwrap(), [None, None, Some("a".to_owned())]);
    }

    #[test]
    fn what_is_no_array_is_told_as_postgres_tells_it() {
        for text in ["", "a", "{a", "{a,}", "{,a}", "{{a}}", "{a\"b\"}", "{\"a\"b}", "{\"a}", "{a\\}"] {
            let error = elements(text).unwrap_err();
            assert_eq!((error.status.as_u16(), error.code.as_str()), (400, "22P02"), "{text}");
            assert_eq!(error.message, format!("malformed array literal: \"{text}\""));
        }
    }
}
