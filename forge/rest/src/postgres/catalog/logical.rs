//! Types by the names that Postgres prints.

use forge_database::schema::{RangeOf, Type};

use crate::model::ColumnType;

/// A type with the values of its enum, if it is one.
pub(super) fn column_type(name: String, values: Option<Vec<String>>) -> ColumnType {
    let values = values.unwrap_or_default();
    let ty = if values.is_empty() { logical(&name) } else { Some(Type::Enum(name.clone())) };
    ColumnType { name, ty, values }
}

/// The logical type of a name, where it is one of those.
fn logical(name: &str) -> Option<Type> {
    if let Some(inner) = name.strip_suffix("[]") {
        return logical(inner).map(|inner| Type::Array(Box::new(inner)));
    }
    let (plain, numbers) = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
        Some((plain, numbers)) => (
            plain,
            numbers.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<u32>>>()?,
        ),
        None => (name, Vec::new()),
    };
    Some(match (plain, numbers.as_slice()) {
        ("text" | "character varying", []) => Type::Text,
        ("character varying", [length]) => Type::Varchar(*length),
        ("smallint", _) => Type::Smallint,
        ("integer", _) => Type::Integer,
        ("bigint", _) => Type::Bigint,
        ("double precision", _) => Type::Double,
        ("numeric", [precision, scale]) => Type::Numeric(*precision, *scale),
        ("boolean", _) => Type::Boolean,
        ("uuid", _) => Type::Uuid,
        ("timestamp with time zone", _) => Type::Timestamptz,
        ("date", _) => Type::Date,
        ("time without time zone", _) => Type::Time,
        ("jsonb", _) => Type::Jsonb,
        ("bytea", _) => Type::Bytea,
        ("vector", [dimensions]) => Type::Vector(*dimensions),
        ("tsvector", _) => Type::Tsvector,
        ("int4range", _) => Type::Range(RangeOf::Integer),
        ("int8range", _) => Type::Range(RangeOf::Bigint),
        ("numrange", _) => Type::Range(RangeOf::Numeric),
        ("daterange", _) => Type::Range(RangeOf::Date),
        ("tstzrange", _) => Type::Range(RangeOf::Timestamptz),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_types() {
        for (name, ty) in [
            ("numeric(8,2)", Some(Type::Numeric(8, 2))),
            ("numeric", None),
            ("character varying(3)[]", Some(Type::Array(Box::new(Type::Varchar(3))))),
            ("mood", None),
        ] {
            assert_eq!(column_type(name.to_owned(), None).ty, ty, "{name}");
        }
        let mood = column_type("mood".to_owned(), Some(vec!["calm".to_owned()]));
        assert_eq!(mood.ty, Some(Type::Enum("mood".to_owned())));
    }
}
