//! Tables out of `OpenAPI` and Swagger documents: the resources behind the paths.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{self, Builder};
use super::tree::{Entry, Node, Value};
use super::{Structured, shape, types};
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ColumnType};

/// How many levels of `allOf` and `$ref` are followed.
const LEVELS_MAX: u8 = 4;

/// True when the document is `OpenAPI` or Swagger.
pub(crate) fn is(root: &Node) -> bool {
    let version = root.any(&["openapi", "swagger"]).is_some();
    let content =
        root.get("paths").is_some() || root.get("components").is_some() || root.get("definitions").is_some();
    version && content
}

/// Reads a whole document.
pub(crate) fn document(root: &Node) -> Structured {
    let mut out = Structured { drafts: drafts(root), secured: secured(root), ..Structured::default() };
    if let Some(info) = root.get("info") {
        for key in ["title", "description"] {
            say(&mut out, info.get(key), "");
        }
    }
    for tag in root.get("tags").map(Node::items).unwrap_or_default() {
        say(&mut out, tag.get("description"), "");
    }
    for path in root.get("paths").map(Node::entries).unwrap_or_default() {
        for operation in path.node.entries() {
            let verb = operation.key.to_ascii_uppercase();
            let summary =
                operation.node.any(&["summary", "operationId"]).and_then(Node::text).unwrap_or_default();
            out.prose.push((operation.line, format!("{verb} {}: {summary}", path.key)));
            say(&mut out, operation.node.get("description"), "");
        }
    }
    out.prose.sort_by_key(|(line, _)| *line);
    out
}

/// A table for an object schema (`properties`, `required`), as `OpenAPI` and JSON Schema write it.
pub(crate) fn object(name: &str, line: u32, schema: &Node, api: Option<&Api<'_>>) -> Builder {
    let mut table = Builder::entity(name, line);
    properties(&mut table, schema, api, LEVELS_MAX);
    table
}

/// The document a schema is part of.
pub(crate) struct Api<'a> {
    schemas: BTreeMap<&'a str, &'a Entry>,
    resources: BTreeSet<&'a str>,
}

fn say(out: &mut Structured, node: Option<&Node>, before: &str) {
    let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else { return };
    for (text, line) in text.lines().zip(node.line..) {
        if !text.trim().is_empty() {
            out.prose.push((line, format!("{before}{}", text.trim())));
        }
    }
}

/// True when a person or program must identify itself.
fn secured(root: &Node) -> bool {
    let schemes = root
        .get("components")
        .and_then(|node| node.get("securitySchemes"))
        .or_else(|| root.get("securityDefinitions"));
    schemes.map(Node::entries).unwrap_or_default().iter().any(|scheme| {
        let kind = scheme.node.get("type").and_then(Node::text).unwrap_or_default();
        matches!(kind, "http" | "oauth2" | "openIdConnect" | "basic")
            || scheme.key.to_ascii_lowercase().contains("jwt")
    })
}

fn drafts(root: &Node) -> Vec<Draft> {
    let components = root.get("components").and_then(|node| node.get("schemas"));
    let schemas = components.or_else(|| root.get("definitions")).map(Node::entries).unwrap_or_default();
    let paths = root.get("paths").map(Node::entries).unwrap_or_default();
    let segments: BTreeSet<String> = paths
        .iter()
        .flat_map(|path| path.key.split('/'))
        .filter(|part| !part.starts_with('{'))
        .map(names::key)
        .collect();
    let resource = |entry: &&Entry| {
        let columns = entry.node.get("properties").or_else(|| entry.node.get("allOf"));
        let known = entry.node.get("properties").is_some_and(|list| list.get("id").is_some());
        columns.is_some()
            && shape::names_a_record(&entry.key)
            && !is_variant(&entry.key)
            && (known || segments.contains(&names::key(&entry.key)))
    };
    let by_name = schemas.iter().map(|entry| (entry.key.as_str(), entry)).collect();
    let api = Api {
        schemas: by_name,
        resources: schemas.iter().filter(resource).map(|entry| entry.key.as_str()).collect(),
    };
    let mut tables: Vec<Builder> = schemas
        .iter()
        .filter(resource)
        .map(|entry| object(&entry.key, entry.line, &entry.node, Some(&api)))
        .collect();
    let mut known: BTreeSet<String> = tables.iter().map(|table| names::key(&table.need().name)).collect();
    for path in paths {
        let Some(table) = posted(path, &api) else { continue };
        if known.insert(names::key(&table.need().name)) {
            tables.push(table);
        }
    }
    build::finish(tables, Source::Spec)
}

/// `UserCreate`, `OrderUpdate`, `PetList`: other forms of a resource.
fn is_variant(name: &str) -> bool {
    let snake = names::snake(name);
    let last = snake.rsplit('_').next().unwrap_or_default();
    snake.contains('_')
        && matches!(
            last,
            "create"
                | "update"
                | "list"
                | "base"
                | "summary"
                | "detail"
                | "patch"
                | "page"
                | "collection"
                | "in"
                | "out"
                | "read"
                | "new"
        )
}

/// A table for what `POST /things` takes, where its schema stands in the path itself.
fn posted(path: &Entry, api: &Api<'_>) -> Option<Builder> {
    let last = path.key.trim_end_matches('/').rsplit('/').next()?;
    let snake = names::snake(last);
    if last.starts_with('{') || !names::is_plural(&snake) {
        return None;
    }
    let post = path.node.get("post")?;
    let body =
        post.get("requestBody").and_then(|node| node.get("content")).and_then(|node| node.entries().first());
    let schema = body.and_then(|entry| entry.node.get("schema")).or_else(|| {
        let parameters = post.get("parameters").map(Node::items).unwrap_or_default();
        parameters
            .iter()
            .find(|node| node.get("in").and_then(Node::text) == Some("body"))
            .and_then(|node| node.get("schema"))
    })?;
    schema.get("properties")?;
    Some(object(last, path.line, schema, Some(api)))
}

fn properties(table: &mut Builder, schema: &Node, api: Option<&Api<'_>>, levels: u8) {
    if levels == 0 {
        return;
    }
    for part in schema.get("allOf").map(Node::items).unwrap_or_default() {
        let target = reference(part).and_then(|name| find(api, name));
        properties(table, target.map_or(part, |entry| &entry.node), api, levels - 1);
    }
    let required: Vec<&str> =
        schema.get("required").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
    for entry in schema.get("properties").map(Node::entries).unwrap_or_default() {
        property(table, entry, required.contains(&entry.key.as_str()), api);
    }
}

fn find<'a>(api: Option<&Api<'a>>, name: &str) -> Option<&'a Entry> {
    api?.schemas.get(name).copied()
}

fn reference(node: &Node) -> Option<&str> {
    node.get("$ref").and_then(Node::text).and_then(|path| path.rsplit('/').next())
}

fn property(table: &mut Builder, entry: &Entry, required: bool, api: Option<&Api<'_>>) {
    let node = &entry.node;
    let name = names::snake(&entry.key);
    let resource = |node: &Node| {
        reference(node).filter(|name| api.is_some_and(|api| api.resources.contains(name))).map(str::to_owned)
    };
    if node.get("items").is_some_and(|items| resource(items).is_some()) {
        return;
    }
    let mut column = ColumnNeed { nullable: !required, ..build::typed(&entry.key, kind(node, &name)) };
    let single =
        resource(node).or_else(|| node.get("allOf").and_then(|all| all.items().first()).and_then(resource));
    if let Some(target) = single {
        if !name.ends_with("_id") {
            column.name = format!("{name}_id");
        }
        column.r#type = ColumnType::Unspecified;
        table.reference(&column.name, &target, None, None);
    } else if let Some(target) = reference(node).and_then(|name| find(api, name)) {
        column.r#type = kind(&target.node, &name).unwrap_or(ColumnType::Json);
        column.values = values(&target.node);
    }
    if column.values.is_empty() {
        column.values = values(node);
    }
    column.primary_key = name == "id";
    column.default = node.get("default").and_then(Node::scalar);
    table.column(column, entry.line);
}

fn values(node: &Node) -> Vec<String> {
    node.get("enum").map(Node::items).unwrap_or_default().iter().filter_map(Node::scalar).collect()
}

fn kind(node: &Node, column: &str) -> Option<ColumnType> {
    let named = node.get("type").and_then(|node| {
        node.text().or_else(|| node.items().iter().filter_map(Node::text).find(|text| *text != "null"))
    });
    let format = node.get("format").and_then(Node::text).unwrap_or_default();
    Some(match (named?, format) {
        ("string", "date-time") => ColumnType::Timestamp,
        ("string", "binary" | "byte") => ColumnType::Binary,
        ("string", "date" | "time" | "uuid") => types::parse(format, column)?,
        ("string", _) => {
            let size = node.get("maxLength").and_then(Node::scalar).and_then(|size| size.parse::<u32>().ok());
            size.filter(|&size| size > 0).map_or(ColumnType::Text, ColumnType::Varchar)
        }
        ("integer", "int64") => ColumnType::Bigint,
        ("number", "float" | "double") => ColumnType::Float,
        ("array", _) => {
            let inner = node.get("items").and_then(|items| kind(items, column));
            if inner == Some(ColumnType::Json) {
                ColumnType::Json
            } else {
                ColumnType::Array(Box::new(inner.unwrap_or(ColumnType::Text)))
            }
        }
        ("number", _) => match types::number(column) {
            ColumnType::Integer => ColumnType::Float,
            other => other,
        },
        (other, _) => types::parse(other, column)?,
    })
}

/// A column's type from an example of its value.
pub(crate) fn example(value: &Value, column: &str) -> ColumnType {
    match value {
        Value::Bool(_) => ColumnType::Boolean,
        Value::Number(number) if number.contains('.') => match types::number(column) {
            ColumnType::Integer => ColumnType::Float,
            other => other,
        },
        Value::Number(_) => types::number(column),
        Value::Text(text) => text_example(text),
        Value::List(items) => match items.first().map(|item| &item.value) {
            Some(Value::Map(_)) => ColumnType::Json,
            Some(inner) => ColumnType::Array(Box::new(example(inner, column))),
            None => ColumnType::Unspecified,
        },
        Value::Map(_) => ColumnType::Json,
        Value::Null => ColumnType::Unspecified,
    }
}

fn text_example(text: &str) -> ColumnType {
    let bytes = text.as_bytes();
    let shaped = |pattern: &[u8]| {
        bytes.len() >= pattern.len()
            && bytes
                .iter()
                .zip(pattern)
                .all(|(byte, want)| if *want == b'0' { byte.is_ascii_digit() } else { byte == want })
    };
    let uuid = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&at| bytes[at] == b'-');
    if uuid {
        ColumnType::Uuid
    } else if shaped(b"0000-00-00T00") || shaped(b"0000-00-00 00:00") {
        ColumnType::Timestamp
    } else if shaped(b"0000-00-00") && bytes.len() == 10 {
        ColumnType::Date
    } else if matches!(text, "string" | "number" | "boolean" | "uuid" | "integer" | "datetime" | "timestamp")
    {
        types::parse(text, "").unwrap_or(ColumnType::Text)
    } else {
        ColumnType::Text
    }
}
