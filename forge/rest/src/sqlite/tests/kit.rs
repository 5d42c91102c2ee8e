//! A small application, and a compiler of reads that knows columns and `eq`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_core::Identity;
use forge_database::change::{Change, Migration};
use forge_database::ddl::sqlite::{quote_name, value_from_text};
use forge_database::execute::{ExecuteError, execute};
use forge_database::pipeline::{Database, Limits};
use forge_database::policy::Side;
use forge_database::policy::sqlite::predicate;
use forge_database::schema::{
    Check, Column, ColumnDefault, ColumnGrant, Command, ForeignKey, OnDelete, Policy, Rls, Schema, Table,
    Type, View,
};
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ast::{Operand, Operator, Test};
use crate::engine::{Context, Engine};
use crate::error::RestError;
use crate::model::ColumnType;
use crate::payload::Payload;
use crate::plan::{
    self, Cond, Count, Delete, Insert, Node, Origin, Output, Plan, Read, RelationRef, Returning,
};
use crate::plan::{Source, TargetColumn, Task, Terms, Update};
use crate::sqlite::reads::{Reads, Rows, Site, Statement};
use crate::sqlite::{Settings, Sqlite};

pub(super) const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
pub(super) const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

/// Compiles columns, `eq` and policies.
struct Plain;

impl Reads for Plain {
    fn register(&self, _: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    fn read(
        &self,
        site: &Site<'_>,
        root: &Node,
        _: Option<Count>,
        rows: Rows<'_>,
    ) -> Result<Statement, RestError> {
        let mut values = Vec::new();
        let mut named = Vec::new();
        let (from, chosen) = match (&root.source, rows) {
            (_, Rows::Call { sql, arguments }) => {
                named.extend(arguments.iter().cloned());
                (format!("({sql})"), "1".to_owned())
            }
            (Source::Relation(of) | Source::Written(of), rows) => {
                let seen =
                    predicate(site.schema, &of.name, Command::Select, Side::Using, &site.who.role).unwrap();
                let mut chosen = seen.sql;
                if let Some(filter) = &root.filter {
                    chosen = format!("({}) and {chosen}", test(site, filter, &mut values));
                }
                if let Rows::Written(ids) = rows {
                    chosen = format!("rowid in (select value from json_each(:ids)) and {chosen}");
                    named.push((":ids".to_owned(), Sql::Text(Value::from(ids).to_string())));
                }
                (quote_name(&of.name), chosen)
            }
            (Source::Call, _) => panic!("a call has rows"),
        };
        let outputs: Vec<String> = root
            .outputs
            .iter()
            .map(|output| {
                let Output::Value { name, value } = output else { panic!("a column") };
                let Origin::Column(column) = &value.of else { panic!("a column") };
                format!("'{name}', {}", quote_name(column))
            })
            .collect();
        let sql = format!(
            "select coalesce(json_group_array(json_object({})), '[]'), count(*), null from {from} as _row where {chosen}",
            outputs.join(", ")
        );
        Ok(Statement { sql, values, named })
    }

    fn condition(
        &self,
        site: &Site<'_>,
        _: &RelationRef,
        filter: &Cond,
        _: &str,
    ) -> Result<Statement, RestError> {
        let mut values = Vec::new();
        let sql = test(site, filter, &mut values);
        Ok(Statement { sql, values, named: Vec::new() })
    }

    fn from_json(&self, site: &Site<'_>, ty: &Type, json: &str) -> Result<Sql, RestError> {
        match serde_json::from_str(json).unwrap() {
            Value::Null => Ok(Sql::Null),
            Value::String(text) => self.from_text(site, ty, &text),
            other => self.from_text(site, ty, &other.to_string()),
        }
    }

    fn from_text(&self, site: &Site<'_>, ty: &Type, text: &str) -> Result<Sql, RestError> {
        value_from_text(ty, &site.schema.enums, text).map_err(|_| {
            let message = format!("invalid input syntax for type {ty}: \"{text}\"");
            RestError::from_sqlstate("22P02", &message, None, None, false)
        })
    }
}

fn test(site: &Site<'_>, filter: &Cond, values: &mut Vec<Sql>) -> String {
    let Cond::Test { value, test: Test::Compare { op: Operator::Equal, with: Operand::One(text) } } = filter
    else {
        panic!("eq")
    };
    let Origin::Column(column) = &value.of else { panic!("a column") };
    let ty = value.ty.ty.as_ref().unwrap();
    values.push(value_from_text(ty, &site.schema.enums, text).unwrap());
    format!("{} = ?{}", quote_name(column), values.len())
}

fn table(name: &str, columns: &[(&str, Type)], policies: &[(&[Command], &str)]) -> Table {
    let column = |(name, ty): &(&str, Type)| {
        let default = match *name {
            "id" if *ty == Type::Integer => Some(ColumnDefault::Identity),
            "user_id" => Some(ColumnDefault::CurrentUser),
            _ => None,
        };
        Column { name: (*name).to_owned(), ty: ty.clone(), nullable: *name == "note", default }
    };
    let policy = |(at, (commands, using)): (usize, &(&[Command], &str))| Policy {
        name: format!("p{at}"),
        commands: commands.to_vec(),
        roles: vec!["authenticated".to_owned()],
        restrictive: false,
        using: Some((*using).to_owned()),
        check: None,
    };
    Table {
        name: name.to_owned(),
        columns: columns.iter().map(column).collect(),
        primary_key: vec![columns[0].0.to_owned()],
        rls: Some(Rls {
            label: "custom".to_owned(),
            policies: policies.iter().enumerate().map(policy).collect(),
        }),
        ..Table::default()
    }
}

pub(super) const ALL: &[Command] = &[Command::Select, Command::Insert, Command::Update, Command::Delete];
const BUT_SELECT: &[Command] = &[Command::Insert, Command::Update, Command::Delete];

fn tables() -> Vec<Table> {
    let own = "user_id = auth.uid()";
    let mut posts = table(
        "posts",
        &[("id", Type::Integer), ("user_id", Type::Uuid), ("title", Type::Varchar(20)), ("note", Type::Text)],
        &[(ALL, own)],
    );
    posts.uniques.push(vec!["title".to_owned()]);
    posts.checks.push(Check { name: "posts_title_check".to_owned(), expr: "title <> 'bad'".to_owned() });
    let mut comments = table(
        "comments",
        &[("id", Type::Integer), ("post_id", Type::Integer), ("note", Type::Text)],
        &[(ALL, "true")],
    );
    comments.foreign_keys.push(ForeignKey {
        column: "post_id".to_owned(),
        table: "posts".to_owned(),
        references: "id".to_owned(),
        on_delete: OnDelete::Restrict,
    });
    comments.grants.push(ColumnGrant {
        role: "authenticated".to_owned(),
        command: Command::Update,
        columns: vec!["note".to_owned()],
    });
    // What is written here, nobody sees.
    let box_ = table("box", &[("id", Type::Integer), ("note", Type::Text)], &[(BUT_SELECT, "true")]);
    vec![posts, comments, box_]
}

/// A database in a folder of its own, served.
pub(super) struct World {
    pub(super) engine: Sqlite,
    pub(super) dir: TempDir,
}

pub(super) fn settings() -> Settings {
    Settings { readers: 2, model_age_max: Duration::ZERO, ..Settings::default() }
}

pub(super) fn open(dir: &Path, settings: Settings) -> Sqlite {
    Sqlite::open(&dir.join("db.sqlite"), settings, Arc::new(Plain)).unwrap()
}

impl World {
    pub(super) fn new() -> World {
        World::with(settings())
    }

    pub(super) fn with(settings: Settings) -> World {
        let dir = TempDir::new().unwrap();
        migrate(dir.path(), tables().into_iter().map(Change::AddTable).collect());
        World { engine: open(dir.path(), settings), dir }
    }

    pub(super) async fn run(&self, who: &Identity, plan: Plan) -> Result<plan::Outcome, RestError> {
        self.run_with(who, plan, Terms::default()).await
    }

    pub(super) async fn run_with(
        &self,
        who: &Identity,
        plan: Plan,
        terms: Terms,
    ) -> Result<plan::Outcome, RestError> {
        self.engine.run(who, &Context::default(), &Task { plan, terms, explain: None }).await
    }

    /// What the service sees.
    pub(super) async fn all(&self, table: &str, columns: &[&str]) -> String {
        self.run(&Identity::service(), read(table, columns, None)).await.unwrap().body
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("db.sqlite")
    }
}

/// Applies changes as a migration does.
pub(super) fn migrate(dir: &Path, changes: Vec<Change>) {
    let database = Database::open(dir, Limits::default()).unwrap();
    let mut conn = database.connect().unwrap();
    let current = forge_database::introspect::stored_schema(&conn).unwrap().unwrap_or_default();
    let name = format!("m{}", current.tables.len());
    let plan = forge_database::ddl::plan(&current, &Migration { name, changes }).unwrap();
    execute::<(), ExecuteError>(&mut conn, &plan.up, |_| Ok(()), |_| Ok(())).unwrap();
}

/// Stores a schema with the same tables and something else about them.
pub(super) fn store(dir: &Path, change: impl FnOnce(&mut Schema)) {
    let conn = Connection::open(dir.join("db.sqlite")).unwrap();
    let mut schema = forge_database::introspect::stored_schema(&conn).unwrap().unwrap();
    change(&mut schema);
    let json = schema.to_json();
    let hash = forge_core::sha256_hex(&["schema", &json]);
    conn.execute("update _loki_schema set json = ?1, fingerprint = ?2", [json, hash]).unwrap();
}

pub(super) fn view(name: &str, query: &str) -> View {
    View { name: name.to_owned(), query: query.to_owned() }
}

fn relation(table: &str) -> RelationRef {
    RelationRef { schema: "public".to_owned(), name: table.to_owned() }
}

fn ty(column: &str) -> ColumnType {
    let ty = match column {
        "id" | "post_id" => Type::Integer,
        "user_id" => Type::Uuid,
        "title" => Type::Varchar(20),
        _ => Type::Text,
    };
    ColumnType { name: ty.to_string(), ty: Some(ty), values: Vec::new() }
}

fn value(column: &str) -> plan::Value {
    plan::Value { of: Origin::Column(column.to_owned()), ty: ty(column), path: Vec::new(), cast: None }
}

pub(super) fn eq(column: &str, text: &str) -> Option<Cond> {
    let test = Test::Compare { op: Operator::Equal, with: Operand::One(text.to_owned()) };
    Some(Cond::Test { value: value(column), test })
}

pub(super) fn node(source: Source, columns: &[&str], filter: Option<Cond>) -> Node {
    let outputs = columns.iter().map(|name| Output::Value { name: (*name).to_owned(), value: value(name) });
    Node {
        id: 0,
        source,
        outputs: outputs.collect(),
        embeds: Vec::new(),
        filter,
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}

pub(super) fn read(table: &str, columns: &[&str], filter: Option<Cond>) -> Plan {
    Plan::Read(Read {
        root: node(Source::Relation(relation(table)), columns, filter),
        count: None,
        head: false,
    })
}

pub(super) fn rows(table: &str, columns: &[&str]) -> Returning {
    Returning::Rows(Box::new(node(Source::Written(relation(table)), columns, None)))
}

fn payload(rows: &Value) -> (Vec<TargetColumn>, Payload) {
    let list = match rows {
        Value::Array(list) => list.clone(),
        row => vec![row.clone()],
    };
    let objects: Vec<_> = list.iter().map(|row| row.as_object().unwrap().clone()).collect();
    let columns = objects.first().into_iter().flat_map(|row| row.keys());
    let columns = columns.map(|name| TargetColumn { name: name.clone(), ty: ty(name) }).collect();
    (columns, Payload { rows: objects, json: json!(list).to_string() })
}

pub(super) fn insert_of(table: &str, new: Value) -> Insert {
    let (columns, payload) = payload(&new);
    Insert {
        relation: relation(table),
        columns,
        payload,
        missing_default: false,
        conflict: None,
        returning: Returning::Nothing,
        put: None,
    }
}

pub(super) fn insert(table: &str, new: Value) -> Plan {
    Plan::Insert(insert_of(table, new))
}

pub(super) fn update(table: &str, set: Value, filter: Option<Cond>) -> Plan {
    let (columns, payload) = payload(&set);
    Plan::Update(Update {
        relation: relation(table),
        columns,
        payload,
        filter,
        returning: Returning::Nothing,
    })
}

pub(super) fn delete(table: &str, filter: Option<Cond>) -> Plan {
    Plan::Delete(Delete { relation: relation(table), filter, returning: Returning::Nothing })
}

/// Runs a plan without further terms.
pub(super) async fn on(engine: &Sqlite, who: &Identity, plan: Plan) -> Result<plan::Outcome, RestError> {
    engine.run(who, &Context::default(), &Task { plan, terms: Terms::default(), explain: None }).await
}
