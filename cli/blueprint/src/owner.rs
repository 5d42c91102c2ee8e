//! Whose a row is, and who may touch it.

use std::collections::BTreeMap;

use forge_database::lint::is_secret;
use forge_database::policy::shorthand;
use forge_detect::{Access, TableNeed};

use crate::column::{Column, Reference};
use crate::table::{Keys, USERS};

/// Columns that say whose a row is, most telling first.
pub(crate) const OWNERS: [&str; 7] =
    ["user_id", "owner_id", "author_id", "created_by", "creator_id", "account_id", "profile_id"];
/// Columns that open a row to everybody while they are true.
const FLAGS: [&str; 4] = ["is_public", "public", "is_published", "published"];
/// Columns that open a row to everybody while they say so.
const STATES: [&str; 4] = ["visibility", "privacy", "status", "state"];

/// Finds or makes the column that says whose a row is.
pub(crate) fn add_owner(
    name: &str,
    need: &TableNeed,
    keys: &Keys,
    columns: &mut Vec<Column>,
) -> Option<String> {
    let users_key = keys.get(USERS)?;
    if name == USERS {
        return Some(users_key.clone());
    }
    let to_users = |column: &Column| column.references.as_ref().is_some_and(|r| r.table == USERS);
    let named = OWNERS.iter().find_map(|owner| columns.iter().position(|c| c.name == *owner && to_users(c)));
    let only = || match columns.iter().enumerate().filter(|(_, c)| to_users(c)).collect::<Vec<_>>()[..] {
        [(place, _)] => Some(place),
        _ => None,
    };
    if let Some(place) = named.or_else(only) {
        let column = &mut columns[place];
        // A row without an owner is nobody's: it is filled in for whoever writes it.
        if !column.key && column.references.as_ref().is_none_or(|r| r.on_delete != Some("set null")) {
            column.required = true;
        }
        if column.default.is_none() && !column.key {
            column.default = Some("auth.uid()".to_owned());
        }
        return Some(column.name.clone());
    }
    if !matches!(need.access, Access::Own | Access::OwnOrPublic) {
        return None;
    }
    let reference =
        Reference { table: USERS.to_owned(), column: users_key.clone(), on_delete: Some("cascade") };
    let owner = Column {
        required: true,
        default: Some("auth.uid()".to_owned()),
        references: Some(reference),
        implied: true,
        ..Column::plain("user_id", "")
    };
    match columns.iter_mut().find(|column| column.name == "user_id") {
        Some(column) if column.key => return None,
        // The document names it, and refers it to something that there is not.
        Some(column) => *column = Column { implied: false, ..owner },
        None => columns.push(owner),
    }
    Some("user_id".to_owned())
}

/// A column of the need that names an owner.
pub(crate) fn owner_column(need: &TableNeed) -> Option<&str> {
    let mut names = need.columns.iter().map(|column| column.name.as_str());
    names.find(|name| OWNERS[..4].contains(name))
}

/// The least access that the document supports. People's own records are theirs, whatever is said of
/// the table: what others may see of them is for a view or a table of its own. So are rows with secrets.
pub(crate) fn rls(
    name: &str,
    access: Access,
    owner: Option<&str>,
    columns: &[Column],
    enums: &BTreeMap<String, Vec<String>>,
) -> String {
    let own = |owner: &str| match (name == USERS, owner) {
        (true, "id") | (false, "user_id") => "own-row".to_owned(),
        (_, owner) => format!("own-row({owner})"),
    };
    let secret =
        |column: &Column| is_secret(&column.name) && !matches!(column.ty.as_str(), "boolean" | "timestamptz");
    let closed = name == USERS || columns.iter().any(secret);
    match (access, owner) {
        (Access::Private, _) | (Access::Unspecified | Access::Own | Access::OwnOrPublic, None) => {
            "none".to_owned()
        }
        (Access::Public, None) if closed => "none".to_owned(),
        (Access::Own | Access::Unspecified, Some(owner)) => own(owner),
        (Access::OwnOrPublic | Access::Public, Some(owner)) if closed => own(owner),
        (Access::OwnOrPublic, Some(owner)) => {
            own_or_public(owner, columns, enums).unwrap_or_else(|| own(owner))
        }
        (Access::Public, _) => "public".to_owned(),
    }
}

/// Everybody reads, the owner writes. Where a column says which rows are public, it decides. None where
/// the shorthand would take another column for the owner.
fn own_or_public(owner: &str, columns: &[Column], enums: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let there = |name: &&&str| columns.iter().any(|column| column.name == ***name);
    if shorthand::OWNERS.iter().find(there) != Some(&owner) {
        return None;
    }
    let flag = columns.iter().find(|column| FLAGS.contains(&column.name.as_str()) && column.ty == "boolean");
    let opens = |column: &&Column| {
        let values = enums.get(&column.ty);
        let says = |value: &String| shorthand::OPEN_VALUES.contains(&value.as_str());
        STATES.contains(&column.name.as_str()) && values.is_some_and(|values| values.iter().any(says))
    };
    match flag.or_else(|| columns.iter().find(opens)) {
        Some(column) => Some(format!("own-or-public({})", column.name)),
        None => Some("own-or-public".to_owned()),
    }
}
