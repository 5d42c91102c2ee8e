//! The order of tables: each after those it refers to, circles cut.

use std::collections::{BTreeMap, BTreeSet};

use crate::column::Reference;
use crate::plan::Existing;
use crate::table::{Design, LateKey, Table, USERS};

/// Orders tables so that each follows those it refers to. A reference that closes a circle is taken out
/// and added at the end; its column may be empty, so that a first row can be written.
pub(crate) fn arrange(
    mut tables: BTreeMap<String, Table>,
    order: &[String],
    existing: &Existing,
    design: &mut Design,
) {
    let mut names: Vec<String> = vec![USERS.to_owned()];
    names.extend(order.iter().cloned());
    names.extend(tables.keys().cloned());
    let mut seen = BTreeSet::new();
    names.retain(|name| tables.contains_key(name) && seen.insert(name.clone()));
    // What exists is there to be referred to.
    let mut placed: BTreeSet<String> = existing.tables.keys().cloned().collect();
    while !names.is_empty() {
        let waits = |name: &String| {
            tables[name]
                .columns
                .iter()
                .filter_map(|column| column.references.as_ref())
                .any(|reference| reference.table != *name && !placed.contains(&reference.table))
        };
        let place = names.iter().position(|name| !waits(name));
        let place = place.unwrap_or_else(|| in_circle(&names, &tables, &placed));
        let name = names.remove(place);
        if let Some(mut table) = tables.remove(&name) {
            cut(&mut table, &placed, &tables, design);
            placed.insert(name);
            design.tables.push(table);
        }
    }
}

/// A table that is part of a circle, where all that are left wait for each other: whoever follows what is
/// waited for long enough goes round in one.
fn in_circle(names: &[String], tables: &BTreeMap<String, Table>, placed: &BTreeSet<String>) -> usize {
    let mut place = 0;
    for _ in names {
        let references = tables[&names[place]].columns.iter().filter_map(|column| column.references.as_ref());
        let mut waited = references.map(|r| &r.table).filter(|t| **t != names[place] && !placed.contains(*t));
        let next = waited.next().and_then(|table| names.iter().position(|name| name == table));
        place = next.unwrap_or(place);
    }
    place
}

/// Takes out references to tables that come later, and to those of the same table lets the first row in.
fn cut(table: &mut Table, placed: &BTreeSet<String>, later: &BTreeMap<String, Table>, design: &mut Design) {
    for column in &mut table.columns {
        let Some(reference) = column.references.clone() else { continue };
        if reference.table == table.name {
            column.required = false;
        } else if !placed.contains(&reference.table) {
            column.references = None;
            column.ty = key_type(&reference, &design.tables, later);
            if column.key || table.primary_key.contains(&column.name) {
                // A key is never empty: with the circle closed, no first row could be written.
                column.default = (column.key && column.ty == "uuid").then(|| "uuid()".to_owned());
                continue;
            }
            column.late = true;
            column.required = false;
            let (table, column) = (table.name.clone(), column.name.clone());
            design.late_keys.push(LateKey { table, column, reference });
        }
    }
}

/// How many keys that are references themselves are followed to the type at their end.
const HOPS_MAX: usize = 16;

/// The type of the key that is referred to.
fn key_type(reference: &Reference, made: &[Table], later: &BTreeMap<String, Table>) -> String {
    let mut reference = reference.clone();
    for _ in 0..HOPS_MAX {
        let made = made.iter().find(|table| table.name == reference.table);
        let columns = made.or_else(|| later.get(&reference.table)).map(|table| &table.columns);
        match columns.and_then(|columns| columns.iter().find(|column| column.name == reference.column)) {
            Some(key) if !key.ty.is_empty() && key.references.is_none() => return key.ty.clone(),
            Some(key) => match &key.references {
                Some(next) => reference = next.clone(),
                None => break,
            },
            None => break,
        }
    }
    "uuid".to_owned()
}
