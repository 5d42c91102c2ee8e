//! Types as JSON schemas.

use forge_database::schema::Type;
use serde_json::{Value, json};

use crate::model::ColumnType;

/// The schema of a relation's rows, by name.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A type as a schema. What has no type of JSON's own is described by its format alone.
pub(super) fn schema_of(ty: &ColumnType) -> Value {
    if !ty.values.is_empty() {
        return json!({ "type": "string", "format": ty.name, "enum": ty.values });
    }
    let Some(logical) = &ty.ty else { return json!({ "format": ty.name }) };
    let mut schema = match logical {
        Type::Varchar(length) => json!({ "type": "string", "maxLength": length }),
        Type::Array(inner) => {
            let name = ty.name.strip_suffix("[]").unwrap_or(&ty.name).to_owned();
            let inner = ColumnType { name, ty: Some(inner.as_ref().clone()), values: Vec::new() };
            json!({ "type": "array", "items": schema_of(&inner) })
        }
        Type::Jsonb => json!({}),
        _ => json!({ "type": kind(logical) }),
    };
    schema["format"] = json!(ty.name);
    schema
}

/// The type of JSON that holds a value.
pub(super) fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Smallint | Type::Integer | Type::Bigint => "integer",
        Type::Double | Type::Numeric(..) => "number",
        Type::Boolean => "boolean",
        Type::Array(_) => "array",
        Type::Jsonb => "object",
        Type::Text
        | Type::Varchar(_)
        | Type::Uuid
        | Type::Timestamptz
        | Type::Date
        | Type::Time
        | Type::Bytea
        | Type::Vector(_)
        | Type::Enum(_)
        | Type::Range(_)
        | Type::Tsvector => "string",
    }
}
