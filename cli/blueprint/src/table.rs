//! The design of the tables: names, keys, owners, references, and who may touch what.

use std::collections::{BTreeMap, BTreeSet};

use forge_core::{is_reserved, to_snake_case};
use forge_detect::{Access, ColumnNeed, Requirements, TableNeed};

use crate::column::{Column, Reference};
use crate::plan::Existing;

/// Values of an enum; what enumerates more is text.
const ENUM_VALUES_MAX: usize = 50;
/// The table of the people who sign in.
const USERS: &str = "users";
/// Columns that say whose a row is, most telling first.
const OWNERS: [&str; 7] =
    ["user_id", "owner_id", "author_id", "created_by", "creator_id", "account_id", "profile_id"];

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
        let references = self.columns.iter().filter(|column| column.references.is_some());
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
pub(crate) fn design(requirements: &Requirements) -> Design {
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
    let keys: BTreeMap<String, String> = needs.iter().filter_map(|(name, need)| key_of(name, need)).collect();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (name, need) in &needs {
        let table = table(name, need, &keys, &mut design.enums);
        tables.insert(name.clone(), table);
    }
    let order: Vec<String> = requirements.tables.iter().map(|need| table_name(&need.name)).collect();
    arrange(tables, &order, &mut design);
    design
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

/// A table's name: `snake_case`, and no word that SQL reserves.
pub(crate) fn table_name(name: &str) -> String {
    let name = identifier(name);
    if !is_reserved(&name) {
        return name;
    }
    let plural = format!("{name}s");
    if is_reserved(&plural) { format!("{name}_records") } else { plural }
}

/// A column's name. A password is only ever kept as a hash.
fn column_name(name: &str) -> String {
    let name = identifier(name);
    match name.as_str() {
        "password" | "passwd" | "pwd" | "pass" => "password_hash".to_owned(),
        _ if is_reserved(&name) => format!("{name}_value"),
        _ => name,
    }
}

/// A name that fits everywhere: `snake_case`, begins with a letter, at most 48 bytes (so that names made
/// from it fit too).
fn identifier(name: &str) -> String {
    let mut name = to_snake_case(name);
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name = format!("t_{name}");
    }
    if name.starts_with("sqlite_") || name.starts_with("pg_") {
        name = format!("t_{name}");
    }
    name.truncate(48);
    name.trim_end_matches('_').to_owned()
}

/// The single column that is the table's key: what others refer to.
fn key_of(name: &str, need: &TableNeed) -> Option<(String, String)> {
    if need.primary_key.len() > 1 {
        return None;
    }
    let named = need.primary_key.first().cloned();
    let flagged = || need.columns.iter().find(|column| column.primary_key).map(|column| column.name.clone());
    let key = named.or_else(flagged).unwrap_or_else(|| "id".to_owned());
    Some((name.to_owned(), column_name(&key)))
}

fn table(
    name: &str,
    need: &TableNeed,
    keys: &BTreeMap<String, String>,
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
    let known = |group: &Vec<String>| {
        let names: Vec<String> = group.iter().map(|name| column_name(name)).collect();
        let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        (names.len() > 1 && distinct && names.iter().all(|n| columns.iter().any(|c| c.name == *n)))
            .then_some(names)
    };
    let uniques = need.uniques.iter().filter_map(known).filter(|group| *group != primary_key).collect();
    let rls = rls(name, need.access, owner.as_deref());
    Table { name: name.to_owned(), columns, primary_key, uniques, rls }
}

/// What the column refers to, by the document's own keys.
fn reference(
    table: &str,
    need: &TableNeed,
    wanted: &str,
    name: &str,
    keys: &BTreeMap<String, String>,
) -> Option<Reference> {
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
fn add_references(name: &str, need: &TableNeed, keys: &BTreeMap<String, String>, columns: &mut Vec<Column>) {
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
fn add_key(
    name: &str,
    need: &TableNeed,
    keys: &BTreeMap<String, String>,
    columns: &mut Vec<Column>,
) -> Vec<String> {
    let several: Vec<String> = need.primary_key.iter().map(|name| column_name(name)).collect();
    let distinct = several.iter().collect::<BTreeSet<_>>().len() == several.len();
    if several.len() > 1 && distinct && several.iter().all(|name| columns.iter().any(|c| c.name == *name)) {
        return several;
    }
    let key = keys.get(name).cloned().unwrap_or_else(|| "id".to_owned());
    match columns.iter_mut().find(|column| column.name == key) {
        Some(column) => {
            column.key = true;
            column.required = false;
            column.unique = false;
            column.default =
                (column.ty == "uuid" && column.references.is_none()).then(|| "uuid()".to_owned());
        }
        None => columns.insert(0, Column { name: key, ..Column::id() }),
    }
    Vec::new()
}

/// Finds or makes the column that says whose a row is.
fn add_owner(
    name: &str,
    need: &TableNeed,
    keys: &BTreeMap<String, String>,
    columns: &mut Vec<Column>,
) -> Option<String> {
    let users_key = keys.get(USERS)?;
    if name == USERS {
        return Some(users_key.clone());
    }
    let to_users = |column: &Column| column.references.as_ref().is_some_and(|r| r.table == USERS);
    let named = OWNERS.iter().find_map(|owner| columns.iter().position(|c| c.name == *owner && to_users(c)));
    let only = || match columns.iter().enumerate().filter(|(_, c)| to_users(c)).collect::<Vec<_>>()[..] {
        [(place, _)] => Some(place),
        _ => None,
    };
    if let Some(place) = named.or_else(only) {
        let column = &mut columns[place];
        // A row without an owner is nobody's: it is filled in for whoever writes it.
        if !column.key && column.references.as_ref().is_none_or(|r| r.on_delete != Some("set null")) {
            column.required = true;
        }
        if column.default.is_none() && !column.key {
            column.default = Some("auth.uid()".to_owned());
        }
        return Some(column.name.clone());
    }
    if !matches!(need.access, Access::Own | Access::OwnOrPublic) {
        return None;
    }
    let reference =
        Reference { table: USERS.to_owned(), column: users_key.clone(), on_delete: Some("cascade") };
    let owner = Column {
        required: true,
        default: Some("auth.uid()".to_owned()),
        references: Some(reference),
        ..Column::plain("user_id", "")
    };
    match columns.iter_mut().find(|column| column.name == "user_id") {
        Some(column) if column.key => return None,
        // The document names it, and refers it to something that there is not.
        Some(column) => *column = owner,
        None => columns.push(owner),
    }
    Some("user_id".to_owned())
}

/// A column of the need that names an owner.
fn owner_column(need: &TableNeed) -> Option<&str> {
    let mut names = need.columns.iter().map(|column| column.name.as_str());
    names.find(|name| OWNERS[..4].contains(name))
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
    let mut name = format!("{table}_{column}");
    name.truncate(60);
    enums.insert(name.clone(), need.values.clone());
    Some(name)
}

/// The least access that the document supports. People's own records are theirs, whatever is said of
/// the table: what others may see of them is for a view or a table of its own.
fn rls(name: &str, access: Access, owner: Option<&str>) -> String {
    let own = |owner: &str| match (name == USERS, owner) {
        (true, "id") | (false, "user_id") => "own-row".to_owned(),
        (_, owner) => format!("own-row({owner})"),
    };
    match (access, owner) {
        (Access::Private, _) | (Access::Unspecified | Access::Own | Access::OwnOrPublic, None) => {
            "none".to_owned()
        }
        (_, Some(owner)) if name == USERS => own(owner),
        (Access::Own | Access::Unspecified, Some(owner)) => own(owner),
        // Without a flag, everybody reads; the policy finds the owner's column by itself.
        (Access::OwnOrPublic, Some(_)) => "own-or-public".to_owned(),
        (Access::Public, _) => "public".to_owned(),
    }
}

/// Orders tables so that each follows those it refers to. A reference that closes a circle is taken out
/// and added at the end; its column may be empty, so that a first row can be written.
fn arrange(mut tables: BTreeMap<String, Table>, order: &[String], design: &mut Design) {
    let mut names: Vec<String> = vec![USERS.to_owned()];
    names.extend(order.iter().cloned());
    names.extend(tables.keys().cloned());
    let mut seen = BTreeSet::new();
    names.retain(|name| tables.contains_key(name) && seen.insert(name.clone()));
    let mut placed: BTreeSet<String> = BTreeSet::new();
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
            column.required = false;
            column.ty = key_type(&reference, later);
            let (table, column) = (table.name.clone(), column.name.clone());
            design.late_keys.push(LateKey { table, column, reference });
        }
    }
}

/// The type of the key that is referred to.
fn key_type(reference: &Reference, tables: &BTreeMap<String, Table>) -> String {
    let columns = tables.get(&reference.table).map(|table| &table.columns);
    let key = columns.and_then(|columns| columns.iter().find(|column| column.name == reference.column));
    key.map(|key| key.ty.clone()).filter(|ty| !ty.is_empty()).unwrap_or_else(|| "uuid".to_owned())
}
