//! CSV: names in the first line, then a line for each row, with values in the text form of Postgres.

use std::collections::BTreeMap;

use super::body;
use crate::ast::Arrow;
use crate::model::{ColumnType, Returns};
use crate::plan::{Node, Output, Plan, Shape, Show, Value};
use crate::wire::json;

/// The deepest nesting of arrays that is written as an array. Postgres has no deeper ones.
const ARRAY_DEPTH_MAX: usize = 6;

/// The rows of `text`, which is JSON, as CSV.
pub(super) fn render(shape: Shape, node: Option<&Node>, plan: &Plan, text: &str) -> String {
    let rows = body::rows(shape, text);
    if matches!(shape, Shape::Value | Shape::Values) {
        let scalar = scalar(plan);
        let lines = rows.iter().map(|value| field(value, scalar));
        return joined("pgrst_scalar".to_owned(), lines);
    }
    let mut types = BTreeMap::new();
    if let Some(node) = node {
        collect(node, &mut types);
    }
    if let Plan::Call(call) = plan
        && let Returns::Table(columns) | Returns::Record(columns) = &call.function.returns
    {
        for column in columns {
            types.entry(column.name.as_str()).or_insert(Kind::Of(&column.ty));
        }
    }
    let header = rows.first().map(|row| {
        let names: Vec<String> = json::members(row).map(|(name, _)| escaped(&name)).collect();
        names.join(",")
    });
    let lines = rows.iter().map(|row| {
        let fields: Vec<String> =
            json::members(row).map(|(name, value)| field(value, types.get(name.as_str()).copied())).collect();
        fields.join(",")
    });
    joined(header.unwrap_or_default(), lines)
}

fn joined(header: String, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.collect();
    format!("{header}\n{}", lines.join("\n"))
}

/// The type of a value, as far as its text depends on it.
#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    /// This one.
    Of(&'a ColumnType),
    /// JSON.
    Json,
    /// Text.
    Text,
}

impl Kind<'_> {
    fn is_json(self) -> bool {
        match self {
            Kind::Of(ty) => matches!(ty.name.as_str(), "json" | "jsonb"),
            Kind::Json => true,
            Kind::Text => false,
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Kind::Of(ty) if ty.name.starts_with("time"))
    }

    fn is_array(self) -> bool {
        matches!(self, Kind::Of(ty) if ty.name.ends_with("[]"))
    }
}

fn scalar(plan: &Plan) -> Option<Kind<'_>> {
    let Plan::Call(call) = plan else { return None };
    if let Returns::Value(ty) | Returns::Values(ty) = &call.function.returns {
        return Some(Kind::Of(ty));
    }
    None
}

/// The types of the values of a node's rows by their names.
fn collect<'a>(node: &'a Node, types: &mut BTreeMap<&'a str, Kind<'a>>) {
    for output in &node.outputs {
        match output {
            Output::Value { name, value } => {
                types.insert(name, kind(value));
            }
            Output::Aggregate { name, cast: Some(ty), .. } => {
                types.insert(name, Kind::Of(ty));
            }
            Output::Aggregate { .. } => {}
        }
    }
    for embed in &node.embeds {
        match embed.show {
            // Of many rows the values come as lists.
            Show::Spread if !embed.many => collect(&embed.node, types),
            Show::Spread | Show::Hidden => {}
            Show::Nested => {
                types.insert(&embed.name, Kind::Json);
            }
        }
    }
}

fn kind(value: &Value) -> Kind<'_> {
    match (&value.cast, value.path.last()) {
        (Some(cast), _) => Kind::Of(cast),
        (None, None) => Kind::Of(&value.ty),
        (None, Some(step)) if step.arrow == Arrow::Text => Kind::Text,
        (None, Some(_)) => Kind::Json,
    }
}

/// A value as a field: nothing for null.
fn field(value: &str, kind: Option<Kind<'_>>) -> String {
    match text(value, kind, 0) {
        Some(text) => escaped(&text),
        None => String::new(),
    }
}

/// The text of a value; nothing for null.
fn text(value: &str, kind: Option<Kind<'_>>, depth: usize) -> Option<String> {
    let is_json = kind.is_some_and(Kind::is_json);
    Some(match value.as_bytes().first() {
        Some(b'n') => return None,
        Some(b't') if !is_json => "t".to_owned(),
        Some(b'f') if !is_json => "f".to_owned(),
        Some(b'"') if is_json => value.to_owned(),
        Some(b'"') if kind.is_some_and(Kind::is_time) => spaced(&json::unquoted(value)),
        Some(b'"') => json::unquoted(value),
        Some(b'[') if kind.is_some_and(Kind::is_array) && depth < ARRAY_DEPTH_MAX => {
            array(value, kind, depth)
        }
        _ => value.to_owned(),
    })
}

/// A time in the form it has outside of JSON: `2026-01-02 03:04:05+00`.
fn spaced(time: &str) -> String {
    let text = time.replacen('T', " ", 1);
    match text.strip_suffix(":00") {
        // Only an offset loses its minutes, not a time its seconds.
        Some(short) if short.rfind(['+', '-']).is_some_and(|sign| sign + 3 == short.len() && sign > 5) => {
            short.to_owned()
        }
        _ => text,
    }
}

/// An array literal.
fn array(value: &str, kind: Option<Kind<'_>>, depth: usize) -> String {
    let elements: Vec<String> = json::items(value)
        .map(|element| {
            let nested = element.starts_with('[');
            match text(element, kind, depth + 1) {
                None => "NULL".to_owned(),
                Some(text) if nested || !needs_quotes(&text) => text,
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            }
        })
        .collect();
    format!("{{{}}}", elements.join(","))
}

fn needs_quotes(element: &str) -> bool {
    element.is_empty()
        || element.eq_ignore_ascii_case("null")
        || element.contains(|char: char| "{},\"\\".contains(char) || char.is_ascii_whitespace())
}

/// A field with quotes around it where it needs them, escaped as Postgres escapes values of rows.
fn escaped(field: &str) -> String {
    let special = |char: char| "\",\\()".contains(char) || char.is_ascii_whitespace();
    if field.is_empty() || field.contains(special) {
        format!("\"{}\"", field.replace('\\', "\\\\").replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
