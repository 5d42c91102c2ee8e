//! Functions of the schema: their queries, put where they are called.

use sqlparser::tokenizer::Span;

use super::call::{Given, unknown};
use super::cast::{assign, coerce};
use super::{Bound, Resolver, Result};
use crate::routine::error::{DEFINITION, RoutineError, UNKNOWN_FUNCTION};
use crate::routine::tree::{Body, Expr, ExprKind, From, Join, Output, Query, Select, Statement};
use crate::routine::types::{self, Ty};
use crate::schema::{Argument, ArgumentType, Function, Returns};
use sqlparser::ast::Spanned;

impl Resolver<'_> {
    /// A function of the schema as a value.
    pub(super) fn inlined(&mut self, name: &str, given: Vec<Given>, span: Span) -> Result<Expr> {
        let function = self.overload(name, &given, span)?;
        let Returns::Value(ty) = &function.returns else {
            return Err(RoutineError::unsupported(span, format!("`{name}`, which gives rows, as a value"))
                .hint(format!("write `from {name}(...)`")));
        };
        let ty = Ty::Known(ty.clone());
        let query = self.inline(&function, given, span)?;
        Ok(Expr::new(ExprKind::Scalar(Box::new(query)), ty))
    }

    /// A function of the schema as a source of rows.
    pub(super) fn rows_of(&mut self, name: &str, given: Vec<Given>, span: Span) -> Result<Query> {
        let function = self.overload(name, &given, span)?;
        self.inline(&function, given, span)
    }

    fn overload(&mut self, name: &str, given: &[Given], span: Span) -> Result<Function> {
        let functions = self.schema.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        let fitting = functions.iter().filter_map(|function| Some((takes(function, given)?, function)));
        let best = fitting.max_by_key(|(score, _)| *score);
        self.uses.functions.insert(name.to_owned());
        match best {
            Some((_, function)) => Ok(function.clone()),
            None => Err(unknown(name, given.iter().map(|one| &one.value.ty), span)),
        }
    }

    /// The query of a function with its arguments in place.
    fn inline(&mut self, function: &Function, given: Vec<Given>, span: Span) -> Result<Query> {
        let name = &function.name;
        let movable = |expr: &Expr| {
            let random = expr.any(&|part| match &part.kind {
                ExprKind::Call(builtin, _) => !builtin.stable,
                ExprKind::Window(_) => true,
                _ => false,
            });
            !random && !expr.aggregates()
        };
        if given.iter().any(|one| !movable(&one.value)) {
            return Err(RoutineError::unsupported(
                span,
                format!("an aggregate or a random value as an argument of `{name}`"),
            )
            .hint("compute it in a subquery first"));
        }
        let mut bound = Vec::with_capacity(function.arguments.len());
        let mut positional = given.iter().filter(|one| one.name.is_none());
        for argument in &function.arguments {
            let named = given.iter().find(|one| one.name.as_deref() == Some(argument.name.as_str()));
            let value = match positional.next().or(named) {
                Some(one) => self.reuse(&one.value)?,
                None => self.default_of(argument)?,
            };
            let value = match &argument.ty {
                ArgumentType::Value(ty) => coerce(self.schema, value, &Ty::Known(ty.clone()), span)?,
                ArgumentType::Row(_) => value,
            };
            bound.push(Bound { name: argument.name.clone(), value });
        }
        let mut statements = self
            .body(name, &function.body, bound)
            .map_err(|error| error.within(&format!("in function \"{name}\"")))?;
        match (statements.pop(), statements.is_empty()) {
            (Some(Statement::Query(query)), true) => self.shaped(function, *query),
            _ => Err(RoutineError::unsupported(
                span,
                format!("calling `{name}`, which is more than one query, from SQL"),
            )
            .hint("call it by itself, or write its statements here")),
        }
    }

    /// The value of an argument that nobody gives.
    pub(in crate::routine) fn default_of(&mut self, argument: &Argument) -> Result<Expr> {
        let Some(text) = &argument.default else {
            return Err(RoutineError::new(
                UNKNOWN_FUNCTION,
                format!("the argument `{}` is missing", argument.name),
            ));
        };
        let parsed = crate::routine::parse::expression(text)?;
        let (scopes, bound) = (std::mem::take(&mut self.scopes), std::mem::take(&mut self.arguments));
        let value = self.expr(&parsed);
        (self.scopes, self.arguments) = (scopes, bound);
        match &argument.ty {
            ArgumentType::Value(ty) => {
                assign(self.schema, value?, &Ty::Known(ty.clone()), "the argument", parsed.span())
            }
            ArgumentType::Row(_) => Err(RoutineError::new(DEFINITION, "a row has no default")),
        }
    }

    /// The query's rows as the function's: names, types, and how many there are.
    pub(in crate::routine) fn shaped(&mut self, function: &Function, query: Query) -> Result<Query> {
        let wanted: Vec<(String, Ty)> = match &function.returns {
            Returns::Void => return Ok(query),
            Returns::Value(ty) | Returns::Values(ty) => vec![(function.name.clone(), Ty::Known(ty.clone()))],
            Returns::Row(table) | Returns::Rows(table) => {
                let columns = self.columns_of(table)?;
                columns.into_iter().map(|column| (column.name, column.ty)).collect()
            }
            Returns::Table(columns) => {
                columns.iter().map(|(name, ty)| (name.clone(), Ty::Known(ty.clone()))).collect()
            }
        };
        let query = unpacked(query, &wanted);
        if query.columns.len() != wanted.len() {
            let message = format!(
                "return type mismatch in function \"{}\": the last statement gives {} columns, {} are declared",
                function.name,
                query.columns.len(),
                wanted.len()
            );
            return Err(RoutineError::new(DEFINITION, message));
        }
        let same = query
            .columns
            .iter()
            .zip(&wanted)
            .all(|(column, (name, ty))| column.name == *name && column.ty == *ty);
        let (value, row) =
            (matches!(function.returns, Returns::Value(_)), matches!(function.returns, Returns::Row(_)));
        if same && !value && !row {
            return Ok(query);
        }
        let source = self.number();
        let mut items = Vec::with_capacity(wanted.len());
        let mut columns = query.columns.clone();
        for (column, (name, ty)) in columns.iter_mut().zip(wanted) {
            let kind = ExprKind::Column { source, name: column.name.clone() };
            let what = format!("return type mismatch in function \"{}\": \"{name}\"", function.name);
            let value = assign(self.schema, Expr::new(kind, column.ty.clone()), &ty, &what, Span::empty())
                .map_err(|error| RoutineError { code: DEFINITION, ..error })?;
            (column.name, column.ty) = (name.clone(), ty);
            items.push((name, value));
        }
        let mut query = query;
        if value || row {
            query = self.first(query);
        }
        let rows = From::Query { source, query: Box::new(query) };
        let from = if value || row { self.one_row_with(rows) } else { rows };
        Ok(Query::of(Select::plain(items, Some(from), None), columns))
    }

    fn first(&mut self, query: Query) -> Query {
        let mut query = query;
        if query.limit.is_none() {
            query.limit = Some(Expr::new(ExprKind::Int(1), types::BIGINT));
        }
        query
    }

    /// A function that does not return a set gives one row, of nulls if there is nothing.
    fn one_row_with(&mut self, rows: From) -> From {
        let source = self.number();
        let one = Expr::new(ExprKind::Int(1), types::INT);
        let select = Select::plain(vec![("one".to_owned(), one)], None, None);
        let single = From::Query { source, query: Box::new(Query::of(select, Vec::new())) };
        let on = Some(Expr::new(ExprKind::Bool(true), types::BOOL));
        From::Join { kind: Join::Left, left: Box::new(single), right: Box::new(rows), on }
    }
}

/// `select t from t`, where the row is wanted: its columns.
fn unpacked(query: Query, wanted: &[(String, Ty)]) -> Query {
    let mut query = query;
    if let Body::Select(select) = &mut query.body
        && query.columns.len() == 1
        && wanted.len() > 1
        && let [(_, Expr { kind: ExprKind::Row(columns), .. })] = select.items.as_mut_slice()
    {
        let columns = std::mem::take(columns);
        let plain = |(name, value): &(String, Expr)| Output {
            name: name.clone(),
            ty: value.ty.clone(),
            origin: None,
            nullable: true,
        };
        query.columns = columns.iter().map(plain).collect();
        select.items = columns;
    }
    query
}

/// How well a function of the schema takes these; `None` if it does not.
fn takes(function: &Function, given: &[Given]) -> Option<usize> {
    if given.len() > function.arguments.len() {
        return None;
    }
    let positional = given.iter().filter(|one| one.name.is_none()).count();
    let mut score = 0;
    for (at, argument) in function.arguments.iter().enumerate() {
        let named = given.iter().find(|one| one.name.as_deref() == Some(argument.name.as_str()));
        let one = if at < positional { given.get(at) } else { named };
        match (one, &argument.ty) {
            (None, _) if argument.default.is_some() => {}
            (None, _) => return None,
            (Some(one), ArgumentType::Row(_)) if one.value.ty == Ty::Row => score += 2,
            (Some(_), ArgumentType::Row(_)) => return None,
            (Some(one), ArgumentType::Value(ty)) => {
                let ty = Ty::Known(ty.clone());
                score += match &one.value.ty {
                    from if *from == ty => 3,
                    Ty::Unknown => 1,
                    from if from.goes_with(&ty) => 2,
                    from if *from == types::DATE && ty == types::TIMESTAMP => 1,
                    _ => return None,
                };
            }
        }
    }
    let known =
        |one: &Given| one.name.as_ref().is_none_or(|name| function.arguments.iter().any(|a| a.name == *name));
    given.iter().all(known).then_some(score)
}
