//! Whether a value is what a schema says, for the schemas that operations are described by.
//!
//! It knows the words that those use and no others: [`unknown_words`] finds the rest, and a test keeps them out.

use serde_json::Value;

/// The words of JSON Schema that are checked.
const CHECKED: [&str; 14] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
];

/// Words that only describe.
const DESCRIBING: [&str; 8] =
    ["description", "title", "default", "examples", "format", "$schema", "deprecated", "pattern"];

/// Depth to which values are looked into.
const DEPTH_MAX: usize = 64;

/// Why a value is not what a schema says, with the place; `None` where it is.
pub fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    check(schema, value, "", 0).err()
}

/// Words of a schema that [`mismatch`] knows nothing of.
pub fn unknown_words(schema: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    gather(schema, &mut unknown);
    unknown
}

fn check(schema: &Value, value: &Value, place: &str, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("{place}: too deep"));
    }
    let wrong = |what: &str| Err(format!("{}: {what}", if place.is_empty() { "/" } else { place }));
    let Some(schema) = schema.as_object() else {
        return if schema == &Value::Bool(false) { wrong("nothing may stand here") } else { Ok(()) };
    };
    if schema.get("type").is_some_and(|expected| !has_type(expected, value)) {
        return wrong("another type was expected");
    }
    if schema.get("const").is_some_and(|expected| expected != value) {
        return wrong("another value was expected");
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|known| !known.contains(value)) {
        return wrong("none of the values that may stand here");
    }
    for word in ["anyOf", "oneOf"] {
        let Some(choices) = schema.get(word).and_then(Value::as_array) else { continue };
        let fitting = choices.iter().filter(|choice| check(choice, value, place, depth + 1).is_ok()).count();
        if fitting == 0 || (word == "oneOf" && fitting > 1) {
            return wrong(&format!("{fitting} of the choices of `{word}` fit"));
        }
    }
    if outside(schema, value) {
        return wrong("outside its limits");
    }
    if let Value::Array(items) = value
        && let Some(each) = schema.get("items")
    {
        for (number, item) in items.iter().enumerate() {
            check(each, item, &format!("{place}/{number}"), depth + 1)?;
        }
    }
    match value {
        Value::Object(members) => check_members(schema, members, place, depth),
        _ => Ok(()),
    }
}

fn check_members(
    schema: &serde_json::Map<String, Value>,
    members: &serde_json::Map<String, Value>,
    place: &str,
    depth: usize,
) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{place}/{name}: it is missing"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, member) in members {
        let place = format!("{place}/{name}");
        let known = properties.and_then(|properties| properties.get(name));
        match (known, schema.get("additionalProperties")) {
            (Some(schema), _) | (None, Some(schema)) => check(schema, member, &place, depth + 1)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn has_type(expected: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => false,
    };
    match expected {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => false,
    }
}

fn outside(schema: &serde_json::Map<String, Value>, value: &Value) -> bool {
    let limit = |word: &str| schema.get(word).and_then(Value::as_f64);
    let below = |amount: f64, word: &str| limit(word).is_some_and(|least| amount < least);
    let above = |amount: f64, word: &str| limit(word).is_some_and(|most| amount > most);
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(|number| below(number, "minimum") || above(number, "maximum"))
        }
        Value::String(text) => {
            let letters = text.chars().count() as f64;
            below(letters, "minLength") || above(letters, "maxLength")
        }
        Value::Array(items) => above(items.len() as f64, "maxItems"),
        Value::Null | Value::Bool(_) | Value::Object(_) => false,
    }
}

fn gather(schema: &Value, unknown: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else { return };
    for (word, below) in schema {
        match word.as_str() {
            "properties" => {
                below.as_object().into_iter().flatten().for_each(|(_, schema)| gather(schema, unknown))
            }
            "anyOf" | "oneOf" => {
                below.as_array().into_iter().flatten().for_each(|schema| gather(schema, unknown))
            }
            "items" | "additionalProperties" => gather(below, unknown),
            word if CHECKED.contains(&word) || DESCRIBING.contains(&word) => {}
            word => unknown.push(word.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
