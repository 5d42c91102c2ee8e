//! A schema as compact text: one line a table.

use std::fmt::Write as _;

use crate::routine::{columns_of_view, text::signature_text};
use crate::schema::{Column, OnDelete, Schema, Table};

/// The whole schema: a line for each enum, then one for each table, view and function.
pub fn to_text(schema: &Schema) -> String {
    let mut out = String::new();
    for (name, values) in &schema.enums {
        // Writing to a String cannot fail.
        writeln!(out, "enum {name}({})", values.join(", ")).unwrap_or_default();
    }
    for table in schema.tables.values() {
        out.push_str(&table_line(table));
        out.push('\n');
    }
    for name in schema.views.keys() {
        let columns = columns_of_view(schema, name).unwrap_or_default();
        let columns: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
        writeln!(out, "view {name}({})", columns.join(", ")).unwrap_or_default();
    }
    for function in schema.functions.values().flatten() {
        writeln!(out, "function {}", signature_text(function)).unwrap_or_default();
    }
    out
}

/// One table: `posts(id uuid pk, user_id->users, title text!) rls own-or-public`. `!` means: not null.
pub fn table_line(table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| column_text(table, column)).collect();
    let mut line = format!("{}({})", table.name, columns.join(", "));
    if table.primary_key.len() > 1 {
        write!(line, " pk({})", table.primary_key.join(", ")).unwrap_or_default();
    }
    for group in table.uniques.iter().filter(|group| group.len() > 1) {
        write!(line, " unique({})", group.join(", ")).unwrap_or_default();
    }
    match &table.rls {
        Some(rls) => write!(line, " rls {}", rls.label).unwrap_or_default(),
        None => line.push_str(" rls missing"),
    }
    for grant in &table.grants {
        let command = format!("{:?}", grant.command).to_lowercase();
        write!(line, " {}: {command}({})", grant.role, grant.columns.join(", ")).unwrap_or_default();
    }
    line
}

fn column_text(table: &Table, column: &Column) -> String {
    let key = table.primary_key == [column.name.as_str()];
    let mut text = match table.foreign_key(&column.name) {
        Some(key) if key.references == "id" => format!("{}->{}", column.name, key.table),
        Some(key) => format!("{}->{}.{}", column.name, key.table, key.references),
        None => format!("{} {}", column.name, column.ty),
    };
    match table.foreign_key(&column.name).map(|key| key.on_delete) {
        Some(OnDelete::Cascade) => text.push_str(" cascade"),
        Some(OnDelete::SetNull) => text.push_str(" set null"),
        Some(OnDelete::Restrict) | None => {}
    }
    if key {
        text.push_str(" pk");
    } else if !column.nullable {
        text.push('!');
    }
    if table.uniques.iter().any(|group| *group == [column.name.as_str()]) {
        text.push_str(" unique");
    }
    text
}
