//! Conversions: what literals become, what goes where by itself, and what a cast may do.

use rusqlite::types::Value;
use sqlparser::tokenizer::Span;

use super::{Resolver, Result, shown};
use crate::ddl::sqlite::value_from_text;
use crate::routine::error::{CAST, RoutineError, TYPE, VALUE};
use crate::routine::functions::{interval, wrong_value};
use crate::routine::tree::{Expr, ExprKind};
use crate::routine::types::{self, Ty};
use crate::schema::{Schema, Type};

/// The text as a value of the type.
pub(super) fn literal(schema: &Schema, text: &str, ty: &Ty, span: Span) -> Result<Expr> {
    let refuse = || {
        let (code, message) = wrong_value(&ty.name(), matches!(ty, Ty::Known(Type::Enum(_))), text);
        RoutineError::at(code, span, message)
    };
    let kind = match ty {
        Ty::Unknown | Ty::Row => return Err(refuse()),
        Ty::Interval => ExprKind::Text(interval::parse(text).ok_or_else(refuse)?.to_string()),
        Ty::Numeric | Ty::Known(Type::Numeric(..) | Type::Double) => {
            decimal(text.trim()).ok_or_else(refuse)?
        }
        Ty::Known(Type::Array(_)) if !text.trim_start().starts_with('[') => {
            ExprKind::Text(crate::routine::functions::list::from_braces(text).ok_or_else(refuse)?)
        }
        Ty::Known(ty) => match value_from_text(ty, &schema.enums, text).map_err(|_| refuse())? {
            Value::Null => ExprKind::Null,
            Value::Integer(value) if *ty == Type::Boolean => ExprKind::Bool(value != 0),
            Value::Integer(value) => ExprKind::Int(value),
            Value::Real(value) => ExprKind::Decimal(format!("{value:?}")),
            Value::Text(value) => ExprKind::Text(value),
            Value::Blob(value) => ExprKind::Blob(value),
        },
    };
    Ok(Expr::new(kind, ty.clone()))
}

/// The expression as a value of the type, where Postgres converts by itself.
pub(crate) fn coerce(schema: &Schema, expr: Expr, to: &Ty, span: Span) -> Result<Expr> {
    if expr.ty == *to {
        return Ok(expr);
    }
    match (&expr.kind, &expr.ty) {
        (ExprKind::Null, Ty::Unknown) => return Ok(Expr::new(ExprKind::Null, to.clone())),
        (ExprKind::Text(text), Ty::Unknown) => return literal(schema, text, to, span),
        _ => {}
    }
    let widens = |from: &Ty| match (from, to) {
        (from, to) if from.is_text() && to.is_text() => true,
        (from, to) if from.is_int() => to.is_int() || to.is_numeric() || *to == types::DOUBLE,
        (from, to) if from.is_numeric() => to.is_numeric() || *to == types::DOUBLE,
        _ => false,
    };
    if widens(&expr.ty) {
        return Ok(Expr::new(expr.kind, to.clone()));
    }
    if expr.ty == types::DATE && *to == types::TIMESTAMP {
        return Ok(Expr::new(ExprKind::Cast(Box::new(expr)), to.clone()));
    }
    let message = format!("an expression of type {} stands where {} is expected", shown(&expr.ty), shown(to));
    Err(RoutineError::at(TYPE, span, message).hint("add a cast, such as `::text`"))
}

/// The expression as a value to be stored in a column or given back as a result.
pub(crate) fn assign(schema: &Schema, expr: Expr, to: &Ty, what: &str, span: Span) -> Result<Expr> {
    let stored = |from: &Ty| {
        (from.is_number() && to.is_number())
            || (to.is_text() && *from != Ty::Row)
            || (*from == types::TIMESTAMP && (*to == types::DATE || *to == types::TIME))
    };
    let exact =
        matches!(to, Ty::Known(Type::Varchar(_) | Type::Numeric(..))) || (to.is_int() && !expr.ty.is_int());
    if expr.ty != Ty::Unknown && expr.ty != *to && stored(&expr.ty) && (exact || !expr.ty.goes_with(to)) {
        return Ok(Expr::new(ExprKind::Cast(Box::new(expr)), to.clone()));
    }
    let from = expr.ty.clone();
    coerce(schema, expr, to, span).map_err(|error| {
        if error.code == VALUE || error.code.starts_with("220") {
            return error;
        }
        let message = format!("{what} is of type {} but expression is of type {}", shown(to), shown(&from));
        RoutineError { message, ..error }
    })
}

/// Brings expressions to the one type that goes for all of them, as `case` and `union` do.
pub(super) fn unify(schema: &Schema, list: Vec<Expr>, what: &str, span: Span) -> Result<Vec<Expr>> {
    let mut common = Ty::Unknown;
    for expr in &list {
        common = wider(&common, &expr.ty).ok_or_else(|| {
            let message =
                format!("{what} types {} and {} cannot be matched", shown(&common), shown(&expr.ty));
            RoutineError::at(TYPE, span, message)
        })?;
    }
    let common = if common == Ty::Unknown { types::TEXT } else { common };
    list.into_iter().map(|expr| coerce(schema, expr, &common, span)).collect()
}

/// The type that holds the values of both.
pub(super) fn wider(a: &Ty, b: &Ty) -> Option<Ty> {
    if a == b || *b == Ty::Unknown {
        return Some(a.clone());
    }
    if *a == Ty::Unknown {
        return Some(b.clone());
    }
    if a.is_number() && b.is_number() {
        return Some(if *a == types::DOUBLE || *b == types::DOUBLE {
            types::DOUBLE
        } else if a.is_numeric() || b.is_numeric() {
            Ty::Numeric
        } else if *a == types::BIGINT || *b == types::BIGINT {
            types::BIGINT
        } else {
            types::INT
        });
    }
    if a.is_text() && b.is_text() {
        return Some(types::TEXT);
    }
    let times = [types::DATE, types::TIMESTAMP];
    (times.contains(a) && times.contains(b)).then_some(types::TIMESTAMP)
}

impl Resolver<'_> {
    /// `x::type`
    pub(super) fn cast(&mut self, expr: Expr, to: Ty, span: Span) -> Result<Expr> {
        match (&expr.kind, &expr.ty) {
            (ExprKind::Null, Ty::Unknown) => return Ok(Expr::new(ExprKind::Null, to)),
            (ExprKind::Text(text), Ty::Unknown) => {
                let cut = match &to {
                    Ty::Known(Type::Varchar(length)) => text.chars().take(*length as usize).collect(),
                    _ => text.clone(),
                };
                return literal(self.schema, &cut, &to, span);
            }
            _ if expr.ty == to => return Ok(expr),
            _ => {}
        }
        let (from, list) = (&expr.ty, |ty: &Ty| ty.element());
        let fits = match (from, &to) {
            (Ty::Row, to) => *to == types::TEXT,
            (_, to) if to.is_text() => true,
            (from, Ty::Interval) => from.is_text(),
            (from, to) if from.is_number() => to.is_number() || (from.is_int() && *to == types::BOOL),
            (from, _) if from.is_text() => true,
            (Ty::Known(Type::Boolean), to) => to.is_int(),
            (Ty::Known(Type::Jsonb), to) => to.is_number() || *to == types::BOOL,
            (Ty::Known(Type::Timestamptz), to) => *to == types::DATE || *to == types::TIME,
            (Ty::Known(Type::Date), to) => *to == types::TIMESTAMP,
            (from, to) => {
                list(from).zip(list(to)).is_some_and(|(from, to)| from.goes_with(&to) || to.is_text())
            }
        };
        if !fits {
            let message = format!("cannot cast type {} to {}", shown(from), shown(&to));
            return Err(RoutineError::at(CAST, span, message));
        }
        Ok(Expr::new(ExprKind::Cast(Box::new(expr)), to))
    }
}

fn decimal(text: &str) -> Option<ExprKind> {
    let number: f64 = text.parse().ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    (number.is_finite() && plain && text.len() <= 40).then(|| ExprKind::Decimal(format!("{number:?}")))
}
