//! Introspection of managed, unmanaged and tampered databases.

use rusqlite::Connection;

use super::*;
use crate::{
    execute::{ExecuteError, execute},
    schema::{ColumnDefault, OnDelete, Type},
    spec,
};

const BLOG: &str = "
migration: blog
changes:
  - add_enum: {name: status, values: [draft, out]}
  - add_table: {name: users, columns: [id pk, email varchar(120) not null unique], rls: own-row}
  - add_table: {name: posts, columns: [id bigint pk, user_id fk->users on delete cascade, title text not null, state status, code fk->users.email, price numeric(10,2)], unique: [[user_id, title]], indices: [state desc], checks: {positive: price >= 0}}
  - add_table: {name: tags, columns: [post_id fk->posts, tag text], primary_key: [post_id, tag], rls: public}
";

fn blog() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    let migration = spec::parse(BLOG, &Schema::default()).unwrap();
    let plan = crate::ddl::plan(&Schema::default(), &migration).unwrap();
    execute(&mut conn, &plan.up, |_| Ok(()), |_| Ok::<_, ExecuteError>(())).unwrap();
    conn
}

fn drift(sql: &str) -> Vec<String> {
    let conn = blog();
    let before = fingerprint(&conn).unwrap();
    conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
    assert_ne!(fingerprint(&conn).unwrap(), before, "{sql}: the fingerprint is the same");
    let found = introspect(&conn).unwrap();
    found
        .drift
        .into_iter()
        .map(|drift| match drift {
            Drift::Missing { kind, name } => format!("{kind} {name} is gone"),
            Drift::Changed { kind, name, what } => format!("{kind} {name}: {what}"),
            Drift::Stored => "stored".to_owned(),
        })
        .chain(found.unmanaged.into_iter().map(|name| format!("new: {name}")))
        .collect()
}

#[test]
fn what_was_changed_by_hand_is_told() {
    for (sql, told) in [
        ("ALTER TABLE posts ADD COLUMN extra TEXT", "table posts: column `extra` was added"),
        (
            "ALTER TABLE tags RENAME COLUMN tag TO word",
            "table tags: column `word` was added; column `tag` is gone",
        ),
        ("DROP TABLE tags", "table tags is gone"),
        ("DROP INDEX posts_state_idx", "index posts_state_idx is gone"),
        (
            "DROP INDEX posts_state_idx; CREATE INDEX posts_state_idx ON posts (state)",
            "index posts_state_idx: it indexes other columns or in another order",
        ),
        ("CREATE TABLE mine (x)", "new: table mine"),
        ("CREATE VIEW seen AS SELECT 1", "new: view seen"),
        ("CREATE TRIGGER t AFTER INSERT ON posts BEGIN SELECT 1; END", "new: trigger t"),
        (
            "DROP TABLE tags; CREATE TABLE tags (post_id INTEGER NOT NULL, tag TEXT) STRICT",
            "table tags: column `tag` may be null now; the foreign key of `post_id` is gone",
        ),
        (
            "DROP TABLE tags; CREATE TABLE tags (post_id TEXT NOT NULL REFERENCES posts (id), tag TEXT NOT NULL)",
            "table tags: column `post_id` is TEXT now",
        ),
        ("UPDATE _loki_schema SET json = replace(json, 'own-row', 'public')", "stored"),
    ] {
        assert_eq!(drift(sql), [told], "{sql}");
    }
}

#[test]
fn rows_and_layout_do_not_count() {
    let conn = blog();
    let before = fingerprint(&conn).unwrap();
    conn.execute_batch(
        "INSERT INTO users (email) VALUES ('a'); ANALYZE; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = \
         replace(replace(sql, ', ', ' ,\n\t'), '(\"id\" ', '( \"id\"  ') WHERE name = 'users'; PRAGMA writable_schema = OFF",
    )
    .unwrap();
    assert_eq!(fingerprint(&conn).unwrap(), before);
    assert_eq!(introspect(&conn).unwrap().drift, []);
}

#[test]
fn text_in_quotes_counts_to_the_letter() {
    assert_ne!(normal("CHECK (x = 'a  b')"), normal("CHECK (x = 'a b')"));
    assert_eq!(normal("CHECK ( x='it''s' )"), normal("CHECK (x = 'it''s')"));
    assert_ne!(normal("a b"), normal("ab"));
}

#[test]
fn a_new_database_is_empty_and_not_managed() {
    let found = introspect(&Connection::open_in_memory().unwrap()).unwrap();
    assert_eq!((found.managed, &found.schema), (false, &Schema::default()));
    assert_eq!(found.fingerprint, fingerprint_of(&Schema::default()));
}

#[test]
fn a_stranger_is_read_as_well_as_it_tells() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL UNIQUE, born DATE, ok BOOLEAN DEFAULT 1, \
         at DATETIME DEFAULT CURRENT_TIMESTAMP, note TEXT DEFAULT 'it''s', cost DECIMAL(8, 2), raw BLOB);
         CREATE TABLE pets (owner INTEGER NOT NULL REFERENCES people ON DELETE CASCADE, name TEXT, PRIMARY KEY (owner, name));
         CREATE INDEX pets_name ON pets (name DESC);",
    )
    .unwrap();
    let found = introspect(&conn).unwrap();
    assert!(!found.managed);
    assert_eq!(found.unmanaged, ["index pets_name", "table people", "table pets"]);
    let people = &found.schema.tables["people"];
    assert_eq!(people.column("id").unwrap().default, Some(ColumnDefault::Identity));
    let types: Vec<Type> = people.columns.iter().map(|column| column.ty.clone()).collect();
    let wanted = [
        Type::Bigint,
        Type::Varchar(80),
        Type::Date,
        Type::Boolean,
        Type::Timestamptz,
        Type::Text,
        Type::Numeric(8, 2),
        Type::Bytea,
    ];
    assert_eq!(types, wanted);
    assert_eq!(people.column("at").unwrap().default, Some(ColumnDefault::Now));
    assert_eq!(people.column("note").unwrap().default, Some(ColumnDefault::Literal("it's".to_owned())));
    assert_eq!(people.uniques, [["name"]]);
    let pets = &found.schema.tables["pets"];
    assert_eq!(pets.primary_key, ["owner", "name"]);
    assert_eq!(
        (pets.foreign_keys[0].references.as_str(), pets.foreign_keys[0].on_delete),
        ("id", OnDelete::Cascade)
    );
    assert!(pets.indices[0].columns[0].descending);
}

#[test]
fn damaged_and_newer_books_are_refused() {
    let conn = blog();
    conn.execute("UPDATE _loki_schema SET json = '{'", []).unwrap();
    assert!(matches!(introspect(&conn), Err(IntrospectError::Damaged(_))));
    conn.execute("UPDATE _loki_schema SET version = 999", []).unwrap();
    assert!(matches!(introspect(&conn), Err(IntrospectError::Newer { found: 999 })));
    assert!(matches!(fingerprint(&conn), Err(IntrospectError::Newer { .. })));
}

#[test]
fn the_text_is_a_line_a_table() {
    assert_eq!(
        to_text(&introspect(&blog()).unwrap().schema),
        "enum status(draft, out)\n\
         posts(id bigint pk, user_id->users cascade, title text!, state status, code->users.email, price numeric(10,2)) \
         unique(user_id, title) rls missing\n\
         tags(post_id->posts!, tag text!) pk(post_id, tag) rls public\n\
         users(id uuid pk, email varchar(120)! unique) rls own-row\n"
    );
}

#[test]
fn json_reads_back() {
    let found = introspect(&blog()).unwrap();
    let read: Introspection = serde_json::from_value(to_json(&found)).unwrap();
    assert_eq!(read, found);
}
