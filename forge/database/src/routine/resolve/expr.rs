//! Expressions.

use sqlparser::ast::{self, CastKind, Spanned, Value, ValueWithSpan};
use sqlparser::tokenizer::Span;

use super::cast::unify;
use super::{Resolver, Result, shown};
use crate::routine::error::{RoutineError, SYNTAX, TYPE, UNKNOWN_TYPE};
use crate::routine::tree::{Binary, Expr, ExprKind, Is};
use crate::routine::types::{self, Ty};
use crate::schema::Type;

impl Resolver<'_> {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Result<Expr> {
        self.deeper(|resolver| resolver.any(expr))
    }

    /// The expression as a truth value.
    pub(super) fn condition(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let resolved = self.expr(expr)?;
        self.truth(resolved, expr.span())
    }

    pub(super) fn truth(&self, expr: Expr, span: Span) -> Result<Expr> {
        if !matches!(&expr.ty, Ty::Unknown) && expr.ty != types::BOOL {
            let message = format!("a condition must be type boolean, not type {}", shown(&expr.ty));
            return Err(RoutineError::at(TYPE, span, message));
        }
        super::coerce(self.schema, expr, &types::BOOL, span)
    }

    /// Only dispatches, to keep the stack small: trees are deep.
    fn any(&mut self, expr: &ast::Expr) -> Result<Expr> {
        use ast::Expr as E;
        match expr {
            E::Identifier(ident) => self.name(ident),
            E::CompoundIdentifier(idents) => self.qualified(idents),
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            E::Nested(inner) => self.any(inner),
            E::Value(value) => self.value(value),
            E::TypedString(typed) => self.typed(typed),
            E::Interval(interval) => self.interval(interval),
            E::BinaryOp { left, op, right } => self.operator(left, op, right, expr.span()),
            E::UnaryOp { op, expr: of } => self.unary(*op, of, expr.span()),
            E::IsNull(of) => self.is(of, Is::Null, false),
            E::IsNotNull(of) => self.is(of, Is::Null, true),
            E::IsUnknown(of) => self.is_truth(of, Is::Null, false),
            E::IsNotUnknown(of) => self.is_truth(of, Is::Null, true),
            E::IsTrue(of) => self.is_truth(of, Is::True, false),
            E::IsNotTrue(of) => self.is_truth(of, Is::True, true),
            E::IsFalse(of) => self.is_truth(of, Is::False, false),
            E::IsNotFalse(of) => self.is_truth(of, Is::False, true),
            E::IsDistinctFrom(a, b) => self.compared(a, Binary::Distinct, b, expr.span()),
            E::IsNotDistinctFrom(a, b) => self.compared(a, Binary::NotDistinct, b, expr.span()),
            E::InList { expr: of, list, negated } => self.in_list(of, list, *negated),
            E::InSubquery { expr: of, subquery, negated } => self.in_query(of, subquery, *negated),
            E::Between { expr: of, negated, low, high } => self.between(of, low, high, *negated),
            E::Like { negated, any: false, expr: of, pattern, escape_char: None } => {
                self.pattern("%like", of, pattern, *negated)
            }
            E::ILike { negated, any: false, expr: of, pattern, escape_char: None } => {
                self.pattern("%ilike", of, pattern, *negated)
            }
            E::AnyOp { left, compare_op, right, .. } => self.any_all(left, compare_op, right, false),
            E::AllOp { left, compare_op, right } => self.any_all(left, compare_op, right, true),
            E::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr: of, data_type, format: None } => {
                self.cast_to(of, data_type, expr.span())
            }
            E::AtTimeZone { timestamp, time_zone } => self.at_zone(timestamp, time_zone),
            E::Extract { field, expr: of, .. } => self.extract(&field.to_string(), of, expr.span()),
            E::Ceil { expr: of, field } => self.rounded("ceil", of, field, expr.span()),
            E::Floor { expr: of, field } => self.rounded("floor", of, field, expr.span()),
            E::Position { expr: of, r#in } => self.called("strpos", &[&**r#in, &**of], expr.span()),
            E::Substring { expr: of, substring_from, substring_for, .. } => {
                self.substring(of, substring_from.as_deref(), substring_for.as_deref(), expr.span())
            }
            E::Trim { .. } => self.trim(expr),
            E::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), expr.span())
            }
            E::Exists { subquery, negated } => self.exists(subquery, *negated),
            E::Subquery(query) => self.scalar(query),
            E::Array(array) => self.array(&array.elem, expr.span()),
            E::Function(function) => self.function(function),
            other => Err(RoutineError::unsupported(other.span(), format!("`{}`", brief(other)))),
        }
    }

    fn value(&mut self, value: &ValueWithSpan) -> Result<Expr> {
        let span = value.span;
        let expr = match &value.value {
            Value::Number(number, _) => return number_literal(number, span),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                Expr::new(ExprKind::Text(text.clone()), Ty::Unknown)
            }
            Value::DollarQuotedString(text) => Expr::new(ExprKind::Text(text.value.clone()), Ty::Unknown),
            Value::Boolean(value) => Expr::new(ExprKind::Bool(*value), types::BOOL),
            Value::Null => Expr::null(),
            Value::Placeholder(placeholder) => return self.numbered(placeholder, span),
            other => return Err(RoutineError::unsupported(span, format!("the literal `{other}`"))),
        };
        Ok(expr)
    }

    /// `date '2026-01-02'`
    fn typed(&mut self, typed: &ast::TypedString) -> Result<Expr> {
        let ty = self.type_of(&typed.data_type, typed.value.span)?;
        let value = self.value(&typed.value)?;
        self.cast(value, ty, typed.value.span)
    }

    /// `interval '1 day'`, and `interval '1' day`.
    fn interval(&mut self, interval: &ast::Interval) -> Result<Expr> {
        let span = interval.value.span();
        let value = self.expr(&interval.value)?;
        let ExprKind::Text(text) = &value.kind else {
            return Err(RoutineError::at(SYNTAX, span, "an interval is written `interval '1 day'`"));
        };
        let text = match (&interval.leading_field, &interval.last_field) {
            (None, None) => text.clone(),
            (Some(field), None) => format!("{text} {}", field.to_string().to_lowercase()),
            _ => return Err(RoutineError::unsupported(span, "an interval from one field to another")),
        };
        self.cast(Expr::new(ExprKind::Text(text), Ty::Unknown), Ty::Interval, span)
    }

    pub(super) fn type_of(&self, data_type: &ast::DataType, span: Span) -> Result<Ty> {
        types::of(data_type, self.schema).ok_or_else(|| {
            RoutineError::at(UNKNOWN_TYPE, span, format!("type \"{data_type}\" does not exist on SQLite"))
        })
    }

    fn cast_to(&mut self, of: &ast::Expr, data_type: &ast::DataType, span: Span) -> Result<Expr> {
        let ty = self.type_of(data_type, span)?;
        let of = self.expr(of)?;
        self.cast(of, ty, span)
    }

    /// Times are in UTC here, so only that zone changes nothing.
    fn at_zone(&mut self, of: &ast::Expr, zone: &ast::Expr) -> Result<Expr> {
        let (value, zone_value) = (self.expr(of)?, self.expr(zone)?);
        match &zone_value.kind {
            ExprKind::Text(name) if name.eq_ignore_ascii_case("utc") => {
                super::coerce(self.schema, value, &types::TIMESTAMP, of.span())
            }
            _ => Err(RoutineError::unsupported(zone.span(), "a time zone other than 'UTC'")),
        }
    }

    fn is(&mut self, of: &ast::Expr, what: Is, negated: bool) -> Result<Expr> {
        let of = self.expr(of)?;
        let is = Expr::new(ExprKind::Is(Box::new(of), what), types::BOOL);
        Ok(if negated { not(is) } else { is })
    }

    fn is_truth(&mut self, of: &ast::Expr, what: Is, negated: bool) -> Result<Expr> {
        let of = self.condition(of)?;
        let is = Expr::new(ExprKind::Is(Box::new(of), what), types::BOOL);
        Ok(if negated { not(is) } else { is })
    }

    fn in_list(&mut self, of: &ast::Expr, list: &[ast::Expr], negated: bool) -> Result<Expr> {
        let span = of.span();
        let mut all = vec![self.expr(of)?];
        for item in list {
            all.push(self.expr(item)?);
        }
        comparable(&all[0].ty, span)?;
        let mut all = unify(self.schema, all, "IN", span)?;
        let of = Box::new(all.remove(0));
        let is = Expr::new(ExprKind::In { of, list: all }, types::BOOL);
        Ok(if negated { not(is) } else { is })
    }

    fn in_query(&mut self, of: &ast::Expr, query: &ast::Query, negated: bool) -> Result<Expr> {
        let span = of.span();
        let left = self.expr(of)?;
        let query = self.subquery(query)?;
        let column = single(&query.columns, span)?;
        if super::cast::wider(&left.ty, &column).is_none() {
            return Err(mismatch(&left.ty, "=", &column, span));
        }
        let left =
            if left.ty == Ty::Unknown { super::coerce(self.schema, left, &column, span)? } else { left };
        comparable(&left.ty, span)?;
        let is = Expr::new(ExprKind::InQuery { of: Box::new(left), query: Box::new(query) }, types::BOOL);
        Ok(if negated { not(is) } else { is })
    }

    fn between(&mut self, of: &ast::Expr, low: &ast::Expr, high: &ast::Expr, negated: bool) -> Result<Expr> {
        let above = self.compared(of, Binary::GreaterOrEqual, low, low.span())?;
        let below = self.compared(of, Binary::LessOrEqual, high, high.span())?;
        let is = Expr::new(ExprKind::Binary(Binary::And, Box::new(above), Box::new(below)), types::BOOL);
        Ok(if negated { not(is) } else { is })
    }

    pub(super) fn pattern(
        &mut self,
        name: &'static str,
        of: &ast::Expr,
        pattern: &ast::Expr,
        negated: bool,
    ) -> Result<Expr> {
        let is = self.called(name, &[of, pattern], of.span())?;
        Ok(if negated { not(is) } else { is })
    }

    /// `x = any (list)`, `x <> all (list)`
    fn any_all(
        &mut self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
        all: bool,
    ) -> Result<Expr> {
        let span = left.span();
        match (op, all) {
            (ast::BinaryOperator::Eq, false) | (ast::BinaryOperator::NotEq, true) => {}
            _ => {
                return Err(RoutineError::unsupported(span, format!("`{op}` with a list"))
                    .hint("use `= any` or `<> all`"));
            }
        }
        let inner = match right {
            ast::Expr::Nested(inner) => inner,
            other => other,
        };
        if let ast::Expr::Subquery(query) = inner {
            return self.in_query(left, query, all);
        }
        let of = self.expr(left)?;
        let array = self.expr(inner)?;
        let array = match array.ty {
            Ty::Unknown => super::coerce(
                self.schema,
                array,
                &Ty::Known(Type::Array(Box::new(of.ty.column_type()))),
                span,
            )?,
            _ => array,
        };
        let element = array
            .ty
            .element()
            .ok_or_else(|| RoutineError::at(TYPE, span, "op ANY/ALL (array) requires array on right side"))?;
        let of = if of.ty == Ty::Unknown { super::coerce(self.schema, of, &element, span)? } else { of };
        if !of.ty.goes_with(&element) {
            return Err(mismatch(&of.ty, "=", &element, span));
        }
        let is = Expr::new(ExprKind::InArray { of: Box::new(of), array: Box::new(array) }, types::BOOL);
        Ok(if all { not(is) } else { is })
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Expr> {
        let mut whens = Vec::with_capacity(conditions.len());
        let mut of = None;
        if let Some(operand) = operand {
            let mut all = vec![self.expr(operand)?];
            for when in conditions {
                all.push(self.expr(&when.condition)?);
            }
            let mut all = unify(self.schema, all, "CASE", span)?;
            of = Some(Box::new(all.remove(0)));
            whens = all;
        } else {
            for when in conditions {
                whens.push(self.condition(&when.condition)?);
            }
        }
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            results.push(self.expr(&when.result)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise)?);
        }
        let mut results = unify(self.schema, results, "CASE", span)?;
        let ty = results.first().map_or(types::TEXT, |first| first.ty.clone());
        let otherwise = if otherwise.is_some() { results.pop().map(Box::new) } else { None };
        let whens = whens.into_iter().zip(results).collect();
        Ok(Expr::new(ExprKind::Case { of, whens, otherwise }, ty))
    }

    fn exists(&mut self, query: &ast::Query, negated: bool) -> Result<Expr> {
        let query = self.subquery(query)?;
        let is = Expr::new(ExprKind::Exists(Box::new(query)), types::BOOL);
        Ok(if negated { not(is) } else { is })
    }

    fn scalar(&mut self, query: &ast::Query) -> Result<Expr> {
        let query = self.subquery(query)?;
        let ty = single(&query.columns, Span::empty())?;
        Ok(Expr::new(ExprKind::Scalar(Box::new(query)), ty))
    }

    fn array(&mut self, elements: &[ast::Expr], span: Span) -> Result<Expr> {
        let mut list = Vec::with_capacity(elements.len());
        for element in elements {
            list.push(self.expr(element)?);
        }
        let list = unify(self.schema, list, "ARRAY", span)?;
        let element = list.first().map_or(types::TEXT, |first| first.ty.clone());
        if matches!(element, Ty::Known(Type::Array(_)) | Ty::Row | Ty::Interval) {
            return Err(RoutineError::unsupported(span, "a list of lists"));
        }
        Ok(Expr::new(ExprKind::Array(list), Ty::Known(Type::Array(Box::new(element.column_type())))))
    }

    /// `list[1]`, and `(row).column`.
    fn access(&mut self, root: &ast::Expr, chain: &[ast::AccessExpr]) -> Result<Expr> {
        let mut value = self.expr(root)?;
        let span = root.span();
        for access in chain {
            value = match access {
                ast::AccessExpr::Dot(ast::Expr::Identifier(name)) => {
                    self.member(&value, &super::fold(name), span)?
                }
                ast::AccessExpr::Subscript(ast::Subscript::Index { index }) => {
                    let index = self.expr(index)?;
                    let name = if value.ty == types::JSON { "%get" } else { "%item" };
                    self.apply(name, vec![value, index], span)?
                }
                ast::AccessExpr::Dot(_) | ast::AccessExpr::Subscript(_) => {
                    return Err(RoutineError::unsupported(span, format!("`{access}`")));
                }
            };
        }
        Ok(value)
    }
}

fn number_literal(number: &str, span: Span) -> Result<Expr> {
    if let Ok(whole) = number.parse::<i64>() {
        let ty = if i32::try_from(whole).is_ok() { types::INT } else { types::BIGINT };
        return Ok(Expr::new(ExprKind::Int(whole), ty));
    }
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Expr::new(ExprKind::Decimal(format!("{value:?}")), Ty::Numeric)),
        Ok(_) | Err(_) => Err(RoutineError::at(SYNTAX, span, "the number is too large")),
    }
}

/// Refuses what has no equality.
pub(super) fn comparable(ty: &Ty, span: Span) -> Result<()> {
    match ty {
        Ty::Row => Err(RoutineError::unsupported(span, "comparing rows")),
        _ => Ok(()),
    }
}

pub(super) fn mismatch(left: &Ty, operator: &str, right: &Ty, span: Span) -> RoutineError {
    let message = format!("operator does not exist: {} {operator} {}", shown(left), shown(right));
    RoutineError::at(crate::routine::error::UNKNOWN_FUNCTION, span, message)
        .hint("bring both to one type with a cast, such as `::text`")
}

pub(super) fn not(expr: Expr) -> Expr {
    Expr::new(ExprKind::Not(Box::new(expr)), types::BOOL)
}

/// The type of the only column.
pub(super) fn single(columns: &[crate::routine::tree::Output], span: Span) -> Result<Ty> {
    match columns {
        [one] => Ok(one.ty.clone()),
        _ => Err(RoutineError::at(SYNTAX, span, "subquery must return only one column")),
    }
}

fn brief(expr: &ast::Expr) -> String {
    let text = expr.to_string();
    text.chars().take(60).collect()
}
