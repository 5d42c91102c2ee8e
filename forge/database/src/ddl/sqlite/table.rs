//! Tables and indices as SQLite writes them down.

use std::collections::BTreeMap;

use super::{DIGITS_MAX, NOW, check::check_sql, quote_name, quote_text, time, value::literal};
use crate::schema::{Column, ColumnDefault, ForeignKey, Index, OnDelete, Schema, Table, Type, unique_name};

/// A random identifier of version 4, variant 1.
const UUID: &str = "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) \
                    || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || \
                    hex(randomblob(6))))";

/// One row that `sqlite_schema` must hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// `table` or `index`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The table it belongs to.
    pub table: String,
    /// The statement that creates it.
    pub sql: String,
}

/// Every table and index of `schema`, sorted by kind and name.
pub fn objects(schema: &Schema) -> Vec<Object> {
    let mut out = Vec::new();
    for table in schema.tables.values() {
        out.push(Object {
            kind: "table",
            name: table.name.clone(),
            table: table.name.clone(),
            sql: create_table(schema, table, &table.name),
        });
        for (name, sql) in indices(table) {
            out.push(Object { kind: "index", name, table: table.name.clone(), sql });
        }
    }
    out.sort();
    out
}

/// The statement that creates `table` under `name`.
pub(super) fn create_table(schema: &Schema, table: &Table, name: &str) -> String {
    let mut parts: Vec<String> =
        table.columns.iter().map(|column| column_definition(schema, table, column)).collect();
    if table.primary_key.len() > 1 {
        parts.push(format!("PRIMARY KEY ({})", quoted(&table.primary_key)));
    }
    for check in &table.checks {
        // Validation has compiled it already; a text that does not compile never gets here.
        let sql = check_sql(schema, table, check).unwrap_or_default();
        parts.push(format!("CONSTRAINT {} CHECK ({sql})", quote_name(&check.name)));
    }
    format!("CREATE TABLE {} ({}) STRICT", quote_name(name), parts.join(", "))
}

/// A column with everything that belongs to it alone.
pub(super) fn column_definition(schema: &Schema, table: &Table, column: &Column) -> String {
    let identity = column.default == Some(ColumnDefault::Identity);
    let key = table.primary_key == [column.name.as_str()];
    let ty = match physical_type(&column.ty) {
        // `INTEGER PRIMARY KEY` numbers rows by itself; `INT PRIMARY KEY` does not.
        "INTEGER" if key && !identity => "INT",
        ty => ty,
    };
    let name = quote_name(&column.name);
    let mut sql = format!("{name} {ty}");
    if key {
        sql.push_str(" PRIMARY KEY");
        if identity {
            sql.push_str(" AUTOINCREMENT");
        }
    }
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = default_sql(schema, column) {
        sql.push_str(" DEFAULT ");
        sql.push_str(&default);
    }
    if let Some(check) = type_check(&name, &column.ty, &schema.enums) {
        sql.push_str(" CHECK (");
        sql.push_str(&check);
        sql.push(')');
    }
    if let Some(key) = table.foreign_key(&column.name) {
        sql.push(' ');
        sql.push_str(&references(key));
    }
    sql
}

/// The default as SQL; `None` where a row must say, or the row layer fills in.
pub(super) fn default_sql(schema: &Schema, column: &Column) -> Option<String> {
    match column.default.as_ref()? {
        ColumnDefault::Now => Some(match column.ty {
            Type::Date => "(date('now'))".to_owned(),
            Type::Time => "(time('now'))".to_owned(),
            _ => format!("({NOW})"),
        }),
        ColumnDefault::RandomUuid => Some(UUID.to_owned()),
        // The key counts by itself; only the row layer knows who the user is.
        ColumnDefault::Identity | ColumnDefault::CurrentUser => None,
        // Validation has converted it already.
        ColumnDefault::Literal(text) => literal(&column.ty, &schema.enums, text).ok(),
    }
}

/// Whether the default is the same for every row, as `ALTER TABLE ADD COLUMN` wants it.
pub(super) fn is_constant(default: &ColumnDefault) -> bool {
    match default {
        ColumnDefault::Literal(_) | ColumnDefault::CurrentUser => true,
        ColumnDefault::Now | ColumnDefault::RandomUuid | ColumnDefault::Identity => false,
    }
}

/// The indices of a table by name: those of its unique groups and its own.
pub(super) fn indices(table: &Table) -> BTreeMap<String, String> {
    let uniques = table.uniques.iter().map(|group| unique_name(&table.name, group)).zip(unique_sql(table));
    let own = table.indices.iter().map(|index| (index.name.clone(), index_sql(table, index)));
    uniques.map(|(name, tail)| (name.clone(), index_statement(&name, true, &tail))).chain(own).collect()
}

/// What follows the name in each unique group's index, in the groups' order.
pub(super) fn unique_sql(table: &Table) -> Vec<String> {
    let on = quote_name(&table.name);
    table.uniques.iter().map(|group| format!("{on} ({})", quoted(group))).collect()
}

pub(super) fn index_statement(name: &str, unique: bool, tail: &str) -> String {
    let unique = if unique { "UNIQUE " } else { "" };
    format!("CREATE {unique}INDEX {} ON {tail}", quote_name(name))
}

pub(super) fn index_sql(table: &Table, index: &Index) -> String {
    let columns: Vec<String> = index
        .columns
        .iter()
        .map(|column| {
            let name = quote_name(&column.name);
            if column.descending { format!("{name} DESC") } else { name }
        })
        .collect();
    let tail = format!("{} ({})", quote_name(&table.name), columns.join(", "));
    index_statement(&index.name, index.unique, &tail)
}

/// The storage class of a type.
pub fn physical_type(ty: &Type) -> &'static str {
    match ty {
        Type::Smallint | Type::Integer | Type::Bigint | Type::Boolean => "INTEGER",
        Type::Double | Type::Numeric(..) => "REAL",
        Type::Bytea | Type::Vector(_) => "BLOB",
        Type::Text
        | Type::Varchar(_)
        | Type::Uuid
        | Type::Timestamptz
        | Type::Date
        | Type::Time
        | Type::Jsonb
        | Type::Enum(_)
        | Type::Array(_)
        | Type::Range(_)
        | Type::Tsvector => "TEXT",
    }
}

/// What a storage class allows and the type does not. Null passes every one of them.
fn type_check(name: &str, ty: &Type, enums: &BTreeMap<String, Vec<String>>) -> Option<String> {
    match ty {
        Type::Text | Type::Bigint | Type::Double | Type::Bytea | Type::Range(_) | Type::Tsvector => None,
        Type::Varchar(length) => Some(format!("length({name}) <= {length}")),
        Type::Smallint => Some(format!("{name} BETWEEN -32768 AND 32767")),
        Type::Integer => Some(format!("{name} BETWEEN -2147483648 AND 2147483647")),
        Type::Numeric(precision, scale) => {
            let whole = (precision - scale).min(DIGITS_MAX - scale.min(&DIGITS_MAX));
            let bound = format!("1{}.0", "0".repeat(whole as usize));
            Some(format!("{name} = round({name}, {scale}) AND abs({name}) < {bound}"))
        }
        Type::Boolean => Some(format!("{name} IN (0, 1)")),
        Type::Uuid => Some(format!(
            "{name} GLOB '????????-????-????-????-????????????' AND {name} NOT GLOB '*[^0-9a-f-]*' AND \
             length(replace({name}, '-', '')) = 32"
        )),
        Type::Timestamptz => Some(time::is_timestamp(name)),
        // `IS`, because comparing with the null that a wrong text gives would let it pass.
        Type::Date => Some(format!("{name} IS date({name})")),
        Type::Time => Some(time::is_time(name)),
        Type::Jsonb => Some(format!("json_valid({name})")),
        Type::Array(_) => Some(format!("json_valid({name}) AND json_type({name}) = 'array'")),
        Type::Vector(dimensions) => Some(format!("length({name}) = {}", u64::from(*dimensions) * 4)),
        Type::Enum(of) => {
            let values: Vec<String> = enums.get(of)?.iter().map(|value| quote_text(value)).collect();
            Some(format!("{name} IN ({})", values.join(", ")))
        }
    }
}

fn references(key: &ForeignKey) -> String {
    let action = match key.on_delete {
        OnDelete::Restrict => "RESTRICT",
        OnDelete::Cascade => "CASCADE",
        OnDelete::SetNull => "SET NULL",
    };
    format!(
        "REFERENCES {} ({}) ON DELETE {action} DEFERRABLE INITIALLY DEFERRED",
        quote_name(&key.table),
        quote_name(&key.references)
    )
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| quote_name(name)).collect::<Vec<_>>().join(", ")
}
