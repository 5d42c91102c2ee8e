//! The people who sign in, as migrations, policies, views and functions see them.
//!
//! [`USERS`] holds every person's address and secrets, so nothing that runs in somebody's name reads it as
//! it is. A foreign key may refer to a person's id. Anything that reads the table finds the row of the one
//! who asks, alone, with the columns of [`users`]: on Postgres through the view [`VIEW`], on SQLite in place.

use std::sync::LazyLock;

use crate::ddl::sqlite::quote_name;
use crate::schema::{Column, Schema, Table, Type};

/// The table: `auth.users` on Postgres, a table of that very name on SQLite.
pub const USERS: &str = "auth.users";
/// Its name within its schema, by which a query knows it that gives it no other.
pub(crate) const NAME: &str = "users";
/// What Postgres reads instead: the row of the one who asks.
pub(crate) const VIEW: &str = "loki.users";
/// Under this name SQLite reads the row of the one who asks, which is how a guard tells it from others.
const OWN_ROW: &str = "auth.me";

/// What may be read of the table, as a table. A key refers to the id and nothing else.
pub fn users() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let column = |name: &str, ty, nullable| Column { name: name.to_owned(), ty, nullable, default: None };
        Table {
            name: USERS.to_owned(),
            columns: vec![
                column("id", Type::Uuid, false),
                column("email", Type::Text, true),
                column("phone", Type::Text, true),
                column("role", Type::Text, false),
                column("created_at", Type::Timestamptz, false),
                column("raw_app_meta_data", Type::Jsonb, false),
                column("raw_user_meta_data", Type::Jsonb, false),
                column("is_anonymous", Type::Boolean, false),
                column("email_confirmed_at", Type::Timestamptz, true),
            ],
            primary_key: vec!["id".to_owned()],
            ..Table::default()
        }
    });
    &TABLE
}

/// The table of that name that a key may refer to and a policy may read: one of the schema, or [`users`].
pub fn table<'s>(schema: &'s Schema, name: &str) -> Option<&'s Table> {
    schema.tables.get(name).or_else(|| (name == USERS).then(users))
}

/// The table's name without its schema, as Postgres' errors have it.
pub fn bare_name(table: &str) -> &str {
    if table == USERS { NAME } else { table }
}

/// Whether a statement in somebody's name may read the column on SQLite. `through` is what the engine says
/// it is read through. Foreign keys look at the id by themselves.
pub fn is_readable(table: &str, column: &str, through: Option<&str>) -> bool {
    if !table.eq_ignore_ascii_case(USERS) {
        return false;
    }
    column == "id" || (through == Some(OWN_ROW) && users().column(column).is_some())
}

/// The row of the one who asks, as a source on SQLite. `uid` is the parameter that holds their id.
pub(crate) fn own_row(uid: &str) -> String {
    let (me, table) = (quote_name(OWN_ROW), quote_name(USERS));
    format!("(with {me} as (select {} from {table} where \"id\" = {uid}) select * from {me})", columns())
}

/// What Postgres needs once, when the table is there: a view with the rights of its owner, in which everybody
/// finds their own row.
pub(crate) fn postgres() -> Vec<String> {
    vec![
        format!(
            "CREATE OR REPLACE VIEW {VIEW} WITH (security_barrier = true, security_invoker = false) AS SELECT {} FROM \
             {USERS} WHERE \"id\" = (SELECT auth.uid())",
            columns()
        ),
        format!("REVOKE ALL ON {VIEW} FROM PUBLIC"),
        format!("GRANT SELECT ON {VIEW} TO anon, authenticated, service_role"),
    ]
}

fn columns() -> String {
    let names: Vec<String> = users().columns.iter().map(|column| quote_name(&column.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
