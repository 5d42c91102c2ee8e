//! What rows are grouped and sorted by.

use sqlparser::ast::{self, GroupByExpr, OrderBySort, Value};

use super::aggregate::refuse_aggregates;
use super::{Resolver, Result, fold};
use crate::routine::error::RoutineError;
use crate::routine::tree::{By, Expr, ExprKind, Order, Output};
use crate::routine::types::{self, Ty};
use crate::schema::Type;
use sqlparser::ast::Spanned;

impl Resolver<'_> {
    pub(super) fn group(&mut self, group: &GroupByExpr, items: &[(String, Expr)]) -> Result<Vec<Expr>> {
        let GroupByExpr::Expressions(exprs, modifiers) = group else {
            return Err(RoutineError::unsupported(group.span(), "`group by all`"));
        };
        if !modifiers.is_empty() {
            return Err(RoutineError::unsupported(group.span(), "grouping sets"));
        }
        let mut out = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let value = match position(expr, items.len(), "GROUP BY")? {
                Some(at) => items[at - 1].1.clone(),
                None => {
                    // A name means a column first, and then what the list gives it to.
                    let alias = match expr {
                        ast::Expr::Identifier(ident) => items.iter().find(|(name, _)| *name == fold(ident)),
                        _ => None,
                    };
                    match (self.expr(expr), alias) {
                        (Ok(value), _) => value,
                        (Err(_), Some((_, value))) => value.clone(),
                        (Err(error), None) => return Err(error),
                    }
                }
            };
            refuse_aggregates(&value, "GROUP BY", expr.span())?;
            out.push(value);
        }
        Ok(out)
    }

    /// A name means what the list gives it to first, and then a column.
    pub(super) fn order_of(
        &mut self,
        expr: &ast::Expr,
        items: &[(String, Expr)],
        distinct: bool,
    ) -> Result<By> {
        if let Some(at) = position(expr, items.len(), "ORDER BY")? {
            return Ok(By::Column(at));
        }
        if let ast::Expr::Identifier(ident) = expr
            && let Some(at) = items.iter().position(|(name, _)| *name == fold(ident))
        {
            return Ok(self.enum_order(&items[at].1).map_or(By::Column(at + 1), By::Expr));
        }
        let value = self.expr(expr)?;
        let ranked = self.enum_order(&value);
        match items.iter().position(|(_, item)| *item == value) {
            Some(at) if ranked.is_none() => Ok(By::Column(at + 1)),
            None if distinct => Err(RoutineError::at(
                "42P10",
                expr.span(),
                "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
            )),
            _ => Ok(By::Expr(ranked.unwrap_or(value))),
        }
    }

    pub(super) fn order_by_columns(
        &mut self,
        by: &[ast::OrderByExpr],
        columns: &[Output],
    ) -> Result<Vec<Order>> {
        let mut order = Vec::with_capacity(by.len());
        for one in by {
            let named = match &one.expr {
                ast::Expr::Identifier(ident) => {
                    columns.iter().position(|c| c.name == fold(ident)).map(|at| at + 1)
                }
                _ => None,
            };
            let Some(at) = position(&one.expr, columns.len(), "ORDER BY")?.or(named) else {
                return Err(RoutineError::unsupported(
                    one.expr.span(),
                    "an ORDER BY of UNION, INTERSECT or EXCEPT that is no column of the result",
                ));
            };
            order.push(self.ordered(one, By::Column(at))?);
        }
        Ok(order)
    }

    pub(super) fn ordered(&self, one: &ast::OrderByExpr, by: By) -> Result<Order> {
        let by = match by {
            By::Expr(value) => By::Expr(self.enum_order(&value).unwrap_or(value)),
            By::Column(at) => By::Column(at),
        };
        let descending = match &one.options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => {
                return Err(RoutineError::unsupported(one.expr.span(), "`order by ... using`"));
            }
        };
        Ok(Order { by, descending, nulls_first: one.options.nulls_first.unwrap_or(descending) })
    }

    /// The values of an enum in the order of their declaration: the rank of one.
    fn enum_order(&self, value: &Expr) -> Option<Expr> {
        let Ty::Known(Type::Enum(name)) = &value.ty else { return None };
        let values = self.schema.enums.get(name)?;
        let rank = |(at, text): (usize, &String)| {
            let number = ExprKind::Int(i64::try_from(at).unwrap_or(i64::MAX));
            (Expr::new(ExprKind::Text(text.clone()), value.ty.clone()), Expr::new(number, types::INT))
        };
        let whens = values.iter().enumerate().map(rank).collect();
        Some(Expr::new(
            ExprKind::Case { of: Some(Box::new(value.clone())), whens, otherwise: None },
            types::INT,
        ))
    }
}

/// The number of a column, if that is what the expression is.
fn position(expr: &ast::Expr, columns: usize, clause: &str) -> Result<Option<usize>> {
    let ast::Expr::Value(value) = expr else { return Ok(None) };
    let Value::Number(number, _) = &value.value else { return Ok(None) };
    match number.parse::<usize>() {
        Ok(at) if (1..=columns).contains(&at) => Ok(Some(at)),
        _ => Err(RoutineError::at(
            "42P10",
            value.span,
            format!("{clause} position {number} is not in select list"),
        )),
    }
}
