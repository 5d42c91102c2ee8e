//! Calls of functions: those of Postgres, those about who asks, and those of the schema.

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned};
use sqlparser::tokenizer::Span;

use super::cast::{coerce, unify};
use super::{Resolver, Result, parts, shown};
use crate::policy::Access;
use crate::policy::sqlite::Param;
use crate::routine::builtin::{Builtin, Takes, builtins};
use crate::routine::error::{RoutineError, SYNTAX, UNKNOWN_FUNCTION};
use crate::routine::tree::{By, Expr, ExprKind, Order, Request};
use crate::routine::types::{self, Ty};
use crate::schema::Type;

/// The most arguments of a call.
const ARGUMENTS_MAX: usize = 100;

/// An argument of a call, perhaps by name.
pub(super) struct Given {
    pub(super) name: Option<String>,
    pub(super) value: Expr,
}

impl Given {
    pub(super) fn into_value(self) -> Expr {
        self.value
    }
}

impl Resolver<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Result<Expr> {
        let (schema, name, span) = parts(&function.name)?;
        if let FunctionArguments::Subquery(query) = &function.args {
            if name != "array" {
                return Err(RoutineError::at(SYNTAX, span, format!("`{name}` does not take a query")));
            }
            let query = self.subquery(query)?;
            let element = super::expr::single(&query.columns, span)?;
            let ty = Ty::Known(Type::Array(Box::new(element.column_type())));
            return Ok(Expr::new(ExprKind::ArrayOf(Box::new(query)), ty));
        }
        match schema.as_deref() {
            Some("auth") if name == "can" => return self.can(function, span),
            Some("auth") => return self.about_caller(&name, span),
            Some("public" | "pg_catalog" | "extensions") | None => {}
            Some(other) => {
                return Err(RoutineError::at(
                    UNKNOWN_FUNCTION,
                    span,
                    format!("function {other}.{name} does not exist"),
                ));
            }
        }
        if crate::routine::builtin::aggregates(&name).next().is_some() {
            return self.aggregate(&name, function, span);
        }
        if let Some(extra) = extra(function) {
            return Err(RoutineError::unsupported(span, format!("{extra} in a call of `{name}`")));
        }
        let given = self.given(&function.args)?;
        self.call(&name, given, span)
    }

    fn call(&mut self, name: &str, given: Vec<Given>, span: Span) -> Result<Expr> {
        if self.schema.functions.contains_key(name) {
            return self.inlined(name, given, span);
        }
        if name.starts_with('%') || given.iter().any(|one| one.name.is_some()) {
            return Err(RoutineError::at(
                UNKNOWN_FUNCTION,
                span,
                format!("function {name} does not exist with these arguments"),
            ));
        }
        let values: Vec<Expr> = given.into_iter().map(|one| one.value).collect();
        match (name, values.as_slice()) {
            (
                "now"
                | "current_timestamp"
                | "transaction_timestamp"
                | "statement_timestamp"
                | "clock_timestamp"
                | "localtimestamp",
                [],
            ) => self.apply("%now", values, span),
            ("current_date", []) => self.apply("%today", values, span),
            ("current_time" | "localtime", []) => self.apply("%time", values, span),
            ("current_setting", _) => self.setting(&values, span),
            ("json_build_object" | "jsonb_build_object", _) => self.object(values, span),
            ("json_build_array" | "jsonb_build_array", _) => {
                let values = values.into_iter().map(known).collect();
                Ok(Expr::new(ExprKind::Elements(values), types::JSON))
            }
            ("to_json" | "to_jsonb" | "row_to_json" | "array_to_json", [_]) => {
                let value = values.into_iter().next().map_or_else(Expr::null, known);
                Ok(Expr::new(ExprKind::ToJson(Box::new(value)), types::JSON))
            }
            ("greatest" | "least" | "coalesce" | "nullif", [_, ..]) => {
                let values = unify(self.schema, values, &name.to_uppercase(), span)?;
                self.apply(name, values, span)
            }
            _ => self.apply(name, values, span),
        }
    }

    fn about_caller(&mut self, name: &str, span: Span) -> Result<Expr> {
        match name {
            "uid" => Ok(Expr::new(ExprKind::Who(Param::Uid), types::UUID)),
            "role" => Ok(Expr::new(ExprKind::Who(Param::Role), types::TEXT)),
            "jwt" => Ok(Expr::new(ExprKind::Who(Param::Jwt), types::JSON)),
            "email" => Ok(Expr::new(ExprKind::Claim("email".to_owned()), types::TEXT)),
            _ => Err(RoutineError::at(
                UNKNOWN_FUNCTION,
                span,
                format!("function auth.{name}() does not exist"),
            )
            .hint(
                "there are auth.uid(), auth.role(), auth.jwt(), auth.email() and auth.can(resource, access)",
            )),
        }
    }

    /// `auth.can(resource, 'access')`
    fn can(&mut self, function: &ast::Function, span: Span) -> Result<Expr> {
        let given = self.given(&function.args)?;
        let unnamed = given.iter().all(|one| one.name.is_none());
        let values: Vec<Expr> = given.into_iter().map(Given::into_value).collect();
        let [resource, Expr { kind: ExprKind::Text(access), .. }] = values.as_slice() else {
            return Err(unknown("auth.can", values.iter().map(|value| &value.ty), span)
                .hint("write auth.can(resource, 'read')"));
        };
        let Some(access) = Access::named(access).filter(|_| unnamed && extra(function).is_none()) else {
            return Err(RoutineError::unsupported(span, format!("the access `{access}`"))
                .hint("an access is 'read', 'write', 'control' or '*'"));
        };
        let resource = coerce(self.schema, resource.clone(), &types::TEXT, span)?;
        Ok(Expr::new(ExprKind::Can(Box::new(resource), access), types::BOOL))
    }

    /// `current_setting('request.…', true)`
    fn setting(&mut self, values: &[Expr], span: Span) -> Result<Expr> {
        let name = match values {
            [Expr { kind: ExprKind::Text(name), .. }] | [Expr { kind: ExprKind::Text(name), .. }, _] => name,
            _ => return Err(RoutineError::unsupported(span, "`current_setting` of anything but a text")),
        };
        let kind = match name.as_str() {
            "request.jwt.claims" => ExprKind::Who(Param::Jwt),
            "request.jwt.claim.sub" => ExprKind::Who(Param::Uid),
            "request.jwt.claim.role" | "role" => ExprKind::Who(Param::Role),
            "request.headers" => ExprKind::Request(Request::Headers),
            "request.cookies" => ExprKind::Request(Request::Cookies),
            "request.method" => ExprKind::Request(Request::Method),
            "request.path" => ExprKind::Request(Request::Path),
            other => match other.strip_prefix("request.jwt.claim.") {
                Some(claim) if !claim.is_empty() => ExprKind::Claim(claim.to_owned()),
                _ => return Err(RoutineError::unsupported(span, format!("the setting `{other}`"))),
            },
        };
        Ok(Expr::new(kind, types::TEXT))
    }

    fn object(&mut self, values: Vec<Expr>, span: Span) -> Result<Expr> {
        if !values.len().is_multiple_of(2) {
            return Err(RoutineError::at("22023", span, "argument list must have even number of elements"));
        }
        let mut pairs = Vec::with_capacity(values.len() / 2);
        let mut values = values.into_iter();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            pairs.push((self.cast(key, types::TEXT, span)?, known(value)));
        }
        Ok(Expr::new(ExprKind::Object(pairs), types::JSON))
    }

    pub(super) fn given(&mut self, arguments: &FunctionArguments) -> Result<Vec<Given>> {
        match arguments {
            FunctionArguments::List(list) => self.given_list(&list.args),
            FunctionArguments::None | FunctionArguments::Subquery(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn given_list(&mut self, arguments: &[FunctionArg]) -> Result<Vec<Given>> {
        if arguments.len() > ARGUMENTS_MAX {
            return Err(RoutineError::new("54023", "cannot pass more than 100 arguments to a function"));
        }
        let mut given = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (name, value) = match argument {
                FunctionArg::Named { name, arg, .. } => (Some(super::fold(name)), arg),
                FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg, .. } => {
                    (Some(super::fold(name)), arg)
                }
                FunctionArg::Unnamed(arg) => (None, arg),
                FunctionArg::ExprNamed { name, .. } => {
                    return Err(RoutineError::at(SYNTAX, name.span(), "an argument's name is a name"));
                }
            };
            let FunctionArgExpr::Expr(value) = value else {
                return Err(RoutineError::new(SYNTAX, format!("`{value}` stands only in `count(*)`")));
            };
            given.push(Given { name, value: self.expr(value)? });
        }
        Ok(given)
    }

    /// A function of Postgres on expressions of the text.
    pub(super) fn called(
        &mut self,
        name: &'static str,
        arguments: &[&ast::Expr],
        span: Span,
    ) -> Result<Expr> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.expr(argument)?);
        }
        self.apply(name, values, span)
    }

    /// The overload of a function that fits best.
    pub(super) fn apply(&mut self, name: &str, values: Vec<Expr>, span: Span) -> Result<Expr> {
        self.charge(1)?;
        let mut best: Option<(usize, &'static Builtin, Vec<Option<Ty>>)> = None;
        for builtin in builtins(name) {
            if let Some((score, targets)) = fits(builtin, &values)
                && best.as_ref().is_none_or(|(most, ..)| score > *most)
            {
                best = Some((score, builtin, targets));
            }
        }
        let Some((_, builtin, targets)) = best else {
            return Err(unknown(name, values.iter().map(|value| &value.ty), span));
        };
        let element = values.first().and_then(|first| first.ty.element());
        let mut arguments = Vec::with_capacity(values.len());
        for (at, (value, target)) in values.into_iter().zip(targets).enumerate() {
            let shown =
                builtin.takes.get(at.min(builtin.takes.len().saturating_sub(1))) == Some(&Takes::Shown);
            arguments.push(match target {
                Some(_) if shown && value.ty == types::BOOL => letter(value),
                Some(ty) if shown => self.cast(value, ty, span)?,
                Some(ty) => {
                    let of_list = at > 0 && builtin.takes.get(at) == Some(&Takes::Any);
                    let ty = element.clone().filter(|_| of_list).unwrap_or(ty);
                    coerce(self.schema, value, &ty, span)?
                }
                None => value,
            });
        }
        let ty = builtin.gives.ty(arguments.first().map(|first| &first.ty));
        Ok(Expr::new(ExprKind::Call(builtin, arguments), ty))
    }

    pub(super) fn extract(&mut self, field: &str, of: &ast::Expr, span: Span) -> Result<Expr> {
        let value = self.expr(of)?;
        let field = Expr::new(ExprKind::Text(field.to_lowercase()), types::TEXT);
        self.apply("%extract", vec![field, value], span)
    }

    pub(super) fn rounded(
        &mut self,
        name: &'static str,
        of: &ast::Expr,
        field: &ast::CeilFloorKind,
        span: Span,
    ) -> Result<Expr> {
        match field {
            ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) => {
                self.called(name, &[of], span)
            }
            _ => Err(RoutineError::unsupported(span, format!("`{name}` to a field or scale"))),
        }
    }

    pub(super) fn substring(
        &mut self,
        of: &ast::Expr,
        from: Option<&ast::Expr>,
        length: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Expr> {
        let value = self.expr(of)?;
        let from = match from {
            Some(from) => self.expr(from)?,
            None => Expr::new(ExprKind::Int(1), types::INT),
        };
        let mut values = vec![value, from];
        if let Some(length) = length {
            values.push(self.expr(length)?);
        }
        self.apply("substr", values, span)
    }

    pub(super) fn trim(&mut self, trim: &ast::Expr) -> Result<Expr> {
        let ast::Expr::Trim { expr, trim_where, trim_what, trim_characters } = trim else {
            return Err(RoutineError::at(SYNTAX, trim.span(), "this is no `trim`"));
        };
        let name = match trim_where {
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
            Some(ast::TrimWhereField::Both) | None => "btrim",
        };
        let characters = trim_what.as_deref().or_else(|| trim_characters.iter().flatten().next());
        match characters {
            Some(characters) => self.called(name, &[&**expr, characters], trim.span()),
            None => self.called(name, &[&**expr], trim.span()),
        }
    }

    pub(super) fn micros(&mut self, order: Order, span: Span) -> Result<Order> {
        match order.by {
            By::Expr(expr) if expr.ty == Ty::Interval => {
                let by = By::Expr(self.apply("%micros", vec![expr], span)?);
                Ok(Order { by, ..order })
            }
            by => Ok(Order { by, ..order }),
        }
    }
}

/// How well a function of Postgres takes these, and what each must become.
fn fits(builtin: &'static Builtin, values: &[Expr]) -> Option<(usize, Vec<Option<Ty>>)> {
    let least = builtin.takes.len();
    if values.len() < least || (values.len() > least && !builtin.repeats) {
        return None;
    }
    let mut score = 1;
    let mut targets = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        let takes = builtin.takes.get(at).or(builtin.takes.last())?;
        let (points, target) = accepted(*takes, &value.ty)?;
        score += points;
        targets.push(target);
    }
    Some((score, targets))
}

/// Whether an argument takes a type, how well, and what the value must become.
pub(super) fn accepted(takes: Takes, ty: &Ty) -> Option<(usize, Option<Ty>)> {
    let exact = |is: bool, of: Ty| match ty {
        Ty::Unknown => Some((1, Some(of))),
        _ => is.then_some((2, None)),
    };
    match takes {
        Takes::Text => exact(ty.is_text(), types::TEXT),
        Takes::Int => exact(ty.is_int(), types::INT),
        Takes::Double if *ty != types::DOUBLE && ty.is_number() => Some((1, Some(types::DOUBLE))),
        Takes::Double => exact(*ty == types::DOUBLE, types::DOUBLE),
        Takes::Number => exact(ty.is_number(), types::DOUBLE),
        Takes::Bool => exact(*ty == types::BOOL, types::BOOL),
        Takes::Timestamp if *ty == types::DATE => Some((1, Some(types::TIMESTAMP))),
        Takes::Timestamp => exact(*ty == types::TIMESTAMP, types::TIMESTAMP),
        Takes::Date => exact(*ty == types::DATE, types::DATE),
        Takes::Interval => exact(*ty == Ty::Interval, Ty::Interval),
        Takes::Json => exact(*ty == types::JSON, types::JSON),
        Takes::Bytes => exact(*ty == types::BYTES, types::BYTES),
        Takes::List => exact(ty.element().is_some(), Ty::Known(Type::Array(Box::new(Type::Text)))),
        Takes::Any => match ty {
            Ty::Unknown => Some((1, Some(types::TEXT))),
            Ty::Row => None,
            _ => Some((1, None)),
        },
        Takes::Shown => match ty {
            Ty::Row => None,
            _ => Some((1, Some(types::TEXT))),
        },
    }
}

/// How `concat` shows a truth value.
fn letter(value: Expr) -> Expr {
    let when = |is: bool, text: &str| {
        let text = Expr::new(ExprKind::Text(text.to_owned()), types::TEXT);
        (Expr::new(ExprKind::Bool(is), types::BOOL), text)
    };
    let whens = vec![when(true, "t"), when(false, "f")];
    Expr::new(ExprKind::Case { of: Some(Box::new(value)), whens, otherwise: None }, types::TEXT)
}

/// An untyped literal as text.
pub(super) fn known(expr: Expr) -> Expr {
    match expr.ty {
        Ty::Unknown => Expr::new(expr.kind, types::TEXT),
        _ => expr,
    }
}

pub(super) fn unknown<'t>(name: &str, arguments: impl Iterator<Item = &'t Ty>, span: Span) -> RoutineError {
    let list: Vec<String> = arguments.map(shown).collect();
    let list = list.join(", ");
    match name.strip_prefix('%') {
        Some(_) => {
            RoutineError::at(UNKNOWN_FUNCTION, span, format!("operator does not exist between {list}"))
        }
        None => RoutineError::at(UNKNOWN_FUNCTION, span, format!("function {name}({list}) does not exist")),
    }
    .hint("no function or operator matches the names and types; add casts, or write it without")
}

/// What only aggregates take.
fn extra(function: &ast::Function) -> Option<&'static str> {
    let clauses = match &function.args {
        FunctionArguments::List(list) => !list.clauses.is_empty() || list.duplicate_treatment.is_some(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => false,
    };
    match function {
        ast::Function { over: Some(_), .. } => Some("`over`"),
        ast::Function { filter: Some(_), .. } => Some("`filter`"),
        _ if clauses => Some("`distinct` or `order by`"),
        _ if !function.within_group.is_empty() => Some("`within group`"),
        _ => None,
    }
}
