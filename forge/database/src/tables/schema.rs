//! `_loki_schema`: the logical schema of the database it is in. One row.

use rusqlite::{Connection, OptionalExtension as _};

use crate::{ddl::sqlite::quote_text, schema::Schema};

pub(crate) const CREATE: &str = "CREATE TABLE IF NOT EXISTS \"_loki_schema\" (\"id\" INTEGER PRIMARY KEY CHECK \
                                 (\"id\" = 1), \"version\" INTEGER NOT NULL, \"json\" TEXT NOT NULL, \
                                 \"fingerprint\" TEXT NOT NULL) STRICT";

pub(crate) const STORE: &str =
    "INSERT INTO \"_loki_schema\" (\"id\", \"version\", \"json\", \"fingerprint\") VALUES (1, ";

/// What is stored.
pub(crate) struct Stored {
    pub(crate) version: u32,
    pub(crate) json: String,
    pub(crate) fingerprint: String,
}

/// The hash of a schema's JSON.
pub(crate) fn fingerprint(json: &str) -> String {
    forge_core::sha256_hex(&["schema", json])
}

/// The statement that stores `schema`, which must not differ from what is about to be there.
pub(crate) fn store(schema: &Schema) -> String {
    let json = schema.to_json();
    format!(
        "{STORE}{}, {}, {}) ON CONFLICT (\"id\") DO UPDATE SET \"version\" = excluded.\"version\", \"json\" = \
         excluded.\"json\", \"fingerprint\" = excluded.\"fingerprint\"",
        crate::schema::VERSION,
        quote_text(&json),
        quote_text(&fingerprint(&json))
    )
}

/// What is stored; `None` in a database that loki has not touched.
pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Option<Stored>> {
    if !super::objects::exists(conn, "_loki_schema")? {
        return Ok(None);
    }
    let sql = "SELECT \"version\", \"json\", \"fingerprint\" FROM \"_loki_schema\" WHERE \"id\" = 1";
    conn.query_row(sql, [], |row| {
        Ok(Stored { version: row.get(0)?, json: row.get(1)?, fingerprint: row.get(2)? })
    })
    .optional()
}
