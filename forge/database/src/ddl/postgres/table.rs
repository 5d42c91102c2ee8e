//! Tables, columns, constraints and indices as Postgres writes them.

use super::{quote_name, value::literal};
use crate::schema::derived_name;
use crate::{
    people,
    policy::{self, PolicyError},
    schema::{Check, Column, ColumnDefault, ForeignKey, Index, OnDelete, Schema, Table, Type, unique_name},
};

/// The type in Postgres.
pub fn sql_type(ty: &Type) -> String {
    match ty {
        Type::Double => "double precision".to_owned(),
        Type::Enum(name) => format!("public.{}", quote_name(name)),
        Type::Array(inner) => format!("{}[]", sql_type(inner)),
        Type::Text
        | Type::Varchar(_)
        | Type::Smallint
        | Type::Integer
        | Type::Bigint
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
        | Type::Tsvector => ty.to_string(),
    }
}

/// A table's name with its schema, quoted.
pub(super) fn qualified(name: &str) -> String {
    format!("public.{}", quote_name(name))
}

/// The name of a table that a key refers to.
fn referred(name: &str) -> String {
    if name == people::USERS { people::USERS.to_owned() } else { qualified(name) }
}

/// The kinds of parts that a table has beyond its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Primary,
    Unique,
    Check,
    Index,
    Foreign,
}

/// A constraint or an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// What follows its name; the same wherever it is the same.
    pub(super) body: String,
}

/// The parts of `table`, named as if it were called `named` with the columns of `naming`: names are given
/// once and do not follow renames, bodies do.
pub(super) fn parts(schema: &Schema, table: &Table, naming: &Table) -> Result<Vec<Part>, PolicyError> {
    let mut out = Vec::new();
    let mut push = |kind, name: String, body| out.push(Part { kind, name, body });
    if !table.primary_key.is_empty() {
        let name = derived_name(&naming.name, std::iter::empty(), "pkey");
        push(Kind::Primary, name, format!("PRIMARY KEY ({})", quoted(&table.primary_key)));
    }
    for (group, named) in table.uniques.iter().zip(&naming.uniques) {
        push(Kind::Unique, unique_name(&naming.name, named), format!("UNIQUE ({})", quoted(group)));
    }
    for check in &table.checks {
        push(Kind::Check, check.name.clone(), format!("CHECK ({})", check_sql(schema, table, check)?));
    }
    for index in &table.indices {
        push(Kind::Index, index.name.clone(), index_body(index));
    }
    for (key, named) in table.foreign_keys.iter().zip(&naming.foreign_keys) {
        let name = derived_name(&naming.name, std::iter::once(named.column.as_str()), "fkey");
        push(Kind::Foreign, name, foreign_body(key));
    }
    Ok(out)
}

/// The statement that adds a part to its table.
pub(super) fn add(table: &str, part: &Part, concurrently: bool) -> String {
    let (on, name) = (qualified(table), quote_name(&part.name));
    match part.kind {
        Kind::Index => {
            let (unique, columns) =
                part.body.strip_prefix("UNIQUE ").map_or(("", part.body.as_str()), |rest| ("UNIQUE ", rest));
            let how = if concurrently { "CONCURRENTLY " } else { "" };
            format!("CREATE {unique}INDEX {how}{name} ON {on} {columns}")
        }
        Kind::Primary | Kind::Unique | Kind::Check | Kind::Foreign => {
            format!("ALTER TABLE {on} ADD CONSTRAINT {name} {}", part.body)
        }
    }
}

/// The statement that drops a part from its table.
pub(super) fn remove(table: &str, part: &Part) -> String {
    let name = quote_name(&part.name);
    match part.kind {
        Kind::Index => format!("DROP INDEX public.{name}"),
        Kind::Primary | Kind::Unique | Kind::Check | Kind::Foreign => {
            format!("ALTER TABLE {} DROP CONSTRAINT {name}", qualified(table))
        }
    }
}

/// The statement that gives a part another name.
pub(super) fn rename(table: &str, part: &Part, to: &str) -> String {
    let (name, to) = (quote_name(&part.name), quote_name(to));
    match part.kind {
        Kind::Index => format!("ALTER INDEX public.{name} RENAME TO {to}"),
        Kind::Primary | Kind::Unique | Kind::Check | Kind::Foreign => {
            format!("ALTER TABLE {} RENAME CONSTRAINT {name} TO {to}", qualified(table))
        }
    }
}

/// `CREATE TABLE` with its columns; parts come after it.
pub(super) fn create_table(schema: &Schema, table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| column_definition(schema, column)).collect();
    format!("CREATE TABLE {} ({})", qualified(&table.name), columns.join(", "))
}

/// A column with what belongs to it alone.
pub(super) fn column_definition(schema: &Schema, column: &Column) -> String {
    let mut sql = format!("{} {}", quote_name(&column.name), sql_type(&column.ty));
    if column.default == Some(ColumnDefault::Identity) {
        sql.push_str(" GENERATED BY DEFAULT AS IDENTITY");
    }
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = default_sql(schema, column) {
        sql.push_str(" DEFAULT ");
        sql.push_str(&default);
    }
    sql
}

/// The default as SQL; none for an identity, which counts by itself.
pub(super) fn default_sql(schema: &Schema, column: &Column) -> Option<String> {
    match column.default.as_ref()? {
        ColumnDefault::Now => Some(match column.ty {
            Type::Date => "((now() AT TIME ZONE 'UTC')::date)".to_owned(),
            Type::Time => "((now() AT TIME ZONE 'UTC')::time(0))".to_owned(),
            _ => "now()".to_owned(),
        }),
        ColumnDefault::RandomUuid if column.ty == Type::Uuid => Some("gen_random_uuid()".to_owned()),
        ColumnDefault::RandomUuid => Some("(gen_random_uuid()::text)".to_owned()),
        ColumnDefault::Identity => None,
        ColumnDefault::CurrentUser if column.ty == Type::Uuid => Some("auth.uid()".to_owned()),
        ColumnDefault::CurrentUser => Some("loki.subject()".to_owned()),
        // Validation has converted it already.
        ColumnDefault::Literal(text) => literal(&column.ty, &schema.enums, text).ok(),
    }
}

pub(super) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| quote_name(name)).collect::<Vec<_>>().join(", ")
}

fn check_sql(schema: &Schema, table: &Table, check: &Check) -> Result<String, PolicyError> {
    let resolved = policy::resolve(&policy::parse(&check.expr)?, table, schema)?;
    policy::postgres::constraint(&resolved)
}

fn index_body(index: &Index) -> String {
    let column = |column: &crate::schema::IndexColumn| {
        let name = quote_name(&column.name);
        if column.descending { format!("{name} DESC") } else { name }
    };
    let columns: Vec<String> = index.columns.iter().map(column).collect();
    format!("{}({})", if index.unique { "UNIQUE " } else { "" }, columns.join(", "))
}

/// Judged at the end of a statement, unless the transaction says otherwise, as a migration does: the data
/// plane on SQLite looks then, too.
fn foreign_body(key: &ForeignKey) -> String {
    let action = match key.on_delete {
        OnDelete::Restrict => "RESTRICT",
        OnDelete::Cascade => "CASCADE",
        OnDelete::SetNull => "SET NULL",
    };
    format!(
        "FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {action} DEFERRABLE INITIALLY IMMEDIATE",
        quote_name(&key.column),
        referred(&key.table),
        quote_name(&key.references)
    )
}
