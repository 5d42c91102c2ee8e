//! Feeds anything at all to the compiler of policies, for both engines: what compiles is a condition that SQLite
//! takes, within its bounds.
//!
//! As `query`, with `policy` for the target:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none policy corpus/policy -- -max_len=1024
//! ```
//!
//! What it finds becomes a test in `forge/database/src/policy/tests.rs`.

#![no_main]

use std::sync::OnceLock;

use forge_core::Role;
use forge_database::policy::sqlite::{ROW_ALIAS, SQL_BYTES_MAX, predicate};
use forge_database::policy::{Side, parse, postgres, resolve};
use forge_database::schema::{Command, Policy, Schema};
use forge_database::{ddl, spec};
use libfuzzer_sys::fuzz_target;

const TABLES: &str = "migration: m
changes:
  - add_enum: {name: mood, values: [calm, busy]}
  - add_table: {name: teams, columns: [id uuid pk, owner_id uuid null, name text not null], rls: public}
  - add_table:
      name: notes
      columns: [id bigint pk identity, owner uuid null, team_id fk->teams.id null, title text null, open boolean null, n integer null, at timestamptz null, meta jsonb null, mood mood null]
      rls: none
";

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let migration = spec::parse(TABLES, &Schema::default()).expect("a migration");
        ddl::plan(&Schema::default(), &migration).expect("a plan").target
    })
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut schema = schema().clone();
    let Some(notes) = schema.tables.get_mut("notes") else { return };
    notes.rls.get_or_insert_default().policies = vec![Policy {
        name: "p".to_owned(),
        commands: vec![Command::Select],
        roles: vec!["anon".to_owned()],
        restrictive: false,
        using: Some(text.to_owned()),
        check: None,
    }];
    let compiled = predicate(&schema, "notes", Command::Select, Side::Using, &Role::Anon);
    let Some(table) = schema.table("notes") else { return };
    if let Ok(resolved) = parse(text).and_then(|expr| resolve(&expr, table, &schema)) {
        drop(postgres::expression(&resolved));
    }
    let Ok(condition) = compiled else { return };
    assert!(condition.sql.len() <= 2 * SQL_BYTES_MAX, "the text is bounded");
    let conn = rusqlite::Connection::open_in_memory().expect("a database");
    for object in ddl::sqlite::objects(&schema) {
        conn.execute_batch(&object.sql).unwrap_or_default();
    }
    let sql = format!("select 1 from \"notes\" as {ROW_ALIAS} where {}", condition.sql);
    conn.prepare(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
});
