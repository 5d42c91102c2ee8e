//! Queries.

use sqlparser::ast::{
    self, Distinct, LimitClause, OrderByKind, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    SetOperator, SetQuantifier, Spanned,
};
use sqlparser::tokenizer::Span;

use super::aggregate::refuse_aggregates;
use super::cast::{coerce, literal, wider};
use super::scope::CteScope;
use super::{Resolver, Result, fold, shown};
use crate::routine::error::{RoutineError, SYNTAX, TYPE};
use crate::routine::tree::{Body, Cte, Expr, ExprKind, Order, Output, Query, Select, SetOp, Statement};
use crate::routine::types::{self, Ty};

/// What a list of columns gives, by name.
pub(super) type Items = Vec<(String, Expr)>;

/// The most columns of a query.
const COLUMNS_MAX: usize = 500;

impl Resolver<'_> {
    pub(super) fn statement(&mut self, statement: &ast::Statement) -> Result<Statement> {
        match statement {
            ast::Statement::Query(query) => match &*query.body {
                SetExpr::Insert(inner) | SetExpr::Update(inner) | SetExpr::Delete(inner)
                    if query.with.is_none() =>
                {
                    self.statement(inner)
                }
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) => {
                    Err(RoutineError::unsupported(query.span(), "`with` before a statement that writes")
                        .hint("write the query as a subquery of the statement"))
                }
                _ => Ok(Statement::Query(Box::new(self.query(query)?))),
            },
            ast::Statement::Insert(insert) => Ok(Statement::Write(Box::new(self.insert(insert)?))),
            ast::Statement::Update(update) => Ok(Statement::Write(Box::new(self.update(update)?))),
            ast::Statement::Delete(delete) => Ok(Statement::Write(Box::new(self.delete(delete)?))),
            other => {
                let text = other.to_string();
                let word = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
                Err(RoutineError::unsupported(other.span(), format!("`{word}` in a function"))
                    .hint("a function has select, insert, update and delete"))
            }
        }
    }

    /// A query within an expression or beside others.
    pub(super) fn subquery(&mut self, query: &ast::Query) -> Result<Query> {
        self.deeper(|resolver| resolver.query(query))
    }

    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        if query.fetch.is_some() || query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            return Err(RoutineError::unsupported(query.span(), "`fetch`").hint("write `limit`"));
        }
        if !query.locks.is_empty() {
            return Err(RoutineError::unsupported(query.span(), "`for update`")
                .hint("leave it out: one statement writes at a time"));
        }
        let known = self.ctes.len();
        let done = self.query_with(query);
        self.ctes.truncate(known);
        done
    }

    fn query_with(&mut self, query: &ast::Query) -> Result<Query> {
        let mut with = Vec::new();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
            with.push(self.deeper(|resolver| resolver.cte(cte, recursive))?);
        }
        let by: &[ast::OrderByExpr] = match &query.order_by {
            None => &[],
            Some(order) => match &order.kind {
                OrderByKind::Expressions(by) => by,
                OrderByKind::All(_) => return Err(RoutineError::unsupported(query.span(), "`order by all`")),
            },
        };
        let (body, order, mut columns) = match &*query.body {
            SetExpr::Select(select) => {
                let (select, order, columns) = self.select(select, by)?;
                (Body::Select(Box::new(select)), order, columns)
            }
            other => {
                let (body, columns) = self.body_of(other)?;
                let order = self.order_by_columns(by, &columns)?;
                (body, order, columns)
            }
        };
        if columns.len() > COLUMNS_MAX {
            return Err(RoutineError::at(
                "54011",
                query.span(),
                format!("target lists can have at most {COLUMNS_MAX} entries"),
            ));
        }
        for column in columns.iter_mut().filter(|column| column.ty == Ty::Unknown) {
            column.ty = types::TEXT;
        }
        let (limit, offset) = match &query.limit_clause {
            None => (None, None),
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                (self.count_of(limit.as_ref())?, self.count_of(offset.as_ref().map(|offset| &offset.value))?)
            }
            Some(_) => return Err(RoutineError::unsupported(query.span(), "this form of `limit`")),
        };
        Ok(Query { with, body, order, limit, offset, columns })
    }

    /// `limit all` is no limit.
    fn count_of(&mut self, expr: Option<&ast::Expr>) -> Result<Option<Expr>> {
        let Some(expr) = expr else { return Ok(None) };
        let value = self.expr(expr)?;
        refuse_aggregates(&value, "LIMIT", expr.span())?;
        if value.any(&|part| matches!(part.kind, ExprKind::Column { .. })) {
            return Err(RoutineError::at(
                "42P10",
                expr.span(),
                "argument of LIMIT must not contain variables",
            ));
        }
        coerce(self.schema, value, &types::BIGINT, expr.span()).map(Some)
    }

    fn cte(&mut self, cte: &ast::Cte, recursive: bool) -> Result<Cte> {
        let name = fold(&cte.alias.name);
        let span = cte.alias.name.span;
        let names: Vec<String> = cte.alias.columns.iter().map(|column| fold(&column.name)).collect();
        let number = self.number();
        if recursive
            && cte.query.with.is_none()
            && cte.query.order_by.is_none()
            && cte.query.limit_clause.is_none()
            && let SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } =
                &*cte.query.body
        {
            let (left, mut columns) = self.deeper(|resolver| resolver.body_of(left))?;
            renamed(&mut columns, &names, &name, span)?;
            for column in &mut columns {
                (column.origin, column.nullable) = (None, true);
            }
            self.ctes.push(CteScope { name, number, columns: columns.clone() });
            let (right, others) = self.deeper(|resolver| resolver.body_of(right))?;
            columns_match(&columns, &others, span)?;
            let op = if all(*set_quantifier) { SetOp::UnionAll } else { SetOp::Union };
            let body = Body::Set { op, left: Box::new(left), right: Box::new(right) };
            let columns_names = columns.iter().map(|column| column.name.clone()).collect();
            let query =
                Query { with: Vec::new(), body, order: Vec::new(), limit: None, offset: None, columns };
            return Ok(Cte { number, recursive: true, columns: columns_names, query });
        }
        let query = self.subquery(&cte.query)?;
        let mut columns = query.columns.clone();
        renamed(&mut columns, &names, &name, span)?;
        distinct_names(&columns, span)?;
        self.ctes.push(CteScope { name, number, columns: columns.clone() });
        Ok(Cte {
            number,
            recursive: false,
            columns: columns.into_iter().map(|column| column.name).collect(),
            query,
        })
    }

    fn body_of(&mut self, body: &SetExpr) -> Result<(Body, Vec<Output>)> {
        self.deeper(|resolver| match body {
            SetExpr::Select(select) => {
                let (select, _, columns) = resolver.select(select, &[])?;
                Ok((Body::Select(Box::new(select)), columns))
            }
            SetExpr::Query(query) => {
                let query = resolver.query(query)?;
                let columns = query.columns.clone();
                Ok((Body::Nested(Box::new(query)), columns))
            }
            SetExpr::Values(values) => resolver.values(values),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                resolver.set_operation(*op, *set_quantifier, left, right)
            }
            other => {
                let text: String = other.to_string().chars().take(40).collect();
                Err(RoutineError::unsupported(other.span(), format!("`{text}` as a query")))
            }
        })
    }

    fn set_operation(
        &mut self,
        op: SetOperator,
        quantifier: SetQuantifier,
        left: &SetExpr,
        right: &SetExpr,
    ) -> Result<(Body, Vec<Output>)> {
        let span = left.span();
        let op = match (op, all(quantifier)) {
            (SetOperator::Union, true) => SetOp::UnionAll,
            (SetOperator::Union, false) => SetOp::Union,
            (SetOperator::Intersect, false) => SetOp::Intersect,
            (SetOperator::Except, false) => SetOp::Except,
            _ => return Err(RoutineError::unsupported(span, "`intersect all` and `except all`")),
        };
        let (mut left, mut columns) = self.body_of(left)?;
        let (mut right, others) = self.body_of(right)?;
        if columns.len() != others.len() {
            return Err(RoutineError::at(
                SYNTAX,
                span,
                "each UNION query must have the same number of columns",
            ));
        }
        for (at, (column, other)) in columns.iter_mut().zip(&others).enumerate() {
            let common = wider(&column.ty, &other.ty).ok_or_else(|| {
                let message =
                    format!("UNION types {} and {} cannot be matched", shown(&column.ty), shown(&other.ty));
                RoutineError::at(TYPE, span, message)
            })?;
            self.retarget(&mut left, at, &common, span)?;
            self.retarget(&mut right, at, &common, span)?;
            if column.origin != other.origin {
                column.origin = None;
            }
            (column.ty, column.nullable) = (common, column.nullable || other.nullable);
        }
        Ok((Body::Set { op, left: Box::new(left), right: Box::new(right) }, columns))
    }

    /// Gives literals of a column the type that the others have.
    pub(super) fn retarget(&self, body: &mut Body, at: usize, to: &Ty, span: Span) -> Result<()> {
        match body {
            Body::Select(select) => match select.items.get_mut(at) {
                Some((_, value)) => self.retype(value, to, span),
                None => Ok(()),
            },
            Body::Values(rows) => rows
                .iter_mut()
                .filter_map(|row| row.get_mut(at))
                .try_for_each(|value| self.retype(value, to, span)),
            Body::Set { left, right, .. } => {
                self.retarget(left, at, to, span)?;
                self.retarget(right, at, to, span)
            }
            Body::Nested(_) => Ok(()),
        }
    }

    fn retype(&self, value: &mut Expr, to: &Ty, span: Span) -> Result<()> {
        match (&value.kind, &value.ty) {
            (ExprKind::Text(text), Ty::Unknown) if *to != Ty::Unknown => {
                *value = literal(self.schema, text, to, span)?;
            }
            (ExprKind::Null, Ty::Unknown) => value.ty = to.clone(),
            (_, from) if *from == types::DATE && *to == types::TIMESTAMP => {
                *value = coerce(self.schema, value.clone(), to, span)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn values(&mut self, values: &ast::Values) -> Result<(Body, Vec<Output>)> {
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let mut cells = Vec::with_capacity(row.len());
            for cell in row.iter() {
                cells.push(self.expr(cell)?);
            }
            rows.push(cells);
        }
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(RoutineError::new(SYNTAX, "VALUES lists must all be the same length"));
        }
        let mut columns = Vec::with_capacity(width);
        for at in 0..width {
            let cells: Vec<Expr> = rows.iter().filter_map(|row| row.get(at).cloned()).collect();
            let cells = super::cast::unify(self.schema, cells, "VALUES", Span::empty())?;
            let ty = cells.first().map_or(types::TEXT, |cell| cell.ty.clone());
            for (row, cell) in rows.iter_mut().zip(cells) {
                row[at] = cell;
            }
            columns.push(Output { name: format!("column{}", at + 1), ty, origin: None, nullable: true });
        }
        Ok((Body::Values(rows), columns))
    }

    fn select(
        &mut self,
        select: &ast::Select,
        by: &[ast::OrderByExpr],
    ) -> Result<(Select, Vec<Order>, Vec<Output>)> {
        refuse_clauses(select)?;
        let (from, scope) = self.from(&select.from)?;
        self.scopes.push(scope);
        let done = self.select_within(select, from, by);
        self.scopes.pop();
        done
    }

    fn select_within(
        &mut self,
        select: &ast::Select,
        from: Option<crate::routine::tree::From>,
        by: &[ast::OrderByExpr],
    ) -> Result<(Select, Vec<Order>, Vec<Output>)> {
        let filter = match &select.selection {
            Some(filter) => {
                let condition = self.condition(filter)?;
                refuse_aggregates(&condition, "WHERE", filter.span())?;
                Some(condition)
            }
            None => None,
        };
        let (items, columns) = self.items(&select.projection)?;
        let group = self.group(&select.group_by, &items)?;
        let having = match &select.having {
            Some(having) => Some(self.condition(having)?),
            None => None,
        };
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => {
                return Err(RoutineError::unsupported(select.span(), "`distinct on`")
                    .hint("number the rows with row_number() in a subquery and keep the first"));
            }
        };
        let mut order = Vec::with_capacity(by.len());
        for one in by {
            let by = self.order_of(&one.expr, &items, distinct)?;
            let made = self.ordered(one, by)?;
            order.push(self.micros(made, one.expr.span())?);
        }
        let select_tree = Select { distinct, items, from, filter, group, having };
        self.grouped(&select_tree, &order, select.span())?;
        Ok((select_tree, order, columns))
    }

    /// `select` and `returning` lists.
    pub(super) fn items(&mut self, items: &[SelectItem]) -> Result<(Items, Vec<Output>)> {
        let mut out = Vec::with_capacity(items.len());
        let mut columns = Vec::with_capacity(items.len());
        for item in items {
            let (expr, name) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, name_of(expr)),
                SelectItem::ExprWithAlias { expr, alias } => (expr, fold(alias)),
                SelectItem::Wildcard(_) => {
                    self.spread(None, &mut out, &mut columns)?;
                    continue;
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(owner), _) => {
                    let (alias, span) = super::public(owner)?;
                    self.spread(Some((&alias, span)), &mut out, &mut columns)?;
                    continue;
                }
                other => {
                    return Err(RoutineError::unsupported(
                        other.span(),
                        format!("`{other}` in a list of columns"),
                    ));
                }
            };
            let value = self.expr(expr)?;
            let shown = self.shown_column(&value);
            let origin = shown.and_then(|column| column.origin.clone());
            let nullable = shown.is_none_or(|column| column.nullable);
            columns.push(Output { name: name.clone(), ty: value.ty.clone(), origin, nullable });
            out.push((name, value));
        }
        Ok((out, columns))
    }

    fn spread(
        &mut self,
        alias: Option<(&str, Span)>,
        out: &mut Vec<(String, Expr)>,
        columns: &mut Vec<Output>,
    ) -> Result<()> {
        for (column, value) in self.all(alias)? {
            out.push((column.name.clone(), value));
            columns.push(column);
        }
        Ok(())
    }
}

pub(super) fn renamed(columns: &mut [Output], names: &[String], owner: &str, span: Span) -> Result<()> {
    if names.len() > columns.len() {
        let message = format!(
            "table \"{owner}\" has {} columns available but {} columns specified",
            columns.len(),
            names.len()
        );
        return Err(RoutineError::at("42P10", span, message));
    }
    for (column, name) in columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    Ok(())
}

/// Refuses two columns of one name where they could not be told apart.
pub(in crate::routine) fn distinct_names(columns: &[Output], span: Span) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    match columns.iter().find(|column| !seen.insert(column.name.as_str())) {
        Some(twice) => {
            let message = format!("column \"{}\" specified more than once", twice.name);
            Err(RoutineError::at("42701", span, message).hint("give one of them another name with `as`"))
        }
        None => Ok(()),
    }
}

fn columns_match(left: &[Output], right: &[Output], span: Span) -> Result<()> {
    if left.len() != right.len() {
        return Err(RoutineError::at(SYNTAX, span, "each UNION query must have the same number of columns"));
    }
    for (a, b) in left.iter().zip(right) {
        if wider(&a.ty, &b.ty).is_none() {
            let message = format!(
                "recursive query column \"{}\" has type {} in non-recursive term but type {} overall",
                a.name,
                shown(&a.ty),
                shown(&b.ty)
            );
            return Err(RoutineError::at(TYPE, span, message));
        }
    }
    Ok(())
}

/// The name that Postgres gives to a column that has none.
fn name_of(expr: &ast::Expr) -> String {
    let name = match expr {
        ast::Expr::Identifier(ident) => Some(fold(ident)),
        ast::Expr::CompoundIdentifier(idents) => idents.last().map(fold),
        ast::Expr::Nested(inner) => Some(name_of(inner)),
        ast::Expr::Cast { expr, data_type, .. } => match name_of(expr).as_str() {
            "?column?" => Some(data_type.to_string().to_lowercase()),
            name => Some(name.to_owned()),
        },
        ast::Expr::Function(function) => super::parts(&function.name).ok().map(|(_, name, _)| name),
        ast::Expr::Case { .. } => Some("case".to_owned()),
        ast::Expr::Exists { .. } => Some("exists".to_owned()),
        ast::Expr::Extract { .. } => Some("extract".to_owned()),
        ast::Expr::Array(_) => Some("array".to_owned()),
        ast::Expr::Ceil { .. } => Some("ceil".to_owned()),
        ast::Expr::Floor { .. } => Some("floor".to_owned()),
        ast::Expr::Substring { .. } => Some("substring".to_owned()),
        ast::Expr::Trim { .. } => Some("btrim".to_owned()),
        ast::Expr::Position { .. } => Some("position".to_owned()),
        ast::Expr::Subquery(query) => match &*query.body {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => Some(name_of(expr)),
                [SelectItem::ExprWithAlias { alias, .. }] => Some(fold(alias)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    name.unwrap_or_else(|| "?column?".to_owned())
}

fn all(quantifier: SetQuantifier) -> bool {
    matches!(quantifier, SetQuantifier::All)
}

fn refuse_clauses(select: &ast::Select) -> Result<()> {
    let what = if select.into.is_some() {
        "`select into`"
    } else if select.top.is_some() || select.qualify.is_some() || select.prewhere.is_some() {
        "`top` or `qualify`"
    } else if !select.named_window.is_empty() {
        "`window`"
    } else if !select.lateral_views.is_empty() || !select.connect_by.is_empty() {
        "`lateral view` or `connect by`"
    } else if !select.cluster_by.is_empty() || !select.distribute_by.is_empty() || !select.sort_by.is_empty()
    {
        "`cluster by`, `distribute by` or `sort by`"
    } else {
        return Ok(());
    };
    Err(RoutineError::unsupported(select.span(), what))
}
