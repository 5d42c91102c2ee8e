//! Classes, structs and interfaces of programs, and which of them are tables.
//!
//! A program declares far more than its data model: component props, requests, services, state. A
//! shape counts as a table when an object mapper marks it, or when it carries what stored records
//! carry (an id, a reference, a time of creation) and its name does not say that it is something else.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{self, Builder};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ColumnType};

/// The fewest fields by which a shape without an id is still worth a guess.
const FIELDS_MIN: usize = 3;

/// A class, struct, interface or the like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub name: String,
    pub line: u32,
    /// The table an object mapper gives it.
    pub table: Option<String>,
    /// True when an object mapper marks it as a table.
    pub marked: bool,
    /// How many of its members are functions.
    pub functions: usize,
    pub members: Vec<Member>,
    pub uniques: Vec<Vec<String>>,
}

/// A field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    pub name: String,
    pub line: u32,
    /// Its type, as written; empty when it has none.
    pub written: String,
    /// What the text says about null, if anything.
    pub nullable: Option<bool>,
    pub primary_key: bool,
    pub unique: bool,
    pub default: Option<String>,
    pub values: Vec<String>,
    /// The table or entity it refers to, its column, and the rule for deletion.
    pub references: Option<(String, Option<String>, Option<String>)>,
}

impl Shape {
    /// A shape without members.
    pub(crate) fn new(name: &str, line: u32) -> Self {
        Self { name: name.to_owned(), line, ..Self::default() }
    }

    fn evidence(&self) -> bool {
        self.members.iter().any(|member| {
            let name = names::snake(&member.name);
            member.primary_key
                || member.references.is_some()
                || matches!(
                    name.as_str(),
                    "id" | "uuid"
                        | "uid"
                        | "pk"
                        | "created_at"
                        | "updated_at"
                        | "created_on"
                        | "date_created"
                )
                || name.ends_with("_id")
        })
    }
}

impl Member {
    /// A field of a written type.
    pub(crate) fn new(name: &str, written: String, line: u32) -> Self {
        Self { name: name.to_owned(), line, written, ..Self::default() }
    }
}

/// The tables among `shapes`; `enums` holds the values of the enumerations beside them.
pub(crate) fn tables(shapes: &[Shape], enums: &BTreeMap<String, Vec<String>>) -> Vec<Draft> {
    let stored: BTreeSet<&str> =
        shapes.iter().filter(|shape| source(shape).is_some()).map(|shape| shape.name.as_str()).collect();
    let all: BTreeSet<&str> = shapes.iter().map(|shape| shape.name.as_str()).collect();
    let (mut sure, mut weak) = (Vec::new(), Vec::new());
    for shape in shapes {
        let Some(source) = source(shape) else { continue };
        let table = table(shape, &stored, &all, enums);
        if source == Source::Schema { sure.push(table) } else { weak.push(table) }
    }
    let mut drafts = build::finish(sure, Source::Schema);
    drafts.extend(build::finish(weak, Source::Spec));
    drafts
}

/// How sure it is that a shape is a table; nothing when it is none.
fn source(shape: &Shape) -> Option<Source> {
    if shape.marked {
        return Some(Source::Schema);
    }
    if shape.functions > 0
        || shape.members.is_empty()
        || !names_a_record(&shape.name)
        || !names_a_record(entity(&shape.name))
    {
        return None;
    }
    if shape.evidence() {
        return Some(Source::Schema);
    }
    (shape.members.len() >= FIELDS_MIN).then_some(Source::Spec)
}

/// False for names that say what else a shape is: `UserProps`, `CreatePostRequest`, `AppState`.
pub(crate) fn names_a_record(name: &str) -> bool {
    let snake = names::snake(name);
    let words: Vec<&str> = snake.split('_').collect();
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let verb = words.len() > 1 && VERBS.contains(first);
    let entity = snake.len() > 2 && name.chars().next().is_some_and(char::is_alphabetic);
    let wrapper = words.len() == 1 && WRAPPERS.contains(first);
    entity && !verb && !wrapper && !OTHER_THINGS.contains(last)
}

const VERBS: &[&str] = &[
    "create", "update", "delete", "get", "list", "use", "on", "fetch", "new", "patch", "upsert", "base",
    "abstract",
];
const OTHER_THINGS: &[&str] = &[
    "props",
    "state",
    "request",
    "response",
    "req",
    "res",
    "dto",
    "config",
    "configuration",
    "options",
    "params",
    "context",
    "service",
    "controller",
    "repository",
    "view",
    "store",
    "handler",
    "manager",
    "provider",
    "component",
    "action",
    "payload",
    "result",
    "error",
    "exception",
    "client",
    "api",
    "input",
    "output",
    "query",
    "mutation",
    "args",
    "hook",
    "slice",
    "reducer",
    "adapter",
    "factory",
    "builder",
    "page",
    "screen",
    "form",
    "filter",
    "filters",
    "theme",
    "style",
    "styles",
    "body",
    "connection",
    "edge",
    "subscription_root",
    "serializer",
    "mixin",
    "middleware",
    "router",
    "app",
    "application",
    "main",
    "test",
    "tests",
    "vm",
    "viewmodel",
    "delegate",
    "env",
    "meta",
    "pagination",
    "enum",
    "base",
    "utils",
    "helper",
    "util",
    "engine",
    "parser",
    "loader",
    "worker",
    "runner",
    "solver",
    "game",
];
const WRAPPERS: &[&str] = &[
    "data", "error", "response", "result", "meta", "query", "mutation", "root", "self", "object", "node",
    "item", "record",
];

/// `IUser`, `UserEntity`, `UserModel`, `UserSchema` -> `User`.
fn entity(name: &str) -> &str {
    let mut letters = name.chars();
    let prefixed = letters.next() == Some('I')
        && letters.next().is_some_and(char::is_uppercase)
        && letters.next().is_some_and(char::is_lowercase);
    let name = if prefixed { &name[1..] } else { name };
    for ending in ["Entity", "Model", "Schema", "Document", "Record", "Table", "Row", "Type"] {
        if let Some(stem) = name.strip_suffix(ending).filter(|stem| stem.len() > 2) {
            return stem;
        }
    }
    name
}

fn table(
    shape: &Shape,
    stored: &BTreeSet<&str>,
    all: &BTreeSet<&str>,
    enums: &BTreeMap<String, Vec<String>>,
) -> Builder {
    let mut table = Builder::entity(entity(&shape.name), shape.line);
    if let Some(name) = &shape.table {
        table.rename(name);
    }
    for member in &shape.members {
        let mut column = column(member, enums);
        let (base, list) = base(&member.written);
        let keyed = format!("{}_id", column.name);
        let refers = stored.contains(base.as_str());
        if let Some((target, to, rule)) = &member.references {
            table.reference(&column.name, entity(target), to.as_deref(), rule.clone());
        } else if refers && list {
            continue;
        } else if refers {
            if shape.members.iter().any(|other| names::snake(&other.name) == keyed) {
                table.reference(&keyed, entity(&base), None, None);
                continue;
            }
            column.name.clone_from(&keyed);
            column.r#type = ColumnType::Unspecified;
            table.reference(&keyed, entity(&base), None, None);
        } else if all.contains(base.as_str()) {
            column.r#type = ColumnType::Json;
        }
        table.column(column, member.line);
    }
    for columns in &shape.uniques {
        table.unique(columns.clone());
    }
    table
}

fn column(member: &Member, enums: &BTreeMap<String, Vec<String>>) -> ColumnNeed {
    let name = names::snake(&member.name);
    let (base, _) = base(&member.written);
    let mut column = build::typed(&member.name, types::parse(&member.written, &name));
    if let Some(values) = enums.get(&base) {
        column.r#type = ColumnType::Text;
        column.values.clone_from(values);
    }
    if !member.values.is_empty() {
        column.values.clone_from(&member.values);
        column.r#type = ColumnType::Text;
    }
    column.nullable = member.nullable.unwrap_or(true);
    column.primary_key = member.primary_key || name == "id" || member.name == "_id";
    if member.name == "_id" {
        "id".clone_into(&mut column.name);
    }
    column.unique = member.unique;
    column.default.clone_from(&member.default);
    column
}

/// The name inside a written type, and whether the type is a list of it.
fn base(written: &str) -> (String, bool) {
    let lower = written.to_ascii_lowercase();
    let list = written.contains('[')
        || ["list<", "array<", "set<", "vec<", "collection<", "enumerable<", "list["]
            .iter()
            .any(|mark| lower.contains(mark));
    let name = written
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .rfind(|word| {
            !word.is_empty()
                && !word.chars().all(char::is_numeric)
                && *word != "null"
                && *word != "None"
                && *word != "undefined"
        })
        .unwrap_or_default();
    (name.to_owned(), list)
}
