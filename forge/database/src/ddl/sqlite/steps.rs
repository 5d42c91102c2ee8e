//! The statements from one schema to another, along a lineage.
//!
//! In order: indices that go, tables that go, renames, then every table that differs (created,
//! given new columns, or rebuilt), then indices that come. Keys are not enforced meanwhile
//! ([`crate::execute`] sees to that and checks them all at the end).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    convert, quote_name, quote_text,
    table::{
        column_definition, create_table, default_sql, index_sql, index_statement, indices, is_constant,
        unique_sql,
    },
};
use crate::{
    ddl::{PlanError, lineage::Lineage, rename},
    schema::{ColumnDefault, Schema, Table, unique_name},
};

/// The prefix of tables that exist only within a migration.
const TEMPORARY: &str = "_loki_new_";

/// How a table gets from what it was, names aside, to what it shall be.
enum Way {
    Keep,
    Append(usize),
    Rebuild,
    Create,
}

/// The statements from `before` to `after`.
pub(crate) fn steps(before: &Schema, after: &Schema, lineage: &Lineage) -> Result<Vec<String>, PlanError> {
    let mut out = Vec::new();
    // `renamed` is the schema once tables are dropped and names are changed; it shows what the
    // engine itself will have rewritten.
    let (renamed, renames) = rename_steps(before, lineage, "");
    let ways: BTreeMap<&str, Way> =
        after.tables.values().map(|table| (table.name.as_str(), way(&renamed, after, table))).collect();

    let mut standing = BTreeSet::new();
    for table in before.tables.values() {
        let Some((now, _)) = lineage.now(&table.name) else { continue };
        if matches!(ways.get(now), Some(Way::Rebuild) | None) {
            continue; // Its indices go with the old table.
        }
        let Some((renamed, target)) = renamed.table(now).zip(after.table(now)) else { continue };
        let wanted = indices(target);
        for (name, sql) in renamed_indices(table, renamed) {
            if wanted.get(&name) == Some(&sql) {
                standing.insert(name);
            } else {
                out.push(format!("DROP INDEX {}", quote_name(&name)));
            }
        }
    }
    for table in before.tables.values().filter(|table| lineage.now(&table.name).is_none()) {
        out.push(format!("DROP TABLE {}", quote_name(&table.name)));
    }
    out.extend(renames);
    for (name, way) in &ways {
        let Some(table) = after.table(name) else { continue };
        match way {
            Way::Keep => {}
            Way::Create => out.push(create_table(after, table, name)),
            Way::Append(count) => {
                for column in &table.columns[table.columns.len() - count..] {
                    let definition = column_definition(after, table, column);
                    out.push(format!("ALTER TABLE {} ADD COLUMN {definition}", quote_name(name)));
                }
            }
            Way::Rebuild => {
                if let Some(old) = renamed.table(name) {
                    let origin = lineage.table(name).map(|origin| &origin.columns);
                    rebuild(&mut out, after, old, table, origin);
                }
            }
        }
    }
    for table in after.tables.values() {
        let missing = indices(table).into_iter().filter(|(name, _)| !standing.contains(name));
        out.extend(missing.map(|(_, sql)| sql));
    }
    Ok(out)
}

fn way(renamed: &Schema, after: &Schema, table: &Table) -> Way {
    let Some(old) = renamed.table(&table.name) else { return Way::Create };
    let wanted = create_table(after, table, &table.name);
    if create_table(renamed, old, &table.name) == wanted {
        return Way::Keep;
    }
    let Some(count) = table.columns.len().checked_sub(old.columns.len()) else { return Way::Rebuild };
    let added = &table.columns[old.columns.len()..];
    // What the table would be with the new columns at its end, rendered with the old enums.
    let mut appended = old.clone();
    appended.columns.extend(added.iter().cloned());
    let keys = added.iter().filter_map(|column| table.foreign_key(&column.name));
    appended.foreign_keys.extend(keys.cloned());
    let mut enums = after.clone();
    enums.enums.extend(renamed.enums.clone());
    let same = create_table(&enums, &appended, &table.name) == wanted;
    let simple = added.iter().all(|column| {
        let constant = column.default.as_ref().is_none_or(is_constant);
        let keyed = table.foreign_key(&column.name).is_some();
        constant && !(keyed && matches!(column.default, Some(ColumnDefault::Literal(_))))
    });
    if same && simple && count > 0 { Way::Append(count) } else { Way::Rebuild }
}

/// The indices of a table under the names they had, as the engine writes them after the renames.
fn renamed_indices(was: &Table, renamed: &Table) -> Vec<(String, String)> {
    let uniques = was.uniques.iter().zip(unique_sql(renamed)).map(|(group, tail)| {
        let name = unique_name(&was.name, group);
        let sql = index_statement(&name, true, &tail);
        (name, sql)
    });
    let own = renamed.indices.iter().map(|index| (index.name.clone(), index_sql(renamed, index)));
    uniques.chain(own).collect()
}

fn rebuild(
    out: &mut Vec<String>,
    after: &Schema,
    old: &Table,
    table: &Table,
    origin: Option<&BTreeMap<String, String>>,
) {
    let name = quote_name(&table.name);
    let temporary_name = format!("{TEMPORARY}{}", table.name);
    let temporary = quote_name(&temporary_name);
    out.push(create_table(after, table, &temporary_name));
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for column in &table.columns {
        // A column of the same name is another one unless the lineage says so.
        let from =
            old.column(&column.name).filter(|_| origin.is_some_and(|map| map.contains_key(&column.name)));
        if let Some(was) = from {
            columns.push(quote_name(&column.name));
            values.push(convert::copied(after, was, column));
        }
    }
    if let Some(first) = table.columns.first().filter(|_| columns.is_empty()) {
        // Every column is another one: the rows stay all the same.
        columns.push(quote_name(&first.name));
        values.push(default_sql(after, first).unwrap_or_else(|| "NULL".to_owned()));
    }
    let (columns, values) = (columns.join(", "), values.join(", "));
    out.push(format!("INSERT INTO {temporary} ({columns}) SELECT {values} FROM {name}"));
    let counts = |table: &Table| table.columns.iter().any(|c| c.default == Some(ColumnDefault::Identity));
    if counts(old) && counts(table) {
        // Numbers already given must not be given again, even when their rows are gone.
        let new = quote_text(&temporary_name);
        out.push(format!("DELETE FROM sqlite_sequence WHERE name = {new}"));
        out.push(format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {new}, seq FROM sqlite_sequence WHERE name = {}",
            quote_text(&table.name)
        ));
    }
    out.push(format!("DROP TABLE {name}"));
    out.push(format!("ALTER TABLE {temporary} RENAME TO {name}"));
}

/// `before` with the dropped tables gone and everything renamed, and the statements that rename.
/// Columns that are dropped under a name that is taken anew step aside first. `within` stands before every
/// table's name: nothing, or a schema and a point.
pub(in crate::ddl) fn rename_steps(
    before: &Schema,
    lineage: &Lineage,
    within: &str,
) -> (Schema, Vec<String>) {
    let mut schema = before.clone();
    schema.tables.retain(|name, _| lineage.now(name).is_some());
    let mut out = Vec::new();

    let moves: Vec<(String, String)> = lineage
        .tables()
        .filter(|(now, origin)| *now != origin.table)
        .map(|(now, origin)| (origin.table.clone(), now.to_owned()))
        .collect();
    for (from, to) in in_order(&moves, |name| schema.tables.contains_key(name)) {
        out.push(format!("ALTER TABLE {within}{} RENAME TO {}", quote_name(&from), quote_name(&to)));
        rename::table(&mut schema, &from, &to);
    }

    for (table, origin) in lineage.tables() {
        let moves: Vec<(String, String)> = origin
            .columns
            .iter()
            .filter(|(now, was)| now != was)
            .map(|(now, was)| (was.clone(), now.clone()))
            .collect();
        let taken: BTreeSet<String> =
            schema.table(table).iter().flat_map(|t| &t.columns).map(|c| c.name.clone()).collect();
        for (from, to) in in_order(&moves, |name| taken.contains(name)) {
            let (from_name, to_name) = (quote_name(&from), quote_name(&to));
            let table_name = quote_name(table);
            out.push(format!("ALTER TABLE {within}{table_name} RENAME COLUMN {from_name} TO {to_name}"));
            rename::column(&mut schema, table, &from, &to);
        }
    }
    (schema, out)
}

/// The moves as they can be made one by one: when a new name is still taken, everything first
/// steps aside.
fn in_order(moves: &[(String, String)], taken: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let clash = |to: &str| taken(to);
    if !moves.iter().any(|(_, to)| clash(to)) {
        return moves.to_vec();
    }
    let mut aside = Vec::new();
    let mut home = Vec::new();
    for (index, (from, to)) in moves.iter().enumerate() {
        let between = format!("_loki_move_{index}");
        aside.push((from.clone(), between.clone()));
        home.push((between, to.clone()));
        // A bystander with the wanted name is one that goes; it makes room.
        let moved = moves.iter().any(|(other, _)| other == to);
        if clash(to) && !moved {
            aside.push((to.clone(), format!("_loki_gone_{index}")));
        }
    }
    aside.extend(home);
    aside
}
