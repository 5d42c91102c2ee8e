//! Operators.

use sqlparser::ast::{self, BinaryOperator as Op, Spanned, UnaryOperator};
use sqlparser::tokenizer::Span;

use super::cast::{coerce, wider};
use super::expr::{mismatch, not};
use super::{Resolver, Result};
use crate::routine::error::RoutineError;
use crate::routine::tree::{Binary, Expr, ExprKind};
use crate::routine::types::{self, Ty};
use crate::schema::Type;

impl Resolver<'_> {
    pub(super) fn operator(
        &mut self,
        left: &ast::Expr,
        op: &Op,
        right: &ast::Expr,
        span: Span,
    ) -> Result<Expr> {
        let comparison = match op {
            Op::Eq => Some(Binary::Equal),
            Op::NotEq => Some(Binary::NotEqual),
            Op::Lt => Some(Binary::Less),
            Op::LtEq => Some(Binary::LessOrEqual),
            Op::Gt => Some(Binary::Greater),
            Op::GtEq => Some(Binary::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return self.compared(left, comparison, right, span);
        }
        match op {
            Op::And | Op::Or => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                let binary = if *op == Op::And { Binary::And } else { Binary::Or };
                Ok(Expr::new(ExprKind::Binary(binary, Box::new(left), Box::new(right)), types::BOOL))
            }
            Op::PGLikeMatch => self.pattern("%like", left, right, false),
            Op::PGNotLikeMatch => self.pattern("%like", left, right, true),
            Op::PGILikeMatch => self.pattern("%ilike", left, right, false),
            Op::PGNotILikeMatch => self.pattern("%ilike", left, right, true),
            Op::PGRegexMatch => self.pattern("%match", left, right, false),
            Op::PGRegexNotMatch => self.pattern("%match", left, right, true),
            Op::PGRegexIMatch => self.pattern("%imatch", left, right, false),
            Op::PGRegexNotIMatch => self.pattern("%imatch", left, right, true),
            _ => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                self.computed(left, op, right, span)
            }
        }
    }

    fn computed(&mut self, left: Expr, op: &Op, right: Expr, span: Span) -> Result<Expr> {
        let lists = left.ty.element().is_some() || right.ty.element().is_some();
        match op {
            Op::Plus => self.sum("%add", Binary::Add, left, right, span),
            Op::Minus if left.ty == types::JSON => self.apply("%remove", vec![left, right], span),
            Op::Minus => self.sum("%sub", Binary::Subtract, left, right, span),
            Op::Multiply => self.product(left, right, span),
            Op::Divide => self.apply("%div", vec![left, right], span),
            Op::Modulo => self.apply("%mod", vec![left, right], span),
            Op::PGExp => self.apply("power", vec![left, right], span),
            Op::StringConcat => self.concat(left, right, span),
            Op::Arrow => self.apply("%get", vec![left, right], span),
            Op::LongArrow => self.apply("%gettext", vec![left, right], span),
            Op::HashArrow => self.apply("%path", vec![left, right], span),
            Op::HashLongArrow => self.apply("%pathtext", vec![left, right], span),
            Op::AtArrow if lists => self.apply("%listcontains", vec![left, right], span),
            Op::ArrowAt if lists => self.apply("%listcontained", vec![left, right], span),
            Op::PGOverlap if lists => self.apply("%listoverlaps", vec![left, right], span),
            Op::AtArrow => self.apply("%contains", vec![left, right], span),
            Op::ArrowAt => self.apply("%contained", vec![left, right], span),
            Op::Question => self.apply("%has", vec![left, right], span),
            other => Err(RoutineError::unsupported(span, format!("the operator `{other}`"))),
        }
    }

    /// A comparison: both sides are brought to one type.
    pub(super) fn compared(
        &mut self,
        left: &ast::Expr,
        binary: Binary,
        right: &ast::Expr,
        span: Span,
    ) -> Result<Expr> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        self.compare(left, binary, right, span)
    }

    fn compare(&mut self, left: Expr, binary: Binary, right: Expr, span: Span) -> Result<Expr> {
        let symbol = sign(binary);
        let common = wider(&left.ty, &right.ty).ok_or_else(|| mismatch(&left.ty, symbol, &right.ty, span))?;
        let common = if common == Ty::Unknown { types::TEXT } else { common };
        let ordered =
            !matches!(binary, Binary::Equal | Binary::NotEqual | Binary::Distinct | Binary::NotDistinct);
        super::expr::comparable(&common, span)?;
        if ordered
            && matches!(common, Ty::Known(Type::Enum(_) | Type::Jsonb | Type::Array(_) | Type::Vector(_)))
        {
            return Err(RoutineError::unsupported(
                span,
                format!("`{symbol}` between values of type {}", common.name()),
            ));
        }
        let mut left = coerce(self.schema, left, &common, span)?;
        let mut right = coerce(self.schema, right, &common, span)?;
        if common == Ty::Interval {
            left = self.apply("%micros", vec![left], span)?;
            right = self.apply("%micros", vec![right], span)?;
        }
        Ok(Expr::new(ExprKind::Binary(binary, Box::new(left), Box::new(right)), types::BOOL))
    }

    fn sum(
        &mut self,
        name: &'static str,
        binary: Binary,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Result<Expr> {
        let numbers = |ty: &Ty| ty.is_number() || *ty == Ty::Unknown;
        if numbers(&left.ty) && numbers(&right.ty) {
            return self.arithmetic(binary, left, right, span);
        }
        // The other order is the same sum.
        let swap =
            name == "%add" && (left.ty == Ty::Interval || (left.ty.is_int() && right.ty == types::DATE));
        let swap = swap && right.ty != Ty::Interval;
        let (left, right) = if swap { (right, left) } else { (left, right) };
        let right = match (&left.ty, &right.ty) {
            (Ty::Known(Type::Timestamptz | Type::Date), Ty::Unknown) if name == "%add" => {
                coerce(self.schema, right, &Ty::Interval, span)?
            }
            _ => right,
        };
        self.apply(name, vec![left, right], span)
    }

    fn product(&mut self, left: Expr, right: Expr, span: Span) -> Result<Expr> {
        if left.ty == Ty::Interval {
            return self.apply("%mul", vec![left, right], span);
        }
        if right.ty == Ty::Interval {
            return self.apply("%mul", vec![right, left], span);
        }
        self.arithmetic(Binary::Multiply, left, right, span)
    }

    fn arithmetic(&mut self, binary: Binary, left: Expr, right: Expr, span: Span) -> Result<Expr> {
        let common = wider(&left.ty, &right.ty).filter(Ty::is_number);
        let common = common.ok_or_else(|| mismatch(&left.ty, sign(binary), &right.ty, span))?;
        let ty = if common.is_numeric() { Ty::Numeric } else { common };
        let left = coerce(self.schema, left, &ty, span)?;
        let right = coerce(self.schema, right, &ty, span)?;
        Ok(Expr::new(ExprKind::Binary(binary, Box::new(left), Box::new(right)), ty))
    }

    /// `||` of texts, of JSON, and of lists.
    fn concat(&mut self, left: Expr, right: Expr, span: Span) -> Result<Expr> {
        if left.ty == types::JSON || right.ty == types::JSON {
            return self.apply("%merge", vec![left, right], span);
        }
        match (left.ty.element(), right.ty.element()) {
            (Some(_), Some(_)) => return self.apply("array_cat", vec![left, right], span),
            (Some(_), None) if right.ty == Ty::Unknown => {
                let right = coerce(self.schema, right, &left.ty, span)?;
                return self.apply("array_cat", vec![left, right], span);
            }
            (Some(_), None) => return self.apply("array_append", vec![left, right], span),
            (None, Some(_)) => return Err(RoutineError::unsupported(span, "putting a value before a list")),
            (None, None) => {}
        }
        let textual = |ty: &Ty| ty.is_text() || *ty == Ty::Unknown;
        if !textual(&left.ty) && !textual(&right.ty) {
            return Err(mismatch(&left.ty, "||", &right.ty, span));
        }
        let left = self.cast(left, types::TEXT, span)?;
        let right = self.cast(right, types::TEXT, span)?;
        Ok(Expr::new(ExprKind::Binary(Binary::Concat, Box::new(left), Box::new(right)), types::TEXT))
    }

    pub(super) fn unary(&mut self, op: UnaryOperator, of: &ast::Expr, span: Span) -> Result<Expr> {
        match op {
            UnaryOperator::Not => Ok(not(self.condition(of)?)),
            UnaryOperator::Plus | UnaryOperator::Minus => {
                let value = self.expr(of)?;
                if value.ty == Ty::Interval && op == UnaryOperator::Minus {
                    let minus = Expr::new(ExprKind::Int(-1), types::INT);
                    return self.apply("%mul", vec![value, minus], span);
                }
                if !value.ty.is_number() {
                    let message = format!("operator does not exist: {op} {}", value.ty.name());
                    return Err(RoutineError::at(
                        crate::routine::error::UNKNOWN_FUNCTION,
                        of.span(),
                        message,
                    ));
                }
                let ty = value.ty.clone();
                Ok(match (op, value.kind) {
                    (UnaryOperator::Plus, kind) => Expr::new(kind, ty),
                    (_, ExprKind::Int(number)) => Expr::new(ExprKind::Int(number.saturating_neg()), ty),
                    (_, kind) => Expr::new(ExprKind::Negate(Box::new(Expr::new(kind, ty.clone()))), ty),
                })
            }
            other => Err(RoutineError::unsupported(span, format!("the operator `{other}`"))),
        }
    }
}

fn sign(binary: Binary) -> &'static str {
    match binary {
        Binary::And => "AND",
        Binary::Or => "OR",
        Binary::Equal => "=",
        Binary::NotEqual => "<>",
        Binary::Less => "<",
        Binary::LessOrEqual => "<=",
        Binary::Greater => ">",
        Binary::GreaterOrEqual => ">=",
        Binary::Add => "+",
        Binary::Subtract => "-",
        Binary::Multiply => "*",
        Binary::Concat => "||",
        Binary::Distinct => "IS DISTINCT FROM",
        Binary::NotDistinct => "IS NOT DISTINCT FROM",
    }
}
