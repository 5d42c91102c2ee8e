//! Values in Postgres' own terms: type names, conversions, patterns.

use crate::ddl::postgres::quote_name;
use crate::policy::typed::{Case, Ty, Wild};

/// The type's name; `None` where a literal finds its type by itself.
pub(super) fn type_name(ty: &Ty) -> Option<String> {
    Some(match ty {
        Ty::Unknown | Ty::Opaque(_) => return None,
        Ty::Bool => "boolean".to_owned(),
        Ty::Int => "bigint".to_owned(),
        Ty::Double => "double precision".to_owned(),
        Ty::Numeric => "numeric".to_owned(),
        Ty::Text => "text".to_owned(),
        Ty::Uuid => "uuid".to_owned(),
        Ty::Timestamptz => "timestamptz".to_owned(),
        Ty::Date => "date".to_owned(),
        Ty::Time => "time".to_owned(),
        Ty::Json => "jsonb".to_owned(),
        Ty::Enum(name) => format!("public.{}", quote_name(name)),
    })
}

/// What stands before and after a value to convert it.
pub(super) fn converted(from: &Ty, to: &Ty) -> (&'static str, &'static str) {
    match (from, to) {
        (Ty::Text, Ty::Int) => ("loki.try_bigint(", ")"),
        (Ty::Text, Ty::Double) => ("loki.try_double(", ")"),
        (Ty::Text, Ty::Bool) => ("loki.try_boolean(", ")"),
        (Ty::Text, Ty::Uuid) => ("loki.try_uuid(", ")"),
        (Ty::Text, Ty::Timestamptz) => ("loki.try_timestamptz(", ")"),
        (Ty::Text, Ty::Date) => ("loki.try_date(", ")"),
        (Ty::Timestamptz, Ty::Date) => ("((", " at time zone 'UTC')::date)"),
        (Ty::Bool, Ty::Int) => ("((", ")::integer::bigint)"),
        (Ty::Int, Ty::Double) => ("((", ")::double precision)"),
        // The session decides how a day is written; a policy does not let it.
        (Ty::Date, Ty::Text) => ("to_char(", ", 'YYYY-MM-DD')"),
        // A uuid, an enum's value, a whole number, true and false.
        _ => ("((", ")::text)"),
    }
}

/// The pattern as `like` has it.
pub(super) fn like(pattern: &[Wild], case: Case) -> String {
    let mut out = String::new();
    for part in pattern {
        match part {
            Wild::One => out.push('_'),
            Wild::Many => out.push('%'),
            Wild::Text(literal) => {
                for c in literal.chars() {
                    if matches!(c, '%' | '_' | '\\') {
                        out.push('\\');
                    }
                    out.push(if case == Case::Insensitive { c.to_ascii_lowercase() } else { c });
                }
            }
        }
    }
    out
}
