//! Aggregates and functions of windows, and what may stand beside them.

use sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    WindowFrameBound, WindowType,
};
use sqlparser::tokenizer::Span;

use super::call::{accepted, known, unknown};
use super::cast::coerce;
use super::{Resolver, Result};
use crate::routine::builtin::{Aggregate, Gives, Shape, Takes, aggregates};
use crate::routine::error::{GROUPING, RoutineError, SYNTAX};
use crate::routine::tree::{Aggregated, Expr, ExprKind, Order, Select, Windowed};
use crate::routine::types::Ty;

impl Resolver<'_> {
    pub(super) fn aggregate(&mut self, name: &str, call: &ast::Function, span: Span) -> Result<Expr> {
        if !call.within_group.is_empty() || call.null_treatment.is_some() {
            return Err(RoutineError::unsupported(
                span,
                format!("`within group` or `ignore nulls` in `{name}`"),
            ));
        }
        let FunctionArguments::List(list) = &call.args else {
            return Err(RoutineError::at(SYNTAX, span, format!("`{name}` is written with parentheses")));
        };
        let star = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        if star && name != "count" {
            return Err(unknown(name, std::iter::empty(), span));
        }
        let mut values = Vec::new();
        if !star {
            for argument in &list.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument else {
                    return Err(RoutineError::at(SYNTAX, span, format!("`{name}` does not take that")));
                };
                values.push(self.expr(value)?);
            }
        }
        if values.iter().any(Expr::aggregates) && call.over.is_none() {
            return Err(RoutineError::at(GROUPING, span, "aggregate function calls cannot be nested"));
        }
        let (function, arguments) = self.fitting(name, values, span)?;
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let mut order = Vec::new();
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(by) => order = self.order_exprs(by)?,
                other => return Err(RoutineError::unsupported(span, format!("`{other}` in `{name}`"))),
            }
        }
        if distinct && (arguments.len() > 1 || !order.is_empty()) {
            return Err(RoutineError::unsupported(
                span,
                format!("`distinct` with more than one expression in `{name}`"),
            )
            .hint("select the distinct rows in a subquery first"));
        }
        let filter = match &call.filter {
            Some(filter) => Some(self.condition(filter)?),
            None => None,
        };
        let ty = function.gives.ty(arguments.first().map(|first| &first.ty));
        let one = Aggregated { function, arguments, distinct, order, filter };
        let windowed = call.over.is_some();
        if windowed && (one.distinct || !one.order.is_empty()) {
            return Err(RoutineError::unsupported(
                span,
                "`distinct` or `order by` in a function of a window",
            ));
        }
        if function.shape == Shape::WindowOnly && !windowed {
            return Err(RoutineError::at(
                "42809",
                span,
                format!("window function {name} requires an OVER clause"),
            ));
        }
        let call_expr = Expr::new(ExprKind::Aggregate(Box::new(one)), ty.clone());
        match &call.over {
            None => Ok(call_expr),
            Some(over) => self.window(call_expr, over, span),
        }
    }

    fn fitting(
        &mut self,
        name: &str,
        values: Vec<Expr>,
        span: Span,
    ) -> Result<(&'static Aggregate, Vec<Expr>)> {
        for function in aggregates(name).filter(|function| function.takes.len() == values.len()) {
            let takes = |(takes, value): (&Takes, &Expr)| match (takes, &value.ty) {
                // Counting and making JSON are the only things that can be done with a row.
                (Takes::Any, Ty::Row) => {
                    matches!(function.shape, Shape::JsonList | Shape::JsonObject) || name == "count"
                }
                (takes, ty) => accepted(*takes, ty).is_some(),
            };
            if !function.takes.iter().zip(&values).all(takes) {
                continue;
            }
            let mut arguments = Vec::with_capacity(values.len());
            for (takes, value) in function.takes.iter().zip(values) {
                let target = accepted(*takes, &value.ty).and_then(|(_, target)| target);
                arguments.push(match target {
                    Some(ty) => coerce(self.schema, value, &ty, span)?,
                    None => known(value),
                });
            }
            if let (Gives::First, Some(Ty::Interval)) =
                (function.gives, arguments.first().map(|first| &first.ty))
            {
                return Err(RoutineError::unsupported(span, format!("`{name}` of intervals")));
            }
            return Ok((function, arguments));
        }
        Err(unknown(name, values.iter().map(|value| &value.ty), span))
    }

    fn window(&mut self, call: Expr, over: &WindowType, span: Span) -> Result<Expr> {
        let WindowType::WindowSpec(spec) = over else {
            return Err(
                RoutineError::unsupported(span, "a window by name").hint("write the window after `over`")
            );
        };
        if spec.window_name.is_some() {
            return Err(RoutineError::unsupported(span, "a window that extends another"));
        }
        let mut partition = Vec::with_capacity(spec.partition_by.len());
        for by in &spec.partition_by {
            partition.push(self.expr(by)?);
        }
        let order = self.order_exprs(&spec.order_by)?;
        let frame = spec.window_frame.as_ref().map(|frame| frame_of(frame, span)).transpose()?;
        let ty = call.ty.clone();
        Ok(Expr::new(ExprKind::Window(Box::new(Windowed { call, partition, order, frame })), ty))
    }

    /// Sorts by expressions, not by numbers or output names.
    pub(super) fn order_exprs(&mut self, by: &[ast::OrderByExpr]) -> Result<Vec<Order>> {
        let mut order = Vec::with_capacity(by.len());
        for one in by {
            let expr = self.expr(&one.expr)?;
            order.push(self.ordered(one, crate::routine::tree::By::Expr(known(expr)))?);
        }
        Ok(order)
    }

    /// Refuses columns that are neither grouped nor aggregated.
    pub(super) fn grouped(&self, select: &Select, order: &[Order], span: Span) -> Result<()> {
        let exprs = || select.items.iter().map(|(_, expr)| expr).chain(&select.having);
        let ordered = || order.iter().filter_map(Order::expr);
        let aggregates = exprs().chain(ordered()).any(Expr::aggregates);
        if select.group.is_empty() && !aggregates && select.having.is_none() {
            return Ok(());
        }
        for expr in exprs().chain(ordered()) {
            self.is_grouped(expr, &select.group, span)?;
        }
        Ok(())
    }

    fn is_grouped(&self, expr: &Expr, group: &[Expr], span: Span) -> Result<()> {
        if group.contains(expr) || matches!(expr.kind, ExprKind::Aggregate(_)) {
            return Ok(());
        }
        if let ExprKind::Column { source, name } = &expr.kind {
            let sources = self.scopes.last().map(|scope| scope.sources.as_slice()).unwrap_or_default();
            // Columns from around are the same for the whole group.
            let Some(visible) = sources.iter().find(|visible| visible.number == *source) else {
                return Ok(());
            };
            let key =
                visible.table.as_ref().and_then(|table| self.schema.table(table)).map(|t| &t.primary_key);
            let by_key = key.is_some_and(|key| {
                let has = |column: &String| {
                    group.iter().any(|by| matches!(&by.kind, ExprKind::Column { source: s, name } if s == source && name == column))
                };
                !key.is_empty() && key.iter().all(has)
            });
            if by_key {
                return Ok(());
            }
            let message = format!(
                "column \"{}.{name}\" must appear in the GROUP BY clause or be used in an aggregate function",
                visible.alias
            );
            return Err(RoutineError::at(GROUPING, span, message));
        }
        let parts = match &expr.kind {
            ExprKind::Window(one) => {
                let inner = one.call.children().into_iter().chain(&one.partition);
                inner.chain(one.order.iter().filter_map(Order::expr)).collect()
            }
            _ => expr.children(),
        };
        parts.into_iter().try_for_each(|part| self.is_grouped(part, group, span))
    }
}

/// A frame with whole numbers alone.
fn frame_of(frame: &ast::WindowFrame, span: Span) -> Result<String> {
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => Ok("current row".to_owned()),
        WindowFrameBound::Preceding(None) => Ok("unbounded preceding".to_owned()),
        WindowFrameBound::Following(None) => Ok("unbounded following".to_owned()),
        WindowFrameBound::Preceding(Some(count)) => Ok(format!("{} preceding", whole(count, span)?)),
        WindowFrameBound::Following(Some(count)) => Ok(format!("{} following", whole(count, span)?)),
    };
    let units = match frame.units {
        ast::WindowFrameUnits::Rows => "rows",
        ast::WindowFrameUnits::Range => "range",
        ast::WindowFrameUnits::Groups => "groups",
    };
    let start = bound(&frame.start_bound)?;
    let end = match &frame.end_bound {
        Some(end) => bound(end)?,
        None => "current row".to_owned(),
    };
    Ok(format!("{units} between {start} and {end}"))
}

fn whole(expr: &ast::Expr, span: Span) -> Result<u32> {
    let text = expr.to_string();
    text.parse().map_err(|_| RoutineError::at(SYNTAX, span, "a frame is written with whole numbers"))
}

/// Refuses aggregates where there is no group yet.
pub(super) fn refuse_aggregates(expr: &Expr, place: &str, span: Span) -> Result<()> {
    let windowed = expr.any(&|part| matches!(part.kind, ExprKind::Window(_)));
    if expr.aggregates() || windowed {
        return Err(RoutineError::at(
            GROUPING,
            span,
            format!("aggregate functions are not allowed in {place}"),
        ));
    }
    Ok(())
}
