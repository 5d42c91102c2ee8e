//! Which policies speak about a command and a role, and what their subqueries lead to.

use std::collections::{BTreeMap, BTreeSet};

use forge_core::Role;

use super::error::{Flaw, PolicyError};
use super::expr::Expr;
use super::parse::parse;
use super::resolve::resolve;
use super::typed::{Literal, Node, NodeKind, Resolved, Ty};
use crate::schema::{Command, Policy, Schema, Table};

/// Which rows a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Rows that are there: what select, update and delete reach.
    Using,
    /// Rows that come to be: what insert and update may leave.
    Check,
}

/// What a table's policies come to for one command and one role.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// A row passes if one of these holds; with none of them, no row passes.
    pub permissive: Vec<Resolved>,
    /// And all of these.
    pub restrictive: Vec<Resolved>,
}

/// Policies that read one another in a circle, so that none can be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The tables, in the order in which their policies read them, from the first in the alphabet.
    pub tables: Vec<String>,
    /// The policy of each table through which it goes.
    pub policies: Vec<String>,
}

/// The text that decides on `side`: each side stands in for the other where it is missing, and where
/// both are, everything passes.
pub fn condition(policy: &Policy, side: Side) -> Option<&str> {
    let (using, check) = (policy.using.as_deref(), policy.check.as_deref());
    match side {
        Side::Using => using.or(check),
        Side::Check => check.or(using),
    }
}

/// Whether `policy` binds `role`. A role of the app's own is held by users who are signed in, so policies
/// for `authenticated` bind it, too.
pub fn speaks_to(policy: &Policy, role: &Role) -> bool {
    let names = |name: &str| policy.roles.iter().any(|role| role == name);
    names(role.as_str()) || (matches!(role, Role::Custom(_)) && names(Role::Authenticated.as_str()))
}

/// The rule for `command` on `table` by `role`. The service is bound by none; ask for it elsewhere.
pub fn rule(
    schema: &Schema,
    table: &Table,
    command: Command,
    side: Side,
    role: &Role,
) -> Result<Rule, PolicyError> {
    let mut rule = Rule { permissive: Vec::new(), restrictive: Vec::new() };
    for policy in table.rls.iter().flat_map(|rls| &rls.policies) {
        if !policy.commands.contains(&command) || !speaks_to(policy, role) {
            continue;
        }
        let resolved = match condition(policy, side) {
            Some(text) => resolve(&parse(text)?, table, schema)?,
            None => everything(table),
        };
        if policy.restrictive { &mut rule.restrictive } else { &mut rule.permissive }.push(resolved);
    }
    Ok(rule)
}

/// The tables that a policy's subqueries read. A text that does not parse reads none.
pub fn tables_read(policy: &Policy) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for text in [&policy.using, &policy.check].into_iter().flatten() {
        if let Ok(expr) = parse(text) {
            collect(&expr, &mut tables);
        }
    }
    tables
}

/// Every circle of policies for reading. Postgres refuses to evaluate them, and so does the compiler.
pub fn cycles(schema: &Schema) -> Vec<Cycle> {
    let mut found: Vec<Cycle> = Vec::new();
    for role in roles(schema.tables.values()) {
        let graph = reading(schema, &role);
        for start in graph.keys() {
            if let Some(cycle) = circle(&graph, start)
                && !found.iter().any(|known| known.tables == cycle.tables)
            {
                found.push(cycle);
            }
        }
    }
    found
}

/// Every role that a policy of these tables names, and the two that are always there.
pub fn roles<'t>(tables: impl Iterator<Item = &'t Table>) -> BTreeSet<Role> {
    let policies = tables.flat_map(|table| &table.rls).flat_map(|rls| &rls.policies);
    let named = policies.flat_map(|policy| &policy.roles).map(|name| Role::from(name.clone()));
    let mut roles: BTreeSet<Role> = named.filter(|role| *role != Role::Service).collect();
    roles.extend([Role::Anon, Role::Authenticated]);
    roles
}

/// For each table, the tables that its policies for reading read, each with one such policy.
type Reading<'s> = BTreeMap<&'s str, BTreeMap<String, &'s str>>;

fn reading<'s>(schema: &'s Schema, role: &Role) -> Reading<'s> {
    let mut graph = Reading::new();
    for table in schema.tables.values() {
        let policies = table.rls.iter().flat_map(|rls| &rls.policies);
        let mut edges = BTreeMap::new();
        for policy in policies.filter(|p| p.commands.contains(&Command::Select) && speaks_to(p, role)) {
            for read in tables_read(policy) {
                edges.entry(read).or_insert(policy.name.as_str());
            }
        }
        graph.insert(table.name.as_str(), edges);
    }
    graph
}

/// The shortest circle through `start` that goes through no table before it in the alphabet, so that
/// each circle is found once.
fn circle(graph: &Reading<'_>, start: &str) -> Option<Cycle> {
    let mut paths = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            let Some(edges) = path.last().and_then(|last| graph.get(last.as_str())) else { continue };
            for next in edges.keys() {
                if next == start {
                    return Some(named(graph, path));
                }
                if next.as_str() > start && seen.insert(next.clone()) {
                    let mut path = path.clone();
                    path.push(next.clone());
                    longer.push(path);
                }
            }
        }
        paths = longer;
    }
    None
}

fn named(graph: &Reading<'_>, tables: Vec<String>) -> Cycle {
    let nexts = tables.iter().cycle().skip(1);
    let policy = |(table, next): (&String, &String)| graph[table.as_str()][next].to_owned();
    let policies = tables.iter().zip(nexts).map(policy).collect();
    Cycle { tables, policies }
}

fn collect(expr: &Expr, tables: &mut BTreeSet<String>) {
    if let Some(select) = expr.select() {
        tables.extend(select.from.iter().map(|from| from.table.clone()));
    }
    for child in expr.children() {
        collect(child, tables);
    }
}

fn everything(table: &Table) -> Resolved {
    let root = Node { kind: NodeKind::Literal(Literal::Bool(true)), ty: Ty::Bool };
    Resolved { table: table.name.clone(), root, reads: BTreeSet::new() }
}

/// The error for a table whose policies for reading lead back to it.
pub(super) fn cycle_error(chain: &[String], table: &str) -> PolicyError {
    let message = format!("the policies of {} -> {table} read one another in a circle", chain.join(" -> "));
    PolicyError::new(Flaw::Cycle, message)
        .hint("let one of them compare a column of its own row, without a subquery")
}
