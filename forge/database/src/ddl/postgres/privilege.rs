//! Who may do what with which columns of a table.

use std::collections::BTreeSet;

use super::{
    quote_name,
    table::{qualified, quoted},
};
use crate::schema::{ColumnGrant, Command, Table};

/// The roles that reach every table unless a grant says less.
const EVERYBODY: [&str; 2] = ["anon", "authenticated"];
const COMMANDS: [(Command, &str); 4] = [
    (Command::Select, "SELECT"),
    (Command::Insert, "INSERT"),
    (Command::Update, "UPDATE"),
    (Command::Delete, "DELETE"),
];

/// The statements that give `table` its privileges, whatever it had. `earlier` are the roles that had some
/// by a grant before.
pub(super) fn privileges(table: &Table, earlier: &BTreeSet<String>) -> Vec<String> {
    let on = qualified(&table.name);
    let named = table.grants.iter().map(|grant| grant.role.clone()).chain(earlier.iter().cloned());
    let mut roles: BTreeSet<String> = named.collect();
    roles.extend(EVERYBODY.map(str::to_owned));
    let list: Vec<String> = roles.iter().map(|role| quote_name(role)).collect();
    let mut out = vec![
        format!("REVOKE ALL ON {on} FROM {}", list.join(", ")),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {on} TO service_role"),
    ];
    for role in &roles {
        let to = quote_name(role);
        let mut whole = Vec::new();
        for (command, verb) in COMMANDS {
            match columns(&table.grants, role, command) {
                Some(columns) if columns.is_empty() => {}
                Some(columns) => out.push(format!("GRANT {verb} ({}) ON {on} TO {to}", quoted(&columns))),
                None if EVERYBODY.contains(&role.as_str()) => whole.push(verb),
                None => {}
            }
        }
        if !whole.is_empty() {
            out.push(format!("GRANT {} ON {on} TO {to}", whole.join(", ")));
        }
    }
    out
}

/// The columns that the grants name; `None` when there is no grant.
fn columns(grants: &[ColumnGrant], role: &str, command: Command) -> Option<Vec<String>> {
    let mut found = None;
    for grant in grants.iter().filter(|grant| grant.role == role && grant.command == command) {
        found.get_or_insert_with(Vec::new).extend(grant.columns.iter().cloned());
    }
    found
}
