//! Answers as text for models: one line that says what was done, then the data with as few marks as it can be read
//! with. Rows become lines of `a|b|c`; nothing is indented.

use serde_json::{Map, Value};

/// Columns that a table of rows may have; wider rows are JSON.
const COLUMNS_MAX: usize = 64;

/// The text of an answer's data; empty where there is none.
pub(super) fn data(data: &Value) -> String {
    match data {
        Value::Null => String::new(),
        Value::Object(members) => {
            let told: Vec<String> = members.iter().map(|(name, value)| member(name, value)).collect();
            told.join("\n")
        }
        Value::Array(items) => table(items).unwrap_or_else(|| data.to_string()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => cell(data),
    }
}

/// One line, whatever stands in it.
pub(super) fn line(text: &str) -> String {
    text.split(char::is_control).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
}

fn member(name: &str, value: &Value) -> String {
    let rows = value.as_array().and_then(|items| table(items));
    match (rows, value) {
        (Some(rows), _) => format!("{name}:\n{rows}"),
        // A text of several lines stays one: it is mostly something to be copied.
        (None, Value::String(text)) if text.contains('\n') => format!("{name}:\n{}", text.trim_end()),
        (None, Value::String(text)) => format!("{name}: {text}"),
        (None, value) => format!("{name}: {value}"),
    }
}

/// Rows that all have the same members and hold nothing but plain values, or rows of plain values alone.
fn table(rows: &[Value]) -> Option<String> {
    let Some(Value::Object(first)) = rows.first() else { return None };
    let columns: Vec<&String> = first.keys().collect();
    if columns.is_empty() || columns.len() > COLUMNS_MAX {
        return None;
    }
    let mut lines = vec![columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join("|")];
    for row in rows {
        lines.push(cells(row.as_object()?, &columns)?);
    }
    Some(lines.join("\n"))
}

fn cells(row: &Map<String, Value>, columns: &[&String]) -> Option<String> {
    if row.len() != columns.len() {
        return None;
    }
    let cells: Option<Vec<String>> = columns
        .iter()
        .map(|column| match row.get(column.as_str())? {
            Value::Array(_) | Value::Object(_) => None,
            plain => Some(cell(plain)),
        })
        .collect();
    cells.map(|cells| cells.join("|"))
}

/// A plain value. A text stands without quotes unless it could be taken for something else.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.trim() == text
        && !text.contains(|letter: char| letter == '|' || letter == '"' || letter.is_control())
        && !matches!(text, "true" | "false" | "null")
        && text.parse::<f64>().is_err();
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests;
