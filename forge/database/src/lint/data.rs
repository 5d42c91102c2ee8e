//! Rules about rows that are already there: what loses them, and what fails on them.

use super::case::{Case, Step};
use super::{Area, Hits, Rule, Severity};
use crate::change::Change;
use crate::ddl::narrows;
use crate::schema::{Schema, Type};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG001",
        title: "drops a table that holds rows",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the rows are gone after the commit; only a backup brings them back",
        fix: "rename the table and drop it in a later release, or let a person approve the loss",
        check: drops_table,
    },
    Rule {
        id: "MIG002",
        title: "drops a column that holds values",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the values are gone after the commit; only a backup brings them back",
        fix: "rename the column and drop it in a later release, or let a person approve the loss",
        check: drops_column,
    },
    Rule {
        id: "MIG003",
        title: "narrows a column's type on a filled table",
        severity: Severity::High,
        area: Area::Safety,
        reason: "values that do not fit the new type are cut, rounded or refused",
        fix: "add a column of the new type, copy what fits, and drop the old one once nothing reads it",
        check: narrows_type,
    },
    Rule {
        id: "MIG004",
        title: "adds a required column without a default to a filled table",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the rows that are there have no value for it, so the migration fails",
        fix: "give the column a default, or add it as nullable, fill it, and require it afterwards",
        check: requires_without_default,
    },
    Rule {
        id: "MIG005",
        title: "requires values in a column that holds nulls",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the migration fails on the first row without a value",
        fix: "fill the empty values first, or give the column a default",
        check: requires_where_null,
    },
    Rule {
        id: "MIG006",
        title: "makes columns of a filled table unique",
        severity: Severity::Medium,
        area: Area::Safety,
        reason: "rows that already repeat a value make the migration fail",
        fix: "find and merge the repeated rows first; the proof on a copy shows whether there are any",
        check: unique_on_filled,
    },
    Rule {
        id: "MIG007",
        title: "adds a check to a filled table",
        severity: Severity::Medium,
        area: Area::Safety,
        reason: "rows that already break the check make the migration fail",
        fix: "correct those rows first; the proof on a copy shows whether there are any",
        check: check_on_filled,
    },
    Rule {
        id: "MIG008",
        title: "adds a foreign key to a filled table",
        severity: Severity::Medium,
        area: Area::Safety,
        reason: "rows that already point nowhere make the migration fail",
        fix: "correct those rows first; the proof on a copy shows whether there are any",
        check: foreign_key_on_filled,
    },
    Rule {
        id: "MIG009",
        title: "renames what clients call by name",
        severity: Severity::Medium,
        area: Area::Operations,
        reason: "every client that still uses the old name fails from the moment of the commit",
        fix: "release clients that know both names first, or add the new column beside the old one",
        check: renames,
    },
    Rule {
        id: "MIG010",
        title: "drops an enum that a column uses",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the column would have a type that does not exist",
        fix: "change or drop the columns that use it first",
        check: drops_used_enum,
    },
    Rule {
        id: "MIG011",
        title: "repeats an enum's value",
        severity: Severity::High,
        area: Area::Safety,
        reason: "an enum holds each value once; the engines refuse, or disagree about, a second one",
        fix: "remove the repeated value",
        check: repeats_enum_value,
    },
    Rule {
        id: "MIG012",
        title: "changes nothing",
        severity: Severity::Medium,
        area: Area::Operations,
        reason: "a migration without effect stays in the history for ever and says nothing",
        fix: "leave the migration out",
        check: changes_nothing,
    },
];

fn drops_table(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        if let Change::DropTable { table } = step.change
            && step.rows > 0
        {
            hits.add(table, format!("drops `{table}` with its {}", rows(step)));
        }
    }
}

fn drops_column(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let Change::DropColumn { table, column } = step.change else { continue };
        let empty = step.before.as_ref().and_then(|before| before.nulls(column)) == Some(step.rows);
        if step.rows > 0 && !empty {
            hits.add(
                subject(table, column),
                format!("drops `{column}` from the {} of `{table}`", rows(step)),
            );
        }
    }
}

fn narrows_type(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let Change::AlterColumn { table, column } = step.change else { continue };
        let Some(old) = step.before.as_ref().and_then(|before| before.column(&column.name)) else { continue };
        if step.rows > 0 && narrows(&old.ty, &column.ty) {
            let message =
                format!("changes `{}` from {} to {} in {}", column.name, old.ty, column.ty, rows(step));
            hits.add(subject(table, &column.name), message);
        }
    }
}

fn requires_without_default(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let Change::AddColumn { table, column, .. } = step.change else { continue };
        if step.rows > 0 && !column.nullable && column.default.is_none() {
            let message = format!("`{table}` has {}, and none has a value for `{}`", rows(step), column.name);
            hits.add(subject(table, &column.name), message);
        }
    }
}

fn requires_where_null(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let Change::AlterColumn { table, column } = step.change else { continue };
        let Some(before) = &step.before else { continue };
        let was_nullable = before.column(&column.name).is_some_and(|old| old.nullable);
        let nulls = before.nulls(&column.name);
        if was_nullable && !column.nullable && step.rows > 0 && nulls != Some(0) {
            let message = match nulls {
                Some(nulls) => format!("`{}` is null in {nulls} of {}", column.name, rows(step)),
                None => format!("`{}` may be null in some of {}", column.name, rows(step)),
            };
            hits.add(subject(table, &column.name), message);
        }
    }
}

fn unique_on_filled(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let (table, columns) = match step.change {
            Change::AddUnique { table, columns } => (table, columns.join(", ")),
            Change::AddIndex { table, index } if index.unique => {
                let names: Vec<&str> = index.columns.iter().map(|column| column.name.as_str()).collect();
                (table, names.join(", "))
            }
            _ => continue, // Only these two make columns unique together.
        };
        if step.rows > 0 {
            hits.add(table, format!("`{columns}` must be unique in {}", rows(step)));
        }
    }
}

fn check_on_filled(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        if let Change::AddCheck { table, check } = step.change
            && step.rows > 0
        {
            hits.add(subject(table, &check.name), format!("`{}` must hold in {}", check.expr, rows(step)));
        }
    }
}

fn foreign_key_on_filled(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        if let Change::AddForeignKey { table, foreign_key } = step.change
            && step.rows > 0
        {
            let message =
                format!("`{}` must exist in `{}` for {}", foreign_key.column, foreign_key.table, rows(step));
            hits.add(subject(table, &foreign_key.column), message);
        }
    }
}

fn renames(case: &Case<'_>, hits: &mut Hits) {
    for step in case.steps.iter().filter(|step| step.before.is_some()) {
        match step.change {
            Change::RenameTable { table, to } => {
                hits.add(table, format!("table `{table}` becomes `{to}`"));
            }
            Change::RenameColumn { table, column, to } => {
                hits.add(subject(table, column), format!("column `{column}` of `{table}` becomes `{to}`"));
            }
            _ => {} // No other change renames.
        }
    }
}

fn drops_used_enum(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let Change::DropEnum { name } = step.change else { continue };
        if let Some((table, column)) = user_of(case.target, name) {
            hits.add(name, format!("`{table}.{column}` still has the type `{name}`"));
        }
    }
}

fn user_of<'s>(schema: &'s Schema, name: &str) -> Option<(&'s str, &'s str)> {
    let columns = schema.tables.values().flat_map(|table| table.columns.iter().map(move |c| (table, c)));
    columns
        .filter(|(_, column)| enum_of(&column.ty) == Some(name))
        .map(|(table, column)| (table.name.as_str(), column.name.as_str()))
        .next()
}

/// The enum behind a type, if there is one.
pub(super) fn enum_of(ty: &Type) -> Option<&str> {
    match ty {
        Type::Enum(name) => Some(name),
        Type::Array(inner) => enum_of(inner),
        _ => None, // Every other type stands for itself.
    }
}

fn repeats_enum_value(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let (name, given, known) = match step.change {
            Change::AddEnum { name, values } => (name, values, &[][..]),
            Change::AddEnumValues { name, values } => {
                (name, values, case.current.enums.get(name).map_or(&[][..], Vec::as_slice))
            }
            _ => continue, // Only these two name values.
        };
        for (at, value) in given.iter().enumerate() {
            if known.contains(value) || given[..at].contains(value) {
                hits.add(name, format!("`{value}` is already a value of `{name}`"));
            }
        }
    }
}

fn changes_nothing(case: &Case<'_>, hits: &mut Hits) {
    let seeds = case.steps.iter().any(|step| matches!(step.change, Change::Seed { .. }));
    if !seeds && case.current == case.target {
        hits.add("migration", "the schema after it equals the schema before");
    }
}

fn rows(step: &Step<'_>) -> String {
    match step.rows {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    }
}

pub(super) fn subject(table: &str, part: &str) -> String {
    format!("{table}.{part}")
}
