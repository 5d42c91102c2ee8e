//! Which columns the caller reaches at all.

use std::collections::BTreeSet;

use forge_core::Role;

use super::Result;
use crate::routine::error::{DENIED, RoutineError};
use crate::routine::tree::Uses;
use crate::schema::{Command, Schema, Table};

/// Refuses what touches a column, or a table, that is closed to the role.
pub(in crate::routine) fn check(schema: &Schema, role: &Role, uses: &Uses) -> Result<()> {
    if *role == Role::Service {
        return Ok(());
    }
    let denied = |table: &str| RoutineError::new(DENIED, format!("permission denied for table {table}"));
    for (command, name) in &uses.tables {
        let closed = schema
            .table(name)
            .and_then(|table| granted(table, role, *command))
            .is_some_and(|columns| columns.is_empty());
        if closed {
            return Err(denied(name));
        }
    }
    for (command, name, column) in &uses.columns {
        let open = schema.table(name).and_then(|table| granted(table, role, *command));
        if open.is_some_and(|columns| !columns.contains(column.as_str())) {
            return Err(denied(name));
        }
    }
    Ok(())
}

/// The columns that a command of the role reaches; `None` for all.
fn granted<'t>(table: &'t Table, role: &Role, command: Command) -> Option<BTreeSet<&'t str>> {
    let speaks = |name: &str| {
        name == role.as_str() || (matches!(role, Role::Custom(_)) && name == Role::Authenticated.as_str())
    };
    let mut grants =
        table.grants.iter().filter(|grant| grant.command == command && speaks(&grant.role)).peekable();
    grants.peek()?;
    Some(grants.flat_map(|grant| &grant.columns).map(String::as_str).collect())
}
