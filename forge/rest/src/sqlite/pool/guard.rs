//! A second lock behind the policies: what a connection that serves requests may run at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forge_database::people;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// The functions of SQLite that statements may use, besides those registered under [`PREFIXES`].
const FUNCTIONS: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "date",
    "datetime",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_error_position",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_extract",
    "jsonb_group_array",
    "julianday",
    "lag",
    "last_insert_rowid",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "random",
    "randomblob",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unistr",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
];

/// What the names of our own functions begin with.
const PREFIXES: &[&str] = &["rest_", "forge_", "loki_", "routine_", "pg_"];

/// What holds a connection; open while our own books are read.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    open: Arc<AtomicBool>,
}

impl Guard {
    /// From now on, `conn` reads and writes rows of the application's tables and nothing else: no definition,
    /// no pragma, no attached file, none of loki's or SQLite's own tables, no function beyond the list.
    pub(super) fn confine(conn: &mut Connection) -> rusqlite::Result<Guard> {
        let open = Arc::new(AtomicBool::new(false));
        let lifted = Arc::clone(&open);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            if lifted.load(Ordering::Relaxed) || is_allowed(&context) {
                Authorization::Allow
            } else {
                Authorization::Deny
            }
        }))?;
        Ok(Guard { open })
    }

    /// Does `act`, which is our own, without the guard.
    pub(super) fn lifted<T>(&self, act: impl FnOnce() -> T) -> T {
        self.open.store(true, Ordering::Relaxed);
        let done = act();
        self.open.store(false, Ordering::Relaxed);
        done
    }
}

fn is_allowed(context: &AuthContext<'_>) -> bool {
    match &context.action {
        AuthAction::Select
        | AuthAction::Recursive
        | AuthAction::Savepoint { .. }
        | AuthAction::Transaction { .. } => true,
        // A policy may look at the row of the one who asks, and a foreign key at the id that it refers to.
        AuthAction::Read { table_name, column_name } => {
            !is_internal(table_name) || people::is_readable(table_name, column_name, context.accessor)
        }
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => !is_internal(table_name),
        AuthAction::Function { function_name } => is_known(function_name),
        _ => false, // SQLite's enum, which grows: what is not known is denied.
    }
}

fn is_known(function: &str) -> bool {
    let name = function.to_ascii_lowercase();
    FUNCTIONS.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a table belongs to loki, to its services or to SQLite.
pub(in crate::sqlite) fn is_internal(table: &str) -> bool {
    let lower = table.to_ascii_lowercase();
    lower.starts_with("_loki")
        || lower.starts_with("auth.")
        || lower.starts_with("sqlite_")
        || lower.starts_with("pragma_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_connection_reads_rows_and_nothing_else() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("create table t (a); create table _loki_schema (json); insert into t values (1)")
            .unwrap();
        let guard = Guard::confine(&mut conn).unwrap();
        conn.execute_batch("select count(*), lower(a) from t").unwrap();
        for refused in [
            "select * from _loki_schema",
            "select * from sqlite_schema",
            "select * from pragma_table_info('t')",
            "pragma query_only = 0",
            "pragma table_info(t)",
            "attach ':memory:' as x",
            "create table u (a)",
            "drop table t",
            "alter table t rename to u",
            "select load_extension('x')",
            "select sqlite_version()",
            "vacuum",
            "create temp table u (a)",
        ] {
            assert!(conn.execute_batch(refused).is_err(), "{refused}");
        }
        guard.lifted(|| conn.execute_batch("select * from _loki_schema")).unwrap();
    }

    #[test]
    fn people_are_read_as_the_one_who_asks_and_else_not_at_all() {
        let mut conn = Connection::open_in_memory().unwrap();
        forge_database::auth::create(&conn).unwrap();
        conn.execute_batch(
            "pragma foreign_keys = on; create table posts (who text references \"auth.users\" (id)); \
             insert into \"auth.users\" (id, created_at, updated_at) values ('a', '', '')",
        )
        .unwrap();
        let guard = Guard::confine(&mut conn).unwrap();
        let own = "with \"auth.me\" as (select id, email from \"auth.users\" where id = 'a') select * from \"auth.me\"";
        conn.execute_batch(own).unwrap();
        conn.execute_batch("insert into posts values ('a')").unwrap();
        for refused in [
            own.replace("email", "encrypted_password"),
            own.replace("auth.me", "me"),
            "select email from \"auth.users\"".to_owned(),
            "select count(*) from \"auth.users\"".to_owned(),
            "select id from \"auth.sessions\"".to_owned(),
            "delete from \"auth.users\"".to_owned(),
            "update \"auth.users\" set email = 'x'".to_owned(),
            "insert into \"auth.grants\" values ('1', 'user', 'a', '*', '*', '')".to_owned(),
        ] {
            assert!(conn.execute_batch(&refused).is_err(), "{refused}");
        }
        guard.lifted(|| conn.execute_batch("select encrypted_password from \"auth.users\"")).unwrap();
    }
}
