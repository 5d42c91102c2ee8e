//! What a database holds: its logical schema, and whether the tables that are there agree with it.
//!
//! The schema is stored in the database itself, in the transaction that makes it so, because
//! SQLite's own description cannot tell a `uuid` from a `text`. It is not trusted: the tables it describes are rendered again
//! and compared, text by text, with what `sqlite_schema` says.

mod physical;
mod text;

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::{
    ddl::sqlite,
    schema::{self, Schema},
    tables::{self, objects::Found},
};

pub use text::{table_line, to_text};

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introspection {
    /// The logical schema: as stored where loki manages the database, else read off the tables.
    pub schema: Schema,
    /// Whether it is stored.
    pub managed: bool,
    /// Tables, indices, views and triggers that nobody declared, as `table x`.
    pub unmanaged: Vec<String>,
    /// Where the tables differ from the stored schema: somebody changed them by hand.
    pub drift: Vec<Drift>,
    /// [`fingerprint`].
    pub fingerprint: String,
}

/// One difference between the stored schema and the tables that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// A declared table or index is not there.
    Missing {
        /// `table` or `index`.
        kind: String,
        /// Its name.
        name: String,
    },
    /// It is there with another definition.
    Changed {
        /// `table` or `index`.
        kind: String,
        /// Its name.
        name: String,
        /// What is different, in words.
        what: String,
    },
    /// The stored schema is not the one whose hash stands beside it.
    Stored,
}

/// Why a database cannot be introspected.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectError {
    /// SQLite refused.
    #[error("could not read the database's schema")]
    Read(#[from] rusqlite::Error),
    /// The stored schema cannot be read.
    #[error("the schema stored in the database is damaged")]
    Damaged(#[source] serde_json::Error),
    /// A later loki wrote it.
    #[error("the stored schema has format {found}, this loki reads up to {}", schema::VERSION)]
    Newer {
        /// Its format.
        found: u32,
    },
}

/// Reads the logical schema and compares it with the tables.
pub fn introspect(conn: &Connection) -> Result<Introspection, IntrospectError> {
    let found = tables::objects::all(conn)?;
    let Some(stored) = stored(conn)? else {
        let schema = physical::read(conn, &found)?;
        let fingerprint = digest(&found, &Schema::default().to_json());
        let unmanaged = found.iter().map(label).collect();
        return Ok(Introspection { schema, managed: false, unmanaged, drift: Vec::new(), fingerprint });
    };
    let fingerprint = digest(&found, &stored.json);
    let schema = parse(&stored)?;
    let mut drift = Vec::new();
    if tables::schema::fingerprint(&stored.json) != stored.fingerprint {
        drift.push(Drift::Stored);
    }
    let wanted = sqlite::objects(&schema);
    let mut rest: BTreeMap<(&str, &str), &Found> =
        found.iter().map(|found| ((found.kind.as_str(), found.name.as_str()), found)).collect();
    for object in &wanted {
        let (kind, name) = (object.kind.to_owned(), object.name.clone());
        match rest.remove(&(object.kind, object.name.as_str())) {
            None => drift.push(Drift::Missing { kind, name }),
            Some(found) if normal(&found.sql) == normal(&object.sql) => {}
            Some(_) => {
                let what = difference(conn, &schema, object)?;
                drift.push(Drift::Changed { kind, name, what });
            }
        }
    }
    let unmanaged = rest.values().map(|found| label(found)).collect();
    Ok(Introspection { schema, managed: true, unmanaged, drift, fingerprint })
}

/// The stored schema alone, unchecked; `None` in a database that loki has not touched.
pub fn stored_schema(conn: &Connection) -> Result<Option<Schema>, IntrospectError> {
    stored(conn)?.map(|stored| parse(&stored)).transpose()
}

/// The hash of every table, index, view and trigger (white space aside) and of the stored schema.
/// Rows, loki's own books and the engine's tables are left out.
pub fn fingerprint(conn: &Connection) -> Result<String, IntrospectError> {
    let json = stored(conn)?.map_or_else(|| Schema::default().to_json(), |stored| stored.json);
    Ok(digest(&tables::objects::all(conn)?, &json))
}

/// The fingerprint of a database that holds exactly `schema`.
pub fn fingerprint_of(schema: &Schema) -> String {
    let found: Vec<Found> = sqlite::objects(schema)
        .into_iter()
        .map(|object| Found {
            kind: object.kind.to_owned(),
            name: object.name,
            table: object.table,
            sql: object.sql,
        })
        .collect();
    digest(&found, &schema.to_json())
}

/// An introspection as JSON, for programs.
pub fn to_json(introspection: &Introspection) -> serde_json::Value {
    // Plain data with string keys always serialises.
    serde_json::to_value(introspection).unwrap_or_default()
}

fn stored(conn: &Connection) -> Result<Option<tables::schema::Stored>, IntrospectError> {
    let stored = tables::schema::load(conn)?;
    match stored {
        Some(stored) if stored.version > schema::VERSION => {
            Err(IntrospectError::Newer { found: stored.version })
        }
        other => Ok(other),
    }
}

fn parse(stored: &tables::schema::Stored) -> Result<Schema, IntrospectError> {
    serde_json::from_str(&stored.json).map_err(IntrospectError::Damaged)
}

fn digest(found: &[Found], json: &str) -> String {
    let mut sorted: Vec<&Found> = found.iter().collect();
    sorted.sort();
    let normal: Vec<String> = sorted.iter().map(|found| normal(&found.sql)).collect();
    let mut parts = vec!["database", json];
    for (found, sql) in sorted.iter().zip(&normal) {
        parts.extend([found.kind.as_str(), found.name.as_str(), found.table.as_str(), sql.as_str()]);
    }
    forge_core::sha256_hex(&parts)
}

/// The statement without the white space between its tokens; quoted parts stay as they are.
fn normal(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut quote = None;
    let mut gap = false;
    for c in sql.chars() {
        match quote {
            None if c.is_ascii_whitespace() => {
                gap = true;
                continue;
            }
            None if matches!(c, '\'' | '"' | '`') => quote = Some(c),
            Some(open) if c == open => quote = None,
            None | Some(_) => {}
        }
        let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\'' | '`');
        if gap && joins(c) && out.chars().next_back().is_some_and(joins) {
            out.push(' ');
        }
        gap = false;
        out.push(c);
    }
    out
}

fn label(found: &Found) -> String {
    format!("{} {}", found.kind, found.name)
}

/// What is different about a table or index, as well as the engine's description tells.
fn difference(
    conn: &Connection,
    schema: &Schema,
    object: &sqlite::Object,
) -> Result<String, IntrospectError> {
    if object.kind == "index" {
        return Ok("it indexes other columns or in another order".to_owned());
    }
    let Some(table) = schema.table(&object.name) else { return Ok(String::new()) };
    let columns = tables::objects::columns(conn, &table.name)?;
    let mut said = Vec::new();
    for column in &columns {
        if table.column(&column.name).is_none() {
            said.push(format!("column `{}` was added", column.name));
        }
    }
    for column in &table.columns {
        let Some(found) = columns.iter().find(|found| found.name == column.name) else {
            said.push(format!("column `{}` is gone", column.name));
            continue;
        };
        // Whole numbers that are keys are written `INT`.
        let ty = if found.ty == "INT" { "INTEGER" } else { &found.ty };
        if ty != sqlite::physical_type(&column.ty) {
            said.push(format!("column `{}` is {} now", column.name, found.ty));
        }
        if found.not_null == column.nullable {
            let may = if found.not_null { "may not" } else { "may" };
            said.push(format!("column `{}` {may} be null now", column.name));
        }
    }
    let keys = tables::objects::foreign_keys(conn, &table.name)?;
    for key in &table.foreign_keys {
        if !keys.iter().any(|found| found.from == key.column && found.table == key.table) {
            said.push(format!("the foreign key of `{}` is gone", key.column));
        }
    }
    if said.is_empty() {
        said.push("a default, check or key differs".to_owned());
    }
    Ok(said.join("; "))
}

#[cfg(test)]
mod tests;
