//! What every schema must satisfy, whatever the engine.

use std::collections::{BTreeMap, BTreeSet};

use forge_core::Name;

use super::{COLUMNS_MAX, ENUM_VALUES_MAX, Problem, TABLES_MAX, sqlite};
use crate::people;
use crate::schema::{Column, ColumnDefault, Command, OnDelete, Schema, Table, Type, unique_name};

/// The most dimensions of a vector: what pgvector stores.
const DIMENSIONS_MAX: u32 = 16_000;
/// The longest `varchar`: what Postgres takes.
const VARCHAR_MAX: u32 = 10_485_760;
/// The highest precision of a number: what Postgres takes.
const PRECISION_MAX: u32 = 1_000;

/// The first problem, with the table, view or function it is in.
pub(super) type Fault = Box<(Option<String>, Problem)>;

pub(crate) fn validate(schema: &Schema) -> Result<(), Fault> {
    let whole = |problem| Box::new((None, problem));
    limit("tables", schema.tables.len(), TABLES_MAX).map_err(whole)?;
    enums(schema).map_err(whole)?;
    let mut taken = BTreeMap::new();
    for name in schema.tables.keys() {
        relation(&mut taken, "table", name).map_err(whole)?;
    }
    for name in schema.enums.keys() {
        // Postgres keeps a type beside every table.
        relation(&mut taken, "enum", name).map_err(whole)?;
    }
    for table in schema.tables.values() {
        let within = |problem| Box::new((Some(table.name.clone()), problem));
        table_holds(schema, table, &mut taken).map_err(within)?;
    }
    for name in schema.views.keys() {
        relation(&mut taken, "view", name).map_err(|problem| Box::new((Some(name.clone()), problem)))?;
    }
    super::routine::validate(schema)
}

/// The enum that a type is of, lists included.
pub(crate) fn enum_of(ty: &Type) -> Option<&str> {
    match ty {
        Type::Enum(name) => Some(name),
        Type::Array(inner) => enum_of(inner),
        Type::Text
        | Type::Varchar(_)
        | Type::Smallint
        | Type::Integer
        | Type::Bigint
        | Type::Double
        | Type::Numeric(..)
        | Type::Boolean
        | Type::Uuid
        | Type::Timestamptz
        | Type::Date
        | Type::Time
        | Type::Jsonb
        | Type::Bytea
        | Type::Vector(_)
        | Type::Range(_)
        | Type::Tsvector => None,
    }
}

fn enums(schema: &Schema) -> Result<(), Problem> {
    for (name, values) in &schema.enums {
        Name::new(name).map_err(Problem::Name)?;
        limit("values of an enum", values.len(), ENUM_VALUES_MAX)?;
        if values.is_empty() {
            return Err(Problem::Missing { kind: "value in enum", name: name.clone(), known: Vec::new() });
        }
        let mut seen = BTreeSet::new();
        for value in values {
            if value.is_empty() || value.len() > forge_core::NAME_BYTES_MAX || value.contains('\0') {
                return Err(Problem::Name(forge_core::NameError::Long {
                    name: value.chars().take(20).collect(),
                    bytes: value.len(),
                }));
            }
            if !seen.insert(value) {
                return Err(Problem::Exists { kind: "enum value", name: format!("{name}.{value}") });
            }
        }
    }
    Ok(())
}

fn table_holds<'a>(
    schema: &'a Schema,
    table: &'a Table,
    taken: &mut BTreeMap<String, &'static str>,
) -> Result<(), Problem> {
    Name::new(&table.name).map_err(Problem::Name)?;
    if table.columns.is_empty() {
        return Err(Problem::NoColumns { table: table.name.clone() });
    }
    limit("columns of a table", table.columns.len(), COLUMNS_MAX)?;
    let mut seen = BTreeSet::new();
    for column in &table.columns {
        Name::new(&column.name).map_err(Problem::Name)?;
        if !seen.insert(column.name.as_str()) {
            return Err(Problem::Exists { kind: "column", name: format!("{}.{}", table.name, column.name) });
        }
        column_type(schema, table, column)?;
        column_default(schema, table, column)?;
    }
    groups(table)?;
    foreign_keys(schema, table)?;
    checks(schema, table)?;
    indices(table, taken)?;
    policies(table)?;
    grants(schema, table)
}

fn column_type(schema: &Schema, table: &Table, column: &Column) -> Result<(), Problem> {
    let refuse = |why: String| Problem::Type {
        column: format!("{}.{}", table.name, column.name),
        ty: column.ty.clone(),
        why,
    };
    if let Some(name) = enum_of(&column.ty)
        && !schema.enums.contains_key(name)
    {
        let known = schema.enums.keys().cloned().collect();
        return Err(Problem::Missing { kind: "type or enum", name: name.to_owned(), known });
    }
    let mut ty = &column.ty;
    while let Type::Array(inner) = ty {
        if matches!(**inner, Type::Array(_) | Type::Vector(_)) {
            return Err(refuse("a list holds single values; use jsonb for lists of lists".to_owned()));
        }
        ty = inner;
    }
    match ty {
        Type::Varchar(0) => Err(refuse("its length must be at least 1".to_owned())),
        Type::Varchar(length) if *length > VARCHAR_MAX => {
            Err(refuse(format!("{VARCHAR_MAX} is the longest")))
        }
        Type::Numeric(0, _) => Err(refuse("its precision must be at least 1".to_owned())),
        Type::Numeric(precision, _) if *precision > PRECISION_MAX => {
            Err(refuse(format!("{PRECISION_MAX} is the highest precision")))
        }
        Type::Numeric(precision, scale) if scale > precision => {
            Err(refuse("the scale cannot be above the precision".to_owned()))
        }
        Type::Numeric(_, scale) if *scale > sqlite::SCALE_MAX => Err(refuse(format!(
            "{} is the highest scale; keep such numbers as text, or as bigint in their smallest unit",
            sqlite::SCALE_MAX
        ))),
        Type::Vector(0) => Err(refuse("say how many dimensions: vector(384)".to_owned())),
        Type::Vector(dimensions) if *dimensions > DIMENSIONS_MAX => {
            Err(refuse(format!("{DIMENSIONS_MAX} dimensions are the most")))
        }
        _ => Ok(()),
    }
}

fn column_default(schema: &Schema, table: &Table, column: &Column) -> Result<(), Problem> {
    let Some(default) = &column.default else { return Ok(()) };
    let refuse = |default: &str, why: &str| Problem::Default {
        column: format!("{}.{}", table.name, column.name),
        ty: column.ty.clone(),
        default: default.to_owned(),
        why: why.to_owned(),
    };
    match (default, &column.ty) {
        (ColumnDefault::Now, Type::Timestamptz | Type::Date | Type::Time)
        | (ColumnDefault::RandomUuid, Type::Uuid | Type::Text)
        | (ColumnDefault::CurrentUser, Type::Uuid | Type::Text) => Ok(()),
        (ColumnDefault::Now, _) => Err(refuse("now()", "use it on a timestamptz, date or time column")),
        (ColumnDefault::RandomUuid, _) => Err(refuse("uuid()", "use it on a uuid column")),
        (ColumnDefault::CurrentUser, _) => Err(refuse("auth.uid()", "use it on a uuid column")),
        (ColumnDefault::Identity, Type::Smallint | Type::Integer | Type::Bigint)
            if table.primary_key == [column.name.as_str()] =>
        {
            Ok(())
        }
        (ColumnDefault::Identity, _) => {
            Err(refuse("identity", "only a whole number that is the primary key alone counts up by itself"))
        }
        (ColumnDefault::Literal(text), ty) => match sqlite::value_from_text(ty, &schema.enums, text) {
            Ok(_) => Ok(()),
            Err(error) => Err(refuse(text, &error.to_string())),
        },
    }
}

/// The primary key and the unique groups.
fn groups(table: &Table) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    let key = std::iter::once(("primary key", &table.primary_key)).filter(|(_, key)| !key.is_empty());
    for (kind, group) in key.chain(table.uniques.iter().map(|group| ("unique group", group))) {
        let full = format!("{}({})", table.name, group.join(", "));
        if group.is_empty() {
            return Err(Problem::Missing { kind: "column in unique group", name: full, known: Vec::new() });
        }
        let mut columns = BTreeSet::new();
        for name in group {
            let column = column_in(table, name)?;
            if !columns.insert(name) {
                return Err(Problem::Exists { kind: "column in group", name: full });
            }
            if matches!(column.ty, Type::Jsonb | Type::Vector(_) | Type::Array(_)) {
                let full = format!("{}.{name}", table.name);
                return Err(Problem::KeyType { column: full, ty: column.ty.clone() });
            }
            if kind == "primary key" && column.nullable {
                let (table, column) = (table.name.clone(), name.clone());
                return Err(Problem::Key { table, column, done: "nullable" });
            }
        }
        if kind == "unique group" && !seen.insert(group) {
            return Err(Problem::Exists { kind, name: full });
        }
    }
    Ok(())
}

fn foreign_keys(schema: &Schema, table: &Table) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for key in &table.foreign_keys {
        let column = column_in(table, &key.column)?;
        if !seen.insert(&key.column) {
            let name = format!("{}.{}", table.name, key.column);
            return Err(Problem::Exists { kind: "foreign key of", name });
        }
        let Some(to) = people::table(schema, &key.table) else {
            let known = schema.tables.keys().cloned().chain([people::USERS.to_owned()]).collect();
            return Err(Problem::Missing { kind: "table", name: key.table.clone(), known });
        };
        let to_column = column_in(to, &key.references)?;
        let (table, column_name) = (table.name.clone(), key.column.clone());
        let (to_table, to_name) = (to.name.clone(), key.references.clone());
        if column.ty != to_column.ty {
            let (ty, to_ty) = (column.ty.clone(), to_column.ty.clone());
            let (column, to) = (format!("{table}.{column_name}"), format!("{to_table}.{to_name}"));
            return Err(Problem::ForeignType { column, ty, to, to_ty });
        }
        if !to.is_unique(&[&key.references]) {
            return Err(Problem::ForeignTarget { table, column: column_name, to_table, to_column: to_name });
        }
        if key.on_delete == OnDelete::SetNull && !column.nullable {
            return Err(Problem::SetNull { table, column: column_name });
        }
    }
    Ok(())
}

fn checks(schema: &Schema, table: &Table) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for check in &table.checks {
        Name::new(&check.name).map_err(Problem::Name)?;
        if !seen.insert(&check.name) {
            return Err(Problem::Exists { kind: "check", name: format!("{}.{}", table.name, check.name) });
        }
        sqlite::check_sql(schema, table, check).map_err(|error| Problem::Check {
            check: format!("{}.{}", table.name, check.name),
            why: error.to_string(),
            hint: error.hint,
        })?;
    }
    Ok(())
}

fn indices(table: &Table, taken: &mut BTreeMap<String, &'static str>) -> Result<(), Problem> {
    for group in &table.uniques {
        relation(taken, "unique group", &unique_name(&table.name, group))?;
    }
    for index in &table.indices {
        Name::new(&index.name).map_err(Problem::Name)?;
        relation(taken, "index", &index.name)?;
        if index.columns.is_empty() {
            return Err(Problem::Missing {
                kind: "column in index",
                name: index.name.clone(),
                known: table.columns.iter().map(|column| column.name.clone()).collect(),
            });
        }
        let mut seen = BTreeSet::new();
        for column in &index.columns {
            column_in(table, &column.name)?;
            if !seen.insert(&column.name) {
                let name = format!("{}.{}", index.name, column.name);
                return Err(Problem::Exists { kind: "column in index", name });
            }
        }
    }
    Ok(())
}

fn policies(table: &Table) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for policy in table.rls.iter().flat_map(|rls| &rls.policies) {
        if !seen.insert(&policy.name) {
            return Err(Problem::Exists { kind: "policy", name: format!("{}.{}", table.name, policy.name) });
        }
    }
    Ok(())
}

/// A grant is for a role that somebody can have, and for columns that are there; rows go as a whole.
fn grants(schema: &Schema, table: &Table) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for grant in &table.grants {
        let full = format!("{}({} {:?})", table.name, grant.role, grant.command);
        if grant.command == Command::Delete {
            return Err(Problem::Missing { kind: "columns in a grant of delete", name: full, known: vec![] });
        }
        if !seen.insert((&grant.role, grant.command)) {
            return Err(Problem::Exists { kind: "grant", name: full });
        }
        let mut columns = BTreeSet::new();
        for name in &grant.columns {
            column_in(table, name)?;
            if !columns.insert(name) {
                return Err(Problem::Exists {
                    kind: "column in grant",
                    name: format!("{}.{name}", table.name),
                });
            }
        }
        let known = crate::policy::roles(schema.tables.values());
        if !known.iter().any(|role| role.as_str() == grant.role) {
            let known = known.iter().map(|role| role.as_str().to_owned()).collect();
            return Err(Problem::Missing { kind: "role", name: grant.role.clone(), known });
        }
    }
    Ok(())
}

fn column_in<'a>(table: &'a Table, name: &str) -> Result<&'a Column, Problem> {
    table.column(name).ok_or_else(|| Problem::Missing {
        kind: "column",
        name: format!("{}.{name}", table.name),
        known: table.columns.iter().map(|column| format!("{}.{}", table.name, column.name)).collect(),
    })
}

/// Tables, enums and indices share one space of names in one engine or the other.
fn relation(
    taken: &mut BTreeMap<String, &'static str>,
    kind: &'static str,
    name: &str,
) -> Result<(), Problem> {
    match taken.insert(name.to_owned(), kind) {
        Some(kind) => Err(Problem::Exists { kind, name: name.to_owned() }),
        None => Ok(()),
    }
}

pub(super) fn limit(what: &'static str, found: usize, max: usize) -> Result<(), Problem> {
    if found > max { Err(Problem::Limit { what, found, max }) } else { Ok(()) }
}
