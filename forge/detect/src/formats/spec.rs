//! Tables, sentences and headings out of JSON and YAML documents that describe a product.

use super::build::{self, Builder};
use super::phrase::{self, Phrase};
use super::tree::{Node, Value, same_key};
use super::{Structured, types};
use crate::draft::Source;
use crate::names;
use crate::requirements::ColumnType;

/// Reads a whole document.
pub(crate) fn document(root: &Node) -> Structured {
    let mut reader = Reader::default();
    reader.walk(root, 0);
    reader.out.drafts.extend(build::finish(reader.tables, Source::Schema));
    reader.out
}

/// The tables in a part of a document, such as a code block, that describes a data model.
pub(crate) fn data_model(root: &Node) -> Option<Vec<crate::draft::Draft>> {
    let described = root.entries().iter().any(|entry| is_region(&entry.key) && table_like(&entry.node));
    described.then(|| document(root).drafts)
}

/// True for keys (and XML names) under which tables are described.
pub(crate) fn is_region(key: &str) -> bool {
    REGIONS.iter().any(|region| same_key(key, region))
}

/// True for names of a list of tables inside a region.
pub(crate) fn is_list(key: &str) -> bool {
    LISTS.iter().any(|list| same_key(key, list))
}

const REGIONS: &[&str] = &[
    "data_model",
    "data_models",
    "database_schema",
    "db_schema",
    "data_schema",
    "schema",
    "schemas",
    "tables",
    "entities",
    "models",
    "collections",
    "database_tables",
    "database_design",
    "domain_model",
    "domain_models",
    "data_entities",
    "data_structures",
    "database_models",
    "core_entities",
    "entity_definitions",
    "data_structure",
];
const LISTS: &[&str] = &[
    "tables",
    "entities",
    "models",
    "collections",
    "schemas",
    "types",
    "schema",
    "core_tables",
    "core_entities",
];
/// Keys of a table's description that hold its columns.
const COLUMN_KEYS: &[&str] =
    &["columns", "fields", "attributes", "properties", "schema", "key_fields", "props"];
const NAME_KEYS: &[&str] = &["name", "table", "entity", "model", "table_name", "collection", "id"];
/// Keys of a table's description that are no columns.
const ABOUT: &[&str] = &[
    "description",
    "purpose",
    "notes",
    "note",
    "indexes",
    "indices",
    "relationships",
    "relations",
    "constraints",
    "primary_key",
    "rls",
    "access",
    "timestamps",
    "policies",
    "comment",
    "engine",
    "unique",
    "associations",
    "validations",
];

fn table_like(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => entries
            .iter()
            .any(|entry| matches!(entry.node.value, Value::Map(_) | Value::List(_) | Value::Text(_))),
        Value::List(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => false,
    }
}

#[derive(Default)]
struct Reader {
    out: Structured,
    tables: Vec<Builder>,
}

impl Reader {
    fn walk(&mut self, node: &Node, depth: u8) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    self.entry(&entry.key, entry.line, &entry.node, depth);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.walk(item, depth)),
            Value::Text(text) => self.say(node.line, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn entry(&mut self, key: &str, line: u32, node: &Node, depth: u8) {
        let words = names::snake(key).replace('_', " ");
        match &node.value {
            Value::Map(_) | Value::List(_) => {
                let before = self.tables.len();
                if is_region(key) {
                    self.out.headings.push((line, depth.saturating_add(1), words));
                    self.region(node);
                    if self.tables.len() > before {
                        return;
                    }
                    self.out.headings.pop();
                }
                self.out.headings.push((line, depth.saturating_add(1), key.to_owned()));
                self.walk(node, depth.saturating_add(1));
            }
            Value::Text(text) if is_region(key) && text.contains('\n') => {
                self.out.drafts.extend(super::extract(None, text, node.line));
                self.say(node.line, text);
            }
            Value::Text(text) => {
                let plain = TITLES.iter().any(|title| same_key(key, title));
                if plain {
                    self.say(node.line, text)
                } else {
                    self.say(node.line, &format!("{words}: {text}"))
                }
            }
            Value::Bool(true) => self.say(line, &words),
            Value::Bool(false) => self.say(line, &format!("No {words}")),
            Value::Null | Value::Number(_) => {}
        }
    }

    fn say(&mut self, line: u32, text: &str) {
        for (text, line) in text.lines().zip(line..) {
            if !text.trim().is_empty() {
                self.out.prose.push((line, text.trim().to_owned()));
            }
        }
    }

    /// What is under a key such as `data_model`.
    fn region(&mut self, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                if let Some(list) =
                    entries.iter().find(|entry| is_list(&entry.key) && table_like(&entry.node))
                {
                    self.region(&list.node);
                    return;
                }
                for entry in entries {
                    self.table(&entry.key, entry.line, &entry.node);
                }
            }
            Value::List(items) => {
                for item in items {
                    match &item.value {
                        Value::Map(entries) => {
                            match (item.any(NAME_KEYS).and_then(Node::text), entries.as_slice()) {
                                (Some(name), _) => self.table(name, item.line, item),
                                (None, [only]) => self.table(&only.key, only.line, &only.node),
                                (None, _) => {}
                            }
                        }
                        Value::Text(text) => self.out.drafts.extend(super::extract(None, text, item.line)),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }

    fn table(&mut self, name: &str, line: u32, node: &Node) {
        if ABOUT.iter().any(|about| same_key(about, name)) || name.split_whitespace().count() > 4 {
            return;
        }
        let mut table = if names::is_plural(&names::snake(name)) {
            Builder::table(name, line)
        } else {
            Builder::entity(name, line)
        };
        let columns = node.any(COLUMN_KEYS);
        match (columns, &node.value) {
            (Some(columns), _) => self.columns(&mut table, columns),
            // An item of a list that has a name and no columns names the table alone.
            (None, Value::Map(_)) if node.any(NAME_KEYS).and_then(Node::text) == Some(name) => {}
            (None, Value::Map(_) | Value::List(_) | Value::Text(_)) => self.columns(&mut table, node),
            (None, Value::Null | Value::Bool(_) | Value::Number(_)) => {}
        }
        for key in ["description", "purpose", "notes"] {
            if let Some(text) = node.get(key).and_then(Node::text) {
                self.say(node.get(key).map_or(line, |node| node.line), text);
            }
        }
        if let Some(text) = node.any(&["rls", "access", "policy"]).and_then(Node::text) {
            table.need_mut().access = build::access(text);
        }
        if let Some(real) = node.any(&["table_name", "table"]).and_then(Node::text) {
            table.rename(real);
        }
        if !table.need().columns.is_empty() || !node.entries().is_empty() {
            self.tables.push(table);
        }
    }

    fn columns(&mut self, table: &mut Builder, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries.iter().filter(|entry| {
                    !ABOUT.iter().any(|about| same_key(about, &entry.key)) || is_type(&entry.node)
                }) {
                    column(table, &entry.key, entry.line, &entry.node);
                }
            }
            Value::List(items) => {
                for item in items {
                    match (&item.value, item.any(&["name", "field", "column", "key"]).and_then(Node::text)) {
                        (Value::Map(_), Some(name)) => column(table, name, item.line, item),
                        (Value::Map(entries), None) => {
                            entries
                                .iter()
                                .for_each(|entry| column(table, &entry.key, entry.line, &entry.node));
                        }
                        (Value::Text(text), _) => add_text(table, text, item.line),
                        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_), _) => {}
                    }
                }
            }
            Value::Text(text) => {
                for (text, line) in text.lines().zip(node.line..) {
                    phrase::columns(text).into_iter().for_each(|phrase| add(table, phrase, line));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// True for the description of a column: a type, or a map with one.
fn is_type(node: &Node) -> bool {
    let first = node.text().and_then(|text| text.split([' ', ',']).next());
    node.get("type").is_some() || first.is_some_and(|word| types::parse(word, "").is_some())
}

/// Keys whose text is a sentence by itself.
const TITLES: &[&str] = &[
    "title",
    "name",
    "description",
    "summary",
    "overview",
    "text",
    "content",
    "story",
    "criteria",
    "goal",
    "requirement",
    "project",
];

/// One item of a list of columns: a column, or several parted by commas.
fn add_text(table: &mut Builder, text: &str, line: u32) {
    let several = phrase::columns(text);
    let bare = several.len() > 1 && several.iter().all(|part| part.signs == 0 && part.strangers == 0);
    if bare {
        several.into_iter().for_each(|phrase| add(table, phrase, line));
    } else if let Some(phrase) = phrase::column(text) {
        add(table, phrase, line);
    }
}

/// Adds a column that a phrase describes, unless the phrase is a sentence.
pub(crate) fn add(table: &mut Builder, phrase: Phrase, line: u32) {
    if phrase.signs == 0 && phrase.strangers > 2 {
        return;
    }
    let name = phrase.column.name.clone();
    table.column(phrase.column, line);
    if let Some((to, key, rule)) = phrase.reference {
        table.reference(&name, &to, key.as_deref(), rule);
    }
}

/// A column as a key with a value: a phrase, or a map of its properties.
fn column(table: &mut Builder, name: &str, line: u32, node: &Node) {
    let about = |keys: &[&str]| node.any(keys).and_then(Node::scalar).unwrap_or_default();
    let text = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Map(_) => {
            format!("{} {}", about(&["type", "data_type", "datatype", "format"]), constraints(node))
        }
        Value::List(_) => "array".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    };
    let Some(mut phrase) = phrase::column(&format!("{name}: {text}")) else { return };
    if let Value::Map(_) = node.value {
        let yes = |keys: &[&str]| node.any(keys).is_some_and(Node::yes);
        phrase.column.primary_key |= yes(&["primary_key", "pk", "primary", "is_primary"]);
        phrase.column.unique |= yes(&["unique", "is_unique"]);
        if yes(&["required", "not_null"])
            || node.any(&["nullable", "optional"]).is_some_and(|node| node.value == Value::Bool(false))
        {
            phrase.column.nullable = false;
        }
        if let Some(value) = node.any(&["default", "default_value"]).and_then(Node::scalar) {
            phrase.column.default = build::default_value(&value).or(Some(value));
        }
        if let Some(values) = node.any(&["enum", "values", "options", "allowed_values"]) {
            phrase.column.values = values.items().iter().filter_map(Node::scalar).collect();
        }
        if let Some(size) =
            node.any(&["max_length", "length"]).and_then(Node::scalar).and_then(|size| size.parse().ok())
            && phrase.column.r#type == ColumnType::Text
        {
            phrase.column.r#type = ColumnType::Varchar(size);
        }
        if let Some(target) =
            node.any(&["references", "ref", "foreign_key", "fk", "foreign", "reference", "relation"])
        {
            refer(&mut phrase, target);
        }
        if phrase.column.r#type == ColumnType::Unspecified {
            phrase.column.r#type =
                types::parse(&about(&["type", "data_type"]), &phrase.column.name).unwrap_or_default();
        }
    }
    add(table, phrase, line);
}

fn constraints(node: &Node) -> String {
    let Some(node) = node.any(&["constraints", "constraint", "attributes", "modifiers"]) else {
        return String::new();
    };
    match &node.value {
        Value::List(items) => items.iter().filter_map(Node::scalar).collect::<Vec<_>>().join(", "),
        Value::Text(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Map(_) => String::new(),
    }
}

fn refer(phrase: &mut Phrase, target: &Node) {
    let part = |keys: &[&str]| target.any(keys).and_then(Node::text).map(str::to_owned);
    let text = match &target.value {
        Value::Text(text) => format!("x references {text}"),
        Value::Map(_) => {
            if let Some(table) = part(&["table", "entity", "model", "collection"]) {
                phrase.reference = Some((table, part(&["column", "field", "key"]), None));
            }
            return;
        }
        Value::Bool(true) => "x fk".to_owned(),
        Value::Null | Value::Bool(false) | Value::Number(_) | Value::List(_) => return,
    };
    if let Some(read) = phrase::column(&text).and_then(|read| read.reference) {
        phrase.reference = Some(read);
    } else if let (Value::Bool(true), Some(stem)) = (&target.value, phrase.column.name.strip_suffix("_id")) {
        phrase.reference = Some((stem.to_owned(), None, None));
    }
}
