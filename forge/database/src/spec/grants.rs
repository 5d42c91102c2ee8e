//! Column grants as they are written: `[{role: authenticated, can: select, columns: [id, title]}]`.

use super::{
    error::SpecError,
    node::Node,
    read::{Fields, list, names},
    rls::{command_name, commands, role},
};
use crate::schema::{ColumnGrant, Command};

pub(super) fn read(node: &Node) -> Result<Vec<ColumnGrant>, SpecError> {
    let mut out = Vec::new();
    for item in list(node, "`grants`")? {
        let fields = Fields::of(item, "a grant of columns", &["role", "can", "columns"])?;
        let can = fields.need("can")?;
        let columns = columns(fields.need("columns")?)?;
        let role = role(fields.need("role")?)?;
        for command in commands(can)? {
            if command == Command::Delete {
                return Err(SpecError::new(can.at, "rows go as a whole", "select, insert or update")
                    .hint("say in `rls` who deletes"));
            }
            out.push(ColumnGrant { role: role.clone(), command, columns: columns.clone() });
        }
    }
    Ok(out)
}

/// An empty list closes the command.
fn columns(node: &Node) -> Result<Vec<String>, SpecError> {
    match &node.kind {
        super::node::Kind::List(items) if items.is_empty() => Ok(Vec::new()),
        _ => names(node),
    }
}

/// The grants as mappings: role, command and columns.
pub(super) fn parts(grants: &[ColumnGrant]) -> impl Iterator<Item = (&str, &'static str, &[String])> {
    grants.iter().map(|grant| (grant.role.as_str(), command_name(grant.command), grant.columns.as_slice()))
}
