//! What a rebuilt table takes from the old one, column by column.
//!
//! A value that has no equal in the new type is left as it is, so that the new column's type or
//! check refuses it and the migration fails. Nothing is guessed.

use super::{quote_name, table::default_sql, time};
use crate::schema::{Column, Schema, Type};

/// The expression that reads column `was` of the old table for column `now` of the new one.
pub(super) fn copied(target: &Schema, was: &Column, now: &Column) -> String {
    let name = quote_name(&was.name);
    let value = converted(&name, &was.ty, &now.ty);
    match default_sql(target, now) {
        // What was null gets the default, for the column may not be null any more.
        Some(default) if was.nullable && !now.nullable => format!("coalesce({value}, {default})"),
        Some(_) | None => value,
    }
}

fn converted(name: &str, from: &Type, to: &Type) -> String {
    if from == to {
        return name.to_owned();
    }
    match (from, to) {
        (Type::Boolean, Type::Text | Type::Varchar(_)) => {
            format!("CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")
        }
        (Type::Text | Type::Varchar(_), Type::Boolean) => format!(
            "CASE WHEN lower({name}) IN ('true', 't', '1', 'yes') THEN 1 WHEN lower({name}) IN ('false', 'f', '0', \
             'no') THEN 0 ELSE {name} END"
        ),
        (Type::Boolean, Type::Jsonb) => format!("CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        (Type::Double | Type::Numeric(..), Type::Numeric(_, scale)) => format!("round({name}, {scale})"),
        (Type::Double | Type::Numeric(..), Type::Smallint | Type::Integer | Type::Bigint) => {
            format!("CAST(round({name}) AS INTEGER)")
        }
        (Type::Text | Type::Varchar(_), Type::Uuid) => format!("lower({name})"),
        (Type::Text | Type::Varchar(_), Type::Timestamptz) => {
            format!("coalesce({}, {name})", time::timestamp_of(name))
        }
        (Type::Text | Type::Varchar(_), Type::Date) => format!("coalesce(date({name}), {name})"),
        // Only without a fraction: what has one is left as it is, and taken where it is as it is stored.
        (Type::Text | Type::Varchar(_), Type::Time) => {
            format!("CASE WHEN instr({name}, '.') THEN {name} ELSE coalesce(time({name}), {name}) END")
        }
        (Type::Timestamptz, Type::Date) => format!("substr({name}, 1, 10)"),
        (Type::Timestamptz, Type::Time) => time::time_in(name),
        (Type::Date, Type::Timestamptz) => format!("{name} || 'T00:00:00.000000+00:00'"),
        (Type::Text | Type::Varchar(_), Type::Bytea) => format!("CAST({name} AS BLOB)"),
        (Type::Bytea, Type::Text | Type::Varchar(_)) => format!("CAST({name} AS TEXT)"),
        // Numbers and texts become one another by the column's own affinity, or are refused by it.
        _ => name.to_owned(),
    }
}
