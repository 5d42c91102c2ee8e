//! Enums as native types.

use super::{quote_name, quote_text, table::qualified};
use crate::schema::Schema;

/// The name under which a type that is replaced stands aside.
fn aside(name: &str) -> String {
    format!("_loki_old_{name}").chars().take(forge_core::NAME_BYTES_MAX).collect()
}

/// How an enum gets from what it was to what it shall be.
#[derive(PartialEq, Eq)]
pub(super) enum Way {
    Keep,
    Create,
    /// Values at its end, none of which the migration itself uses.
    Extend(Vec<String>),
    /// A new type, to which every column moves.
    Replace,
}

/// `fresh` says whether nothing in the migration may need the new values at once: Postgres gives out a new
/// value only after the transaction that adds it.
pub(super) fn way(before: &Schema, after: &Schema, name: &str, fresh: bool) -> Way {
    let Some(now) = after.enums.get(name) else { return Way::Keep };
    let Some(was) = before.enums.get(name) else { return Way::Create };
    match now.strip_prefix(was.as_slice()) {
        Some([]) => Way::Keep,
        Some(added) if fresh && !added.iter().any(|value| is_used(after, value)) => {
            Way::Extend(added.to_vec())
        }
        Some(_) | None => Way::Replace,
    }
}

pub(super) fn create(schema: &Schema, name: &str) -> String {
    let values = schema.enums.get(name).map(Vec::as_slice).unwrap_or_default();
    let values: Vec<String> = values.iter().map(|value| quote_text(value)).collect();
    format!("CREATE TYPE {} AS ENUM ({})", qualified(name), values.join(", "))
}

pub(super) fn extend(name: &str, value: &str) -> String {
    format!("ALTER TYPE {} ADD VALUE {}", qualified(name), quote_text(value))
}

/// Moves the old type aside and creates the new one; columns move then, and [`finish`] drops the old one.
pub(super) fn begin(after: &Schema, name: &str) -> [String; 2] {
    let old = quote_name(&aside(name));
    [format!("ALTER TYPE {} RENAME TO {old}", qualified(name)), create(after, name)]
}

/// Drops the type that stood aside.
pub(super) fn finish(name: &str) -> String {
    format!("DROP TYPE {}", qualified(&aside(name)))
}

/// Whether a default, check, policy, function or view might speak of the value. Errs on the side of yes.
fn is_used(schema: &Schema, value: &str) -> bool {
    let rest = Schema { enums: std::collections::BTreeMap::new(), ..schema.clone() };
    rest.to_json().contains(serde_json::Value::from(value).to_string().trim_matches('"'))
}
