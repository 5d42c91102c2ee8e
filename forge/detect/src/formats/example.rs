//! Tables out of JSON in a document's text: JSON Schema, data models, and examples of records.

use super::build::{self, Builder};
use super::tree::{Entry, Node, Value};
use super::{openapi, shape, spec};
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::ColumnNeed;

/// The fewest fields by which an example shows a record.
const FIELDS_MIN: usize = 2;

/// Keys that wrap what an interface sends, and name no record.
const ENVELOPES: &[&str] = &[
    "data",
    "result",
    "error",
    "meta",
    "response",
    "payload",
    "config",
    "body",
    "params",
    "headers",
    "options",
    "settings",
    "request",
    "pagination",
    "links",
    "scripts",
    "dependencies",
    "engines",
    "dev_dependencies",
    "compiler_options",
    "env",
    "properties",
    "input",
    "output",
    "query",
    "filter",
    "context",
    "state",
    "status",
    "details",
    "info",
    "attributes",
    "errors",
    "results",
    "items",
    "args",
    "metadata",
    "stats",
    "summary",
    "message",
    "messages",
    "choices",
    "usage",
    "tools",
    "functions",
    "model",
    "root",
    "nodes",
    "value",
    "values",
    "test",
    "tests",
    "features",
    "user_stories",
    "stories",
    "requirements",
    "tasks_list",
    "permissions",
    "paths",
    "rules",
];

/// The tables that the value shows.
pub(crate) fn extract(root: &Node) -> Vec<Draft> {
    if openapi::is(root) {
        return openapi::document(root).drafts;
    }
    if root.get("properties").is_some_and(|list| !list.entries().is_empty()) {
        return schema(root);
    }
    if let Some(drafts) = spec::data_model(root) {
        return drafts;
    }
    let entries = root.entries();
    let tables = match entries {
        [only] => record(only).into_iter().collect(),
        // Several collections side by side; one record with lists inside has scalars too.
        _ if entries.len() > 1 && entries.iter().all(|entry| collection(&entry.node)) => {
            entries.iter().filter_map(record).collect()
        }
        _ => Vec::new(),
    };
    build::finish(tables, Source::Spec)
}

fn schema(root: &Node) -> Vec<Draft> {
    let title = root
        .any(&["title", "name"])
        .and_then(Node::text)
        .filter(|title| title.split_whitespace().count() <= 3);
    let Some(title) = title.filter(|title| shape::names_a_record(title)) else { return Vec::new() };
    build::finish(vec![openapi::object(title, root.line, root, None)], Source::Spec)
}

fn collection(node: &Node) -> bool {
    matches!(node.value, Value::List(_))
        && node.items().first().is_some_and(|item| !item.entries().is_empty())
}

/// `"user": { … }` or `"users": [{ … }]`.
fn record(entry: &Entry) -> Option<Builder> {
    let snake = names::snake(&entry.key);
    if snake.is_empty() || ENVELOPES.contains(&snake.as_str()) || !shape::names_a_record(&entry.key) {
        return None;
    }
    let shown = if collection(&entry.node) { entry.node.items().first()? } else { &entry.node };
    let plain = |field: &&Entry| {
        !field.key.is_empty()
            && field.key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    let fields: Vec<&Entry> = shown.entries().iter().filter(plain).collect();
    if fields.len() < FIELDS_MIN || fields.len() < shown.entries().len() {
        return None;
    }
    let mut table = Builder::entity(&entry.key, entry.line);
    for field in fields {
        let name = names::snake(&field.key);
        if matches!(field.node.value, Value::Map(_))
            && !field.node.entries().is_empty()
            && name != "metadata"
            && name != "settings"
        {
            continue;
        }
        let column = ColumnNeed {
            primary_key: name == "id",
            ..build::typed(&field.key, Some(openapi::example(&field.node.value, &name)))
        };
        table.column(column, field.line);
    }
    Some(table)
}
