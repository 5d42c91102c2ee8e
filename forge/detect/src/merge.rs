//! One table from all the drafts of it, references resolved, referenced tables first.

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::{Draft, Source};
use crate::keys::target;
use crate::names;
use crate::requirements::{Access, ForeignKeyNeed, TableNeed};

/// The most tables and columns a document may ask for.
pub(crate) const TABLES_MAX: usize = 500;
const COLUMNS_MAX: usize = 200;
const LINES_MAX: usize = 12;

/// Merges drafts by table, surest source first.
pub(crate) fn merge(mut drafts: Vec<Draft>) -> Vec<TableNeed> {
    drafts.sort_by_key(|d| d.source);
    let mut order: Vec<String> = Vec::new();
    let mut tables: BTreeMap<String, (Source, TableNeed)> = BTreeMap::new();
    for draft in drafts {
        let key = names::key(&draft.table.name);
        if key.is_empty() {
            continue;
        }
        match tables.get_mut(&key) {
            Some((source, table)) => add(table, *source, draft),
            None if order.len() < TABLES_MAX => {
                order.push(key.clone());
                let mut table = draft.table;
                table.columns.truncate(COLUMNS_MAX);
                tables.insert(key, (draft.source, table));
            }
            None => {}
        }
    }
    let mut merged: Vec<TableNeed> =
        order.iter().filter_map(|key| tables.remove(key)).map(|(_, table)| table).collect();
    resolve(&mut merged);
    sort(merged)
}

fn add(table: &mut TableNeed, source: Source, draft: Draft) {
    // A schema says everything; what prose adds to it is only lines and access.
    let closed = source == Source::Schema && draft.source > Source::Spec && !table.columns.is_empty();
    if !closed {
        for column in draft.table.columns {
            let known = table.columns.iter().any(|c| names::key(&c.name) == names::key(&column.name));
            if !known && table.columns.len() < COLUMNS_MAX {
                table.columns.push(column);
            }
        }
        for fk in draft.table.fks {
            if table.fks.iter().all(|f| f.column != fk.column)
                && table.columns.iter().any(|c| c.name == fk.column)
            {
                table.fks.push(fk);
            }
        }
    }
    if table.access == Access::Unspecified {
        table.access = draft.table.access;
    }
    table.lines.extend(draft.table.lines);
    table.lines.sort_unstable();
    table.lines.dedup();
    table.lines.truncate(LINES_MAX);
}

/// Spells references as the tables are spelt and finds those that column names state.
fn resolve(tables: &mut [TableNeed]) {
    let mut names: BTreeMap<String, String> =
        tables.iter().map(|t| (names::key(&t.name), t.name.clone())).collect();
    // Accounts are people where one signs in with them, and customers elsewhere.
    let signs_in = |t: &TableNeed| {
        t.columns
            .iter()
            .any(|c| ["email", "password", "password_hash", "username"].contains(&c.name.as_str()))
    };
    if let Some(accounts) = tables.iter().find(|t| t.name == "accounts" && signs_in(t)) {
        names.entry("user".to_owned()).or_insert_with(|| accounts.name.clone());
    }
    for table in tables.iter_mut() {
        let mut fks: Vec<ForeignKeyNeed> = Vec::new();
        for mut fk in std::mem::take(&mut table.fks) {
            match names.get(&names::key(&fk.references)) {
                Some(name) => fk.references.clone_from(name),
                None => {
                    if let Some(target) = target(&fk.column, &table.name, &names) {
                        fk.references = target;
                    }
                }
            }
            if fks.iter().all(|f| f.column != fk.column) {
                fks.push(fk);
            }
        }
        for column in &table.columns {
            if fks.iter().any(|f| f.column == column.name)
                || column.primary_key && !column.name.ends_with("_id")
            {
                continue;
            }
            if let Some(references) = target(&column.name, &table.name, &names) {
                fks.push(ForeignKeyNeed {
                    column: column.name.clone(),
                    references,
                    references_column: "id".to_owned(),
                    on_delete: None,
                });
            }
        }
        table.fks = fks;
    }
}

/// Referenced tables first; tables in a circle keep their order.
fn sort(tables: Vec<TableNeed>) -> Vec<TableNeed> {
    let names: BTreeSet<String> = tables.iter().map(|t| t.name.clone()).collect();
    let mut waiting = tables;
    let mut sorted: Vec<TableNeed> = Vec::with_capacity(waiting.len());
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !waiting.is_empty() {
        let ready = |t: &TableNeed, done: &BTreeSet<String>| {
            t.fks.iter().all(|f| {
                f.references == t.name || done.contains(&f.references) || !names.contains(&f.references)
            })
        };
        let mut later = Vec::new();
        let before = sorted.len();
        for table in waiting {
            if ready(&table, &done) {
                done.insert(table.name.clone());
                sorted.push(table);
            } else {
                later.push(table);
            }
        }
        if sorted.len() == before && !later.is_empty() {
            let first = later.remove(0);
            done.insert(first.name.clone());
            sorted.push(first);
        }
        waiting = later;
    }
    sorted
}
