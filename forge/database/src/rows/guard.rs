//! A second lock behind the policies: what a connection that serves rows may run at all.
//!
//! Statements are built here from checked names and bound values, so nothing of this should ever be
//! asked for. If a statement asks nevertheless, SQLite refuses it before it runs.

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// From now on, `conn` reads and writes rows of the application's tables and nothing else: no
/// definition, no pragma, no attached file, none of loki's or SQLite's own tables.
pub fn confine(conn: &mut Connection) -> Result<(), rusqlite::Error> {
    conn.authorizer(Some(judge))
}

/// Lifts what [`confine`] laid on.
pub fn release(conn: &mut Connection) -> Result<(), rusqlite::Error> {
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
}

fn judge(context: AuthContext<'_>) -> Authorization {
    let allowed = match context.action {
        AuthAction::Select
        | AuthAction::Recursive
        | AuthAction::Savepoint { .. }
        | AuthAction::Transaction { .. } => true,
        AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => !is_internal(table_name),
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        _ => false, // SQLite's enum, which grows: what is not known is denied.
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// Whether a table belongs to loki or to SQLite.
pub(super) fn is_internal(table: &str) -> bool {
    let lower = table.to_ascii_lowercase();
    lower.starts_with("_loki") || lower.starts_with("sqlite_") || lower.starts_with("pragma_")
}
