//! The semantic layer: what Forge holds, in a block small enough for every prompt.
//!
//! Over budget it says less, by rules and in whole lines: columns shrink to keys, tables to their names,
//! names to counts. A model that reads it never sees half a fact.

use std::fmt::Write as _;

use forge_database::schema::{Schema, Table};

/// What the block speaks of.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) schema: Schema,
    pub(crate) lists: Vec<List>,
    pub(crate) tools: Vec<&'static str>,
}

/// Resources of one kind, each in a few words.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// In the plural: `buckets`.
    pub(crate) title: &'static str,
    pub(crate) entries: Vec<String>,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Columns,
    Keys,
    Names,
    Counts,
}

/// The block in at most `bytes_max` bytes; `None` when there is nothing to say, or no room even for the
/// counts.
pub(crate) fn summary(view: &View, bytes_max: usize) -> Option<String> {
    let empty = view.schema.tables.is_empty() && view.lists.iter().all(|list| list.entries.is_empty());
    if empty {
        return None;
    }
    [Detail::Columns, Detail::Keys, Detail::Names, Detail::Counts]
        .into_iter()
        .map(|detail| block(view, detail))
        .find(|block| block.len() <= bytes_max)
}

fn block(view: &View, detail: Detail) -> String {
    let mut lines = vec!["Backend (Forge), as it is now:".to_owned()];
    tables(view, detail, &mut lines);
    for list in view.lists.iter().filter(|list| !list.entries.is_empty()) {
        lines.push(match detail {
            Detail::Counts => format!("{}: {}", list.title, list.entries.len()),
            Detail::Columns | Detail::Keys | Detail::Names => {
                format!("{}: {}", list.title, list.entries.join(", "))
            }
        });
    }
    if detail != Detail::Counts && !view.schema.tables.is_empty() {
        lines.push("sdk: @supabase/supabase-js, on http://127.0.0.1:54321 once served".to_owned());
    }
    lines.push(format!("tools: {}", view.tools.join(", ")));
    lines.join("\n") + "\n"
}

fn tables(view: &View, detail: Detail, lines: &mut Vec<String>) {
    let tables = &view.schema.tables;
    match detail {
        _ if tables.is_empty() => {}
        Detail::Columns | Detail::Keys => lines.extend(tables.values().map(|table| line(table, detail))),
        Detail::Names => {
            let names: Vec<&str> = tables.keys().map(String::as_str).collect();
            lines.push(format!("tables: {}", names.join(", ")));
        }
        Detail::Counts => lines.push(format!("tables: {}", tables.len())),
    }
}

fn line(table: &Table, detail: Detail) -> String {
    let mut columns = Vec::new();
    for column in &table.columns {
        let key = table.primary_key.contains(&column.name);
        let reference = table.foreign_keys.iter().find(|key| key.column == column.name);
        if detail == Detail::Keys && !key && reference.is_none() {
            continue;
        }
        let mut text = column.name.clone();
        if detail == Detail::Columns {
            write!(text, " {}", column.ty).unwrap_or_default(); // A string takes every write.
        }
        if key {
            text.push_str(" pk");
        }
        if let Some(reference) = reference {
            write!(text, " -> {}.{}", reference.table, reference.references).unwrap_or_default();
        }
        columns.push(text);
    }
    let rls = table.rls.as_ref().map_or("unset", |rls| rls.label.as_str());
    format!("- {}({}) rls: {rls}", table.name, columns.join(", "))
}

#[cfg(test)]
mod tests;
