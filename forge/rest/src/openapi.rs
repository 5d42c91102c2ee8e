//! What is served, described for people and programs: OpenAPI 3.1, and the 2.0 that PostgREST's root gives and
//! generators of types read.

mod swagger;
mod types;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::model::{Argument, Column, Function, Model, Relation, RelationKind, Returns};
use types::{reference, schema_of};

pub use swagger::swagger2;

/// The OpenAPI 3.1 document of the default schema: `paths` relative to the mount, `components`, `tags`. Who
/// serves it adds `info`, `servers` and the security schemes.
pub fn openapi31(model: &Model) -> Value {
    let schema = model.schemas.first().map_or("", String::as_str);
    let (mut paths, mut schemas, mut tags) = (Map::new(), Map::new(), Vec::new());
    for relation in relations(model, schema) {
        schemas.insert(relation.name.clone(), object(&relation.columns, &relation.comment));
        paths.insert(format!("/{}", relation.name), path_of(relation));
        tags.push(json!({ "name": relation.name, "description": relation.comment }));
    }
    for function in functions(model, schema) {
        paths.insert(format!("/rpc/{}", function.name), call_path(function));
    }
    schemas.insert("Error".to_owned(), error());
    json!({
        "paths": paths,
        "components": { "schemas": schemas, "parameters": parameters() },
        "tags": tags,
    })
}

fn relations<'m>(model: &'m Model, schema: &str) -> impl Iterator<Item = &'m Relation> {
    let schema = schema.to_owned();
    model.relations.values().filter(move |relation| relation.schema == schema)
}

/// The first function of each name; those that compute something of a row are no calls.
fn functions<'m>(model: &'m Model, schema: &str) -> impl Iterator<Item = &'m Function> {
    let schema = schema.to_owned();
    let all = model.functions.iter().filter(move |((of, _), _)| *of == schema);
    all.filter_map(|(_, functions)| functions.first())
        .filter(|function| function.arguments.iter().all(|argument| argument.row_of.is_none()))
}

fn object(columns: &[Column], comment: &Option<String>) -> Value {
    let properties: Map<String, Value> =
        columns.iter().map(|column| (column.name.clone(), property(column))).collect();
    let required: Vec<&str> =
        columns.iter().filter(|column| !column.nullable).map(|column| column.name.as_str()).collect();
    let mut object = json!({ "type": "object", "properties": properties, "required": required });
    if let Some(comment) = comment {
        object["description"] = json!(comment);
    }
    object
}

fn property(column: &Column) -> Value {
    let mut property = schema_of(&column.ty);
    if column.nullable
        && let Some(kind) = property.get("type").cloned()
    {
        property["type"] = json!([kind, "null"]);
    }
    if let Some(comment) = &column.comment {
        property["description"] = json!(comment);
    }
    property
}

fn path_of(relation: &Relation) -> Value {
    let name = &relation.name;
    let own = relation.columns.iter().map(|column| {
        json!({
            "name": column.name, "in": "query", "required": false, "schema": { "type": "string" },
            "description": format!("a filter on the column, such as eq.VALUE ({})", column.ty.name),
        })
    });
    let own: Vec<Value> = own.collect();
    let shared = |names: &[&str]| {
        let shared = names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        own.iter().cloned().chain(shared).collect::<Vec<_>>()
    };
    let list = json!({ "type": "array", "items": reference(name) });
    let read = json!({
        "tags": [name], "summary": format!("Read rows of {name}"),
        "parameters": shared(&["select", "order", "limit", "offset", "prefer"]),
        "responses": answers("200", "the rows", Some(&list)),
    });
    let mut path = Map::from_iter([("get".to_owned(), read)]);
    let writable = match relation.kind {
        RelationKind::Table => true,
        RelationKind::View { writable } => writable,
    };
    if writable {
        let rows = json!({ "oneOf": [reference(name), list] });
        let body = |schema: &Value| json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        let post = json!({
            "tags": [name], "summary": format!("Add rows to {name}"), "requestBody": body(&rows),
            "parameters": [
                { "$ref": "#/components/parameters/select" }, { "$ref": "#/components/parameters/columns" },
                { "$ref": "#/components/parameters/on_conflict" }, { "$ref": "#/components/parameters/prefer" },
            ],
            "responses": answers("201", "they are there", Some(&list)),
        });
        let patch = json!({
            "tags": [name], "summary": format!("Change rows of {name}"), "requestBody": body(&reference(name)),
            "parameters": shared(&["select", "columns", "prefer"]),
            "responses": answers("200", "they are changed", Some(&list)),
        });
        let delete = json!({
            "tags": [name], "summary": format!("Remove rows of {name}"),
            "parameters": shared(&["select", "prefer"]),
            "responses": answers("200", "they are gone", Some(&list)),
        });
        path.extend(
            [("post", post), ("patch", patch), ("delete", delete)]
                .map(|(verb, what)| (verb.to_owned(), what)),
        );
    }
    Value::Object(path)
}

fn call_path(function: &Function) -> Value {
    let required: Vec<&str> =
        named(function).filter(|argument| argument.required).map(|argument| argument.name.as_str()).collect();
    let properties: Map<String, Value> =
        named(function).map(|argument| (argument.name.clone(), schema_of(&argument.ty))).collect();
    let arguments = json!({ "type": "object", "properties": properties, "required": required });
    json!({
        "post": {
            "tags": [format!("(rpc) {}", function.name)],
            "summary": function.comment.clone().unwrap_or_else(|| format!("Call {}", function.name)),
            "requestBody": { "content": { "application/json": { "schema": arguments } } },
            "responses": answers("200", "the result", result(&function.returns).as_ref()),
        }
    })
}

fn named(function: &Function) -> impl Iterator<Item = &Argument> {
    function.arguments.iter().filter(|argument| !argument.name.is_empty())
}

fn result(returns: &Returns) -> Option<Value> {
    let list = |items: Value| json!({ "type": "array", "items": items });
    match returns {
        Returns::Void => None,
        Returns::Value(ty) => Some(schema_of(ty)),
        Returns::Values(ty) => Some(list(schema_of(ty))),
        Returns::Row(_, name) => Some(reference(name)),
        Returns::Rows(_, name) => Some(list(reference(name))),
        Returns::Table(columns) => Some(list(object(columns, &None))),
        Returns::Record(columns) => Some(object(columns, &None)),
    }
}

fn answers(status: &str, what: &str, schema: Option<&Value>) -> Value {
    let good = match schema {
        Some(schema) => {
            json!({ "description": what, "content": { "application/json": { "schema": schema } } })
        }
        None => json!({ "description": what }),
    };
    let bad = json!({ "description": "an error", "content": { "application/json": { "schema": reference("Error") } } });
    let mut answers = Map::from_iter([("default".to_owned(), bad)]);
    answers.insert(status.to_owned(), good);
    Value::Object(answers)
}

fn error() -> Value {
    let text = json!({ "type": ["string", "null"] });
    json!({
        "type": "object",
        "properties": { "code": { "type": "string" }, "message": { "type": "string" }, "details": {}, "hint": text },
        "required": ["code", "message", "details", "hint"],
    })
}

fn parameters() -> Value {
    let query = |name: &str, what: &str, kind: &str| json!({ "name": name, "in": "query", "required": false, "description": what, "schema": { "type": kind } });
    json!({
        "select": query("select", "columns, embedded relations and aggregates", "string"),
        "order": query("order", "columns to sort by, such as name.desc", "string"),
        "limit": query("limit", "the most rows", "integer"),
        "offset": query("offset", "rows to pass over", "integer"),
        "columns": query("columns", "the columns that are written", "string"),
        "on_conflict": query("on_conflict", "the columns by which rows that are there are found", "string"),
        "prefer": {
            "name": "Prefer", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "count=exact, return=representation, resolution=merge-duplicates, missing=default, …",
        },
    })
}
