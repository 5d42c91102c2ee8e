//! JSON as text: parts of it, without reading its values.
//!
//! A value that is read and written again loses digits of long numbers and the order of its members; what a
//! database says is passed on as it is. The texts given to these functions are JSON already. Of other texts
//! they give parts that are of no use, but they never fail, and never recurse.

/// The items of an array, as they are written; none where it is no array.
pub fn items(array: &str) -> impl Iterator<Item = &str> {
    let mut at = inside(array, b'[');
    std::iter::from_fn(move || {
        let start = next_value(array, at)?;
        let end = value_end(array, start);
        at = end;
        array.get(start..end)
    })
}

/// The members of an object in their order: names as they are meant, values as they are written. None where
/// it is no object.
pub fn members(object: &str) -> impl Iterator<Item = (String, &str)> {
    let mut at = inside(object, b'{');
    std::iter::from_fn(move || {
        let name = next_value(object, at)?;
        let name_end = value_end(object, name);
        let start = next_value(object, name_end)?;
        let end = value_end(object, start);
        at = end;
        Some((unquoted(object.get(name..name_end)?), object.get(start..end)?))
    })
}

/// The text that a JSON string stands for; a value of another kind stands for itself.
pub fn unquoted(value: &str) -> String {
    if value.starts_with('"') {
        serde_json::from_str(value).unwrap_or_else(|_| value.to_owned())
    } else {
        value.to_owned()
    }
}

/// A text as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The value without the members of objects that are null, at every depth. Nulls in arrays stay.
pub fn strip_nulls(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut stripped = String::with_capacity(value.len());
    // For each level: whether it is an object, and whether something was written to it.
    let mut levels: Vec<(bool, bool)> = Vec::new();
    let mut name: Option<&str> = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let in_object = levels.last().is_some_and(|(is_object, _)| *is_object);
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => at += 1,
            b'}' | b']' => {
                stripped.push(char::from(byte));
                levels.pop();
                at += 1;
            }
            b'"' if in_object && name.is_none() => {
                let end = value_end(value, at);
                name = value.get(at..end);
                at = end;
            }
            b'n' if in_object => {
                name = None;
                at = value_end(value, at);
            }
            _ => {
                if let Some((_, written)) = levels.last_mut() {
                    if *written {
                        stripped.push(',');
                    }
                    *written = true;
                }
                if let Some(name) = name.take() {
                    stripped.push_str(name);
                    stripped.push(':');
                }
                if byte == b'{' || byte == b'[' {
                    stripped.push(char::from(byte));
                    levels.push((byte == b'{', false));
                    at += 1;
                } else {
                    let end = value_end(value, at);
                    stripped.push_str(value.get(at..end).unwrap_or_default());
                    at = end;
                }
            }
        }
    }
    stripped
}

/// Where the first value within a list or an object may begin; the end where it is none.
fn inside(text: &str, opening: u8) -> usize {
    let start = text.bytes().take_while(u8::is_ascii_whitespace).count();
    if text.as_bytes().get(start) == Some(&opening) { start + 1 } else { text.len() }
}

/// Where the next value begins; nothing where there is none.
fn next_value(text: &str, from: usize) -> Option<usize> {
    let rest = text.as_bytes().get(from..)?;
    let gap = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':'))?;
    let found = rest.get(gap)?;
    (!matches!(found, b']' | b'}')).then_some(from + gap)
}

/// Where the value ends that begins at `start`: always behind it.
fn value_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 1 { at + 1 } else { at.max(start + 1) },
            b'}' | b']' => depth -= 1,
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at.max(start + 1),
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Where the string ends that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_given_as_they_are_written() {
        let rows = r#" [ {"b": 1.50, "a":[1, {"x":"]}"}]} ,null, "q\"," ]"#;
        let found: Vec<&str> = items(rows).collect();
        assert_eq!(found, [r#"{"b": 1.50, "a":[1, {"x":"]}"}]}"#, "null", r#""q\",""#]);
        let row: Vec<_> = members(found[0]).collect();
        assert_eq!(row, [("b".to_owned(), "1.50"), ("a".to_owned(), r#"[1, {"x":"]}"}]"#)]);
    }

    #[test]
    fn what_is_no_list_has_no_items() {
        for text in ["", "1", "{}", "{\"a\":1}", "[]", "[ ]", "null"] {
            assert_eq!(items(text).count(), 0, "{text}");
        }
        assert_eq!(members("[1]").count() + members("{}").count(), 0);
    }

    #[test]
    fn nulls_go_from_objects_alone() {
        for (text, stripped) in [
            (r#"{"a":null,"b":1,"c":null}"#, r#"{"b":1}"#),
            (r#"[{"a": {"b": null, "c": [null, {"d":null}]}}, null]"#, r#"[{"a":{"c":[null,{}]}},null]"#),
            (r#"{"null":"null","n":9007199254740993.10}"#, r#"{"null":"null","n":9007199254740993.10}"#),
            ("null", "null"),
        ] {
            assert_eq!(strip_nulls(text), stripped, "{text}");
        }
    }

    #[test]
    fn deep_values_are_no_trouble() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(strip_nulls(&deep), deep);
        assert_eq!(items(&deep).count(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_walked_to_its_end(text in "[\\[\\]{}\",:\\\\n 1\u{e9}]{0,40}") {
            let _count = (items(&text).count(), members(&text).count(), strip_nulls(&text).len());
        }
    }
}
