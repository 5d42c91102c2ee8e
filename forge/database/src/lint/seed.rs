//! Rules about seeded rows.

use std::collections::BTreeSet;

use super::case::Case;
use super::data::subject;
use super::types::fits;
use super::{Area, Hits, Rule, Severity};
use crate::change::Change;
use crate::schema::Table;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG013",
        title: "seed that the table refuses",
        severity: Severity::High,
        area: Area::Safety,
        reason: "one row that breaks a constraint undoes the whole migration",
        fix: "give every required column a value of its type, once per key",
        check: breaks_constraints,
    },
    Rule {
        id: "MIG014",
        title: "seed that cannot be told from an existing row",
        severity: Severity::Medium,
        area: Area::Safety,
        reason: "a seed without its key is inserted again, as a second row, wherever the migration is repeated",
        fix: "write the key's value into the row",
        check: without_key,
    },
];

/// One seeded row with its table: what the rules below look at.
type Row<'a> = &'a [(String, Option<String>)];

fn rows<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (&'c Table, Vec<Row<'c>>)> {
    case.steps.iter().filter_map(|step| match step.change {
        Change::Seed { table, rows } if !moves_on(case, table) => {
            Some((case.target.tables.get(table)?, rows.iter().map(Vec::as_slice).collect()))
        }
        _ => None, // Only a seed has rows.
    })
}

/// Whether the migration also changes the table's shape, so that the target is not what the seed meets.
fn moves_on(case: &Case<'_>, name: &str) -> bool {
    case.steps.iter().any(|step| match step.change {
        Change::DropTable { table }
        | Change::RenameTable { table, .. }
        | Change::AddColumn { table, .. }
        | Change::DropColumn { table, .. }
        | Change::RenameColumn { table, .. }
        | Change::AlterColumn { table, .. } => table == name,
        _ => false, // The others leave the columns as they are.
    })
}

fn breaks_constraints(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        if let Change::Seed { table, .. } = step.change
            && !case.target.tables.contains_key(table)
            && !moves_on(case, table)
        {
            hits.add(table, format!("there is no table `{table}` to seed"));
        }
    }
    for (table, rows) in rows(case) {
        let mut keys: BTreeSet<Vec<Option<&str>>> = BTreeSet::new();
        for (number, row) in rows.iter().enumerate() {
            for problem in problems(table, row, case) {
                hits.add(&table.name, format!("row {} of the seed: {problem}", number + 1));
            }
            let key: Vec<Option<&str>> = table.primary_key.iter().map(|name| value(row, name)).collect();
            if !key.is_empty() && !key.contains(&None) && !keys.insert(key) {
                hits.add(&table.name, format!("row {} of the seed repeats a key", number + 1));
            }
        }
    }
}

fn value<'r>(row: Row<'r>, column: &str) -> Option<&'r str> {
    row.iter().find(|(name, _)| name == column).and_then(|(_, value)| value.as_deref())
}

fn problems(table: &Table, row: Row<'_>, case: &Case<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, value) in row {
        let Some(column) = table.column(name) else {
            problems.push(format!("there is no column `{name}`"));
            continue;
        };
        match value {
            Some(value) if !fits(&column.ty, value, case.target) => {
                problems.push(format!("the value of `{name}` is no {}", column.ty));
            }
            None if !column.nullable => problems.push(format!("`{name}` must not be null")),
            Some(_) | None => {}
        }
    }
    for column in table.columns.iter().filter(|column| !column.nullable && column.default.is_none()) {
        if !row.iter().any(|(name, _)| *name == column.name) {
            problems.push(format!("`{}` has no value", column.name));
        }
    }
    problems
}

fn without_key(case: &Case<'_>, hits: &mut Hits) {
    for (table, rows) in rows(case) {
        let keyless = |row: &&Row<'_>| table.primary_key.iter().any(|name| value(row, name).is_none());
        let by_unique = |row: &&Row<'_>| {
            table.uniques.iter().any(|group| group.iter().all(|name| value(row, name).is_some()))
        };
        if rows.iter().any(|row| keyless(&row) && !by_unique(&row)) {
            let key = table.primary_key.join(", ");
            hits.add(subject(&table.name, &key), format!("a seeded row of `{}` has no `{key}`", table.name));
        }
    }
}
