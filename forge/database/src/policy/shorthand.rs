//! Policies in one word: what `own-row`, `own-or-public`, `public` and `none` stand for.
//!
//! Their meaning is settled in `docs/decisions/0020-policy-shorthands.md`.

use super::error::{Flaw, PolicyError};
use super::parse::RESERVED;
use crate::people;
use crate::schema::{Column, Command, Policy, Rls, Table, Type};

/// Columns that hold a row's owner, the likeliest first.
pub const OWNERS: &[&str] = &["user_id", "owner_id", "author_id", "created_by"];
/// Values of a status column with which everybody may read the row.
pub const OPEN_VALUES: &[&str] = &["published", "public"];

const EVERYBODY: &[&str] = &["anon", "authenticated"];
const SIGNED_IN: &[&str] = &["authenticated"];
const ALL: &[Command] = &[Command::Select, Command::Insert, Command::Update, Command::Delete];
const WRITES: &[Command] = &[Command::Insert, Command::Update, Command::Delete];

/// A role, and the commands it may do on every row.
pub type Grant = (String, Vec<Command>);

/// A shorthand with what stands in its parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shorthand {
    /// Only the owner reaches a row.
    OwnRow(Option<String>),
    /// Everybody reads, all rows or those that the flag opens; the owner writes.
    OwnOrPublic(Option<String>),
    /// Everybody reads; only the service writes.
    Public,
    /// Only the service.
    None,
}

impl Shorthand {
    /// Reads `own-row`, `own-row(column)` and so on.
    pub fn parse(label: &str) -> Result<Shorthand, PolicyError> {
        let label = label.trim();
        let (word, argument) = match label.split_once('(') {
            Some((word, rest)) => {
                let argument = rest.strip_suffix(')').map(str::trim).filter(|argument| !argument.is_empty());
                let argument = argument.ok_or_else(|| unknown(label))?;
                (word.trim(), Some(argument.to_owned()))
            }
            None => (label, None),
        };
        match (word, argument) {
            ("own-row", column) => Ok(Shorthand::OwnRow(column)),
            ("own-or-public", flag) => Ok(Shorthand::OwnOrPublic(flag)),
            ("public", None) => Ok(Shorthand::Public),
            ("none", None) => Ok(Shorthand::None),
            _ => Err(unknown(label)),
        }
    }
}

/// The policies that a shorthand stands for on `table`.
pub fn expand(label: &str, table: &Table) -> Result<Rls, PolicyError> {
    let name = |what: &str| format!("{}_{what}", table.name);
    let policies = match Shorthand::parse(label)? {
        Shorthand::OwnRow(column) => {
            let mine = mine(owner(table, column.as_deref())?);
            vec![policy(name("own"), ALL, SIGNED_IN, &mine)]
        }
        Shorthand::OwnOrPublic(None) => {
            let mine = mine(owner(table, None)?);
            vec![
                policy(name("read"), &[Command::Select], EVERYBODY, "true"),
                policy(name("own"), WRITES, SIGNED_IN, &mine),
            ]
        }
        Shorthand::OwnOrPublic(Some(flag)) => {
            let mine = mine(owner(table, None)?);
            let open = open(table, &flag)?;
            vec![
                policy(name("read"), &[Command::Select], EVERYBODY, &open),
                policy(name("own"), ALL, SIGNED_IN, &mine),
            ]
        }
        Shorthand::Public => vec![policy(name("read"), &[Command::Select], EVERYBODY, "true")],
        Shorthand::None => Vec::new(),
    };
    Ok(Rls { label: label.trim().to_owned(), policies })
}

/// Adds, for each role, the right to do these commands on every row. The label says so.
pub fn with_grants(mut rls: Rls, grants: &[Grant]) -> Rls {
    for (role, commands) in grants.iter().filter(|(_, commands)| !commands.is_empty()) {
        let words: Vec<&str> = commands.iter().map(|command| verb(*command)).collect();
        rls.label.push_str(&format!(" + {role}: {}", words.join(", ")));
        let name = format!("grant_{role}_{}", rls.policies.len());
        rls.policies.push(policy(name, commands, &[role.as_str()], "true"));
    }
    rls
}

/// A label's shorthand and the grants added to it; `None` if it is none, such as `custom`.
pub fn parts(label: &str) -> Option<(Shorthand, Vec<Grant>)> {
    let mut parts = label.split(" + ");
    let shorthand = Shorthand::parse(parts.next()?).ok()?;
    let grant = |part: &str| {
        let (role, words) = part.split_once(": ")?;
        let commands =
            words.split(", ").map(|word| ALL.iter().copied().find(|command| verb(*command) == word));
        Some((role.to_owned(), commands.collect::<Option<Vec<_>>>()?))
    };
    Some((shorthand, parts.map(grant).collect::<Option<Vec<_>>>()?))
}

/// The column that holds the owner of a row: the one asked for, or the likeliest.
pub fn owner<'t>(table: &'t Table, asked: Option<&str>) -> Result<&'t Column, PolicyError> {
    let by_name = |names: &[&str]| names.iter().find_map(|name| table.column(name));
    let column = match (asked, table.name.as_str()) {
        (Some(asked), _) => table.column(asked),
        (None, "users" | "user") => by_name(&["id"]),
        (None, "profiles" | "profile") => by_name(&["user_id", "id"]),
        (None, _) => by_name(OWNERS),
    };
    let fit = |column: &&Column| matches!(column.ty, Type::Uuid | Type::Text | Type::Varchar(_));
    match column {
        Some(column) if fit(&column) => Ok(column),
        Some(column) => {
            let message = format!(
                "`{}.{}` cannot hold the owner: `auth.uid()` is a uuid, the column is not",
                table.name, column.name
            );
            Err(PolicyError::new(Flaw::Shorthand, message).hint("make it a uuid that refers to the user"))
        }
        None => {
            let message = match asked {
                Some(asked) => format!("`{}` has no column `{asked}` for the owner", table.name),
                None => format!("`{}` has no column that holds the owner of a row", table.name),
            };
            Err(PolicyError::new(Flaw::Shorthand, message).hint(would_do(table)))
        }
    }
}

/// The condition under which everybody reads a row.
pub fn open(table: &Table, flag: &str) -> Result<String, PolicyError> {
    let column = table.column(flag).ok_or_else(|| {
        let flags = table.columns.iter().filter(|column| column.ty == Type::Boolean);
        let names: Vec<&str> = flags.map(|column| column.name.as_str()).collect();
        PolicyError::new(Flaw::Shorthand, format!("`{}` has no column `{flag}` for the flag", table.name))
            .hint(format!("boolean columns: {}", or_none(&names)))
    })?;
    match &column.ty {
        Type::Boolean => Ok(format!("{} = true", written(flag))),
        Type::Text | Type::Varchar(_) => Ok(format!("{} in ('{}')", written(flag), OPEN_VALUES.join("', '"))),
        // Not every value of an enum need be there, so it is compared as text.
        Type::Enum(_) => Ok(format!("{}::text in ('{}')", written(flag), OPEN_VALUES.join("', '"))),
        _ => {
            let message = format!("`{}.{flag}` is neither a flag nor a status", table.name);
            Err(PolicyError::new(Flaw::Shorthand, message).hint(
                "name a boolean, or a text that is 'published' or 'public' when everybody may read the row",
            ))
        }
    }
}

fn mine(owner: &Column) -> String {
    let cast = if owner.ty == Type::Uuid { "" } else { "::text" };
    format!("{} = auth.uid(){cast}", written(&owner.name))
}

/// A column's name as policies write it.
fn written(name: &str) -> String {
    let plain = name
        .chars()
        .enumerate()
        .all(|(at, c)| c == '_' || c.is_ascii_lowercase() || (at > 0 && c.is_ascii_digit()));
    if plain && !RESERVED.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn policy(name: String, commands: &[Command], roles: &[&str], condition: &str) -> Policy {
    let writes = commands.iter().any(|command| matches!(command, Command::Insert | Command::Update));
    let reaches = commands.iter().any(|command| *command != Command::Insert);
    Policy {
        name,
        commands: commands.to_vec(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        restrictive: false,
        using: reaches.then(|| condition.to_owned()),
        check: writes.then(|| condition.to_owned()),
    }
}

fn verb(command: Command) -> &'static str {
    match command {
        Command::Select => "select",
        Command::Insert => "insert",
        Command::Update => "update",
        Command::Delete => "delete",
    }
}

fn unknown(label: &str) -> PolicyError {
    PolicyError::new(Flaw::Shorthand, format!("`{label}` is no policy")).hint(
        "the shorthands are own-row, own-row(column), own-or-public, own-or-public(flag), public and none",
    )
}

/// The columns that could hold an owner: those that refer to users, else the uuids.
fn would_do(table: &Table) -> String {
    let to_users = table
        .foreign_keys
        .iter()
        .filter(|key| matches!(key.table.as_str(), "users" | "profiles" | people::USERS));
    let mut names: Vec<&str> = to_users.map(|key| key.column.as_str()).collect();
    if names.is_empty() {
        let uuids = table
            .columns
            .iter()
            .filter(|column| column.ty == Type::Uuid && !table.primary_key.contains(&column.name));
        names = uuids.map(|column| column.name.as_str()).collect();
    }
    match names.as_slice() {
        [] => format!(
            "add a column `user_id uuid` that refers to the user, or say `public` or `none` of `{}`",
            table.name
        ),
        [first, ..] => format!("would do: {}; write `own-row({first})`, or add `user_id`", names.join(", ")),
    }
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
