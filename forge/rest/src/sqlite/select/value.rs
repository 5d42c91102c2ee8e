//! Values of a row: as SQLite stores them, as JSON, as text, and converted.

use forge_database::ddl::sqlite::quote_text as text;
use forge_database::routine::{self, ResultShape};
use forge_database::schema::{RangeOf, Type};
use rusqlite::types::Value as Sql;

use super::Writer;
use super::source::From;
use crate::ast::{Arrow, JsonKey};
use crate::error::RestError;
use crate::model::{ColumnType, Function};
use crate::plan::{Origin, Value};
use crate::sqlite::functions::OF_NUMBER;
use crate::sqlite::values;

/// A type of a value in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// As a column of that type is stored.
    Of(Type),
    /// A decimal of any length, as text.
    Decimal,
}

/// A value in a statement; it stands as one operand.
#[derive(Debug, Clone)]
pub(super) struct Expr {
    pub(super) sql: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
}

impl Kind {
    /// Its name as Postgres prints it.
    pub(super) fn name(&self) -> String {
        match self {
            Kind::Of(ty) => values::type_name(ty),
            Kind::Decimal => "numeric".to_owned(),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Kind::Of(Type::Text | Type::Varchar(_)))
    }
}

impl Writer<'_> {
    /// A value of the row.
    pub(super) fn value(&mut self, value: &Value, from: &From<'_>) -> Result<Expr, RestError> {
        let kind = self.kind(&value.ty)?;
        let mut expr = match &value.of {
            Origin::Column(name) => self.column(from, name, kind)?,
            Origin::Computed(function) => self.computed(function, from)?,
        };
        for step in &value.path {
            let key = match &step.key {
                JsonKey::Name(name) => self.bind(Sql::Text(name.clone())),
                JsonKey::Index(index) => self.bind(Sql::Integer(*index)),
            };
            let inner = match expr.kind {
                Kind::Of(Type::Jsonb | Type::Array(_)) => expr.sql,
                _ => self.json(&Expr { nullable: false, ..expr }),
            };
            expr = match step.arrow {
                Arrow::Json => Expr {
                    sql: format!("rest_arrow({inner}, {key})"),
                    kind: Kind::Of(Type::Jsonb),
                    nullable: true,
                },
                Arrow::Text => Expr {
                    sql: format!("rest_unquote(rest_arrow({inner}, {key}))"),
                    kind: Kind::Of(Type::Text),
                    nullable: true,
                },
            };
        }
        match &value.cast {
            None => Ok(expr),
            Some(to) => self.cast(expr, to),
        }
    }

    /// A function of the row, as one value.
    fn computed(&mut self, function: &Function, from: &From<'_>) -> Result<Expr, RestError> {
        let inline = self.inline(function, from)?;
        let [(name, ty)] = inline.columns.as_slice() else {
            return Err(self.refuse("42P13", format!("function {} gives no value", function.name)));
        };
        let sql = format!("({})", inline.sql);
        let kind = Kind::Of(ty.clone());
        if inline.shape != ResultShape::Values {
            return Ok(Expr { sql, kind, nullable: true });
        }
        let item = Expr {
            sql: format!("\"_v\".{}", forge_database::ddl::sqlite::quote_name(name)),
            kind,
            nullable: true,
        };
        let item = self.json(&item);
        let sql =
            format!("(select '[' || coalesce(group_concat({item}, ','), '') || ']' from {sql} as \"_v\")");
        Ok(Expr { sql, kind: Kind::Of(Type::Jsonb), nullable: false })
    }

    /// A function of the row as a query that speaks of the row by its alias.
    pub(super) fn inline(
        &mut self,
        function: &Function,
        from: &From<'_>,
    ) -> Result<routine::Inline, RestError> {
        let site = self.site;
        let named = site.schema.functions.get(&function.name).map(Vec::as_slice).unwrap_or_default();
        let known = named.iter().find(|one| {
            one.arguments.len() == function.arguments.len()
                && one.arguments.iter().zip(&function.arguments).all(|(one, other)| one.name == other.name)
                && match (&one.arguments.first().map(|first| &first.ty), function.arguments.first()) {
                    (Some(forge_database::schema::ArgumentType::Row(of)), Some(first)) => {
                        first.row_of.as_ref().is_some_and(|(_, name)| name == of)
                    }
                    _ => false,
                }
        });
        let Some(known) = known else {
            return Err(self.refuse("42883", format!("function {} does not exist", function.name)));
        };
        let inline = routine::computed(site.schema, &site.who.role, known, &from.alias);
        inline.map_err(|error| self.of_routine(&error))
    }

    /// The kind of values of a type that the request or the model names.
    pub(super) fn kind(&self, ty: &ColumnType) -> Result<Kind, RestError> {
        match (&ty.ty, ty.name.as_str()) {
            (Some(ty), _) => Ok(Kind::Of(ty.clone())),
            (None, "numeric" | "decimal") => Ok(Kind::Decimal),
            (None, "json") => Ok(Kind::Of(Type::Jsonb)),
            (None, name) => match values::named_type(self.site.schema, name) {
                Some(ty) => Ok(Kind::Of(ty)),
                None => Err(self.refuse("42704", format!("type \"{name}\" does not exist"))),
            },
        }
    }

    /// The value as JSON text, never null.
    pub(super) fn json(&mut self, of: &Expr) -> String {
        let sql = &of.sql;
        match &of.kind {
            Kind::Of(Type::Boolean) => {
                format!("(case {sql} when 1 then 'true' when 0 then 'false' else 'null' end)")
            }
            Kind::Of(Type::Array(inner)) if form(inner).is_some() => {
                let zone = self.zone();
                let form = form(inner).unwrap_or_default();
                format!("coalesce(rest_items({sql}, '{form}', {zone}), 'null')")
            }
            Kind::Of(Type::Range(RangeOf::Timestamptz)) => format!("json_quote({})", self.text(of)),
            Kind::Of(Type::Smallint | Type::Integer | Type::Bigint | Type::Jsonb | Type::Array(_))
            | Kind::Decimal => format!("coalesce({sql}, 'null')"),
            Kind::Of(Type::Double) => format!("coalesce(rest_double({sql}, 1), 'null')"),
            Kind::Of(Type::Numeric(_, scale)) => format!("coalesce(rest_fixed({sql}, {scale}), 'null')"),
            Kind::Of(Type::Timestamptz) => {
                let zone = self.zone();
                format!("json_quote(rest_time({sql}, {zone}, 'T'))")
            }
            Kind::Of(Type::Bytea) => {
                format!(
                    "(case when {sql} is null then 'null' else '\"\\\\x' || lower(hex({sql})) || '\"' end)"
                )
            }
            Kind::Of(Type::Vector(_)) => format!("json_quote(rest_vector({sql}))"),
            Kind::Of(
                Type::Text
                | Type::Varchar(_)
                | Type::Uuid
                | Type::Date
                | Type::Time
                | Type::Enum(_)
                | Type::Range(_)
                | Type::Tsvector,
            ) => format!("json_quote({sql})"),
        }
    }

    /// The value as Postgres writes it as text; null stays null.
    pub(super) fn text(&mut self, of: &Expr) -> String {
        let sql = &of.sql;
        match &of.kind {
            Kind::Of(Type::Boolean) => format!("(case {sql} when 1 then 'true' when 0 then 'false' end)"),
            Kind::Of(Type::Smallint | Type::Integer | Type::Bigint) => format!("cast({sql} as text)"),
            Kind::Of(Type::Double) => format!("rest_double({sql}, 0)"),
            Kind::Of(Type::Numeric(_, scale)) => format!("rest_fixed({sql}, {scale})"),
            Kind::Of(Type::Timestamptz) => {
                let zone = self.zone();
                format!("rest_time({sql}, {zone}, ' ')")
            }
            Kind::Of(Type::Bytea) => {
                format!("(case when {sql} is not null then '\\x' || lower(hex({sql})) end)")
            }
            Kind::Of(Type::Vector(_)) => format!("rest_vector({sql})"),
            Kind::Of(Type::Array(inner)) => {
                let zone = self.zone();
                format!("rest_braces({sql}, '{}', {zone})", form(inner).unwrap_or_default())
            }
            Kind::Of(Type::Jsonb) => format!("rest_document({sql})"),
            Kind::Of(Type::Range(RangeOf::Timestamptz)) if self.site.timezone.is_some() => {
                let zone = self.zone();
                format!("rest_range_text({sql}, {zone})")
            }
            Kind::Of(_) | Kind::Decimal => sql.clone(),
        }
    }

    /// A conversion; what does not convert is an error, as in Postgres.
    pub(super) fn cast(&mut self, of: Expr, to: &ColumnType) -> Result<Expr, RestError> {
        let kind = self.kind(to)?;
        if of.kind == kind {
            return Ok(of);
        }
        let whole = |kind: &Kind| matches!(kind, Kind::Of(Type::Smallint | Type::Integer | Type::Bigint));
        let real = |kind: &Kind| matches!(kind, Kind::Of(Type::Double | Type::Numeric(..)) | Kind::Decimal);
        let nullable = of.nullable;
        let sql = match (&of.kind, &kind) {
            (_, Kind::Of(Type::Text)) => self.text(&of),
            (_, Kind::Of(Type::Varchar(length))) => format!("substr({}, 1, {length})", self.text(&of)),
            (Kind::Of(Type::Boolean), Kind::Of(Type::Integer)) => of.sql,
            (Kind::Of(Type::Integer), Kind::Of(Type::Boolean)) => format!("({} <> 0)", of.sql),
            (Kind::Of(Type::Timestamptz), Kind::Of(Type::Date)) => {
                let zone = self.zone();
                format!("rest_time({}, {zone}, 'd')", of.sql)
            }
            (Kind::Of(Type::Timestamptz), Kind::Of(Type::Time)) => {
                let zone = self.zone();
                format!("rest_time({}, {zone}, 't')", of.sql)
            }
            (Kind::Of(Type::Date), Kind::Of(Type::Timestamptz)) => {
                format!("({} || 'T00:00:00.000000+00:00')", of.sql)
            }
            (Kind::Of(Type::Jsonb), Kind::Of(Type::Array(_))) => return Err(self.no_cast(&of.kind, &kind)),
            (from, to) if real(from) && whole(to) => {
                format!("rest_cast(rest_whole({}), {}, '{OF_NUMBER}')", of.sql, target(to))
            }
            (Kind::Of(Type::Double), Kind::Decimal) => format!("rest_decimal({})", of.sql),
            (Kind::Of(Type::Jsonb), to) if self.converts(&of.kind, to) => {
                let scalar = format!("rest_scalar({}, {})", of.sql, text(&to.name()));
                let scalar = if whole(to) { format!("rest_whole({scalar})") } else { scalar };
                format!("rest_cast({scalar}, {}, '{OF_NUMBER}')", target(to))
            }
            (from, to) if whole(from) && whole(to) => {
                format!("rest_cast({}, {}, '{OF_NUMBER}')", of.sql, target(to))
            }
            (from, to) if self.converts(from, to) => {
                let from_text = self.text(&of);
                let enums = self.enum_values(to);
                format!("rest_cast({from_text}, {}, {enums})", target(to))
            }
            (from, to) => return Err(self.no_cast(from, to)),
        };
        Ok(Expr { sql, kind, nullable })
    }

    fn converts(&self, from: &Kind, to: &Kind) -> bool {
        let number = |kind: &Kind| {
            matches!(
                kind,
                Kind::Decimal
                    | Kind::Of(
                        Type::Smallint | Type::Integer | Type::Bigint | Type::Double | Type::Numeric(..)
                    )
            )
        };
        from.is_text()
            || (number(from) && number(to))
            || (*from == Kind::Of(Type::Jsonb) && (number(to) || *to == Kind::Of(Type::Boolean)))
            || matches!((from, to), (Kind::Of(Type::Array(_)), Kind::Of(Type::Array(_) | Type::Vector(_))))
    }

    fn no_cast(&self, from: &Kind, to: &Kind) -> RestError {
        self.refuse("42846", format!("cannot cast type {} to {}", from.name(), to.name()))
    }

    /// The values of an enum as an operand.
    pub(super) fn enum_values(&self, kind: &Kind) -> String {
        let Kind::Of(Type::Enum(name)) = kind else { return "null".to_owned() };
        let values = self.site.schema.enums.get(name).cloned().unwrap_or_default();
        text(&serde_json::Value::from(values).to_string())
    }
}

/// How the items of a list are written, where it is not as they are stored.
fn form(inner: &Type) -> Option<String> {
    match inner {
        Type::Timestamptz => Some("time".to_owned()),
        Type::Double => Some("double".to_owned()),
        Type::Numeric(_, scale) => Some(scale.to_string()),
        Type::Array(inner) => form(inner),
        _ => None,
    }
}

/// A type as an operand of `rest_cast`.
fn target(kind: &Kind) -> String {
    match kind {
        Kind::Of(ty) => text(&serde_json::to_string(ty).unwrap_or_default()),
        Kind::Decimal => "'\"numeric\"'".to_owned(),
    }
}
