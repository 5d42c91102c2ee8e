//! Plans are run on real databases: what is there afterwards must be what was planned.

use rusqlite::Connection;

use super::*;
use crate::{
    change::Change,
    execute::{ExecuteError, execute},
    introspect::{fingerprint, fingerprint_of, introspect},
    schema::{
        Check, Column, ColumnDefault, ForeignKey, Index, IndexColumn, OnDelete, Policy, Rls, Table, Type,
    },
};

mod changes;
mod random;
mod values;

pub(crate) fn column(name: &str, ty: Type) -> Column {
    Column { name: name.to_owned(), ty, nullable: true, default: None }
}

pub(crate) fn required(name: &str, ty: Type) -> Column {
    Column { nullable: false, ..column(name, ty) }
}

pub(crate) fn with_default(column: Column, default: ColumnDefault) -> Column {
    Column { default: Some(default), ..column }
}

pub(crate) fn id() -> Column {
    with_default(required("id", Type::Uuid), ColumnDefault::RandomUuid)
}

pub(crate) fn table(name: &str, columns: Vec<Column>) -> Table {
    Table { name: name.to_owned(), columns, primary_key: vec!["id".to_owned()], ..Table::default() }
}

pub(crate) fn key(column: &str, to: &str) -> ForeignKey {
    ForeignKey {
        column: column.to_owned(),
        table: to.to_owned(),
        references: "id".to_owned(),
        on_delete: OnDelete::Cascade,
    }
}

pub(crate) fn index(name: &str, columns: &[&str]) -> Index {
    let columns =
        columns.iter().map(|name| IndexColumn { name: (*name).to_owned(), descending: false }).collect();
    Index { name: name.to_owned(), columns, unique: false }
}

pub(crate) fn migration(changes: Vec<Change>) -> Migration {
    Migration { name: "test".to_owned(), changes }
}

/// Users and posts, with one of everything.
pub(crate) fn blog() -> Migration {
    let mut users = table("users", vec![id(), required("email", Type::Varchar(120))]);
    users.uniques.push(vec!["email".to_owned()]);
    let mut posts = table(
        "posts",
        vec![
            id(),
            column("user_id", Type::Uuid),
            required("title", Type::Text),
            with_default(required("price", Type::Numeric(10, 2)), ColumnDefault::Literal("9.90".to_owned())),
            with_default(
                column("status", Type::Enum("status".to_owned())),
                ColumnDefault::Literal("draft".to_owned()),
            ),
            with_default(required("created_at", Type::Timestamptz), ColumnDefault::Now),
        ],
    );
    posts.foreign_keys.push(key("user_id", "users"));
    posts.uniques.push(vec!["user_id".to_owned(), "title".to_owned()]);
    posts.checks.push(Check { name: "price_positive".to_owned(), expr: "price >= 0".to_owned() });
    posts.indices.push(index("posts_created_at_idx", &["created_at"]));
    posts.rls = Some(Rls {
        label: "own-row".to_owned(),
        policies: vec![Policy {
            name: "own".to_owned(),
            commands: vec![crate::schema::Command::Select],
            roles: vec!["authenticated".to_owned()],
            restrictive: false,
            using: Some("user_id = auth.uid()".to_owned()),
            check: None,
        }],
    });
    migration(vec![
        Change::AddEnum {
            name: "status".to_owned(),
            values: vec!["draft".to_owned(), "it's out".to_owned()],
        },
        Change::AddTable(posts),
        Change::AddTable(users),
    ])
}

pub(super) fn open() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    conn
}

pub(super) fn run(conn: &mut Connection, before: &Schema, statements: &[String]) {
    assert_eq!(crate::introspect::stored_schema(conn).unwrap().unwrap_or_default(), *before);
    if let Err(error) = try_run(conn, statements) {
        panic!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
    }
}

pub(super) fn try_run(conn: &mut Connection, sql: &[String]) -> Result<(), ExecuteError> {
    execute(conn, sql, |_| Ok(()), |_| Ok::<_, ExecuteError>(()))
}

/// Plans and runs `changes`; checks that what is there is what was planned.
pub(super) fn apply(conn: &mut Connection, before: &Schema, changes: Vec<Change>) -> Plan {
    let plan = plan(before, &migration(changes)).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    run(conn, before, &plan.up);
    holds(conn, &plan.target);
    plan
}

pub(super) fn holds(conn: &Connection, schema: &Schema) {
    let found = introspect(conn).unwrap();
    assert_eq!(found.drift, [], "tables differ from the stored schema");
    assert_eq!(found.unmanaged, Vec::<String>::new());
    assert_eq!(&found.schema, schema);
    assert_eq!(found.fingerprint, fingerprint_of(schema));
}

/// Runs `changes` up, down and up again.
pub(super) fn there_and_back(first: Migration, changes: Vec<Change>) -> Plan {
    let mut conn = open();
    let base = apply(&mut conn, &Schema::default(), first.changes);
    let before = fingerprint(&conn).unwrap();
    let plan = apply(&mut conn, &base.target, changes);
    run(&mut conn, &plan.target, &plan.down);
    holds(&conn, &base.target);
    assert_eq!(fingerprint(&conn).unwrap(), before, "down does not lead back");
    run(&mut conn, &base.target, &plan.up);
    holds(&conn, &plan.target);
    plan
}
