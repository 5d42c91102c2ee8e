//! What policies mean, worked out by hand on rows in memory.
//!
//! A second reading of the language beside the compilers, sharing only the parser with them: it walks
//! the tree as written, asks no type checker, and knows no SQL. The proof compares what an engine did
//! with what this says. It is slow and does not mind.

mod val;

use std::collections::BTreeMap;

use forge_core::{Identity, Role};
use serde_json::Value;

use crate::people;
use crate::policy::{Access, Binary, Case, Expr, ExprKind, Function, Is, Select, Unary, parse};
use crate::rows::Row;
use crate::schema::{Command, Policy, Schema, Table};
use val::{Val, arithmetic, binary_of, cast, get, held, like, member, not, truth};

/// The rows of the tables, as everybody would see them without policies.
pub(super) type Tables = BTreeMap<String, Vec<Row>>;

/// How deep policies may read tables with policies.
const READ_DEPTH_MAX: usize = 16;

/// Why an expectation could not be worked out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unknown(pub(crate) String);

/// Everything an evaluation looks at.
#[derive(Clone, Copy)]
pub(super) struct World<'w> {
    pub(super) schema: &'w Schema,
    pub(super) tables: &'w Tables,
    pub(super) who: &'w Identity,
    pub(super) now: jiff::Timestamp,
}

/// Which text of a policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Existing,
    New,
}

/// What is done with each combination of rows that a subquery yields.
type Visit<'v> = dyn FnMut(&[Vec<Bound<'_>>]) -> Result<(), Unknown> + 'v;

/// A row under the name it goes by.
struct Bound<'w> {
    alias: &'w str,
    table: &'w Table,
    row: &'w Row,
}

impl<'w> World<'w> {
    /// Whether the policies of `table` let `who` do `command` with `row`.
    pub(super) fn allows(&self, table: &str, command: Command, ask: Ask, row: &Row) -> Result<bool, Unknown> {
        self.judge(table, command, ask, row, 0)
    }

    fn judge(
        &self,
        table: &str,
        command: Command,
        ask: Ask,
        row: &Row,
        depth: usize,
    ) -> Result<bool, Unknown> {
        if self.who.role == Role::Service {
            return Ok(true);
        }
        if table == people::USERS {
            // Everybody has their own row, and no other.
            let id = row.get("id").and_then(Value::as_str);
            return Ok(id.is_some() && id == self.who.subject.as_deref().map(str::to_lowercase).as_deref());
        }
        if depth > READ_DEPTH_MAX {
            return Err(Unknown("the policies read one another without end".to_owned()));
        }
        let table = self.table(table)?;
        let (mut let_in, mut held_back) = (false, false);
        for policy in table.rls.iter().flat_map(|rls| rls.policies.iter()) {
            if !policy.commands.contains(&command) || !self.is_meant(policy) {
                continue;
            }
            let text = match ask {
                Ask::Existing => policy.using.as_ref().or(policy.check.as_ref()),
                Ask::New => policy.check.as_ref().or(policy.using.as_ref()),
            };
            let holds = match text {
                None => true,
                Some(text) => {
                    let expr = parse(text).map_err(|error| Unknown(error.to_string()))?;
                    let bound = Bound { alias: &table.name, table, row };
                    self.eval(&expr, &[vec![bound]], depth)? == Val::Bool(true)
                }
            };
            if policy.restrictive {
                held_back |= !holds;
            } else {
                let_in |= holds;
            }
        }
        Ok(let_in && !held_back)
    }

    fn is_meant(&self, policy: &Policy) -> bool {
        policy.roles.iter().any(|name| match &self.who.role {
            Role::Anon => name == "anon",
            Role::Authenticated => name == "authenticated",
            Role::Service => true,
            Role::Custom(own) => name == own || name == "authenticated",
        })
    }

    fn table(&self, name: &str) -> Result<&'w Table, Unknown> {
        people::table(self.schema, name).ok_or_else(|| Unknown(format!("there is no table `{name}`")))
    }

    /// Evaluates one expression on one row; for tests.
    #[cfg(test)]
    pub(super) fn holds(&self, text: &str, table: &str, row: &Row) -> Result<Option<bool>, Unknown> {
        let expr = parse(text).map_err(|error| Unknown(error.to_string()))?;
        let table = self.table(table)?;
        match self.eval(&expr, &[vec![Bound { alias: &table.name, table, row }]], 0)? {
            Val::Bool(holds) => Ok(Some(holds)),
            Val::Null => Ok(None),
            other => Err(Unknown(format!("{other:?} is no truth"))),
        }
    }

    fn eval(&self, expr: &Expr, scopes: &[Vec<Bound<'_>>], depth: usize) -> Result<Val, Unknown> {
        let value = |expr: &Expr| self.eval(expr, scopes, depth);
        Ok(match &expr.kind {
            ExprKind::Column { table, name } => column(scopes, table.as_deref(), name)?,
            ExprKind::Text(text) => Val::Text(text.clone()),
            ExprKind::Int(number) => Val::Int(*number),
            ExprKind::Decimal(text) => Val::Real(text.parse().map_err(|_| Unknown(format!("`{text}`")))?),
            ExprKind::Bool(truth) => Val::Bool(*truth),
            ExprKind::Null => Val::Null,
            ExprKind::Uid => self.who.subject.as_ref().map_or(Val::Null, |id| Val::Text(id.to_lowercase())),
            ExprKind::Role => Val::Text(self.who.role.as_str().to_owned()),
            ExprKind::Jwt if self.who.claims.is_null() => Val::Null,
            ExprKind::Jwt => Val::Json(self.who.claims.clone()),
            ExprKind::Now => Val::Instant(self.now),
            ExprKind::Can(resource, access) => Val::Bool(self.holds_grant(&value(resource)?, *access)),
            ExprKind::Get { from, key, yields } => get(value(from)?, key, *yields),
            ExprKind::Unary(Unary::Not, of) => not(truth(value(of)?)?),
            ExprKind::Unary(Unary::Negate, of) => arithmetic(Binary::Subtract, Val::Int(0), value(of)?)?,
            ExprKind::Binary(Binary::And, a, b) => match (truth(value(a)?)?, truth(value(b)?)?) {
                (Some(false), _) | (_, Some(false)) => Val::Bool(false),
                (Some(true), Some(true)) => Val::Bool(true),
                _ => Val::Null,
            },
            ExprKind::Binary(Binary::Or, a, b) => match (truth(value(a)?)?, truth(value(b)?)?) {
                (Some(true), _) | (_, Some(true)) => Val::Bool(true),
                (Some(false), Some(false)) => Val::Bool(false),
                _ => Val::Null,
            },
            ExprKind::Binary(binary, a, b) => binary_of(*binary, value(a)?, value(b)?)?,
            ExprKind::Is { of, what, negated } => {
                let of = value(of)?;
                let is = match what {
                    Is::Null => of == Val::Null,
                    Is::True => truth(of)? == Some(true),
                    Is::False => truth(of)? == Some(false),
                };
                Val::Bool(is != *negated)
            }
            ExprKind::In { of, list, negated } => {
                let list = list.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                member(&value(of)?, &list, *negated)?
            }
            ExprKind::InSelect { of, select, negated } => {
                let mut found = Vec::new();
                self.search(select, scopes, depth, &mut |scopes| {
                    if let Some(column) = &select.column {
                        found.push(self.eval(column, scopes, depth)?);
                    }
                    Ok(())
                })?;
                member(&value(of)?, &found, *negated)?
            }
            ExprKind::Exists(select) => {
                let mut any = false;
                self.search(select, scopes, depth, &mut |_| {
                    any = true;
                    Ok(())
                })?;
                Val::Bool(any)
            }
            ExprKind::Like { of, pattern, case, negated } => match (value(of)?, value(pattern)?) {
                (Val::Text(text), Val::Text(pattern)) => {
                    let (text, pattern) = match case {
                        Case::Sensitive => (text, pattern),
                        Case::Insensitive => (text.to_ascii_lowercase(), pattern.to_ascii_lowercase()),
                    };
                    let (text, pattern): (Vec<char>, Vec<char>) =
                        (text.chars().collect(), pattern.chars().collect());
                    Val::Bool(like(&text, &pattern) != *negated)
                }
                _ => Val::Null,
            },
            ExprKind::Between { of, low, high, negated } => {
                let of = value(of)?;
                let from = truth(binary_of(Binary::GreaterOrEqual, of.clone(), value(low)?)?)?;
                let to = truth(binary_of(Binary::LessOrEqual, of, value(high)?)?)?;
                let between = match (from, to) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                };
                if *negated { not(between) } else { between.map_or(Val::Null, Val::Bool) }
            }
            ExprKind::Call(Function::Coalesce, arguments) => {
                let values = arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                values.into_iter().find(|value| *value != Val::Null).unwrap_or(Val::Null)
            }
            ExprKind::Call(function, arguments) => {
                match (function, arguments.first().map(value).transpose()?) {
                    (Function::Lower, Some(Val::Text(text))) => Val::Text(text.to_ascii_lowercase()),
                    (Function::Upper, Some(Val::Text(text))) => Val::Text(text.to_ascii_uppercase()),
                    (Function::Length, Some(Val::Text(text))) => {
                        Val::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
                    }
                    _ => Val::Null,
                }
            }
            ExprKind::Cast(of, ty) => cast(value(of)?, ty),
        })
    }

    /// Whether one of the claimed grants is for the resource, or for all, and goes as far as that.
    fn holds_grant(&self, resource: &Val, access: Access) -> bool {
        let held = self.who.claims.get("grants").and_then(Value::as_array);
        held.into_iter().flatten().filter_map(Value::as_str).filter_map(|held| held.rsplit_once(':')).any(
            |(of, word)| {
                let meant = of == "*" || matches!(resource, Val::Text(resource) if resource == of);
                meant && Access::named(word).is_some_and(|held| held >= access)
            },
        )
    }

    /// Calls `found` for each combination of readable rows that the subquery yields.
    fn search(
        &self,
        select: &Select,
        outer: &[Vec<Bound<'_>>],
        depth: usize,
        found: &mut Visit<'_>,
    ) -> Result<(), Unknown> {
        let mut combinations: Vec<Vec<&Row>> = vec![Vec::new()];
        for from in &select.from {
            let rows = self.tables.get(&from.table).map(Vec::as_slice).unwrap_or_default();
            let mut readable = Vec::new();
            for row in rows {
                if self.judge(&from.table, Command::Select, Ask::Existing, row, depth + 1)? {
                    readable.push(row);
                }
            }
            combinations = combinations
                .iter()
                .flat_map(|known| readable.iter().map(|row| [known.as_slice(), &[*row]].concat()))
                .collect();
            if combinations.len() > 100_000 {
                return Err(Unknown(format!("`{}` has too many rows to compare", from.table)));
            }
        }
        'combinations: for rows in combinations {
            let mut scopes: Vec<Vec<Bound<'_>>> = outer.iter().map(|scope| copy(scope)).collect();
            let mut inner = Vec::new();
            for (from, row) in select.from.iter().zip(rows) {
                inner.push(Bound { alias: &from.alias, table: self.table(&from.table)?, row });
            }
            scopes.push(inner);
            let conditions = select.from.iter().filter_map(|from| from.on.as_ref()).chain(&select.filter);
            for condition in conditions {
                if self.eval(condition, &scopes, depth)? != Val::Bool(true) {
                    continue 'combinations;
                }
            }
            found(&scopes)?;
        }
        Ok(())
    }
}

fn copy<'b>(scope: &[Bound<'b>]) -> Vec<Bound<'b>> {
    scope.iter().map(|bound| Bound { alias: bound.alias, table: bound.table, row: bound.row }).collect()
}

fn column(scopes: &[Vec<Bound<'_>>], table: Option<&str>, name: &str) -> Result<Val, Unknown> {
    let reach = scopes.iter().rev().flatten();
    let named = reach.filter(|bound| table.is_none_or(|table| bound.alias.eq_ignore_ascii_case(table)));
    for bound in named {
        let column = bound.table.column(name).or_else(|| bound.table.column(&name.to_lowercase()));
        if let Some(column) = column {
            return Ok(held(&column.ty, bound.row.get(&column.name).unwrap_or(&Value::Null)));
        }
    }
    Err(Unknown(format!("there is no column `{name}`")))
}
