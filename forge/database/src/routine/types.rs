//! Types of expressions: those of columns, and the few that only expressions have.

use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo};

use crate::schema::{RangeOf, Schema, Type};

/// A type of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ty {
    /// A text literal or null, which takes the type that its surroundings want.
    Unknown,
    /// A decimal number of any scale: what `avg` gives.
    Numeric,
    /// A span of time, held as text: months, days and microseconds with a space between them.
    Interval,
    /// A row; only functions that make JSON take one.
    Row,
    /// What a column may be.
    Known(Type),
}

pub(crate) const TEXT: Ty = Ty::Known(Type::Text);
pub(crate) const BOOL: Ty = Ty::Known(Type::Boolean);
pub(crate) const INT: Ty = Ty::Known(Type::Integer);
pub(crate) const BIGINT: Ty = Ty::Known(Type::Bigint);
pub(crate) const DOUBLE: Ty = Ty::Known(Type::Double);
pub(crate) const UUID: Ty = Ty::Known(Type::Uuid);
pub(crate) const TIMESTAMP: Ty = Ty::Known(Type::Timestamptz);
pub(crate) const DATE: Ty = Ty::Known(Type::Date);
pub(crate) const TIME: Ty = Ty::Known(Type::Time);
pub(crate) const JSON: Ty = Ty::Known(Type::Jsonb);
pub(crate) const BYTES: Ty = Ty::Known(Type::Bytea);

impl Ty {
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Ty::Known(Type::Text | Type::Varchar(_)))
    }

    pub(crate) fn is_int(&self) -> bool {
        matches!(self, Ty::Known(Type::Smallint | Type::Integer | Type::Bigint))
    }

    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self, Ty::Numeric | Ty::Known(Type::Numeric(..)))
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_int() || self.is_numeric() || *self == DOUBLE
    }

    /// What a list of these holds, if it is one.
    pub(crate) fn element(&self) -> Option<Ty> {
        match self {
            Ty::Known(Type::Array(inner)) => Some(Ty::Known((**inner).clone())),
            Ty::Unknown | Ty::Numeric | Ty::Interval | Ty::Row | Ty::Known(_) => None,
        }
    }

    /// Whether values of both are compared as they are.
    pub(crate) fn goes_with(&self, other: &Ty) -> bool {
        self == other || (self.is_number() && other.is_number()) || (self.is_text() && other.is_text())
    }

    /// The nearest type that a column may have. A decimal of no certain scale is a double here, because
    /// SQLite holds it as one; a span of time is shown as text.
    pub(crate) fn column_type(&self) -> Type {
        match self {
            Ty::Known(ty) => ty.clone(),
            Ty::Numeric => Type::Double,
            Ty::Row => Type::Jsonb,
            Ty::Unknown | Ty::Interval => Type::Text,
        }
    }

    /// The name that Postgres has for it.
    pub(crate) fn name(&self) -> String {
        match self {
            Ty::Unknown => "unknown".to_owned(),
            Ty::Numeric | Ty::Known(Type::Numeric(..)) => "numeric".to_owned(),
            Ty::Interval => "interval".to_owned(),
            Ty::Row => "record".to_owned(),
            Ty::Known(Type::Timestamptz) => "timestamp with time zone".to_owned(),
            Ty::Known(Type::Time) => "time without time zone".to_owned(),
            Ty::Known(Type::Double) => "double precision".to_owned(),
            Ty::Known(Type::Varchar(_)) => "character varying".to_owned(),
            Ty::Known(Type::Vector(_)) => "vector".to_owned(),
            Ty::Known(Type::Array(inner)) => format!("{}[]", Ty::Known((**inner).clone()).name()),
            Ty::Known(ty) => ty.to_string(),
        }
    }
}

/// The type that a text names; `None` if there is none of that name on SQLite.
pub(crate) fn of(data_type: &DataType, schema: &Schema) -> Option<Ty> {
    let length = |length: &Option<CharacterLength>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => u32::try_from(*length).ok().map(Type::Varchar),
        Some(CharacterLength::Max) => None,
        None => Some(Type::Text),
    };
    let ty = match data_type {
        DataType::Text | DataType::String(None) => Type::Text,
        DataType::Varchar(size) | DataType::CharacterVarying(size) | DataType::CharVarying(size) => {
            length(size)?
        }
        DataType::Char(size) | DataType::Character(size) => length(size)?,
        DataType::Uuid => Type::Uuid,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => match info {
            ExactNumberInfo::None => return Some(Ty::Numeric),
            ExactNumberInfo::Precision(precision) => Type::Numeric(u32::try_from(*precision).ok()?, 0),
            ExactNumberInfo::PrecisionAndScale(precision, scale) => {
                Type::Numeric(u32::try_from(*precision).ok()?, u32::try_from(*scale).ok()?)
            }
        },
        DataType::SmallInt(_) | DataType::Int2(_) => Type::Smallint,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Type::Integer,
        DataType::BigInt(_) | DataType::Int8(_) => Type::Bigint,
        DataType::Float(_)
        | DataType::Float4
        | DataType::Float8
        | DataType::Real
        | DataType::Double(_)
        | DataType::DoublePrecision => Type::Double,
        DataType::Bool | DataType::Boolean => Type::Boolean,
        DataType::Date => Type::Date,
        DataType::Time(..) => Type::Time,
        DataType::Timestamp(..) => Type::Timestamptz,
        DataType::Interval { .. } => return Some(Ty::Interval),
        DataType::JSON | DataType::JSONB => Type::Jsonb,
        DataType::Bytea => Type::Bytea,
        DataType::TsVector => Type::Tsvector,
        DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _)) => {
            Type::Array(Box::new(element(of(inner, schema)?)?))
        }
        DataType::Custom(name, arguments) => return custom(&name.to_string(), arguments, schema),
        _ => return None, // The parser's list, which grows: other databases' types.
    };
    Some(Ty::Known(ty))
}

fn element(ty: Ty) -> Option<Type> {
    match ty {
        Ty::Known(Type::Array(_)) | Ty::Unknown | Ty::Interval | Ty::Row => None,
        Ty::Numeric => Some(Type::Double),
        Ty::Known(ty) => Some(ty),
    }
}

fn custom(name: &str, arguments: &[String], schema: &Schema) -> Option<Ty> {
    let name = name.strip_prefix("public.").unwrap_or(name).trim_matches('"');
    if schema.enums.contains_key(name) {
        return Some(Ty::Known(Type::Enum(name.to_owned())));
    }
    let range = [RangeOf::Integer, RangeOf::Bigint, RangeOf::Numeric, RangeOf::Date, RangeOf::Timestamptz]
        .into_iter()
        .find(|range| range.name().eq_ignore_ascii_case(name));
    if let Some(range) = range {
        return Some(Ty::Known(Type::Range(range)));
    }
    match (name.to_ascii_lowercase().as_str(), arguments) {
        ("vector", [dimensions]) => Some(Ty::Known(Type::Vector(dimensions.parse().ok()?))),
        ("citext" | "name", []) => Some(TEXT),
        ("timestamptz", []) => Some(TIMESTAMP),
        ("int4", []) => Some(INT),
        ("int8", []) => Some(BIGINT),
        _ => None,
    }
}
