//! What a table's policies come to: who reaches everything, and who owns a row.

use std::collections::BTreeSet;

use forge_core::Role;

use crate::policy::{Binary, Expr, ExprKind, Is, Side, Unary, condition, parse, speaks_to};
use crate::schema::{Command, Policy, Rls, Table};

/// Roles that anybody can obtain: no account at all, or a fresh one.
const EVERYBODY: [Role; 2] = [Role::Anon, Role::Authenticated];

/// The first role that anybody can obtain to which `command` is open on every row.
pub(super) fn open_to(rls: &Rls, command: Command, side: Side) -> Option<Role> {
    EVERYBODY.into_iter().find(|role| {
        let speaks = |policy: &&Policy| policy.commands.contains(&command) && speaks_to(policy, role);
        let (restrictive, permissive): (Vec<&Policy>, Vec<&Policy>) =
            rls.policies.iter().filter(speaks).partition(|policy| policy.restrictive);
        let open = |policy: &&Policy| always(condition(policy, side), role);
        permissive.iter().any(open) && restrictive.iter().all(open)
    })
}

/// Whether a condition holds for every row, whichever user of that role asks.
fn always(text: Option<&str>, role: &Role) -> bool {
    match text.map(parse) {
        None => true,
        Some(Ok(expr)) => constant(&expr, role) == Some(true),
        Some(Err(_)) => false, // It opens nothing, and another rule says that it cannot be read.
    }
}

/// The value of a condition that does not depend on the row.
fn constant(expr: &Expr, role: &Role) -> Option<bool> {
    match &expr.kind {
        ExprKind::Bool(value) => Some(*value),
        ExprKind::Unary(Unary::Not, of) => constant(of, role).map(|value| !value),
        ExprKind::Binary(Binary::And, left, right) => match (constant(left, role), constant(right, role)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (Some(true) | None, None) | (None, Some(true)) => None,
        },
        ExprKind::Binary(Binary::Or, left, right) => match (constant(left, role), constant(right, role)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            (Some(false) | None, None) | (None, Some(false)) => None,
        },
        ExprKind::Binary(Binary::Equal, left, right) => equal(&left.kind, &right.kind, role),
        // Having an account is no condition on the row, only on the role.
        ExprKind::Is { of, what: Is::Null, negated } if of.kind == ExprKind::Uid => {
            Some((*role == Role::Anon) != *negated)
        }
        ExprKind::Is { of, what: Is::True, negated } => constant(of, role).map(|value| value != *negated),
        ExprKind::Is { of, what: Is::False, negated } => constant(of, role).map(|value| value == *negated),
        _ => None, // Everything else looks at the row, or at claims.
    }
}

fn equal(left: &ExprKind, right: &ExprKind, role: &Role) -> Option<bool> {
    match (left, right) {
        (ExprKind::Int(a), ExprKind::Int(b)) => Some(a == b),
        (ExprKind::Text(a), ExprKind::Text(b)) => Some(a == b),
        (ExprKind::Bool(a), ExprKind::Bool(b)) => Some(a == b),
        (ExprKind::Role, ExprKind::Text(name)) | (ExprKind::Text(name), ExprKind::Role) => {
            Some(role.as_str() == name)
        }
        _ => None, // Depends on the row, or on who asks.
    }
}

/// The columns that hold a row's owner: those that some policy compares with the user's id.
pub(super) fn owners(table: &Table) -> BTreeSet<String> {
    let policies = table.rls.iter().flat_map(|rls| &rls.policies);
    let texts = policies.flat_map(|policy| [&policy.using, &policy.check]).flatten();
    let mut found = BTreeSet::new();
    for expr in texts.filter_map(|text| parse(text).ok()) {
        collect(&expr, table, &mut found);
    }
    found
}

fn collect(expr: &Expr, table: &Table, found: &mut BTreeSet<String>) {
    if let ExprKind::Binary(Binary::Equal, left, right) = &expr.kind {
        for (column, other) in [(left, right), (right, left)] {
            if let ExprKind::Column { table: qualifier, name } = &column.kind
                && qualifier.as_ref().is_none_or(|qualifier| *qualifier == table.name)
                && table.column(name).is_some()
                && is_uid(other)
            {
                found.insert(name.clone());
            }
        }
    }
    // A subquery compares columns of other tables.
    if expr.select().is_none() {
        for child in expr.children() {
            collect(child, table, found);
        }
    }
}

fn is_uid(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Uid => true,
        ExprKind::Cast(of, _) => is_uid(of),
        _ => false, // Anything else is not the user's id itself.
    }
}
