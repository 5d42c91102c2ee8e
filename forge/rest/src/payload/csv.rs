//! CSV as rows: the first line has the names, `NULL` is null, everything else is text.

use serde_json::{Map, Value};

use super::read::{invalid, too_many};
use crate::error::RestError;

/// The rows of a CSV text. Lines with nothing in them are none.
pub(super) fn rows(text: &str, rows_max: usize) -> Result<Vec<Map<String, Value>>, RestError> {
    let mut lines = Lines { rest: text, number: 0 };
    let Some(names) = lines.next().transpose()? else {
        return Err(invalid("Empty or invalid csv"));
    };
    let mut rows = Vec::new();
    for line in lines {
        let line = line?;
        if line.len() != names.len() {
            return Err(invalid("All lines must have same number of fields"));
        }
        if rows.len() == rows_max {
            return Err(too_many(rows_max));
        }
        rows.push(names.iter().cloned().zip(line.into_iter().map(value)).collect());
    }
    Ok(rows)
}

fn value(field: String) -> Value {
    if field == "NULL" { Value::Null } else { Value::String(field) }
}

/// The lines of a text, each as its fields.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl Iterator for Lines<'_> {
    type Item = Result<Vec<String>, RestError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_start_matches(['\r', '\n']);
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let line = self.line();
        if line.is_none() {
            self.rest = "";
        }
        Some(line.ok_or_else(|| invalid(format!("Invalid csv in record {}", self.number))))
    }
}

impl Lines<'_> {
    /// Takes a line; nothing where quotes in it make no sense.
    fn line(&mut self) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            let ended = self.rest.is_empty() || self.rest.starts_with(['\r', '\n']);
            return ended.then_some(fields);
        }
    }

    fn field(&mut self) -> Option<String> {
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\r', '\n']).unwrap_or(self.rest.len());
            let (field, rest) = self.rest.split_at(end);
            self.rest = rest;
            let plain = !field.contains('"') && !field.contains('\0');
            return plain.then(|| field.to_owned());
        };
        let mut field = String::new();
        loop {
            let (before, behind) = rest.split_once('"')?;
            field.push_str(before);
            match behind.strip_prefix('"') {
                Some(behind) => {
                    field.push('"');
                    rest = behind;
                }
                None => {
                    self.rest = behind;
                    return (!field.contains('\0')).then_some(field);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Value>, String> {
        rows(text, 10)
            .map(|rows| rows.into_iter().map(Value::Object).collect())
            .map_err(|error| error.message)
    }

    #[test]
    fn fields_are_read_with_and_without_quotes() {
        let text = "\"a\",b\r\n\"x\r\ny\",\"\"\r\n\r\n \"1\" ,NULL\n";
        assert_eq!(read(text), Err("Invalid csv in record 3".to_owned()));
        let text = "\"a\",b\r\n\"x\r\ny\",\"\"\r\n\r\n 1 ,NULL";
        assert_eq!(
            read(text).unwrap(),
            [serde_json::json!({"a": "x\r\ny", "b": ""}), serde_json::json!({"a": " 1 ", "b": null})]
        );
        assert_eq!(read("a,b\n").unwrap(), [] as [Value; 0]);
    }

    #[test]
    fn what_is_no_csv_is_refused() {
        for text in ["", "\n\n", "a\n\"1", "a\n\"1\"2\n", "a\n1\"2\n", "a\n\0"] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert_eq!(read("a\n1,2"), Err("All lines must have same number of fields".to_owned()));
    }
}
