//! Migrations as text: the specification that Forge reads, and people too.

use std::fmt::Write;

use crate::column::Column;
use crate::table::{LateKey, Table};

/// Something a migration adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Enum { name: String, values: Vec<String> },
    Table(Table),
    Column { table: String, column: Column },
    Index { table: String, column: String },
    ForeignKey(LateKey),
}

impl Change {
    /// What a migration that begins with it is called.
    pub(crate) fn title(&self) -> String {
        let mut title = match self {
            Self::Enum { name, .. } => format!("add_{name}"),
            Self::Table(table) => format!("add_{}", table.name),
            Self::Column { table, column } => format!("add_{}_to_{table}", column.name),
            Self::Index { table, column } => format!("index_{column}_of_{table}"),
            Self::ForeignKey(key) => format!("link_{}_of_{}", key.column, key.table),
        };
        title.truncate(56);
        title.trim_end_matches('_').to_owned()
    }
}

/// A whole migration.
pub(crate) fn document(name: &str, changes: &[Change]) -> String {
    let mut out = format!("migration: {name}\nchanges:\n");
    for change in changes {
        // Writing to a string cannot fail.
        write_change(&mut out, change).unwrap_or_default();
    }
    out
}

fn write_change(out: &mut String, change: &Change) -> std::fmt::Result {
    match change {
        Change::Enum { name, values } => {
            writeln!(out, "  - add_enum: {{name: {}, values: [{}]}}", quoted(name), list(values))
        }
        Change::Table(table) => write_table(out, table),
        Change::Column { table, column } => {
            writeln!(out, "  - add_column: {{table: {}, column: {}}}", quoted(table), quoted(&column.text()))
        }
        Change::Index { table, column } => {
            writeln!(out, "  - add_index: {{table: {}, columns: [{}]}}", quoted(table), quoted(column))
        }
        Change::ForeignKey(key) => writeln!(
            out,
            "  - add_foreign_key: {{table: {}, column: {}, references: {}, on_delete: {}}}",
            quoted(&key.table),
            quoted(&key.column),
            quoted(&format!("{}.{}", key.reference.table, key.reference.column)),
            quoted(key.reference.on_delete.unwrap_or("restrict")),
        ),
    }
}

fn write_table(out: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(out, "  - add_table:\n      name: {}\n      columns:", quoted(&table.name))?;
    for column in &table.columns {
        writeln!(out, "        - {}", quoted(&column.text()))?;
    }
    if !table.primary_key.is_empty() {
        writeln!(out, "      primary_key: [{}]", list(&table.primary_key))?;
    }
    if !table.uniques.is_empty() {
        let groups: Vec<String> = table.uniques.iter().map(|group| format!("[{}]", list(group))).collect();
        writeln!(out, "      unique: [{}]", groups.join(", "))?;
    }
    let indexed = table.indexed();
    if !indexed.is_empty() {
        writeln!(out, "      indices: [{}]", list(&indexed))?;
    }
    let rls = if table.rls.contains(':') { escaped(&table.rls) } else { table.rls.clone() };
    writeln!(out, "      rls: {rls}")
}

fn list<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(|text| quoted(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A name or a text. Plain words stay as they are; all others, those that YAML takes for something else
/// (`n`, `on`, `null`) among them, are quoted.
fn quoted(text: &str) -> String {
    let plain = text.len() > 5
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain { text.to_owned() } else { escaped(text) }
}

/// A string that YAML reads as it is: JSON's strings are YAML's.
fn escaped(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
