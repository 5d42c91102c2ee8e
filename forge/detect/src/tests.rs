//! Whole documents in, requirements out; and any text at all without a panic.

mod roles;
mod scopes;
mod services;
mod shapes;
mod signals;
mod tables;
mod total;

use crate::{Options, Requirements, detect};

/// Detects in a document that is expected to be readable.
fn read(document: &str) -> Requirements {
    detect(document, &Options::default()).expect("readable")
}

/// The names of its tables.
fn names(requirements: &Requirements) -> Vec<&str> {
    requirements.tables.iter().map(|t| t.name.as_str()).collect()
}

/// The column names of one of its tables.
fn columns<'r>(requirements: &'r Requirements, table: &str) -> Vec<&'r str> {
    let table = requirements.tables.iter().find(|t| t.name == table).expect("the table is found");
    table.columns.iter().map(|c| c.name.as_str()).collect()
}

/// Its references as `table.column -> table`.
fn references(requirements: &Requirements) -> Vec<String> {
    let of = |t: &crate::TableNeed| {
        t.fks.iter().map(|f| format!("{}.{} -> {}", t.name, f.column, f.references)).collect::<Vec<_>>()
    };
    requirements.tables.iter().flat_map(of).collect()
}
