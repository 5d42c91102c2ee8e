//! The design of the tables: names, keys, owners, references, and who may touch what.

use std::collections::{BTreeMap, BTreeSet};

use forge_detect::{Access, ColumnNeed, Requirements, TableNeed};

use crate::column::{Column, Reference, holds_user, keyable, type_of};
use crate::names::{column_name, table_name};
use crate::order::arrange;
use crate::owner::{OWNERS, add_owner, owner_column, rls};
use crate::plan::Existing;
use crate::roles::{Grants, grants, with_grants};

/// Values of an enum; what enumerates more is text.
const ENUM_VALUES_MAX: usize = 50;
/// The table of the people who sign in.
pub(crate) const USERS: &str = "users";
/// The column by which each table's rows are referred to.
pub(crate) type Keys = BTreeMap<String, String>;

/// All tables, in an order in which each can be made after those it refers to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Design {
    pub(crate) tables: Vec<Table>,
    pub(crate) enums: BTreeMap<String, Vec<String>>,
    /// Keys that close a circle: added once both tables exist.
    pub(crate) late_keys: Vec<LateKey>,
}

/// A table to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The key, where it is not one column's own.
    pub(crate) primary_key: Vec<String>,
    pub(crate) uniques: Vec<Vec<String>>,
    pub(crate) rls: String,
}

/// A key that closes a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LateKey {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) reference: Reference,
}

impl Table {
    /// Who may touch its rows, in words.
    pub(crate) fn access(&self) -> &str {
        &self.rls
    }

    /// Columns that want an index: references that no key or unique group begins with.
    pub(crate) fn indexed(&self) -> Vec<&str> {
        let covered = |name: &str| {
            let first = |group: &Vec<String>| group.first().is_some_and(|first| first == name);
            first(&self.primary_key)
                || self.uniques.iter().any(first)
                || self.columns.iter().any(|column| column.name == name && (column.key || column.unique))
        };
        let references = self.columns.iter().filter(|column| column.references.is_some() || column.late);
        references.map(|column| column.name.as_str()).filter(|name| !covered(name)).collect()
    }
}

impl Design {
    /// Whether an enum comes with something that does not exist yet.
    pub(crate) fn enum_is_new(&self, name: &str, existing: &Existing) -> bool {
        self.tables.iter().any(|table| {
            let there = existing.tables.get(&table.name);
            table.columns.iter().any(|column| {
                column.ty == name && there.is_none_or(|columns| !columns.contains(&column.name))
            })
        })
    }
}

/// Designs the tables that the requirements ask for.
pub(crate) fn design(requirements: &Requirements, existing: &Existing) -> Design {
    let mut needs = merged(&requirements.tables);
    let signs_in = !requirements.auth.is_empty();
    let refers_to_users = |need: &TableNeed| {
        need.fks.iter().any(|key| table_name(&key.references) == USERS) || owner_column(need).is_some()
    };
    let owned = |need: &TableNeed| matches!(need.access, Access::Own | Access::OwnOrPublic);
    let wants_users = needs.values().any(|need| owned(need) || refers_to_users(need));
    if wants_users && !needs.contains_key(USERS) && (signs_in || needs.values().any(owned)) {
        needs.insert(USERS.to_owned(), users());
    }
    let mut design = Design::default();
    let keys = keys(&needs, existing);
    let grants = grants(&requirements.roles);
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (name, need) in &needs {
        let table = table(name, need, &keys, &grants, &mut design.enums);
        tables.insert(name.clone(), table);
    }
    let order: Vec<String> = requirements.tables.iter().map(|need| table_name(&need.name)).collect();
    arrange(tables, &order, existing, &mut design);
    design
}

/// The key that others refer to, for each table that will be there: its own where it exists already.
fn keys(needs: &BTreeMap<String, TableNeed>, existing: &Existing) -> Keys {
    let new = needs.iter().filter(|(name, _)| !existing.tables.contains_key(*name));
    let mut keys: Keys = new.filter_map(|(name, need)| key_of(name, need)).collect();
    keys.extend(existing.keys.clone());
    keys
}

/// The needs by their tables' final names; what falls together is merged.
fn merged(needs: &[TableNeed]) -> BTreeMap<String, TableNeed> {
    let mut all: BTreeMap<String, TableNeed> = BTreeMap::new();
    for need in needs {
        let name = table_name(&need.name);
        match all.get_mut(&name) {
            None => drop(all.insert(name, need.clone())),
            Some(first) => {
                first.columns.extend(need.columns.iter().cloned());
                first.fks.extend(need.fks.iter().cloned());
            }
        }
    }
    all
}

/// The users table that a document implies when its rows belong to people who sign in.
fn users() -> TableNeed {
    let email =
        ColumnNeed { name: "email".to_owned(), nullable: true, unique: true, ..ColumnNeed::default() };
    TableNeed { name: USERS.to_owned(), columns: vec![email], access: Access::Own, ..TableNeed::default() }
}

/// The single column that is the table's key: what others refer to.
fn key_of(name: &str, need: &TableNeed) -> Option<(String, String)> {
    if composite(name, need).is_some() {
        return None;
    }
    let named = need.primary_key.first().cloned().filter(|_| need.primary_key.len() == 1);
    let flagged = || need.columns.iter().find(|column| column.primary_key).map(|column| column.name.clone());
    let key = named.or_else(flagged).map_or_else(|| "id".to_owned(), |key| column_name(&key));
    // People are known by the id they sign in with; a name or an address that the document makes the key
    // is unique beside it.
    let fits = name != USERS || key == "id" || key.ends_with("_id") || key == "uid" || key == "uuid";
    Some((name.to_owned(), if fits { key } else { "id".to_owned() }))
}

/// The columns of a key of several, where all of them are there and can be compared.
fn composite(name: &str, need: &TableNeed) -> Option<Vec<String>> {
    let names: Vec<String> = need.primary_key.iter().map(|name| column_name(name)).collect();
    let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let fits = |name: &String| {
        let column = need.columns.iter().find(|column| column_name(&column.name) == *name);
        column.is_some_and(|column| keyable(&type_of(&column.r#type, name)))
    };
    (name != USERS && names.len() > 1 && distinct && names.iter().all(fits)).then_some(names)
}

fn table(
    name: &str,
    need: &TableNeed,
    keys: &Keys,
    grants: &Grants,
    enums: &mut BTreeMap<String, Vec<String>>,
) -> Table {
    let mut columns: Vec<Column> = Vec::new();
    for wanted in &need.columns {
        let column_name = column_name(&wanted.name);
        if columns.iter().any(|column| column.name == column_name) {
            continue;
        }
        let reference = reference(name, need, &wanted.name, &column_name, keys);
        let enum_name = enum_of(name, &column_name, wanted, reference.is_some(), enums);
        let mut column = Column::of(wanted, column_name, enum_name.as_deref());
        if reference.is_some() {
            // The type is that of the key referred to, which the document's default was not written for.
            column.default = None;
        }
        column.references = reference;
        columns.push(column);
    }
    add_references(name, need, keys, &mut columns);
    let primary_key = add_key(name, need, keys, &mut columns);
    let owner = add_owner(name, need, keys, &mut columns);
    if !columns.iter().any(|column| matches!(column.name.as_str(), "created_at" | "created" | "created_on")) {
        columns.push(Column::created_at());
    }
    if let Some(made) =
        columns.iter_mut().find(|column| column.name == "created_at" && column.default.is_none())
        && made.ty == "timestamptz"
    {
        made.default = Some("now()".to_owned());
    }
    for column in &mut columns {
        let fixed = column.required || column.key || primary_key.contains(&column.name);
        if let Some(reference) = column.references.as_mut().filter(|_| fixed) {
            // What must not be null cannot be set to it.
            reference.on_delete = reference.on_delete.filter(|action| *action != "set null");
        }
    }
    let known = |group: &Vec<String>| group_of(group, &columns);
    let uniques = need.uniques.iter().filter_map(known).filter(|group| *group != primary_key).collect();
    let rls = rls(name, need.access, owner.as_deref(), &columns, enums);
    let rls = with_grants(rls, name, &columns, grants);
    Table { name: name.to_owned(), columns, primary_key, uniques, rls }
}

/// Columns that can be unique together, under their final names.
fn group_of(group: &[String], columns: &[Column]) -> Option<Vec<String>> {
    let names: Vec<String> = group.iter().map(|name| column_name(name)).collect();
    let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let there = |name: &String| columns.iter().any(|column| column.name == *name && keyable(&column.ty));
    (names.len() > 1 && distinct && names.iter().all(there)).then_some(names)
}

/// What the column refers to, by the document's own keys.
fn reference(table: &str, need: &TableNeed, wanted: &str, name: &str, keys: &Keys) -> Option<Reference> {
    let key = need.fks.iter().find(|key| key.column == wanted);
    let target = match key {
        Some(key) => table_name(&key.references),
        // `user_id` in a design with users says it without a key.
        None if OWNERS[..4].contains(&name) && table != USERS => USERS.to_owned(),
        None => return None,
    };
    let column = keys.get(&target)?.clone();
    let on_delete = key.and_then(|key| key.on_delete.as_deref()).and_then(|action| match action {
        "cascade" => Some("cascade"),
        "set null" => Some("set null"),
        "restrict" => Some("restrict"),
        _ => None,
    });
    Some(Reference { table: target, column, on_delete })
}

/// References whose column the document does not list among the table's columns.
fn add_references(name: &str, need: &TableNeed, keys: &Keys, columns: &mut Vec<Column>) {
    for key in &need.fks {
        let column = column_name(&key.column);
        if columns.iter().any(|there| there.name == column) {
            continue;
        }
        if let Some(reference) = reference(name, need, &key.column, &column, keys) {
            columns.push(Column { references: Some(reference), ..Column::plain(&column, "") });
        }
    }
}

/// Makes the key: the document's, or `id`. Returns a key of several columns.
fn add_key(name: &str, need: &TableNeed, keys: &Keys, columns: &mut Vec<Column>) -> Vec<String> {
    if let Some(several) = composite(name, need) {
        return several;
    }
    let key = keys.get(name).cloned().unwrap_or_else(|| "id".to_owned());
    // A key that the document names and that cannot be one, or is not one for people, is unique instead.
    for column in columns.iter_mut().filter(|column| column.name != key) {
        let named =
            need.columns.iter().any(|need| need.primary_key && column_name(&need.name) == column.name);
        column.unique |= name == USERS && named && keyable(&column.ty);
    }
    let Some(column) = columns.iter_mut().find(|column| column.name == key) else {
        columns.insert(0, Column { name: key, ..Column::id() });
        return Vec::new();
    };
    column.key = true;
    column.required = false;
    column.unique = false;
    // Some documents let the users refer to those of their sign-in service, which are the same here.
    column.references.take_if(|reference| name == USERS || reference.table == name);
    if column.references.is_none() {
        let own = name == USERS && !holds_user(&column.ty);
        if own || column.ty.is_empty() {
            "uuid".clone_into(&mut column.ty);
        } else if !keyable(&column.ty) {
            "text".clone_into(&mut column.ty);
        }
    }
    column.default = (column.ty == "uuid" && column.references.is_none()).then(|| "uuid()".to_owned());
    Vec::new()
}

/// The enum of a column whose values the document lists.
fn enum_of(
    table: &str,
    column: &str,
    need: &ColumnNeed,
    refers: bool,
    enums: &mut BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let plain =
        |value: &String| !value.trim().is_empty() && value.len() <= 63 && !value.contains(['\'', '\n', '\0']);
    let fits = (2..=ENUM_VALUES_MAX).contains(&need.values.len()) && need.values.iter().all(plain);
    let distinct = need.values.iter().collect::<BTreeSet<_>>().len() == need.values.len();
    if refers || need.primary_key || !fits || !distinct {
        return None;
    }
    let mut base = format!("{table}_{column}");
    base.truncate(58);
    let mut name = base.clone();
    let mut number = 2;
    while enums.get(&name).is_some_and(|values| *values != need.values) {
        name = format!("{base}_{number}");
        number += 1;
    }
    enums.insert(name.clone(), need.values.clone());
    Some(name)
}
