//! A schema in a few words: by its name where it has one.

use serde_json::Value;

use super::shown;

/// How deep a schema without a name is described.
const LEVELS_MAX: usize = 3;
/// How many parts of one are told.
const PARTS_MAX: usize = 6;

/// What a schema is called, or else what it is: `a list of Item`.
///
/// A reference is told by its last part and never followed, so circles and other documents do no harm.
pub(super) fn named(schema: &Value) -> String {
    described(schema, LEVELS_MAX)
}

fn described(schema: &Value, levels: usize) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return referred(reference);
    }
    if levels == 0 {
        return "anything".to_owned();
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema.get(key).and_then(Value::as_array).filter(|parts| !parts.is_empty()) {
            return parts_of(parts, between, levels);
        }
    }
    if let Some(items) = schema.get("items") {
        return format!("a list of {}", described(items, levels - 1));
    }
    if let Some(fields) = schema.get("properties").and_then(Value::as_object).filter(|list| !list.is_empty())
    {
        let names: Vec<String> =
            fields.keys().take(PARTS_MAX).map(|name| format!("`{}`", shown(name))).collect();
        let more = if fields.len() > PARTS_MAX { " and more" } else { "" };
        return format!("an object of {}{more}", names.join(", "));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("a map of {}", described(values, levels - 1));
    }
    simple(schema)
}

fn parts_of(parts: &[Value], between: &str, levels: usize) -> String {
    let told: Vec<String> = parts.iter().take(PARTS_MAX).map(|part| described(part, levels - 1)).collect();
    let more = if parts.len() > PARTS_MAX { " and more" } else { "" };
    format!("{}{more}", told.join(between))
}

/// `string (uuid)`, `string or null`.
fn simple(schema: &Value) -> String {
    let types: Vec<String> = match schema.get("type") {
        Some(Value::String(only)) => vec![shown(only)],
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).take(PARTS_MAX).map(shown).collect()
        }
        _ => Vec::new(),
    };
    let format = schema.get("format").and_then(Value::as_str).map(|format| format!(" ({})", shown(format)));
    if types.is_empty() {
        return "anything".to_owned();
    }
    format!("{}{}", types.join(" or "), format.unwrap_or_default())
}

/// `Item` of `#/components/schemas/Item`; what lies elsewhere is said to.
fn referred(reference: &str) -> String {
    let last = reference.rsplit(['/', '#']).next().unwrap_or_default();
    let name = shown(&last.replace("~1", "/").replace("~0", "~").replace("%20", " "));
    let name = if name.is_empty() { "the whole".to_owned() } else { name };
    if reference.starts_with('#') { name } else { format!("{name} of another document") }
}
