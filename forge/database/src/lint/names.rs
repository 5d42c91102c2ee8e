//! Rules about names.

use std::collections::BTreeMap;

use forge_core::is_reserved;

use super::case::Case;
use super::data::subject;
use super::{Area, Hits, Rule, Severity};
use crate::schema::Table;

const NAME_BYTES_MAX: usize = 63;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG060",
        title: "name that SQL reserves",
        severity: Severity::Low,
        area: Area::Operations,
        reason: "every hand-written query must quote it, and the one that forgets fails",
        fix: "choose another name, such as the plural or a more exact word",
        check: reserved,
    },
    Rule {
        id: "MIG061",
        title: "name that belongs to the system",
        severity: Severity::Critical,
        area: Area::Security,
        reason: "it would shadow what the backend keeps its own state or its sign-in in",
        fix: "choose a name that does not start with `_loki`, `sqlite_` or `pg_` and is no service's name",
        check: shadows_system,
    },
    Rule {
        id: "MIG062",
        title: "names that differ only in case",
        severity: Severity::Critical,
        area: Area::Safety,
        reason: "SQLite takes them for the same name, Postgres does not",
        fix: "rename one of them",
        check: collides,
    },
    Rule {
        id: "MIG063",
        title: "name that is not plain snake_case",
        severity: Severity::Medium,
        area: Area::Operations,
        reason: "it must be quoted everywhere, and names above 63 bytes are cut by Postgres",
        fix: "use small letters, digits and underscores, a letter first, 63 bytes at most",
        check: not_plain,
    },
    Rule {
        id: "MIG064",
        title: "index name that is used twice",
        severity: Severity::Critical,
        area: Area::Safety,
        reason: "index names are shared by all tables, so the second one cannot be created",
        fix: "put the table's name into the index's name",
        check: index_name_twice,
    },
];

/// Names the services keep for themselves.
const SYSTEM: &[&str] = &[
    "auth",
    "storage",
    "realtime",
    "functions",
    "gateway",
    "graphql",
    "information_schema",
    "loki",
    "forge",
    "new",
    "old",
    "excluded",
    "rowid",
    "oid",
];

/// The words of a `snake_case` name.
pub(super) fn words(name: &str) -> Vec<&str> {
    name.split('_').filter(|word| !word.is_empty()).collect()
}

fn reserved(case: &Case<'_>, hits: &mut Hits) {
    for (at, name) in names(case) {
        if is_reserved(&name.to_ascii_lowercase()) {
            hits.add(at, format!("`{name}` is a word of SQL"));
        }
    }
}

/// Whether a table of this name would shadow what belongs to the engines or to a service.
pub fn is_system(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["_loki", "sqlite_", "pg_"].iter().any(|prefix| lower.starts_with(prefix))
        || SYSTEM.contains(&lower.as_str())
}

fn shadows_system(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        if is_system(&table.name) {
            hits.add(&table.name, format!("`{}` is a name of the system", table.name));
        }
        for column in &table.columns {
            let lower = column.name.to_ascii_lowercase();
            if lower.starts_with("_loki") || ["rowid", "oid", "_rowid_"].contains(&lower.as_str()) {
                let message = format!("`{}` is a name of the system", column.name);
                hits.add(subject(&table.name, &column.name), message);
            }
        }
    }
}

fn collides(case: &Case<'_>, hits: &mut Hits) {
    let tables = case.target.tables.keys().map(String::as_str);
    let touched: Vec<&str> = case.touched().map(|table| table.name.as_str()).collect();
    for (a, b) in same_but_for_case(tables) {
        if touched.contains(&a) || touched.contains(&b) {
            hits.add(b, format!("tables `{a}` and `{b}`"));
        }
    }
    for table in case.touched() {
        for (a, b) in same_but_for_case(table.columns.iter().map(|column| column.name.as_str())) {
            hits.add(subject(&table.name, b), format!("columns `{a}` and `{b}` of `{}`", table.name));
        }
    }
}

fn same_but_for_case<'n>(names: impl Iterator<Item = &'n str>) -> Vec<(&'n str, &'n str)> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    names.filter_map(|name| seen.insert(name.to_ascii_lowercase(), name).map(|first| (first, name))).collect()
}

fn not_plain(case: &Case<'_>, hits: &mut Hits) {
    for (at, name) in names(case) {
        // A system name has its own rule, and starts with an underscore for good reason.
        if !plain(name) && !name.starts_with("_loki") {
            hits.add(at, format!("`{name}` is not plain snake_case"));
        }
    }
}

fn plain(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The names of the touched tables and their columns, each with its address.
fn names<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (String, &'c str)> {
    let of_table = |table: &'c Table| {
        let own = std::iter::once((table.name.clone(), table.name.as_str()));
        let column = |name: &'c str| (subject(&table.name, name), name);
        own.chain(table.columns.iter().map(move |c| column(&c.name))).collect::<Vec<_>>()
    };
    case.touched().flat_map(of_table)
}

fn index_name_twice(case: &Case<'_>, hits: &mut Hits) {
    let touched: Vec<&str> = case.touched().map(|table| table.name.as_str()).collect();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for table in case.target.tables.values() {
        for index in &table.indices {
            let Some(first) = seen.insert(index.name.to_ascii_lowercase(), &table.name) else { continue };
            if touched.contains(&table.name.as_str()) || touched.contains(&first) {
                let message = format!("`{}` is an index of `{first}` and of `{}`", index.name, table.name);
                hits.add(subject(&table.name, &index.name), message);
            }
        }
    }
}
