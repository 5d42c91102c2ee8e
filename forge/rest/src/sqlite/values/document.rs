//! JSON documents: as they are stored, and as Postgres writes them. Numbers keep all their digits.

use crate::sqlite::functions::number::plain;
use crate::wire::json;

/// The longest document in bytes.
const BYTES_MAX: usize = 1 << 20;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Without spaces, names in the order of their bytes: equal documents are equal texts.
    Stored,
    /// With spaces, short names first, as `jsonb` is written.
    Shown,
}

/// The document as it is stored; nothing where it is none. Of a name that is there twice the last one counts.
pub(in crate::sqlite) fn stored(text: &str) -> Option<String> {
    // Half a pair of surrogates is found only where strings are read, which few documents need.
    let is_one = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        && (!text.contains("\\u") || serde_json::from_str::<serde_json::Value>(text).is_ok());
    if !is_one || text.len() > BYTES_MAX {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    write(text.trim(), Form::Stored, &mut out)?;
    Some(out)
}

/// A stored document as Postgres writes it as text.
pub(in crate::sqlite) fn shown(stored: &str) -> String {
    let mut out = String::with_capacity(stored.len() + stored.len() / 4);
    match write(stored.trim(), Form::Shown, &mut out) {
        Some(()) => out,
        None => stored.to_owned(),
    }
}

/// The text is a document already. Nothing where a number in it is too long.
fn write(of: &str, form: Form, out: &mut String) -> Option<()> {
    let (between, after_name) = if form == Form::Shown { (", ", ": ") } else { (",", ":") };
    match of.as_bytes().first()? {
        b'{' => {
            let mut members: Vec<(String, &str)> = json::members(of).collect();
            // The sort keeps the order of equals, so the last of them is the one that was written last.
            match form {
                Form::Stored => members.sort_by(|one, other| one.0.cmp(&other.0)),
                Form::Shown => members
                    .sort_by(|one, other| one.0.len().cmp(&other.0.len()).then_with(|| one.0.cmp(&other.0))),
            }
            out.push('{');
            let mut first = true;
            for (at, (name, value)) in members.iter().enumerate() {
                if members.get(at + 1).is_some_and(|(next, _)| next == name) {
                    continue;
                }
                out.push_str(if first { "" } else { between });
                first = false;
                out.push_str(&json::quoted(name));
                out.push_str(after_name);
                write(value, form, out)?;
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            for (at, item) in json::items(of).enumerate() {
                out.push_str(if at == 0 { "" } else { between });
                write(item, form, out)?;
            }
            out.push(']');
        }
        b'"' => out.push_str(&json::quoted(&json::unquoted(of))),
        b't' | b'f' | b'n' => out.push_str(of),
        _ => out.push_str(&plain(of)?),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_digits() {
        for (text, is_stored, is_shown) in [
            (
                r#"{ "bb":1.50, "a": 9007199254740993.10, "a": 2 }"#,
                r#"{"a":2,"bb":1.50}"#,
                r#"{"a": 2, "bb": 1.50}"#,
            ),
            (r#"{"cc":1,"b":[1,  1e2]}"#, r#"{"b":[1,100],"cc":1}"#, r#"{"b": [1, 100], "cc": 1}"#),
            (
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
            ),
            (r#" "a\/\u00e4" "#, "\"a/\u{e4}\"", "\"a/\u{e4}\""),
        ] {
            assert_eq!(stored(text).as_deref(), Some(is_stored), "{text}");
            assert_eq!(shown(is_stored), is_shown, "{text}");
        }
        for text in ["", "{", "[1,]", "nul", "1 2", "1e100000", r#""\ud800""#, r#"{"\ud800":1}"#] {
            assert_eq!(stored(text), None, "{text}");
        }
    }
}
