//! What a column's values become when its type changes.
//!
//! As on SQLite: what has no equal in the new type fails the migration, nothing is guessed or cut.

use super::{quote_name, table::sql_type};
use crate::schema::Type;

/// The expression behind `USING` that reads column `name` of type `from` as `to`.
pub(super) fn converted(name: &str, from: &Type, to: &Type) -> String {
    let name = quote_name(name);
    let target = sql_type(to);
    match (from, to) {
        // An assignment refuses what is too long; a cast would cut it.
        (Type::Timestamptz, Type::Text | Type::Varchar(_)) => {
            format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')")
        }
        (Type::Bytea, Type::Text | Type::Varchar(_)) => format!("convert_from({name}, 'UTF8')"),
        (_, Type::Text | Type::Varchar(_)) => format!("{name}::text"),
        (Type::Text | Type::Varchar(_), Type::Bytea) => format!("convert_to({name}, 'UTF8')"),
        (Type::Double | Type::Numeric(..), Type::Numeric(_, scale)) => {
            format!("round({name}::numeric, {scale})")
        }
        (Type::Double | Type::Numeric(..), Type::Smallint | Type::Integer | Type::Bigint) => {
            format!("round({name}::numeric)::{target}")
        }
        (Type::Boolean, Type::Smallint | Type::Integer | Type::Bigint | Type::Double | Type::Numeric(..)) => {
            format!("{name}::integer::{target}")
        }
        (Type::Timestamptz, Type::Date | Type::Time) => format!("({name} AT TIME ZONE 'UTC')::{target}"),
        (Type::Date, Type::Timestamptz) => format!("({name}::timestamp AT TIME ZONE 'UTC')"),
        (Type::Array(_), Type::Jsonb) => format!("to_jsonb({name})"),
        // By way of its text: one becomes true, five is refused, a uuid is no JSON.
        _ => format!("{name}::text::{target}"),
    }
}
