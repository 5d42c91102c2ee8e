//! What a table's policies come to: who reads everything, who writes everything, who owns a row.

use std::collections::BTreeSet;

use crate::schema::{Command, Policy, Rls, Table};

/// Roles that anybody can obtain: no account at all, or a fresh one.
pub(super) const EVERYBODY: &[&str] = &["anon", "authenticated"];

/// Which existing rows a policy lets its commands reach; `None` means all.
pub(super) fn using(policy: &Policy) -> Option<&str> {
    policy.using.as_deref().or(policy.check.as_deref())
}

/// Which new rows a policy lets its commands leave; `None` means all.
pub(super) fn check(policy: &Policy) -> Option<&str> {
    policy.check.as_deref().or(policy.using.as_deref())
}

/// Whether a condition holds for every row.
pub(super) fn always(condition: Option<&str>) -> bool {
    condition.is_none_or(|text| {
        let bare: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
        matches!(bare.to_ascii_lowercase().as_str(), "true" | "1=1" | "nottrue=false" | "notfalse")
    })
}

/// The first role of [`EVERYBODY`] to which `command` is open on every row, judged by `condition`.
pub(super) fn open_to(
    rls: &Rls,
    command: Command,
    condition: fn(&Policy) -> Option<&str>,
) -> Option<&'static str> {
    EVERYBODY.iter().copied().find(|role| {
        let speaks =
            |policy: &&Policy| policy.commands.contains(&command) && policy.roles.iter().any(|r| r == role);
        let (restrictive, permissive): (Vec<&Policy>, Vec<&Policy>) =
            rls.policies.iter().filter(speaks).partition(|policy| policy.restrictive);
        permissive.iter().any(|policy| always(condition(policy)))
            && restrictive.iter().all(|policy| always(condition(policy)))
    })
}

/// The columns that hold a row's owner: those that some policy compares with the user's id.
pub(super) fn owners(table: &Table) -> BTreeSet<&str> {
    let conditions = table
        .rls
        .iter()
        .flat_map(|rls| &rls.policies)
        .flat_map(|policy| [policy.using.as_deref(), policy.check.as_deref()])
        .flatten();
    conditions.flat_map(|condition| owners_in(table, condition)).collect()
}

fn owners_in<'t>(table: &'t Table, condition: &str) -> Vec<&'t str> {
    let bare: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
    let compared = |name: &str| {
        let (left, right) = (format!("{name}=auth.uid()"), format!("auth.uid()={name}"));
        bare.match_indices(&left).any(|(at, _)| starts_word(&bare, at))
            || bare.match_indices(&right).any(|(at, _)| ends_word(&bare, at + right.len()))
    };
    table.columns.iter().map(|column| column.name.as_str()).filter(|name| compared(name)).collect()
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
}

fn ends_word(text: &str, at: usize) -> bool {
    !text[at..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
}
