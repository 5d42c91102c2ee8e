//! What policies compare: which columns hold owners, which go together, which values open a row.
//!
//! Only used to make rows that are worth trying. An oversight here makes the proof weaker, which its
//! matrix shows; it cannot make a wrong answer right.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::people;
use crate::policy::shorthand::{self, OWNERS, Shorthand};
use crate::policy::{Access, Binary, Expr, ExprKind, Is, Key, Select, Unary, Yields, parse};
use crate::schema::{Schema, Table, Type};

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) table: String,
    pub(super) column: String,
}

impl Slot {
    pub(super) fn new(table: &str, column: &str) -> Slot {
        Slot { table: table.to_owned(), column: column.to_owned() }
    }
}

/// A claim that a policy asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub(super) path: Vec<Key>,
    pub(super) wanted: Wanted,
}

/// What a claim is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    Slot(Slot),
    Text(String),
}

/// What the policies of a schema compare.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Columns that hold a user's id.
    pub(super) owners: BTreeSet<Slot>,
    /// Columns that hold the same value.
    pub(super) links: Vec<(Slot, Slot)>,
    /// Values that decide.
    pub(super) values: Vec<(Slot, Value)>,
    /// Claims that decide.
    pub(super) claims: Vec<Claim>,
    /// Grants that decide: on what, and how far they go.
    pub(super) grants: Vec<(Wanted, Access)>,
}

/// Reads every policy of the schema, and its foreign keys.
pub(super) fn facts(schema: &Schema) -> Facts {
    let mut facts = Facts::default();
    facts.owners.insert(Slot::new(people::USERS, "id"));
    for table in schema.tables.values() {
        for key in &table.foreign_keys {
            facts.links.push((Slot::new(&table.name, &key.column), Slot::new(&key.table, &key.references)));
        }
        facts.owners_of(table);
        for policy in table.rls.iter().flat_map(|rls| &rls.policies) {
            for text in [&policy.using, &policy.check].into_iter().flatten() {
                let Ok(expr) = parse(text) else { continue };
                Walk { schema, facts: &mut facts }.walk(&expr, &[vec![(&table.name, table)]]);
            }
        }
    }
    facts.owners.retain(|slot| {
        let column = people::table(schema, &slot.table).and_then(|table| table.column(&slot.column));
        column.is_some_and(|column| holds_id(&column.ty))
    });
    facts
}

/// Whether a user's id fits into the type.
fn holds_id(ty: &Type) -> bool {
    match ty {
        Type::Uuid | Type::Text => true,
        Type::Varchar(most) => *most >= 36,
        _ => false,
    }
}

impl Facts {
    /// Columns that by their name, or by the shorthand, hold the owner; and the flag of a shorthand.
    fn owners_of(&mut self, table: &Table) {
        for name in OWNERS {
            if table.column(name).is_some() {
                self.owners.insert(Slot::new(&table.name, name));
            }
        }
        let label = table.rls.as_ref().and_then(|rls| shorthand::parts(&rls.label));
        let asked = match &label {
            Some((Shorthand::OwnRow(column), _)) => column.as_deref(),
            _ => None,
        };
        let by_name = matches!(table.name.as_str(), "users" | "user" | "profiles" | "profile");
        if (asked.is_some() || by_name)
            && let Ok(owner) = shorthand::owner(table, asked)
        {
            self.owners.insert(Slot::new(&table.name, &owner.name));
        }
    }
}

type Scopes<'a> = [Vec<(&'a str, &'a Table)>];

struct Walk<'a> {
    schema: &'a Schema,
    facts: &'a mut Facts,
}

impl<'a> Walk<'a> {
    fn walk(&mut self, expr: &'a Expr, scopes: &Scopes<'a>) {
        match &expr.kind {
            ExprKind::Column { .. } => {
                if let Some(slot) = slot(expr, scopes) {
                    self.mentioned(slot);
                }
            }
            ExprKind::Binary(binary, a, b) => self.compared(*binary, a, b, scopes),
            ExprKind::In { of, list, .. } => list.iter().for_each(|item| self.pair(of, item, scopes)),
            ExprKind::Between { of, low, high, .. } => {
                self.pair(of, low, scopes);
                self.pair(of, high, scopes);
            }
            ExprKind::Like { of, pattern, .. } => {
                if let (Some(slot), ExprKind::Text(pattern)) = (slot(of, scopes), &pattern.kind) {
                    self.facts.values.push((slot, json!(pattern.replace(['%', '_'], "x"))));
                }
            }
            ExprKind::Is { of, what: Is::Null, .. } => {
                if let Some(slot) = slot(of, scopes) {
                    self.facts.values.push((slot, Value::Null));
                }
            }
            ExprKind::InSelect { of, select, .. } => {
                let inner = self.inside(select, scopes);
                if let (Some(a), Some(b)) =
                    (slot(of, scopes), select.column.as_ref().and_then(|c| slot(c, &inner)))
                {
                    self.facts.links.push((a, b));
                }
                if let (ExprKind::Uid, Some(column)) = (&of.kind, &select.column)
                    && let Some(slot) = slot(column, &inner)
                {
                    self.facts.owners.insert(slot);
                }
                return;
            }
            ExprKind::Can(resource, access) => {
                let wanted = match (&bare(resource).kind, slot(resource, scopes)) {
                    (_, Some(slot)) => Some(Wanted::Slot(slot)),
                    (ExprKind::Text(text), None) => Some(Wanted::Text(text.clone())),
                    _ => None,
                };
                self.facts.grants.extend(wanted.map(|wanted| (wanted, *access)));
            }
            ExprKind::Exists(select) => {
                self.inside(select, scopes);
                return;
            }
            _ => {}
        }
        for child in expr.children() {
            self.walk(child, scopes);
        }
    }

    /// Walks a subquery; returns its scopes.
    fn inside(&mut self, select: &'a Select, scopes: &Scopes<'a>) -> Vec<Vec<(&'a str, &'a Table)>> {
        let mut inner = scopes.to_vec();
        let tables = select
            .from
            .iter()
            .filter_map(|from| Some((from.alias.as_str(), people::table(self.schema, &from.table)?)));
        inner.push(tables.collect());
        for part in select.parts() {
            self.walk(part, &inner);
        }
        inner
    }

    fn compared(&mut self, binary: Binary, a: &'a Expr, b: &'a Expr, scopes: &Scopes<'a>) {
        let equal = matches!(binary, Binary::Equal | Binary::NotDistinct);
        match (slot(a, scopes), slot(b, scopes)) {
            (Some(a), Some(b)) if equal => self.facts.links.push((a, b)),
            _ => {
                self.pair(a, b, scopes);
                self.pair(b, a, scopes);
            }
        }
    }

    /// `a` compared with `b`.
    fn pair(&mut self, a: &'a Expr, b: &'a Expr, scopes: &Scopes<'a>) {
        if let Some(path) = claim(a) {
            let wanted = match (&bare(b).kind, slot(b, scopes)) {
                (_, Some(slot)) => Wanted::Slot(slot),
                (ExprKind::Text(text), None) => Wanted::Text(text.clone()),
                _ => return,
            };
            self.facts.claims.push(Claim { path, wanted });
            return;
        }
        let Some(slot) = slot(a, scopes) else { return };
        match &bare(b).kind {
            ExprKind::Uid => {
                self.facts.owners.insert(slot);
            }
            ExprKind::Text(text) => self.facts.values.push((slot, json!(text))),
            ExprKind::Bool(truth) => self.facts.values.push((slot, json!(truth))),
            ExprKind::Int(number) => {
                for near in [*number, number.saturating_add(1), number.saturating_sub(1)] {
                    self.facts.values.push((slot.clone(), json!(near)));
                }
            }
            _ => {}
        }
    }

    /// A flag opens a row by being up, a time by having passed or not.
    fn mentioned(&mut self, slot: Slot) {
        let column = people::table(self.schema, &slot.table).and_then(|table| table.column(&slot.column));
        match column.map(|column| &column.ty) {
            Some(Type::Boolean) => self.facts.values.push((slot, json!(true))),
            Some(Type::Timestamptz) => self.facts.values.push((slot, json!("2999-12-31T00:00:00Z"))),
            _ => {}
        }
    }
}

/// The column that an expression is, conversions and case left aside.
fn slot(expr: &Expr, scopes: &Scopes<'_>) -> Option<Slot> {
    let ExprKind::Column { table, name } = &bare(expr).kind else { return None };
    let mut reach = scopes.iter().rev().flatten();
    let of = reach.find(|(alias, of)| {
        table.as_ref().is_none_or(|table| table.eq_ignore_ascii_case(alias)) && of.column(name).is_some()
    });
    of.map(|(_, of)| Slot::new(&of.name, name))
}

fn bare(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Cast(of, _) => bare(of),
        ExprKind::Unary(Unary::Negate, of) => bare(of),
        ExprKind::Call(_, arguments) => arguments.first().map_or(expr, bare),
        _ => expr,
    }
}

/// The path of `auth.jwt() -> ... ->> ...`.
fn claim(expr: &Expr) -> Option<Vec<Key>> {
    let mut path = Vec::new();
    let mut at = bare(expr);
    loop {
        match &at.kind {
            ExprKind::Get { from, key, yields } => {
                if path.is_empty() && *yields != Yields::Text {
                    return None;
                }
                path.insert(0, key.clone());
                at = from;
            }
            ExprKind::Jwt if !path.is_empty() => return Some(path),
            _ => return None,
        }
    }
}
