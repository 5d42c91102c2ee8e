//! Where rows come from.

use sqlparser::ast::{self, JoinConstraint, JoinOperator, Spanned, TableAlias, TableFactor, TableWithJoins};
use sqlparser::tokenizer::Span;

use super::query::{distinct_names, renamed};
use super::scope::{Scope, Visible};
use super::{Resolver, Result, fold, parts, public};
use crate::ddl::closest;
use crate::people;
use crate::routine::error::{RoutineError, UNKNOWN_COLUMN, UNKNOWN_TABLE};
use crate::routine::tree::{Access, Binary, Each, Expr, ExprKind, From, Join, Output};
use crate::routine::types::{self, Ty};
use crate::schema::{Command, Table};

/// The most sources of one `select`.
const SOURCES_MAX: usize = 40;

impl Resolver<'_> {
    /// Sources, and what they are called.
    pub(super) fn from(&mut self, list: &[TableWithJoins]) -> Result<(Option<From>, Scope)> {
        let mut scope = Scope::default();
        let mut whole: Option<From> = None;
        for one in list {
            let start = scope.sources.len();
            let mut from = self.factor(&one.relation, &mut scope)?;
            for join in &one.joins {
                from = self.join(from, join, start, &mut scope)?;
            }
            whole = Some(match whole {
                None => from,
                Some(left) => {
                    From::Join { kind: Join::Cross, left: Box::new(left), right: Box::new(from), on: None }
                }
            });
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = scope.sources.iter().find(|source| !seen.insert(source.alias.as_str())) {
            let message = format!("table name \"{}\" specified more than once", twice.alias);
            return Err(RoutineError::new("42712", message));
        }
        Ok((whole, scope))
    }

    fn join(&mut self, left: From, join: &ast::Join, start: usize, scope: &mut Scope) -> Result<From> {
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (Join::Inner, constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (Join::Left, constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                (Join::Right, constraint)
            }
            JoinOperator::FullOuter(constraint) => (Join::Full, constraint),
            JoinOperator::CrossJoin(constraint) => (Join::Cross, constraint),
            _ => return Err(RoutineError::unsupported(join.relation.span(), "this kind of join")),
        };
        let middle = scope.sources.len();
        let right = self.factor(&join.relation, scope)?;
        if matches!(kind, Join::Left | Join::Full) {
            nullable(&mut scope.sources[middle..]);
        }
        if matches!(kind, Join::Right | Join::Full) {
            nullable(&mut scope.sources[start..middle]);
        }
        let on = match constraint {
            JoinConstraint::On(on) => {
                let visible = Scope { sources: scope.sources[start..].to_vec() };
                self.scopes.push(visible);
                let on_resolved = self.condition(on);
                self.scopes.pop();
                let on_resolved = on_resolved?;
                super::aggregate::refuse_aggregates(&on_resolved, "JOIN conditions", on.span())?;
                Some(on_resolved)
            }
            JoinConstraint::Using(columns) => {
                if matches!(kind, Join::Right | Join::Full) {
                    return Err(RoutineError::unsupported(
                        join.relation.span(),
                        "`using` in a right or full join",
                    ));
                }
                Some(self.using(columns, start, middle, scope)?)
            }
            JoinConstraint::None if kind == Join::Cross => None,
            JoinConstraint::None => {
                return Err(RoutineError::at("42601", join.relation.span(), "a join needs `on` or `using`"));
            }
            JoinConstraint::Natural => {
                return Err(RoutineError::unsupported(join.relation.span(), "`natural join`")
                    .hint("write `using (...)`"));
            }
        };
        Ok(From::Join { kind, left: Box::new(left), right: Box::new(right), on })
    }

    fn using(
        &mut self,
        columns: &[ast::ObjectName],
        start: usize,
        middle: usize,
        scope: &mut Scope,
    ) -> Result<Expr> {
        let mut condition: Option<Expr> = None;
        for column in columns {
            let (name, span) = public(column)?;
            let mut sides = Vec::with_capacity(2);
            for range in [start..middle, middle..scope.sources.len()] {
                let part = scope.sources.get(range).unwrap_or_default();
                let found = part.iter().filter(|source| !source.merged.contains(&name)).find_map(|source| {
                    let column = source.columns.iter().find(|column| column.name == name)?;
                    Some((source.expr(column), source.table.clone()))
                });
                let (expr, table) = found.ok_or_else(|| {
                    let message =
                        format!("column \"{name}\" specified in USING clause does not exist in both tables");
                    RoutineError::at(UNKNOWN_COLUMN, span, message)
                })?;
                self.read(table, &name);
                sides.push(expr);
            }
            let (Some(right), Some(left)) = (sides.pop(), sides.pop()) else { continue };
            if !left.ty.goes_with(&right.ty) {
                return Err(super::expr::mismatch(&left.ty, "=", &right.ty, span));
            }
            let equal =
                Expr::new(ExprKind::Binary(Binary::Equal, Box::new(left), Box::new(right)), types::BOOL);
            condition = Some(match condition {
                None => equal,
                Some(all) => {
                    Expr::new(ExprKind::Binary(Binary::And, Box::new(all), Box::new(equal)), types::BOOL)
                }
            });
            for source in &mut scope.sources[middle..] {
                source.merged.push(name.clone());
            }
        }
        Ok(condition.unwrap_or_else(|| Expr::new(ExprKind::Bool(true), types::BOOL)))
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope) -> Result<From> {
        if scope.sources.len() >= SOURCES_MAX {
            let message = format!("a query has at most {SOURCES_MAX} sources");
            return Err(RoutineError::at(crate::routine::error::LIMIT, factor.span(), message));
        }
        match factor {
            TableFactor::Table { name, alias, args: None, with_ordinality: false, sample: None, .. } => {
                let (schema, known, span) = parts(name)?;
                if schema.as_deref() == Some("auth") && known == people::NAME {
                    return self.person(alias.as_ref(), span, scope);
                }
                let (name, span) = public(name)?;
                self.relation(&name, alias.as_ref(), span, scope)
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality: false, .. } => {
                let (name, span) = public(name)?;
                self.rows(&name, &args.args, alias.as_ref(), span, scope)
            }
            TableFactor::Function { name, args, alias, with_ordinality: false, .. } => {
                let (name, span) = public(name)?;
                self.rows(&name, args, alias.as_ref(), span, scope)
            }
            TableFactor::UNNEST {
                alias, array_exprs, with_offset: false, with_ordinality: false, ..
            } => {
                let [array] = array_exprs.as_slice() else {
                    return Err(RoutineError::unsupported(factor.span(), "`unnest` of several lists"));
                };
                let array = self.beside(scope, |resolver| resolver.expr(array))?;
                self.each(Each::Element, "unnest", array, alias.as_ref(), factor.span(), scope)
            }
            TableFactor::Derived { lateral, subquery, alias, sample: None } => {
                self.derived(*lateral, subquery, alias.as_ref(), scope)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let start = scope.sources.len();
                let mut from = self.deeper(|resolver| resolver.factor(&table_with_joins.relation, scope))?;
                for join in &table_with_joins.joins {
                    from = self.join(from, join, start, scope)?;
                }
                Ok(from)
            }
            other => {
                let text: String = other.to_string().chars().take(60).collect();
                Err(RoutineError::unsupported(other.span(), format!("`{text}` as a source")))
            }
        }
    }

    /// A `with` query, a table or a view, in this order.
    fn relation(
        &mut self,
        name: &str,
        alias: Option<&TableAlias>,
        span: Span,
        scope: &mut Scope,
    ) -> Result<From> {
        let source = self.number();
        self.charge(1)?;
        if let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == name).cloned() {
            self.show(scope, name, alias, source, cte.columns, None, span)?;
            return Ok(From::Cte { source, number: cte.number });
        }
        if let Some(table) = self.schema.table(name) {
            let columns = columns_of_table(table);
            self.uses.tables.insert((Command::Select, name.to_owned()));
            self.show(scope, name, alias, source, columns, Some(name.to_owned()), span)?;
            return Ok(From::Table { source, table: name.to_owned(), access: Access::Read });
        }
        if self.schema.views.contains_key(name) {
            let query = self.deeper(|resolver| resolver.view(name)).map_err(|error| {
                if error.at.is_some() { error.within(&format!("in view \"{name}\"")) } else { error }
            })?;
            self.show(scope, name, alias, source, query.columns.clone(), None, span)?;
            return Ok(From::Query { source, query: Box::new(query) });
        }
        let known: Vec<String> = self.schema.tables.keys().chain(self.schema.views.keys()).cloned().collect();
        let error = RoutineError::at(UNKNOWN_TABLE, span, format!("relation \"{name}\" does not exist"));
        Err(match closest(name, &known) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// The row of the one who asks. No grant of columns is about it, and no row of it is written.
    fn person(&mut self, alias: Option<&TableAlias>, span: Span, scope: &mut Scope) -> Result<From> {
        let source = self.number();
        self.charge(1)?;
        if self.open.len() <= 1 {
            self.people.push(span);
        }
        let columns = columns_of_table(people::users())
            .into_iter()
            .map(|column| Output { origin: None, ..column })
            .collect();
        self.show(scope, people::NAME, alias, source, columns, None, span)?;
        Ok(From::Person { source })
    }

    /// The columns of a table or view of that name.
    pub(in crate::routine) fn columns_of(&mut self, name: &str) -> Result<Vec<Output>> {
        match self.schema.table(name) {
            Some(table) => Ok(columns_of_table(table)),
            None => {
                let uses = self.uses.clone();
                let columns = self.view(name)?.columns;
                self.uses = uses;
                Ok(columns)
            }
        }
    }

    fn derived(
        &mut self,
        lateral: bool,
        query: &ast::Query,
        alias: Option<&TableAlias>,
        scope: &mut Scope,
    ) -> Result<From> {
        let span = query.span();
        let query = self.subquery(query).map_err(|error| {
            let unseen = lateral && [UNKNOWN_COLUMN, UNKNOWN_TABLE].contains(&error.code);
            if unseen {
                RoutineError::unsupported(span, "a lateral subquery that uses the sources beside it")
                    .hint("write it as a subquery in the list of columns, or join and group")
            } else {
                error
            }
        })?;
        let source = self.number();
        let name = alias.map_or_else(|| format!("unnamed_subquery_{source}"), |alias| fold(&alias.name));
        distinct_names(&query.columns, span)?;
        self.show(scope, &name, alias, source, query.columns.clone(), None, span)?;
        Ok(From::Query { source, query: Box::new(query) })
    }

    /// A call as a source.
    fn rows(
        &mut self,
        name: &str,
        arguments: &[ast::FunctionArg],
        alias: Option<&TableAlias>,
        span: Span,
        scope: &mut Scope,
    ) -> Result<From> {
        if self.schema.functions.contains_key(name) {
            let given = self.given_list(arguments)?;
            let query = self.rows_of(name, given, span)?;
            let source = self.number();
            let single = query.columns.len() == 1;
            self.show(scope, name, alias, source, query.columns.clone(), None, span)?;
            if single {
                named_by_source(scope, alias);
            }
            return Ok(From::Query { source, query: Box::new(query) });
        }
        let values = self.beside(scope, |resolver| resolver.given_list(arguments))?;
        let mut values: Vec<Expr> = values.into_iter().map(super::call::Given::into_value).collect();
        let what = match name {
            "unnest" => Some(Each::Element),
            "json_array_elements" | "jsonb_array_elements" => Some(Each::Json),
            "json_array_elements_text" | "jsonb_array_elements_text" => Some(Each::JsonText),
            "json_each" | "jsonb_each" => Some(Each::Member),
            "json_each_text" | "jsonb_each_text" => Some(Each::MemberText),
            _ => None,
        };
        match (name, what, values.len()) {
            (_, Some(what), 1) => {
                let of = values.remove(0);
                self.each(what, name, of, alias, span, scope)
            }
            ("generate_series", None, 2 | 3) => self.series(values, alias, span, scope),
            _ => Err(super::call::unknown(name, values.iter().map(|value| &value.ty), span)),
        }
    }

    fn each(
        &mut self,
        what: Each,
        name: &str,
        of: Expr,
        alias: Option<&TableAlias>,
        span: Span,
        scope: &mut Scope,
    ) -> Result<From> {
        let column = |name: &str, ty: Ty| Output { name: name.to_owned(), ty, origin: None, nullable: true };
        let (wanted, columns) = match what {
            Each::Element => {
                let element = of
                    .ty
                    .element()
                    .ok_or_else(|| super::call::unknown(name, std::iter::once(&of.ty), span))?;
                (of.ty.clone(), vec![column("value", element)])
            }
            Each::Json => (types::JSON, vec![column("value", types::JSON)]),
            Each::JsonText => (types::JSON, vec![column("value", types::TEXT)]),
            Each::Member => (types::JSON, vec![column("key", types::TEXT), column("value", types::JSON)]),
            Each::MemberText => (types::JSON, vec![column("key", types::TEXT), column("value", types::TEXT)]),
        };
        let of = super::coerce(self.schema, of, &wanted, span)?;
        let source = self.number();
        self.show(scope, name, alias, source, columns, None, span)?;
        if what == Each::Element {
            named_by_source(scope, alias);
        }
        if let Some(source) = scope.sources.last_mut() {
            source.single = source.columns.len() == 1;
        }
        Ok(From::Each { source, of, what })
    }

    fn series(
        &mut self,
        values: Vec<Expr>,
        alias: Option<&TableAlias>,
        span: Span,
        scope: &mut Scope,
    ) -> Result<From> {
        if values.iter().any(|value| value.any(&|part| matches!(part.kind, ExprKind::Column { .. }))) {
            return Err(RoutineError::unsupported(span, "`generate_series` of columns"));
        }
        let mut values = values.into_iter();
        let (from, to) = (values.next().unwrap_or_else(Expr::null), values.next().unwrap_or_else(Expr::null));
        let whole = from.ty.is_int() && to.ty.is_int();
        let ty = if whole { types::BIGINT } else { types::TIMESTAMP };
        let step = match values.next() {
            Some(step) => {
                super::coerce(self.schema, step, if whole { &types::BIGINT } else { &Ty::Interval }, span)?
            }
            None if whole => Expr::new(ExprKind::Int(1), types::BIGINT),
            None => {
                return Err(super::call::unknown("generate_series", [&from.ty, &to.ty].into_iter(), span));
            }
        };
        let from = super::coerce(self.schema, from, &ty, span)?;
        let to = super::coerce(self.schema, to, &ty, span)?;
        let source = self.number();
        let columns = vec![Output { name: "value".to_owned(), ty, origin: None, nullable: false }];
        self.show(scope, "generate_series", alias, source, columns, None, span)?;
        named_by_source(scope, alias);
        Ok(From::Series { source, from, to, step })
    }

    /// Resolves with the sources to the left in sight, as arguments of functions have them.
    fn beside<T>(&mut self, scope: &Scope, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.scopes.push(scope.clone());
        let done = act(self);
        self.scopes.pop();
        done
    }

    #[expect(clippy::too_many_arguments, reason = "a source is all of this")]
    fn show(
        &mut self,
        scope: &mut Scope,
        name: &str,
        alias: Option<&TableAlias>,
        number: u32,
        columns: Vec<Output>,
        table: Option<String>,
        span: Span,
    ) -> Result<()> {
        let own = alias.map_or_else(|| name.to_owned(), |alias| fold(&alias.name));
        let names: Vec<String> =
            alias.iter().flat_map(|alias| &alias.columns).map(|column| fold(&column.name)).collect();
        if !names.is_empty() && table.is_some() {
            return Err(RoutineError::unsupported(span, "renaming the columns of a table in `from`"));
        }
        let stored: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mut columns = columns;
        renamed(&mut columns, &names, &own, span)?;
        self.charge(1)?;
        scope.sources.push(Visible {
            alias: own,
            number,
            columns,
            stored,
            single: false,
            merged: Vec::new(),
            table,
        });
        Ok(())
    }
}

pub(super) fn columns_of_table(table: &Table) -> Vec<Output> {
    let output = |column: &crate::schema::Column| Output {
        name: column.name.clone(),
        ty: Ty::Known(column.ty.clone()),
        origin: Some((table.name.clone(), column.name.clone())),
        nullable: column.nullable,
    };
    table.columns.iter().map(output).collect()
}

fn nullable(sources: &mut [Visible]) {
    for column in sources.iter_mut().flat_map(|source| &mut source.columns) {
        column.nullable = true;
    }
}

/// A list of single values: its column is called as it is itself, unless the alias names columns.
fn named_by_source(scope: &mut Scope, alias: Option<&TableAlias>) {
    if let Some(source) = scope.sources.last_mut()
        && alias.is_none_or(|alias| alias.columns.is_empty())
        && let [only] = source.columns.as_mut_slice()
    {
        only.name.clone_from(&source.alias);
        source.single = true;
    }
}
