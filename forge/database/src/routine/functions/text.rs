//! Text.

use regex::{Regex, RegexBuilder};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Given, Raise, TEXT_BYTES_MAX, raise, strict, truth};

/// How much a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// The longest pattern.
const PATTERN_LENGTH_MAX: usize = 1_000;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    strict(conn, "pg_lower", 1, |a| Ok(Value::Text(mapped(a.text(0)?, char::to_lowercase))))?;
    strict(conn, "pg_upper", 1, |a| Ok(Value::Text(mapped(a.text(0)?, char::to_uppercase))))?;
    strict(conn, "pg_initcap", 1, |a| Ok(Value::Text(capitals(a.text(0)?))))?;
    strict(conn, "pg_reverse", 1, |a| Ok(Value::Text(a.text(0)?.chars().rev().collect())))?;
    strict(conn, "pg_substr", 2, |a| part(a.text(0)?, a.int(1)?, None))?;
    strict(conn, "pg_substr", 3, |a| part(a.text(0)?, a.int(1)?, Some(a.int(2)?)))?;
    strict(conn, "pg_left", 2, |a| {
        let (text, count) = (a.text(0)?, a.int(1)?);
        Ok(Value::Text(text.chars().take(kept(text, count)).collect()))
    })?;
    strict(conn, "pg_right", 2, |a| {
        let (text, count) = (a.text(0)?, a.int(1)?);
        let all = text.chars().count();
        Ok(Value::Text(text.chars().skip(all - kept(text, count)).collect()))
    })?;
    strict(conn, "pg_split_part", 3, |a| split_part(a.text(0)?, a.text(1)?, a.int(2)?))?;
    strict(conn, "pg_repeat", 2, |a| {
        let (text, count) = (a.text(0)?, usize::try_from(a.int(1)?).unwrap_or(0));
        match text.len().checked_mul(count) {
            Some(bytes) if bytes <= TEXT_BYTES_MAX => Ok(Value::Text(text.repeat(count))),
            _ => raise("54000", "requested length too large"),
        }
    })?;
    strict(conn, "pg_pad", 4, |a| pad(a.text(0)?, a.int(1)?, a.text(2)?, a.int(3)? == 1))?;
    strict(conn, "pg_like", 3, |a| {
        let (text, pattern) = (a.text(0)?, a.text(1)?);
        if a.int(2)? == 1 {
            return truth(like(&text.to_lowercase(), &pattern.to_lowercase())?);
        }
        truth(like(text, pattern)?)
    })?;
    strict(conn, "pg_regexp", 3, |a| truth(pattern(a.text(1)?, a.int(2)? == 1)?.is_match(a.text(0)?)))?;
    strict(conn, "pg_regexp_replace", 4, |a| {
        let flags = a.text(3)?;
        let pattern = pattern(a.text(1)?, flags.contains('i'))?;
        let by = replacement(a.text(2)?);
        let count = usize::from(!flags.contains('g'));
        Ok(Value::Text(pattern.replacen(a.text(0)?, count, by.as_str()).into_owned()))
    })?;
    strict(conn, "pg_bytes_text", 1, |a| match a.value(0) {
        Value::Blob(bytes) => Ok(Value::Text(format!("\\x{}", hex(&bytes)))),
        _ => raise("42804", "bytes are expected"),
    })?;
    strict(conn, "pg_encode", 2, |a| match (a.value(0), a.text(1)?) {
        (Value::Blob(bytes), "hex") => Ok(Value::Text(hex(&bytes))),
        (_, other) => raise("22023", format!("unrecognized encoding: \"{other}\"")),
    })?;
    strict(conn, "pg_decode", 2, |a| match a.text(1)? {
        "hex" => match unhex(a.text(0)?) {
            Some(bytes) => Ok(Value::Blob(bytes)),
            None => raise("22023", "invalid hexadecimal data"),
        },
        other => raise("22023", format!("unrecognized encoding: \"{other}\"")),
    })
}

/// Compiled anew for each row: patterns are short, and the size of what they become is bounded.
fn pattern(text: &str, insensitive: bool) -> Result<Regex, Raise> {
    let refuse = || Raise { code: "2201B", message: format!("invalid regular expression: `{text}`") };
    if text.len() > PATTERN_LENGTH_MAX {
        return raise("54000", "the regular expression is too long");
    }
    let mut builder = RegexBuilder::new(text);
    builder.case_insensitive(insensitive).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    builder.build().map_err(|_| refuse())
}

/// `\1` as the crate writes it.
fn replacement(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some('&') => out.push_str("${0}"),
                Some(digit) if digit.is_ascii_digit() => out.extend(["${", &digit.to_string(), "}"]),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// In another case, one character for one, as Postgres does: what would become two stays.
fn mapped<I: Iterator<Item = char>>(text: &str, case: fn(char) -> I) -> String {
    let one = |c: char| {
        let mut to = case(c);
        match (to.next(), to.next()) {
            (Some(only), None) => only,
            _ => c,
        }
    };
    text.chars().map(one).collect()
}

fn capitals(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        start = !c.is_alphanumeric();
    }
    out
}

/// Counts from 1; what lies before the text counts as well.
fn part(text: &str, from: i64, length: Option<i64>) -> Given {
    let end = match length {
        Some(length) if length < 0 => return raise("22011", "negative substring length not allowed"),
        Some(length) => from.saturating_add(length),
        None => i64::MAX,
    };
    let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(0);
    let take = usize::try_from(end.saturating_sub(from.max(1))).unwrap_or(0);
    Ok(Value::Text(text.chars().skip(skip).take(take).collect()))
}

/// How many characters `left` and `right` keep: all but so many where the count is negative.
fn kept(text: &str, count: i64) -> usize {
    let all = text.chars().count();
    let count_abs = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 { all.saturating_sub(count_abs) } else { count_abs.min(all) }
}

fn split_part(text: &str, by: &str, at: i64) -> Given {
    if at == 0 {
        return raise("22023", "field position must not be zero");
    }
    let parts: Vec<&str> = if by.is_empty() { vec![text] } else { text.split(by).collect() };
    let far = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    let index = if at > 0 { far.checked_sub(1) } else { parts.len().checked_sub(far) };
    Ok(Value::Text(index.and_then(|index| parts.get(index)).copied().unwrap_or_default().to_owned()))
}

fn pad(text: &str, length: i64, with: &str, left: bool) -> Given {
    let length = usize::try_from(length).unwrap_or(0);
    if length > TEXT_BYTES_MAX {
        return raise("54000", "requested length too large");
    }
    let has = text.chars().count();
    if has >= length || with.is_empty() {
        return Ok(Value::Text(text.chars().take(length).collect()));
    }
    let padding: String = with.chars().cycle().take(length - has).collect();
    Ok(Value::Text(if left { padding + text } else { text.to_owned() + &padding }))
}

/// `like`: going back only to the last `%`, so that time grows with text times pattern at most.
fn like(text: &str, pattern: &str) -> Result<bool, Raise> {
    let text: Vec<char> = text.chars().collect();
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        parts.push(match next {
            '%' => Part::Many,
            '_' => Part::One,
            '\\' => match chars.next() {
                Some(escaped) => Part::Is(escaped),
                None => return raise("22025", "LIKE pattern must not end with escape character"),
            },
            other => Part::Is(other),
        });
    }
    let (mut t, mut p, mut back) = (0, 0, None);
    while t < text.len() {
        match parts.get(p) {
            Some(Part::Many) => {
                back = Some((p, t));
                p += 1;
                continue;
            }
            Some(Part::One) => {}
            Some(Part::Is(c)) if *c == text[t] => {}
            _ => {
                let Some((many, from)) = back else { return Ok(false) };
                back = Some((many, from + 1));
                (p, t) = (many + 1, from + 1);
                continue;
            }
        }
        (p, t) = (p + 1, t + 1);
    }
    Ok(parts[p..].iter().all(|part| matches!(part, Part::Many)))
}

enum Part {
    Is(char),
    One,
    Many,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
