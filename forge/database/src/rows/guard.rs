//! A second lock behind the policies: what a connection that serves rows may run at all.
//!
//! Statements are built here from checked names and bound values, so nothing of this should ever be
//! asked for. If a statement asks nevertheless, SQLite refuses it before it runs.

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::people;

/// From now on, `conn` reads and writes rows of the application's tables and nothing else: no
/// definition, no pragma, no attached file, none of loki's or SQLite's own tables.
pub fn confine(conn: &mut Connection) -> Result<(), rusqlite::Error> {
    conn.authorizer(Some(|context: AuthContext<'_>| answer(judge(&context))))
}

/// The same for a copy that a proof peoples as it likes.
pub(crate) fn confine_copy(conn: &mut Connection) -> Result<(), rusqlite::Error> {
    conn.authorizer(Some(|context: AuthContext<'_>| {
        let peopled = match context.action {
            AuthAction::Insert { table_name } | AuthAction::Delete { table_name } => {
                table_name == people::USERS
            }
            _ => false,
        };
        answer(peopled || judge(&context))
    }))
}

/// Lifts what [`confine`] laid on.
pub fn release(conn: &mut Connection) -> Result<(), rusqlite::Error> {
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
}

fn judge(context: &AuthContext<'_>) -> bool {
    match context.action {
        AuthAction::Select
        | AuthAction::Recursive
        | AuthAction::Savepoint { .. }
        | AuthAction::Transaction { .. } => true,
        AuthAction::Read { table_name, column_name } => {
            !is_internal(table_name) || people::is_readable(table_name, column_name, context.accessor)
        }
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => !is_internal(table_name),
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        _ => false, // SQLite's enum, which grows: what is not known is denied.
    }
}

fn answer(allowed: bool) -> Authorization {
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// Whether a table belongs to loki, to its services or to SQLite.
pub(super) fn is_internal(table: &str) -> bool {
    let lower = table.to_ascii_lowercase();
    lower.starts_with("_loki")
        || lower.starts_with("auth.")
        || lower.starts_with("sqlite_")
        || lower.starts_with("pragma_")
}
