//! `CREATE POLICY`: what puts a table's policies on it.

use std::collections::BTreeSet;

use forge_core::Role;

use crate::ddl::postgres::quote_name as quote;
use crate::policy::{PolicyError, Side, condition, parse, resolve, tables_read};
use crate::schema::{Command, Policy, Schema, Table, derived_name};

const ALL: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

/// The statements that put the policies of `table` on it, which has none yet. Every table of the app is
/// closed to everybody but its owner and the service until a policy opens it.
pub fn policies(schema: &Schema, table: &Table) -> Result<Vec<String>, PolicyError> {
    let mut out = vec![format!("ALTER TABLE public.{} ENABLE ROW LEVEL SECURITY", quote(&table.name))];
    for (_, sql) in named(schema, table) {
        out.push(sql?);
    }
    Ok(out)
}

/// A policy's name in the database, and the statement that creates it.
pub(crate) type Named = (String, Result<String, PolicyError>);

/// The policies by the names that they have in the database.
pub(crate) fn named(schema: &Schema, table: &Table) -> Vec<Named> {
    let mut out: Vec<Named> = Vec::new();
    for policy in table.rls.iter().flat_map(|rls| &rls.policies) {
        let sides = written(schema, table, policy, Side::Using)
            .and_then(|using| Ok((using, written(schema, table, policy, Side::Check)?)));
        for command in commands(policy) {
            let mut name = name(policy, command);
            while out.iter().any(|(taken, _)| *taken == name) {
                name = derived_name(&name, std::iter::empty(), "too");
            }
            let sql = sides.clone().map(|sides| statement(table, policy, &name, command, &sides));
            out.push((name, sql));
        }
    }
    out
}

/// The tables that each of [`named`]'s policies reads, in the same order.
pub(crate) fn reads(table: &Table) -> Vec<BTreeSet<String>> {
    let policies = table.rls.iter().flat_map(|rls| &rls.policies);
    policies.flat_map(|policy| commands(policy).into_iter().map(|_| tables_read(policy))).collect()
}

/// The roles of the app's own that policies and grants of these tables name.
pub fn custom_roles<'t>(tables: impl Iterator<Item = &'t Table>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for table in tables {
        let policies = table.rls.iter().flat_map(|rls| &rls.policies).flat_map(|policy| &policy.roles);
        for name in policies.chain(table.grants.iter().map(|grant| &grant.role)) {
            if let Role::Custom(name) = Role::from(name.clone()) {
                out.insert(name);
            }
        }
    }
    out
}

fn written(schema: &Schema, table: &Table, policy: &Policy, side: Side) -> Result<String, PolicyError> {
    match condition(policy, side) {
        Some(text) => super::expression(&resolve(&parse(text)?, table, schema)?),
        None => Ok("true".to_owned()),
    }
}

/// `None` for all four at once.
fn commands(policy: &Policy) -> Vec<Option<Command>> {
    if ALL.iter().all(|command| policy.commands.contains(command)) {
        return vec![None];
    }
    ALL.iter().filter(|command| policy.commands.contains(command)).map(|command| Some(*command)).collect()
}

/// Postgres' policies speak about one command or all: several get the command's name behind theirs.
fn name(policy: &Policy, command: Option<Command>) -> String {
    match command {
        Some(command) if policy.commands.len() > 1 => {
            derived_name(&policy.name, std::iter::empty(), &verb(command).to_lowercase())
        }
        Some(_) | None if policy.name.len() > forge_core::NAME_BYTES_MAX => {
            derived_name(&policy.name, std::iter::empty(), "all")
        }
        Some(_) | None => policy.name.clone(),
    }
}

fn statement(
    table: &Table,
    policy: &Policy,
    name: &str,
    command: Option<Command>,
    (using, check): &(String, String),
) -> String {
    let kind = if policy.restrictive { "RESTRICTIVE" } else { "PERMISSIVE" };
    let mut roles: Vec<String> = policy.roles.iter().map(|role| quote(role)).collect();
    roles.sort();
    roles.dedup();
    if roles.is_empty() {
        // It binds nobody; the service is bound by none.
        roles.push(quote(Role::Service.as_str()));
    }
    let mut sql = format!(
        "CREATE POLICY {} ON public.{} AS {kind} FOR {} TO {}",
        quote(name),
        quote(&table.name),
        command.map_or("ALL", verb),
        roles.join(", ")
    );
    if command != Some(Command::Insert) {
        sql.push_str(&format!(" USING ({using})"));
    }
    if !matches!(command, Some(Command::Select | Command::Delete)) {
        sql.push_str(&format!(" WITH CHECK ({check})"));
    }
    sql
}

fn verb(command: Command) -> &'static str {
    match command {
        Command::Select => "SELECT",
        Command::Insert => "INSERT",
        Command::Update => "UPDATE",
        Command::Delete => "DELETE",
    }
}
