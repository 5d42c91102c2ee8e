//! A film library of a dozen relations, and ways to ask it something.

use std::collections::BTreeMap;

use bytes::Bytes;
use forge_database::schema::{Type, Volatility};

use crate::error::RestError;
use crate::model::{
    Argument, Column, ColumnType, ForeignKey, Function, Model, Relation, RelationKind, Returns,
};
use crate::plan::{Call, Cond, Insert, Node, Output, Plan, Read, Task, Update};
use crate::rest::Settings;
use crate::wire::Request;
use crate::wire::request::Exposed;

pub(super) fn ty(name: &str) -> ColumnType {
    let logical = match name {
        "integer" => Some(Type::Integer),
        "text" => Some(Type::Text),
        "jsonb" => Some(Type::Jsonb),
        "bytea" => Some(Type::Bytea),
        _ => None,
    };
    let values = if name == "genre" { vec!["drama".to_owned(), "comedy".to_owned()] } else { Vec::new() };
    ColumnType { name: name.to_owned(), ty: logical, values }
}

fn at(name: &str) -> (String, String) {
    ("public".to_owned(), name.to_owned())
}

/// A relation of `name type` columns; a key has a `*` after its name.
fn relation(name: &str, kind: RelationKind, columns: &str) -> Relation {
    let mut primary_key = Vec::new();
    let mut made = Vec::new();
    for column in columns.split(", ") {
        let (name, kind) = column.split_once(' ').unwrap();
        let plain = name.trim_end_matches('*');
        if plain != name {
            primary_key.push(plain.to_owned());
        }
        made.push(Column {
            name: plain.to_owned(),
            ty: ty(kind),
            nullable: plain == name,
            has_default: false,
            comment: None,
        });
    }
    let schema = "public".to_owned();
    let uniques = if name == "films" { vec![vec!["title".to_owned()]] } else { Vec::new() };
    Relation { schema, name: name.to_owned(), kind, columns: made, primary_key, uniques, comment: None }
}

fn key(from: &str, column: &str, to: &str, one_to_one: bool) -> ForeignKey {
    ForeignKey {
        name: format!("{from}_{column}_fkey"),
        from: at(from),
        columns: vec![column.to_owned()],
        to: at(to),
        to_columns: vec!["id".to_owned()],
        one_to_one,
    }
}

/// A function of `name type` arguments: `?` after the name is one that may be left out, `&` the row of a
/// relation.
pub(super) fn function(name: &str, arguments: &str, returns: Returns) -> Function {
    let argument = |text: &str| {
        let (name, kind) = text.split_once(' ').unwrap();
        let plain = name.trim_end_matches(['?', '*']);
        let row = kind.strip_prefix('&');
        Argument {
            name: plain.to_owned(),
            ty: ty(row.unwrap_or(kind)),
            row_of: row.map(at),
            required: plain == name,
            variadic: name.ends_with('*'),
        }
    };
    let arguments = arguments.split(", ").filter(|text| !text.is_empty()).map(argument).collect();
    Function {
        schema: "public".to_owned(),
        name: name.to_owned(),
        arguments,
        returns,
        volatility: Volatility::Stable,
        one_row: false,
        comment: None,
    }
}

fn functions() -> Vec<Function> {
    let rows = |name: &str| Returns::Rows("public".to_owned(), name.to_owned());
    let table = |columns: &str| Returns::Table(relation("t", RelationKind::Table, columns).columns);
    vec![
        function("full_title", "film &films", Returns::Value(ty("text"))),
        function("rivals", "film &films", rows("films")),
        Function { one_row: true, ..function("best_role", "film &films", rows("roles")) },
        function("add", "a integer, b integer", Returns::Value(ty("integer"))),
        function("add", "a integer, b integer, c integer", Returns::Value(ty("integer"))),
        function("search_films", "term text, most? integer", rows("films")),
        function("totals", "", table("studio text, films integer")),
        function("pick", "a integer", Returns::Void),
        function("pick", "a integer, b? integer", Returns::Void),
        function("joined", "words* text", Returns::Value(ty("text"))),
        function("take_json", " jsonb", Returns::Value(ty("jsonb"))),
        function("take_text", " text", Returns::Value(ty("text"))),
        function("take_bytes", " bytea", Returns::Value(ty("bytea"))),
        function("take_either", " json", Returns::Value(ty("text"))),
        function("take_either", " jsonb", Returns::Value(ty("text"))),
    ]
}

pub(super) fn model() -> Model {
    let (table, view) = (RelationKind::Table, RelationKind::View { writable: false });
    let relations = [
        relation(
            "films",
            table,
            "id* integer, title text, director_id integer, made_by integer, sold_by integer, details jsonb, genre genre",
        ),
        relation("directors", table, "id* integer, name text"),
        relation("actors", table, "id* integer, name text"),
        relation("roles", table, "film_id* integer, actor_id* integer, character text"),
        relation("studios", table, "id* integer, name text"),
        relation("scores", table, "film_id* integer, points integer"),
        relation("people", table, "id* integer, name text, mentor_id integer, agent_id integer"),
        relation("friendships", table, "person_id* integer, friend_id* integer"),
        relation("loners", table, "id* integer, count integer"),
        relation("logs", table, "line text"),
        relation("recent_films", view, "id* integer, title text, director_id integer"),
        relation("famous_directors", view, "id* integer, name text"),
    ];
    let traced = |of: ForeignKey, from: &str, to: &str| ForeignKey { from: at(from), to: at(to), ..of };
    let directed = key("films", "director_id", "directors", false);
    let keys = vec![
        directed.clone(),
        key("films", "made_by", "studios", false),
        key("films", "sold_by", "studios", false),
        key("roles", "film_id", "films", false),
        key("roles", "actor_id", "actors", false),
        key("scores", "film_id", "films", true),
        key("people", "mentor_id", "people", false),
        key("people", "agent_id", "people", false),
        key("friendships", "person_id", "people", false),
        key("friendships", "friend_id", "people", false),
        traced(directed.clone(), "recent_films", "directors"),
        traced(directed.clone(), "films", "famous_directors"),
        traced(directed, "recent_films", "famous_directors"),
    ];
    let mut by_name: BTreeMap<(String, String), Vec<Function>> = BTreeMap::new();
    for function in functions() {
        by_name.entry(at(&function.name)).or_default().push(function);
    }
    Model {
        schemas: vec!["public".to_owned()],
        relations: relations.into_iter().map(|one| (at(&one.name), one)).collect(),
        keys,
        functions: by_name,
    }
}

/// What a request comes to: its verb, its path with the query, its headers and its body.
pub(super) fn ask(
    verb: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
    settings: &Settings,
) -> Result<Task, RestError> {
    let mut request = http::Request::builder().method(verb).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    let schemas = ["public".to_owned()];
    let exposed = Exposed { schemas: &schemas, tx_rollback_allowed: true, rows_max: 100 };
    super::super::task(&model(), &Request::read(&request, exposed)?, settings)
}

pub(super) fn get(uri: &str) -> Result<Task, RestError> {
    ask("GET", uri, &[], "", &Settings::default())
}

pub(super) fn read(uri: &str) -> Read {
    match get(uri).unwrap().plan {
        Plan::Read(read) => read,
        other => panic!("{other:?}"),
    }
}

pub(super) fn root(uri: &str) -> Node {
    read(uri).root
}

pub(super) fn call(verb: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Result<Call, RestError> {
    match ask(verb, uri, headers, body, &Settings::default())?.plan {
        Plan::Call(call) => Ok(call),
        other => panic!("{other:?}"),
    }
}

pub(super) fn insert(verb: &str, uri: &str, prefer: &str, body: &str) -> Result<Insert, RestError> {
    match ask(verb, uri, &[("prefer", prefer)], body, &Settings::default())?.plan {
        Plan::Insert(insert) => Ok(insert),
        other => panic!("{other:?}"),
    }
}

pub(super) fn update(uri: &str, prefer: &str, body: &str) -> Result<Update, RestError> {
    match ask("PATCH", uri, &[("prefer", prefer)], body, &Settings::default())?.plan {
        Plan::Update(update) => Ok(update),
        other => panic!("{other:?}"),
    }
}

/// Status, code, message, details and hint of an error.
pub(super) fn told(error: &RestError) -> (u16, &str, &str, Option<&str>, Option<&str>) {
    let details = error.details.as_ref().and_then(serde_json::Value::as_str);
    (error.status.as_u16(), &error.code, &error.message, details, error.hint.as_deref())
}

/// The names of what a node shows of its own.
pub(super) fn names(node: &Node) -> Vec<&str> {
    let mut names = Vec::new();
    for output in &node.outputs {
        match output {
            Output::Value { name, .. } | Output::Aggregate { name, .. } => names.push(name.as_str()),
        }
    }
    names
}

/// The columns that a condition tests, and `#n` for an embedded relation.
pub(super) fn tested(cond: &Cond) -> Vec<String> {
    match cond {
        Cond::Test { value, .. } => match &value.of {
            crate::plan::Origin::Column(name) => vec![name.clone()],
            crate::plan::Origin::Computed(function) => vec![format!("{}()", function.name)],
        },
        Cond::Embedded(at) => vec![format!("#{at}")],
        Cond::All(of) | Cond::Any(of) => of.iter().flat_map(tested).collect(),
        Cond::Not(of) => tested(of).into_iter().map(|name| format!("!{name}")).collect(),
    }
}
