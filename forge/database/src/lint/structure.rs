//! Rules about keys, references and indices.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Case;
use super::data::subject;
use super::{Area, Hits, Rule, Severity};
use crate::people;
use crate::schema::{ForeignKey, OnDelete, Table, Type};

const COLUMNS_MAX: usize = 100;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG020",
        title: "table without a primary key",
        severity: Severity::High,
        area: Area::Safety,
        reason: "rows cannot be told apart: clients cannot change or delete one, and replication cannot follow",
        fix: "add `id pk`, or name the columns that form the key",
        check: no_primary_key,
    },
    Rule {
        id: "MIG021",
        title: "key or unique group names a missing column",
        severity: Severity::Critical,
        area: Area::Safety,
        reason: "the table cannot be created",
        fix: "name a column that the table has",
        check: key_column_missing,
    },
    Rule {
        id: "MIG022",
        title: "foreign key to what does not exist",
        severity: Severity::Critical,
        area: Area::Safety,
        reason: "every insert into the table fails, on SQLite only once rows arrive",
        fix: "create the table first, or correct the name",
        check: foreign_key_missing,
    },
    Rule {
        id: "MIG023",
        title: "foreign key between different types",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the values never compare equal on one engine and are refused by the other",
        fix: "give the referring column the type of the one it refers to",
        check: foreign_key_type,
    },
    Rule {
        id: "MIG024",
        title: "foreign key to a column that is not unique",
        severity: Severity::High,
        area: Area::Safety,
        reason: "both engines refuse it, SQLite only once rows arrive",
        fix: "refer to the primary key, or make the column unique",
        check: foreign_key_not_unique,
    },
    Rule {
        id: "MIG025",
        title: "foreign key that empties a required column",
        severity: Severity::High,
        area: Area::Safety,
        reason: "`set null` on a required column makes every delete of the row referred to fail",
        fix: "make the column nullable, or choose `cascade` or `restrict`",
        check: set_null_required,
    },
    Rule {
        id: "MIG026",
        title: "tables that require each other",
        severity: Severity::High,
        area: Area::Safety,
        reason: "each row needs the other to be there first, so none can be inserted",
        fix: "make one of the foreign keys nullable",
        check: required_circle,
    },
    Rule {
        id: "MIG027",
        title: "foreign key without an index",
        severity: Severity::Medium,
        area: Area::Operations,
        reason: "each delete of a row referred to, and each join, reads the whole table",
        fix: "add an index that starts with the column",
        check: foreign_key_without_index,
    },
    Rule {
        id: "MIG028",
        title: "index that another one covers",
        severity: Severity::Low,
        area: Area::Operations,
        reason: "it costs time on every write and answers nothing the other does not",
        fix: "leave it out",
        check: redundant_index,
    },
    Rule {
        id: "MIG029",
        title: "index on a missing column",
        severity: Severity::Critical,
        area: Area::Safety,
        reason: "the index cannot be created",
        fix: "name a column that the table has",
        check: index_column_missing,
    },
    Rule {
        id: "MIG030",
        title: "table with very many columns",
        severity: Severity::Low,
        area: Area::Operations,
        reason: "wide rows are slow to read and usually are several tables in one",
        fix: "split off what is seldom read, or what repeats",
        check: too_many_columns,
    },
    Rule {
        id: "MIG031",
        title: "deleting a user deletes in chains",
        severity: Severity::Low,
        area: Area::Operations,
        reason: "one delete removes rows of other people too, such as answers to what the user wrote",
        fix: "use `set null` or `restrict` where the rows belong to others as well",
        check: cascade_chain,
    },
];

fn no_primary_key(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched().filter(|table| table.primary_key.is_empty()) {
        hits.add(&table.name, format!("`{}` has no primary key", table.name));
    }
}

fn key_column_missing(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for name in table.primary_key.iter().chain(table.uniques.iter().flatten()) {
            if table.column(name).is_none() {
                hits.add(subject(&table.name, name), format!("`{}` has no column `{name}`", table.name));
            }
        }
    }
}

/// The foreign keys of the touched tables, and of those that point at one.
fn foreign_keys<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (&'c Table, &'c ForeignKey)> {
    let touched: BTreeSet<&str> = case.touched().map(|table| table.name.as_str()).collect();
    let keys = |table: &'c Table| table.foreign_keys.iter().map(move |key| (table, key));
    case.target.tables.values().flat_map(keys).filter(move |(table, key)| {
        let gone = people::table(case.target, &key.table).is_none();
        gone || touched.contains(table.name.as_str()) || touched.contains(key.table.as_str())
    })
}

fn foreign_key_missing(case: &Case<'_>, hits: &mut Hits) {
    for (table, key) in foreign_keys(case) {
        let at = subject(&table.name, &key.column);
        if table.column(&key.column).is_none() {
            hits.add(at, format!("`{}` has no column `{}`", table.name, key.column));
            continue;
        }
        match people::table(case.target, &key.table) {
            None => hits.add(at, format!("there is no table `{}`", key.table)),
            Some(other) if other.column(&key.references).is_none() => {
                hits.add(at, format!("`{}` has no column `{}`", key.table, key.references));
            }
            Some(_) => {}
        }
    }
}

fn foreign_key_type(case: &Case<'_>, hits: &mut Hits) {
    for (table, key) in foreign_keys(case) {
        let to = people::table(case.target, &key.table).and_then(|other| other.column(&key.references));
        let (Some(from), Some(to)) = (table.column(&key.column), to) else { continue };
        if !comparable(&from.ty, &to.ty) {
            let message =
                format!("`{}` is {}, `{}.{}` is {}", key.column, from.ty, key.table, key.references, to.ty);
            hits.add(subject(&table.name, &key.column), message);
        }
    }
}

fn comparable(a: &Type, b: &Type) -> bool {
    let whole = |ty: &Type| matches!(ty, Type::Smallint | Type::Integer | Type::Bigint);
    let text = |ty: &Type| matches!(ty, Type::Text | Type::Varchar(_));
    a == b || (whole(a) && whole(b)) || (text(a) && text(b))
}

fn foreign_key_not_unique(case: &Case<'_>, hits: &mut Hits) {
    for (table, key) in foreign_keys(case) {
        let Some(other) = people::table(case.target, &key.table) else { continue };
        if other.column(&key.references).is_some() && !is_unique(other, &key.references) {
            let message = format!("`{}.{}` may hold a value twice", key.table, key.references);
            hits.add(subject(&table.name, &key.column), message);
        }
    }
}

fn is_unique(table: &Table, column: &str) -> bool {
    let only = |names: &[String]| names.len() == 1 && names[0] == column;
    only(&table.primary_key)
        || table.uniques.iter().any(|group| only(group))
        || table.indices.iter().any(|i| i.unique && i.columns.len() == 1 && i.columns[0].name == column)
}

fn set_null_required(case: &Case<'_>, hits: &mut Hits) {
    for (table, key) in foreign_keys(case) {
        if key.on_delete == OnDelete::SetNull && required(table, key) {
            let message = format!("`{}` must not be null, and would be set to it", key.column);
            hits.add(subject(&table.name, &key.column), message);
        }
    }
}

fn required(table: &Table, key: &ForeignKey) -> bool {
    let in_key = table.primary_key.contains(&key.column);
    in_key || table.column(&key.column).is_some_and(|column| !column.nullable)
}

fn required_circle(case: &Case<'_>, hits: &mut Hits) {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for table in case.target.tables.values() {
        // A row may refer to itself, so a table's key to itself is no obstacle.
        let keys = table.foreign_keys.iter().filter(|key| key.table != table.name && required(table, key));
        edges.insert(&table.name, keys.map(|key| key.table.as_str()).collect());
    }
    for table in case.touched() {
        if reaches(&edges, &table.name, &table.name) {
            let message = format!("a row of `{}` needs rows that in turn need it", table.name);
            hits.add(&table.name, message);
        }
    }
}

fn reaches(edges: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(edges.get(name).into_iter().flatten());
        }
    }
    false
}

/// Every list of columns that an index, a key or a unique group keeps in order.
fn ordered(table: &Table) -> impl Iterator<Item = Vec<&str>> {
    let key = std::iter::once(table.primary_key.iter().map(String::as_str).collect::<Vec<_>>());
    let uniques = table.uniques.iter().map(|group| group.iter().map(String::as_str).collect());
    let indices =
        table.indices.iter().map(|index| index.columns.iter().map(|column| column.name.as_str()).collect());
    key.chain(uniques).chain(indices)
}

/// Whether some index, key or unique group of `table` starts with `column`.
pub(super) fn has_index(table: &Table, column: &str) -> bool {
    ordered(table).any(|names| names.first() == Some(&column))
}

fn foreign_key_without_index(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for key in table.foreign_keys.iter().filter(|key| !has_index(table, &key.column)) {
            let message = format!("no index of `{}` starts with `{}`", table.name, key.column);
            hits.add(subject(&table.name, &key.column), message);
        }
    }
}

fn redundant_index(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for (at, index) in table.indices.iter().enumerate().filter(|(_, index)| !index.unique) {
            let prefix = |names: &[&str]| {
                names.len() >= index.columns.len()
                    && index.columns.iter().zip(names).all(|(column, name)| column.name == *name)
            };
            let keys = std::iter::once(&table.primary_key).chain(&table.uniques);
            let by_key = keys
                .filter(|_| index.columns.iter().all(|column| !column.descending))
                .any(|group| prefix(&group.iter().map(String::as_str).collect::<Vec<_>>()));
            let by_index = table.indices.iter().enumerate().any(|(other_at, other)| {
                let starts = other.columns.starts_with(&index.columns);
                other_at != at && starts && (other.columns.len() > index.columns.len() || other_at < at)
            });
            if by_key || by_index {
                let message =
                    format!("another key or index of `{}` starts with the same columns", table.name);
                hits.add(subject(&table.name, &index.name), message);
            }
        }
    }
}

fn index_column_missing(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for index in &table.indices {
            for column in index.columns.iter().filter(|column| table.column(&column.name).is_none()) {
                let message = format!("`{}` has no column `{}`", table.name, column.name);
                hits.add(subject(&table.name, &index.name), message);
            }
            if index.columns.is_empty() {
                hits.add(subject(&table.name, &index.name), "the index names no column");
            }
        }
    }
}

fn too_many_columns(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched().filter(|table| table.columns.len() > COLUMNS_MAX) {
        let message =
            format!("`{}` has {} columns, more than {COLUMNS_MAX}", table.name, table.columns.len());
        hits.add(&table.name, message);
    }
}

fn cascade_chain(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for key in table.foreign_keys.iter().filter(|key| key.on_delete == OnDelete::Cascade) {
            // The table between: it goes with its user, and takes this one along.
            let Some(between) = case.target.tables.get(&key.table).filter(|t| !is_users(&t.name)) else {
                continue;
            };
            if between.name != table.name && cascades_from_users(between) {
                let message =
                    format!("a deleted user takes `{}` along, and that `{}`", between.name, table.name);
                hits.add(subject(&table.name, &key.column), message);
            }
        }
    }
}

fn cascades_from_users(table: &Table) -> bool {
    table.foreign_keys.iter().any(|key| key.on_delete == OnDelete::Cascade && is_users(&key.table))
}

/// Whether a table holds the people who sign in, judged by its name.
pub(super) fn is_users(name: &str) -> bool {
    matches!(name, "users" | "user" | "accounts" | "members" | "profiles" | "auth_users" | people::USERS)
}
