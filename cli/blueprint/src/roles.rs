//! Roles: what is declared of them, and what the policies of tables grant them.

use std::collections::BTreeMap;

use forge_database::lint::is_secret;
use forge_detect::{RoleAct, RoleGrant, RoleNeed};
use serde_json::json;

use crate::column::Column;
use crate::names::table_name;
use crate::plan::Declaration;

/// Every table.
const EVERYTHING: &str = "*";

/// What each role may do on every row, by the tables' final names: pairs of the role and the commands.
pub(crate) type Grants = BTreeMap<String, Vec<(String, String)>>;

/// Roles to declare, each with its grants: which resource, and how much of it.
pub(crate) fn declarations(roles: &[RoleNeed]) -> Vec<Declaration> {
    let grant =
        |grant: &RoleGrant| json!({ "resource": resource(&grant.table), "access": access(&grant.can) });
    let one = |role: &RoleNeed| Declaration {
        kind: "role",
        name: role.name.clone(),
        spec: json!({ "grants": role.grants.iter().map(grant).collect::<Vec<_>>() }),
        lines: role.lines.clone(),
    };
    roles.iter().map(one).collect()
}

/// The grants by table. "Everything" names no table, and opens none by itself.
pub(crate) fn grants(roles: &[RoleNeed]) -> Grants {
    let mut all = Grants::new();
    for role in roles {
        for grant in role.grants.iter().filter(|grant| grant.table != EVERYTHING && !grant.can.is_empty()) {
            let commands: Vec<&str> = grant.can.iter().map(|act| command(*act)).collect();
            all.entry(table_name(&grant.table)).or_default().push((role.name.clone(), commands.join(", ")));
        }
    }
    all
}

/// A table's policies with what roles are granted. Rows with secrets stay closed, whatever is said of roles.
pub(crate) fn with_grants(rls: String, table: &str, columns: &[Column], grants: &Grants) -> String {
    let secret =
        |column: &Column| is_secret(&column.name) && !matches!(column.ty.as_str(), "boolean" | "timestamptz");
    let Some(granted) = grants.get(table).filter(|_| !columns.iter().any(secret)) else { return rls };
    granted.iter().fold(rls, |rls, (role, commands)| format!("{rls} + {role}: {commands}"))
}

fn resource(table: &str) -> String {
    if table == EVERYTHING { table.to_owned() } else { table_name(table) }
}

/// How much of a resource it is to do this: `read` it, `write` it, or `control` it, which is to delete as well.
fn access(can: &[RoleAct]) -> &'static str {
    match (can.contains(&RoleAct::Delete), can.iter().any(|act| *act != RoleAct::Read)) {
        (true, _) => "control",
        (false, true) => "write",
        (false, false) => "read",
    }
}

fn command(act: RoleAct) -> &'static str {
    match act {
        RoleAct::Read => "select",
        RoleAct::Insert => "insert",
        RoleAct::Update => "update",
        RoleAct::Delete => "delete",
    }
}
