//! What is missing: from requirements and what exists to migrations and declarations.

use std::collections::{BTreeMap, BTreeSet};

use forge_detect::Requirements;
use serde_json::Value;

use crate::column::Column;
use crate::declare::declarations;
use crate::table::{Design, design};
use crate::yaml::{Change, document};

/// Changes of one migration. What asks for more gets several.
const CHANGES_MAX: usize = 100;

/// What a backend holds already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Existing {
    /// Tables by name, with their columns.
    pub tables: BTreeMap<String, Vec<String>>,
    /// The key of each table that has one of a single column: what others can refer to.
    pub keys: BTreeMap<String, String>,
    /// Resources by kind and name.
    pub declared: BTreeSet<(String, String)>,
    /// Migrations that are applied, by name.
    pub migrations: Vec<String>,
}

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Migrations, in order.
    pub migrations: Vec<PlannedMigration>,
    /// Resources to declare.
    pub declarations: Vec<Declaration>,
    /// All of it in sentences.
    pub checklist: Vec<String>,
    /// Everything the document asks of the database, made already or not: tables with their columns.
    pub tables: BTreeMap<String, Vec<String>>,
}

/// A migration to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMigration {
    /// Its name.
    pub name: String,
    /// Its specification.
    pub yaml: String,
}

/// A resource to declare.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Its kind: `auth_provider`, `bucket`, …
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What the document says of it.
    pub spec: Value,
    /// The lines that say so.
    pub lines: Vec<u32>,
}

/// Plans everything the requirements ask for that does not exist. The same input gives the same plan.
pub fn plan(requirements: &Requirements, existing: &Existing) -> Plan {
    let design = design(requirements, existing);
    let mut changes = Vec::new();
    let mut checklist = Vec::new();
    for (name, values) in &design.enums {
        // An enum comes with the column that uses it.
        if design.enum_is_new(name, existing) {
            changes.push(Change::Enum { name: name.clone(), values: values.clone() });
        }
    }
    for table in &design.tables {
        match existing.tables.get(&table.name) {
            None => {
                checklist.push(format!("create the table {} ({})", table.name, table.access()));
                changes.push(Change::Table(table.clone()));
            }
            Some(there) => {
                let lacks = |column: &&Column| !column.implied && !there.contains(&column.name);
                for column in table.columns.iter().filter(lacks) {
                    checklist.push(format!("add the column {}.{}", table.name, column.name));
                    changes.push(Change::Column { table: table.name.clone(), column: column.relaxed() });
                    if column.references.is_some() || column.late {
                        let (table, column) = (table.name.clone(), column.name.clone());
                        changes.push(Change::Index { table, column });
                    }
                }
            }
        }
    }
    for late in &design.late_keys {
        if existing.tables.get(&late.table).is_none_or(|columns| !columns.contains(&late.column)) {
            changes.push(Change::ForeignKey(late.clone()));
        }
    }
    let declarations: Vec<Declaration> = declarations(requirements)
        .into_iter()
        .filter(|declared| !existing.declared.contains(&(declared.kind.to_owned(), declared.name.clone())))
        .collect();
    checklist.extend(
        declarations
            .iter()
            .map(|declared| format!("declare the {} {}", declared.kind.replace('_', " "), declared.name)),
    );
    Plan { migrations: migrations(&changes, existing), declarations, checklist, tables: asked(&design) }
}

/// Everything the design has, by table.
fn asked(design: &Design) -> BTreeMap<String, Vec<String>> {
    let columns =
        |table: &crate::table::Table| table.columns.iter().map(|column| column.name.clone()).collect();
    design.tables.iter().map(|table| (table.name.clone(), columns(table))).collect()
}

/// The changes as migrations with names that are not taken.
fn migrations(changes: &[Change], existing: &Existing) -> Vec<PlannedMigration> {
    let base = match (existing.migrations.is_empty(), changes.first()) {
        (true, _) | (false, None) => "initial_schema".to_owned(),
        (false, Some(first)) => first.title(),
    };
    let mut taken: BTreeSet<String> = existing.migrations.iter().cloned().collect();
    let mut planned = Vec::new();
    for chunk in changes.chunks(CHANGES_MAX) {
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        planned.push(PlannedMigration { yaml: document(&name, chunk), name });
    }
    planned
}
