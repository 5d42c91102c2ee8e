//! Rows as CSV: a line of names, then the rows. An empty field is null, `""` is the empty text.

use serde_json::Value;

/// Writes a line.
pub(super) fn line(values: &[Value], out: &mut String) {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match value {
            Value::Null => {}
            Value::String(text) => field(text, out),
            Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
            Value::Array(_) | Value::Object(_) => field(&value.to_string(), out),
        }
    }
    out.push('\n');
}

fn field(text: &str, out: &mut String) {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

/// The line that a record begins on, and its fields.
pub(super) type Record = (usize, Vec<Option<String>>);

/// Reads the fields of every line, with the number of the line that each begins on.
pub(super) fn records(text: &str) -> Result<Vec<Record>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Vec::new();
    let (mut fields, mut begun, mut line) = (Vec::new(), 1, 1);
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let mut value = String::new();
        let quoted = chars.next_if_eq(&'"').is_some();
        if quoted {
            loop {
                match chars.next() {
                    Some('"') if chars.next_if_eq(&'"').is_some() => value.push('"'),
                    Some('"') => break,
                    Some(char) => {
                        line += usize::from(char == '\n');
                        value.push(char);
                    }
                    None => return Err(format!("line {begun}: a quotation mark is not closed")),
                }
            }
        } else {
            while let Some(char) = chars.next_if(|char| !matches!(char, ',' | '\n' | '\r')) {
                if char == '"' {
                    return Err(format!("line {line}: a quotation mark stands within a field"));
                }
                value.push(char);
            }
        }
        fields.push((quoted || !value.is_empty()).then_some(value));
        match chars.next() {
            Some(',') if chars.peek().is_some() => continue,
            Some(',') => fields.push(None),
            Some('\r') => drop(chars.next_if_eq(&'\n')),
            Some('\n') | None => {}
            Some(_) => return Err(format!("line {line}: there is more after a quotation mark")),
        }
        // A line with nothing in it is no record.
        if fields != [None] {
            records.push((begun, std::mem::take(&mut fields)));
        }
        fields.clear();
        line += 1;
        begun = line;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let rows = [
            json!(["a", "b", "c"]),
            json!(["", null, "x,\"y\"\nz"]),
            json!([1.5, true, " padded "]),
            json!([null, null, ["list"]]),
        ];
        let mut text = String::new();
        for row in &rows {
            line(row.as_array().unwrap(), &mut text);
        }
        let read = records(&text).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read,
            [
                (1, vec![text("a"), text("b"), text("c")]),
                (2, vec![text(""), None, text("x,\"y\"\nz")]),
                (4, vec![text("1.5"), text("true"), text(" padded ")]),
                (5, vec![None, None, text("[\"list\"]")]),
            ]
        );
    }

    #[test]
    fn ends_of_lines_and_mistakes() {
        let one = |text: &str| {
            records(text).map(|records| records.into_iter().map(|(_, fields)| fields.len()).collect())
        };
        assert_eq!(one("a,b\r\n\r\n1,\r\n"), Ok(vec![2, 2]));
        assert_eq!(one("\u{feff}a\n1"), Ok(vec![1, 1]));
        assert_eq!(one(""), Ok(vec![]));
        for wrong in ["a\n\"1", "a\n1\"2\n", "a\n\"1\"2\n"] {
            assert!(one(wrong).is_err(), "{wrong:?}");
        }
    }
}
