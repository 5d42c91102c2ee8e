//! One OpenAPI document of everything that is mounted.

use serde_json::{Map, Value, json};

/// The document: each service's paths behind its prefix, its components beside those of the others.
pub(crate) fn merged(version: &str, parts: Vec<(String, Value)>) -> Value {
    let mut paths = Map::new();
    let mut components: Map<String, Value> = Map::new();
    let mut tags = Vec::new();
    for (prefix, mut part) in parts {
        rename_clashes(&mut part, &components, crate::route::service_name(&prefix));
        let Value::Object(mut part) = part else { continue };
        for (path, item) in object(part.remove("paths")) {
            paths.insert(if path == "/" { format!("{prefix}/") } else { format!("{prefix}{path}") }, item);
        }
        for (section, entries) in object(part.remove("components")) {
            let into = components.entry(section).or_insert_with(|| json!({}));
            if let Value::Object(into) = into {
                into.extend(object(Some(entries)));
            }
        }
        if let Some(Value::Array(more)) = part.remove("tags") {
            tags.extend(more);
        }
    }
    components.insert("securitySchemes".to_owned(), schemes());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Backend", "version": version },
        "servers": [{ "url": "/" }],
        "security": [{ "apikey": [] }, { "bearer": [] }, { "apikey": [], "bearer": [] }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

fn schemes() -> Value {
    json!({
        "apikey": {
            "type": "apiKey", "in": "header", "name": "apikey",
            "description": "The publishable key, or the secret key in a protected place.",
        },
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The token of a user; a key is taken as well.",
        },
    })
}

/// Gives another name to components whose name is taken, wherever the part refers to them.
fn rename_clashes(part: &mut Value, taken: &Map<String, Value>, service: &str) {
    let sections = object(part.get("components").cloned());
    for (section, entries) in sections {
        let Some(Value::Object(there)) = taken.get(&section) else { continue };
        for name in object(Some(entries)).keys().filter(|name| there.contains_key(*name)) {
            let fresh = format!("{service}.{name}");
            if let Some(Value::Object(own)) =
                part.get_mut("components").and_then(|components| components.get_mut(&section))
                && let Some(entry) = own.remove(name)
            {
                own.insert(fresh.clone(), entry);
            }
            let reference = |name: &str| format!("#/components/{section}/{name}");
            redirect(part, &reference(name), &reference(&fresh));
        }
    }
}

fn redirect(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "$ref" && text == from => to.clone_into(text),
                    _ => redirect(value, from, to),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, from, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_beside_each_other() {
        let part = |kind: &str| {
            json!({
                "paths": { "/": {}, "/t": { "get": { "schema": { "$ref": "#/components/schemas/T" } } } },
                "components": { "schemas": { "T": { "type": kind } } },
            })
        };
        let whole =
            merged("1", vec![("/rest/v1".into(), part("object")), ("/auth/v1".into(), part("array"))]);
        assert_eq!(whole["components"]["schemas"]["T"]["type"], "object");
        assert_eq!(whole["components"]["schemas"]["auth.T"]["type"], "array");
        let reference = |path: &str| whole["paths"][path]["get"]["schema"]["$ref"].clone();
        assert_eq!(reference("/rest/v1/t"), "#/components/schemas/T");
        assert_eq!(reference("/auth/v1/t"), "#/components/schemas/auth.T");
        assert!(
            whole["paths"]["/rest/v1/"].is_object()
                && whole["components"]["securitySchemes"]["bearer"].is_object()
        );
    }
}
