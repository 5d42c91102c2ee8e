//! Which verbs there are for what.

use forge_database::schema::Volatility;

use crate::error::RestError;
use crate::model::{Model, Relation, RelationKind};

/// Those of the root.
pub(super) const ROOT: &str = "OPTIONS,GET,HEAD";

/// Those of a relation.
pub(super) fn of_relation(relation: &Relation) -> String {
    let writable = match relation.kind {
        RelationKind::Table => true,
        RelationKind::View { writable } => writable,
    };
    let mut verbs = vec![ROOT];
    if writable {
        verbs.push("POST");
        if !relation.primary_key.is_empty() {
            verbs.push("PUT");
        }
        verbs.extend(["PATCH", "DELETE"]);
    }
    verbs.join(",")
}

/// Those of a function: one that writes is not called by GET.
pub(super) fn of_function(model: &Model, schema: &str, name: &str) -> Result<&'static str, RestError> {
    let functions = model.functions.get(&(schema.to_owned(), name.to_owned()));
    let Some(function) = functions.and_then(|functions| functions.first()) else {
        return Err(crate::resolve::no_function(model, schema, name));
    };
    Ok(match function.volatility {
        Volatility::Volatile => "OPTIONS,POST",
        Volatility::Stable | Volatility::Immutable => "OPTIONS,GET,HEAD,POST",
    })
}
