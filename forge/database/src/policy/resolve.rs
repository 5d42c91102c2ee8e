//! Names to columns, operands to types: a tree becomes a [`Resolved`] policy.

use std::collections::BTreeSet;

use super::error::{Flaw, PolicyError, Position};
use super::expr::{Binary, Expr, ExprKind, Function, Is, Key, Select, Unary, Yields};
use super::literal;
use super::typed::{Literal, Node, NodeKind, Query, ROW, Resolved, Source, Ty};
use crate::people;
use crate::schema::{Schema, Table};

/// Looks up the names in `expr`, a condition on the rows of `table`, and checks that its types go
/// together.
pub fn resolve(expr: &Expr, table: &Table, schema: &Schema) -> Result<Resolved, PolicyError> {
    let row = Named { alias: table.name.clone(), number: ROW, table };
    let mut resolver = Resolver { schema, scopes: vec![vec![row]], sources: ROW, reads: BTreeSet::new() };
    let root = resolver.condition(expr)?;
    Ok(Resolved { table: table.name.clone(), root, reads: resolver.reads })
}

/// A table by the name it goes by.
struct Named<'s> {
    alias: String,
    number: u32,
    table: &'s Table,
}

struct Resolver<'s> {
    schema: &'s Schema,
    /// The tables in reach, those of the innermost subquery last.
    scopes: Vec<Vec<Named<'s>>>,
    sources: u32,
    reads: BTreeSet<String>,
}

impl<'s> Resolver<'s> {
    /// A boolean expression.
    fn condition(&mut self, expr: &Expr) -> Result<Node, PolicyError> {
        let node = self.node(expr)?;
        match node.ty {
            Ty::Bool => Ok(node),
            Ty::Unknown => self.coerce(node, &Ty::Bool, expr.at),
            ref other => {
                let message = format!("a condition is needed, this is {}", other.name());
                Err(type_error(expr.at, message).hint("compare it with a value"))
            }
        }
    }

    fn node(&mut self, expr: &Expr) -> Result<Node, PolicyError> {
        let node = |kind, ty| Ok(Node { kind, ty });
        match &expr.kind {
            ExprKind::Column { table, name } => self.column(table.as_deref(), name, expr.at),
            ExprKind::Text(text) => node(NodeKind::Literal(Literal::Text(text.clone())), Ty::Unknown),
            ExprKind::Int(value) => node(NodeKind::Literal(Literal::Int(*value)), Ty::Int),
            ExprKind::Decimal(value) => node(NodeKind::Literal(Literal::Decimal(value.clone())), Ty::Numeric),
            ExprKind::Bool(value) => node(NodeKind::Literal(Literal::Bool(*value)), Ty::Bool),
            ExprKind::Null => node(NodeKind::Literal(Literal::Null), Ty::Unknown),
            ExprKind::Uid => node(NodeKind::Uid, Ty::Uuid),
            ExprKind::Role => node(NodeKind::Role, Ty::Text),
            ExprKind::Jwt => node(NodeKind::Jwt, Ty::Json),
            ExprKind::Now => node(NodeKind::Now, Ty::Timestamptz),
            ExprKind::Can(resource, access) => {
                let resource = self.text(resource)?;
                node(NodeKind::Can(Box::new(resource), *access), Ty::Bool)
            }
            ExprKind::Get { from, key, yields } => self.get(from, key, *yields),
            ExprKind::Unary(Unary::Not, of) => {
                let of = self.condition(of)?;
                node(NodeKind::Unary(Unary::Not, Box::new(of)), Ty::Bool)
            }
            ExprKind::Unary(Unary::Negate, of) => {
                let number = self.number(of)?;
                let ty = number.ty.clone();
                node(NodeKind::Unary(Unary::Negate, Box::new(number)), ty)
            }
            ExprKind::Binary(binary, left, right) => self.binary(*binary, left, right),
            ExprKind::Is { of, what, negated } => {
                let of = if *what == Is::Null { self.node(of)? } else { self.condition(of)? };
                Ok(negate(*negated, NodeKind::Is(Box::new(of), *what)))
            }
            ExprKind::In { of, list, negated } => self.in_list(of, list, *negated),
            ExprKind::InSelect { of, select, negated } => {
                let left = self.node(of)?;
                let mut query = self.query(select)?;
                let Some(column) = query.column.take() else {
                    return Err(type_error(select.at, "`in` needs the column that is compared".to_owned())
                        .hint("name a column after `select`"));
                };
                let (left, column) = self.together(left, of.at, column, select.at)?;
                query.column = Some(column);
                Ok(negate(*negated, NodeKind::InQuery(Box::new(left), Box::new(query))))
            }
            ExprKind::Exists(select) => {
                let mut query = self.query(select)?;
                query.column = None;
                node(NodeKind::Exists(Box::new(query)), Ty::Bool)
            }
            ExprKind::Like { of, pattern, case, negated } => {
                let of = self.text(of)?;
                let ExprKind::Text(text) = &pattern.kind else {
                    let message = "the pattern of `like` must be a text in quotes";
                    return Err(PolicyError::at(Flaw::Unsupported, pattern.at, message)
                        .hint("compare with `=` when the value comes from a column"));
                };
                let parts = literal::wildcards(text)
                    .map_err(|reason| PolicyError::at(Flaw::Limit, pattern.at, reason))?;
                Ok(negate(*negated, NodeKind::Like(Box::new(of), parts, *case)))
            }
            ExprKind::Between { of, low, high, negated } => {
                let from = self.binary(Binary::GreaterOrEqual, of, low)?;
                let to = self.binary(Binary::LessOrEqual, of, high)?;
                Ok(negate(*negated, NodeKind::Binary(Binary::And, Box::new(from), Box::new(to))))
            }
            ExprKind::Call(function, arguments) => self.call(*function, arguments, expr.at),
            ExprKind::Cast(of, ty) => self.cast(of, &Ty::of(ty), expr.at),
        }
    }

    fn column(&mut self, table: Option<&str>, name: &str, at: Position) -> Result<Node, PolicyError> {
        for scope in self.scopes.iter().rev() {
            let tables = scope.iter().filter(|named| table.is_none_or(|table| same(&named.alias, table)));
            let mut known = false;
            let mut found = None;
            for named in tables {
                known = true;
                if let Some(column) = find(named.table, name) {
                    if found.is_some() {
                        let message = format!("two tables have a column `{name}`");
                        let hint = format!("write `{}.{name}`, or the other table's name", named.alias);
                        return Err(PolicyError::at(Flaw::UnknownColumn, at, message).hint(hint));
                    }
                    let kind = NodeKind::Column { source: named.number, name: column.name.clone() };
                    found = Some(Node { kind, ty: Ty::of(&column.ty) });
                }
            }
            match found {
                Some(node) => return Ok(node),
                None if known && table.is_some() => break,
                None => {}
            }
        }
        Err(self.unknown(table, name, at))
    }

    fn unknown(&self, table: Option<&str>, name: &str, at: Position) -> PolicyError {
        let reach = || self.scopes.iter().rev().flatten();
        if let Some(table) = table
            && !reach().any(|named| same(&named.alias, table))
        {
            let names: Vec<&str> = reach().map(|named| named.alias.as_str()).collect();
            return PolicyError::at(Flaw::UnknownTable, at, format!("there is no table `{table}` in reach"))
                .hint(format!("in reach: {}", names.join(", ")));
        }
        let of = reach().find(|named| table.is_none_or(|table| same(&named.alias, table)));
        let columns = of.map(|named| {
            let names: Vec<&str> =
                named.table.columns.iter().map(|column| column.name.as_str()).take(40).collect();
            format!("columns of `{}`: {}", named.table.name, names.join(", "))
        });
        let error = PolicyError::at(Flaw::UnknownColumn, at, format!("there is no column `{name}`"));
        match columns {
            Some(columns) => error.hint(columns),
            None => error,
        }
    }

    fn get(&mut self, from: &Expr, key: &Key, yields: Yields) -> Result<Node, PolicyError> {
        let ty = if yields == Yields::Text { Ty::Text } else { Ty::Json };
        let inner = self.node(from)?;
        let kind = match inner.kind {
            NodeKind::Get(of, mut path, Yields::Json) => {
                path.push(key.clone());
                NodeKind::Get(of, path, yields)
            }
            _ if inner.ty == Ty::Json => NodeKind::Get(Box::new(inner), vec![key.clone()], yields),
            _ => {
                let message = format!("`->` and `->>` need JSON, this is {}", inner.ty.name());
                return Err(type_error(from.at, message).hint("only the last arrow of a path is `->>`"));
            }
        };
        Ok(Node { kind, ty })
    }

    fn binary(&mut self, binary: Binary, left: &Expr, right: &Expr) -> Result<Node, PolicyError> {
        let (a, b, ty) = match binary {
            Binary::And | Binary::Or => (self.condition(left)?, self.condition(right)?, Ty::Bool),
            Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide => {
                let (a, b) = (self.number(left)?, self.number(right)?);
                let ty = wider(&a.ty, &b.ty);
                (a, b, ty)
            }
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::LessOrEqual
            | Binary::Greater
            | Binary::GreaterOrEqual
            | Binary::Distinct
            | Binary::NotDistinct => {
                let (a, b) = (self.node(left)?, self.node(right)?);
                let (a, b) = self.together(a, left.at, b, right.at)?;
                let ordered = matches!(
                    binary,
                    Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual
                );
                if ordered && matches!(a.ty, Ty::Enum(_)) {
                    // Postgres orders an enum by its list, SQLite by its text.
                    return Err(type_error(left.at, "values of an enum have no order here".to_owned())
                        .hint("use `=` or `in`"));
                }
                (a, b, Ty::Bool)
            }
        };
        Ok(Node { kind: NodeKind::Binary(binary, Box::new(a), Box::new(b)), ty })
    }

    fn in_list(&mut self, of: &Expr, list: &[Expr], negated: bool) -> Result<Node, PolicyError> {
        let mut left = self.node(of)?;
        let mut values = Vec::with_capacity(list.len());
        for item in list {
            let value = self.node(item)?;
            let (of, value) = self.together(left, of.at, value, item.at)?;
            left = of;
            values.push(value);
        }
        Ok(negate(negated, NodeKind::In(Box::new(left), values)))
    }

    fn call(&mut self, function: Function, arguments: &[Expr], at: Position) -> Result<Node, PolicyError> {
        let (nodes, ty) = match function {
            Function::Lower | Function::Upper | Function::Length => {
                let nodes = arguments.iter().map(|argument| self.text(argument)).collect::<Result<_, _>>()?;
                (nodes, if function == Function::Length { Ty::Int } else { Ty::Text })
            }
            Function::Coalesce => {
                let mut nodes: Vec<Node> =
                    arguments.iter().map(|argument| self.node(argument)).collect::<Result<_, _>>()?;
                let known = nodes.iter().map(|node| &node.ty).find(|ty| **ty != Ty::Unknown);
                let mut ty = known.cloned().unwrap_or(Ty::Text);
                for (node, argument) in nodes.iter_mut().zip(arguments) {
                    let taken = std::mem::replace(node, Node { kind: NodeKind::Now, ty: Ty::Unknown });
                    *node = self.coerce(taken, &ty, argument.at)?;
                    ty = if ty.is_number() { wider(&ty, &node.ty) } else { ty };
                }
                (nodes, ty)
            }
        };
        if matches!(ty, Ty::Opaque(_) | Ty::Json) {
            return Err(type_error(at, format!("`coalesce` does not take {}", ty.name())));
        }
        Ok(Node { kind: NodeKind::Call(function, nodes), ty })
    }

    fn cast(&mut self, of: &Expr, to: &Ty, at: Position) -> Result<Node, PolicyError> {
        let node = self.node(of)?;
        if node.ty == Ty::Unknown {
            let node = self.coerce(node, to, of.at)?;
            return Ok(Node { ty: to.clone(), ..node });
        }
        let same = node.ty == *to;
        let fits = match to {
            Ty::Text => matches!(node.ty, Ty::Int | Ty::Uuid | Ty::Enum(_) | Ty::Bool | Ty::Date),
            Ty::Int => matches!(node.ty, Ty::Text | Ty::Bool),
            Ty::Double => matches!(node.ty, Ty::Text | Ty::Int),
            Ty::Uuid | Ty::Bool | Ty::Timestamptz => node.ty == Ty::Text,
            Ty::Date => matches!(node.ty, Ty::Text | Ty::Timestamptz),
            Ty::Unknown | Ty::Numeric | Ty::Time | Ty::Json | Ty::Enum(_) | Ty::Opaque(_) => false,
        };
        match (same, fits) {
            (true, _) => Ok(node),
            (false, true) => Ok(Node { kind: NodeKind::Cast(Box::new(node)), ty: to.clone() }),
            (false, false) => {
                let message = format!("{} does not convert to {} in policies", node.ty.name(), to.name());
                Err(type_error(at, message)
                    .hint("the engines write such values differently; compare without a cast"))
            }
        }
    }

    fn query(&mut self, select: &Select) -> Result<Query, PolicyError> {
        let mut scope: Vec<Named<'s>> = Vec::new();
        for from in &select.from {
            let table = people::table(self.schema, &from.table).ok_or_else(|| {
                PolicyError::at(Flaw::UnknownTable, from.at, format!("there is no table `{}`", from.table))
                    .hint("a policy's subquery reads tables of the same database")
            })?;
            if scope.iter().any(|named| same(&named.alias, &from.alias)) {
                let message = format!("two tables go by the name `{}`", from.alias);
                return Err(PolicyError::at(Flaw::UnknownTable, from.at, message).hint("give one an alias"));
            }
            self.sources += 1;
            self.reads.insert(table.name.clone());
            scope.push(Named { alias: from.alias.clone(), number: self.sources, table });
        }
        let numbers: Vec<u32> = scope.iter().map(|named| named.number).collect();
        self.scopes.push(scope);
        let mut sources = Vec::with_capacity(select.from.len());
        for (from, number) in select.from.iter().zip(numbers) {
            let on = from.on.as_ref().map(|on| self.condition(on)).transpose()?;
            sources.push(Source { number, table: from.table.clone(), on });
        }
        let filter = select.filter.as_ref().map(|filter| self.condition(filter)).transpose()?;
        let column = select.column.as_ref().map(|column| self.node(column)).transpose()?;
        self.scopes.pop();
        Ok(Query { column, from: sources, filter })
    }

    fn number(&mut self, expr: &Expr) -> Result<Node, PolicyError> {
        let node = self.node(expr)?;
        if node.ty.is_number() {
            return Ok(node);
        }
        Err(type_error(expr.at, format!("a number is needed, this is {}", node.ty.name())))
    }

    fn text(&mut self, expr: &Expr) -> Result<Node, PolicyError> {
        let node = self.node(expr)?;
        match node.ty {
            Ty::Text => Ok(node),
            Ty::Unknown => Ok(Node { ty: Ty::Text, ..node }),
            ref other => {
                let message = format!("a text is needed, this is {}", other.name());
                Err(type_error(expr.at, message).hint("convert it with `::text`"))
            }
        }
    }

    /// Two operands of one comparison, of one type.
    fn together(
        &self,
        a: Node,
        a_at: Position,
        b: Node,
        b_at: Position,
    ) -> Result<(Node, Node), PolicyError> {
        let (a, b) = match (&a.ty, &b.ty) {
            (Ty::Unknown, Ty::Unknown) => {
                (self.coerce(a, &Ty::Text, a_at)?, self.coerce(b, &Ty::Text, b_at)?)
            }
            (Ty::Unknown, ty) => {
                let ty = ty.clone();
                (self.coerce(a, &ty, a_at)?, b)
            }
            (ty, _) => {
                let ty = ty.clone();
                let b = self.coerce(b, &ty, b_at)?;
                (a, b)
            }
        };
        match a.ty {
            Ty::Json | Ty::Opaque(_) => {
                let message = format!("{} compares only with null, by `is null`", a.ty.name());
                Err(type_error(a_at, message).hint("take a text out of JSON with `->>`"))
            }
            _ => Ok((a, b)),
        }
    }

    /// The node as `ty`: literals are read as it, numbers go with numbers, all else must be it already.
    fn coerce(&self, node: Node, ty: &Ty, at: Position) -> Result<Node, PolicyError> {
        match (&node.ty, &node.kind) {
            (Ty::Unknown, NodeKind::Literal(Literal::Text(text))) => {
                let Some(value) = literal::coerce(text, ty, self.schema) else {
                    let message = format!("'{text}' is not a value of {}", ty.name());
                    let error = type_error(at, message);
                    return Err(match ty {
                        Ty::Enum(name) => {
                            let values = self.schema.enums.get(name).map(|values| values.join(", "));
                            error.hint(format!("its values: {}", values.unwrap_or_default()))
                        }
                        _ => error,
                    });
                };
                Ok(Node { kind: NodeKind::Literal(value), ty: ty.clone() })
            }
            (Ty::Unknown, _) => Ok(Node { ty: ty.clone(), ..node }),
            (from, _) if from == ty || (from.is_number() && ty.is_number()) => Ok(node),
            (from, _) => {
                let message = format!("{} and {} do not compare", ty.name(), from.name());
                Err(type_error(at, message).hint(mixed(ty, from)))
            }
        }
    }
}

/// What to do about two types that do not compare.
fn mixed(a: &Ty, b: &Ty) -> &'static str {
    match (a, b) {
        (Ty::Uuid, Ty::Text) | (Ty::Text, Ty::Uuid) => {
            "convert the text with `::uuid`, or the other with `::text`"
        }
        (Ty::Text, _) | (_, Ty::Text) => "convert one of them with `::type`",
        (Ty::Uuid, Ty::Int) | (Ty::Int, Ty::Uuid) => {
            "`auth.uid()` is a uuid: the owner's column must be one, too"
        }
        _ => "compare values of the same type",
    }
}

fn wider(a: &Ty, b: &Ty) -> Ty {
    match (a, b) {
        (Ty::Double, _) | (_, Ty::Double) => Ty::Double,
        (Ty::Numeric, _) | (_, Ty::Numeric) => Ty::Numeric,
        _ => Ty::Int,
    }
}

fn negate(negated: bool, kind: NodeKind) -> Node {
    let node = Node { kind, ty: Ty::Bool };
    if negated { Node { kind: NodeKind::Unary(Unary::Not, Box::new(node)), ty: Ty::Bool } } else { node }
}

fn type_error(at: Position, message: String) -> PolicyError {
    PolicyError::at(Flaw::Type, at, message)
}

/// Names are looked up as written, then, as in Postgres, in lower case.
fn same(known: &str, written: &str) -> bool {
    known == written || known == written.to_lowercase()
}

fn find<'t>(table: &'t Table, name: &str) -> Option<&'t crate::schema::Column> {
    table.column(name).or_else(|| table.column(&name.to_lowercase()))
}
