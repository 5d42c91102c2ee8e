//! The schema of a database that loki does not manage, as well as SQLite's description tells it.

use rusqlite::Connection;

use crate::{
    schema::{Column, ColumnDefault, ForeignKey, Index, IndexColumn, OnDelete, Schema, Table, Type},
    tables::objects::{self, Found, FoundColumn, FoundIndex},
};

pub(super) fn read(conn: &Connection, found: &[Found]) -> rusqlite::Result<Schema> {
    let mut schema = Schema::default();
    for found in found.iter().filter(|found| found.kind == "table" && !is_virtual(&found.sql)) {
        schema.tables.insert(found.name.clone(), table(conn, found)?);
    }
    // A key that names no column means the primary key of the table it points at.
    let keys: Vec<(String, String)> = schema
        .tables
        .values()
        .filter_map(|t| Some((t.name.clone(), t.primary_key.first()?.clone())))
        .collect();
    for key in schema.tables.values_mut().flat_map(|table| &mut table.foreign_keys) {
        if key.references.is_empty()
            && let Some((_, column)) = keys.iter().find(|(table, _)| *table == key.table)
        {
            column.clone_into(&mut key.references);
        }
    }
    Ok(schema)
}

fn table(conn: &Connection, found: &Found) -> rusqlite::Result<Table> {
    let columns = objects::columns(conn, &found.name)?;
    let mut key: Vec<&FoundColumn> = columns.iter().filter(|column| column.key > 0).collect();
    key.sort_by_key(|column| column.key);
    let primary_key: Vec<String> = key.iter().map(|column| column.name.clone()).collect();
    let counts = primary_key.len() == 1 && key[0].ty.eq_ignore_ascii_case("INTEGER");

    let mut foreign_keys: Vec<(i64, ForeignKey)> = Vec::new();
    let mut wide = Vec::new();
    for found in objects::foreign_keys(conn, &found.name)? {
        if foreign_keys.iter().any(|(id, _)| *id == found.id) {
            wide.push(found.id); // A key of several columns, which the model does not have.
            continue;
        }
        let on_delete = match found.on_delete.as_str() {
            "CASCADE" => OnDelete::Cascade,
            "SET NULL" => OnDelete::SetNull,
            _ => OnDelete::Restrict,
        };
        let references = found.to.unwrap_or_default();
        let key = ForeignKey { column: found.from, table: found.table, references, on_delete };
        foreign_keys.push((found.id, key));
    }
    foreign_keys.retain(|(id, _)| !wide.contains(id));

    let (mut uniques, mut indices) = (Vec::new(), Vec::new());
    for index in objects::indices(conn, &found.name)? {
        sort_index(index, &mut uniques, &mut indices);
    }
    Ok(Table {
        name: found.name.clone(),
        columns: columns.iter().map(|column| logical(column, counts && column.key > 0)).collect(),
        primary_key,
        foreign_keys: foreign_keys.into_iter().map(|(_, key)| key).collect(),
        uniques,
        checks: Vec::new(),
        indices,
        rls: None,
        grants: Vec::new(),
    })
}

/// Puts an index where the model has it; partial ones and those over expressions have no place.
fn sort_index(found: FoundIndex, uniques: &mut Vec<Vec<String>>, indices: &mut Vec<Index>) {
    if found.origin == "pk" || found.partial {
        return;
    }
    let Some(columns) = found
        .columns
        .into_iter()
        .map(|(name, descending)| Some(IndexColumn { name: name?, descending }))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    if found.unique {
        uniques.push(columns.into_iter().map(|column| column.name).collect());
    } else {
        indices.push(Index { name: found.name, columns, unique: false });
    }
}

fn logical(found: &FoundColumn, counts: bool) -> Column {
    let ty = best_type(&found.ty);
    let default = match found.default.as_deref() {
        _ if counts => Some(ColumnDefault::Identity),
        None => None,
        Some(text) => default(text, &ty),
    };
    Column { name: found.name.clone(), ty, nullable: !found.not_null && found.key == 0, default }
}

fn default(text: &str, ty: &Type) -> Option<ColumnDefault> {
    let upper = text.trim().to_ascii_uppercase();
    if upper == "NULL" {
        return None;
    }
    if upper == "CURRENT_TIMESTAMP" || (upper.contains("'NOW'") && *ty == Type::Timestamptz) {
        return Some(ColumnDefault::Now);
    }
    if upper.contains("RANDOMBLOB") {
        return Some(ColumnDefault::RandomUuid);
    }
    let literal = match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => text.to_owned(),
    };
    Some(ColumnDefault::Literal(literal))
}

/// The type that a declared type of SQLite comes nearest to.
fn best_type(declared: &str) -> Type {
    let upper = declared.trim().to_ascii_uppercase();
    let (base, arguments) = match upper.split_once('(') {
        Some((base, rest)) => (base.trim(), rest.trim_end_matches(')')),
        None => (upper.as_str(), ""),
    };
    let numbers: Vec<u32> = arguments.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match (base, numbers.as_slice()) {
        ("VARCHAR" | "NVARCHAR" | "CHARACTER VARYING" | "CHAR", [length]) => Type::Varchar(*length),
        ("NUMERIC" | "DECIMAL", [precision, scale]) => Type::Numeric(*precision, *scale),
        ("BOOL" | "BOOLEAN", _) => Type::Boolean,
        ("UUID", _) => Type::Uuid,
        ("TIMESTAMP" | "TIMESTAMPTZ" | "DATETIME", _) => Type::Timestamptz,
        ("DATE", _) => Type::Date,
        ("TIME", _) => Type::Time,
        ("JSON" | "JSONB", _) => Type::Jsonb,
        ("SMALLINT" | "INT2" | "TINYINT", _) => Type::Smallint,
        ("REAL" | "FLOAT" | "DOUBLE" | "DOUBLE PRECISION" | "NUMERIC" | "DECIMAL", _) => Type::Double,
        ("BLOB" | "BYTEA", _) => Type::Bytea,
        // SQLite's whole numbers have 64 bits, whatever they are called.
        (base, _) if base.contains("INT") => Type::Bigint,
        _ => Type::Text,
    }
}

fn is_virtual(sql: &str) -> bool {
    sql.get(..14).is_some_and(|head| head.eq_ignore_ascii_case("CREATE VIRTUAL"))
}
