//! What each reader finds, in whole and in broken text.

mod classes;
mod documents;
mod listings;
mod random;
mod schemas;

use super::{Structured, extract, whole_file};
use crate::draft::Draft;
use crate::requirements::{ColumnNeed, TableNeed};

/// The tables in a block.
fn tables(hint: &str, text: &str) -> Vec<TableNeed> {
    let hint = if hint.is_empty() { None } else { Some(hint) };
    extract(hint, text, 1).into_iter().map(|draft| draft.table).collect()
}

fn document(name: &str, text: &str) -> Structured {
    whole_file(text, Some(name)).unwrap_or_else(|| panic!("`{name}` is structured"))
}

/// Tables as `name(column, column>target.key)`, in short.
fn shorts(tables: &[TableNeed]) -> Vec<String> {
    tables.iter().map(short).collect()
}

fn short(table: &TableNeed) -> String {
    let column = |column: &ColumnNeed| {
        let mut out = column.name.clone();
        if column.primary_key {
            out.push('#');
        }
        if column.unique {
            out.push('!');
        }
        if let Some(fk) = table.fks.iter().find(|fk| fk.column == column.name) {
            out = format!("{out}>{}", fk.references);
        }
        out
    };
    format!("{}({})", table.name, table.columns.iter().map(column).collect::<Vec<_>>().join(" "))
}

fn of(drafts: &[Draft]) -> Vec<TableNeed> {
    drafts.iter().map(|draft| draft.table.clone()).collect()
}

fn column<'a>(table: &'a TableNeed, name: &str) -> &'a ColumnNeed {
    table
        .columns
        .iter()
        .find(|column| column.name == name)
        .unwrap_or_else(|| panic!("no column {name} in {}", short(table)))
}
