//! OpenAPI 2.0, as the root of PostgREST gives it.

use forge_database::schema::Type;
use serde_json::{Map, Value, json};

use super::types::kind;
use super::{functions, relations};
use crate::model::{Column, ColumnType, Model, Relation};

/// The OpenAPI 2.0 document of a schema. Keys and references are told in descriptions, in the marks that
/// generators of types look for.
pub fn swagger2(model: &Model, schema: &str) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for relation in relations(model, schema) {
        definitions.insert(relation.name.clone(), definition(model, relation));
        let rows =
            json!({ "type": "array", "items": { "$ref": format!("#/definitions/{}", relation.name) } });
        paths.insert(
            format!("/{}", relation.name),
            json!({ "get": {
                "tags": [relation.name],
                "parameters": relation.columns.iter().map(|column| filter(relation, column)).collect::<Vec<_>>(),
                "responses": { "200": { "description": "OK", "schema": rows } },
            } }),
        );
    }
    for function in functions(model, schema) {
        let properties: Map<String, Value> = function
            .arguments
            .iter()
            .filter(|argument| !argument.name.is_empty())
            .map(|argument| (argument.name.clone(), property(&argument.ty)))
            .collect();
        let body = json!({ "in": "body", "name": "args", "required": true, "schema": { "type": "object", "properties": properties } });
        paths.insert(
            format!("/rpc/{}", function.name),
            json!({ "post": {
                "tags": [format!("(rpc) {}", function.name)], "parameters": [body],
                "produces": ["application/json"], "responses": { "200": { "description": "OK" } },
            } }),
        );
    }
    json!({
        "swagger": "2.0",
        "info": { "title": "PostgREST API", "description": "The tables of the application", "version": "14" },
        "basePath": "/", "schemes": ["http"],
        "consumes": ["application/json", "text/csv"], "produces": ["application/json", "text/csv"],
        "paths": paths, "definitions": definitions,
    })
}

/// A type as version 2.0 knows it. What has no type of its own there, such as JSON, is told by its format alone.
fn property(ty: &ColumnType) -> Value {
    let mut property = json!({ "format": ty.name });
    match &ty.ty {
        Some(Type::Jsonb) | None => {}
        Some(Type::Array(inner)) => {
            property["type"] = json!("array");
            property["items"] =
                if **inner == Type::Jsonb { json!({}) } else { json!({ "type": kind(inner) }) };
        }
        Some(Type::Varchar(length)) => {
            property["type"] = json!("string");
            property["maxLength"] = json!(length);
        }
        Some(other) => property["type"] = json!(kind(other)),
    }
    if !ty.values.is_empty() {
        property["type"] = json!("string");
        property["enum"] = json!(ty.values);
    }
    property
}

fn definition(model: &Model, relation: &Relation) -> Value {
    let properties: Map<String, Value> = relation
        .columns
        .iter()
        .map(|column| {
            let mut property = property(&column.ty);
            if let Some(told) = told(model, relation, column) {
                property["description"] = json!(told);
            }
            (column.name.clone(), property)
        })
        .collect();
    let required: Vec<&str> = relation
        .columns
        .iter()
        .filter(|column| !column.nullable)
        .map(|column| column.name.as_str())
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// What is said of a column, its key and its reference included.
fn told(model: &Model, relation: &Relation, column: &Column) -> Option<String> {
    let mut notes = Vec::new();
    if relation.primary_key.contains(&column.name) {
        notes.push("This is a Primary Key.<pk/>".to_owned());
    }
    let at = (relation.schema.clone(), relation.name.clone());
    let key = model.keys.iter().find(|key| key.from == at && key.columns == [column.name.as_str()]);
    if let Some(key) = key {
        let (table, to) = (&key.to.1, key.to_columns.first().map_or("", String::as_str));
        notes.push(format!("This is a Foreign Key to `{table}.{to}`.<fk table='{table}' column='{to}'/>"));
    }
    let comment = column.comment.clone();
    match (comment, notes.is_empty()) {
        (comment, true) => comment,
        (Some(comment), false) => Some(format!("{comment}\n\nNote:\n{}", notes.join("\n"))),
        (None, false) => Some(format!("Note:\n{}", notes.join("\n"))),
    }
}

fn filter(relation: &Relation, column: &Column) -> Value {
    json!({ "name": column.name, "in": "query", "required": false, "type": "string", "description": format!("{}.{}", relation.name, column.name) })
}
