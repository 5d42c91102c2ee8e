//! The same requests on both engines: the same rows, the same errors.
//!
//! Schemas, policies, people and requests are random and follow from a seed. 300 requests by default; more by
//! `LOKI_DIFFERENTIAL_CASES`, others by `LOKI_DIFFERENTIAL_SEED`.

#[path = "differential/random.rs"]
mod random;
#[path = "differential/requests.rs"]
mod requests;
#[path = "differential/schemas.rs"]
mod schemas;
#[path = "differential/values.rs"]
mod values;

use std::path::Path;
use std::sync::Arc;

use forge_core::{Identity, Role};
use forge_database::ddl;
use forge_database::schema::Schema;
use forge_rest::postgres::{self, Postgres};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use forge_rest::{Rest, Settings};
use loki_kit::postgres::{Cluster, Database};
use random::Random;
use requests::{Asked, everything, filling, request};
use serde_json::{Value, json};
use values::USERS;

/// Requests on one schema.
const REQUESTS_EACH: usize = 20;
const CASES: usize = 300;
const APP_ROLE: &str = "app";

/// One schema on both engines.
struct Pair {
    sqlite: Rest,
    postgres: Rest,
    schema: Schema,
    _folder: tempfile::TempDir,
    _database: Database,
}

/// What of an answer must be the same.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    range: Option<String>,
    location: bool,
    body: Value,
}

#[expect(clippy::disallowed_methods, reason = "how much is tried is for whoever runs it to say")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_answer_alike() {
    let Some(cluster) = Cluster::shared() else { return };
    let cases = number("LOKI_DIFFERENTIAL_CASES").and_then(|n| usize::try_from(n).ok()).unwrap_or(CASES);
    let first = number("LOKI_DIFFERENTIAL_SEED").unwrap_or(1);
    let (mut differences, mut answered) = (Vec::new(), 0);
    for seed in (first..).take(cases.div_ceil(REQUESTS_EACH)) {
        let mut random = Random::new(seed);
        let Some(pair) = Pair::new(cluster, &mut random).await else { continue };
        answered += pair.play(seed, &mut random, &mut differences).await;
        if differences.len() > 40 {
            break;
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    assert!(answered * 10 >= cases, "of {cases} requests only {answered} were answered with rows");
}

impl Pair {
    /// None where the random schema is one that cannot be, such as with policies in a circle.
    async fn new(cluster: &'static Cluster, random: &mut Random) -> Option<Pair> {
        let migration = schemas::migration(random);
        let plan = ddl::plan(&Schema::default(), &migration).ok()?;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db.sqlite");
        on_sqlite(&path, &plan.up);
        let database = cluster.database();
        on_postgres(cluster, &database, &migration);
        let sqlite =
            Sqlite::open(&path, sqlite::Settings::default(), Arc::new(Compiler)).expect("SQLite is served");
        let url = cluster.url(APP_ROLE, &database.name);
        let postgres =
            Postgres::connect(&url, postgres::Settings::default()).await.expect("Postgres is served");
        Some(Pair {
            sqlite: Rest::new(Arc::new(sqlite), Settings::default()),
            postgres: Rest::new(Arc::new(postgres), Settings::default()),
            schema: plan.target,
            _folder: folder,
            _database: database,
        })
    }

    /// Fills the tables, asks everything, and compares what is left; returns how many were answered with rows.
    async fn play(&self, seed: u64, random: &mut Random, differences: &mut Vec<String>) -> usize {
        let people = people();
        let (_, service) = &people[people.len() - 1];
        for table in self.schema.tables.values() {
            for _ in 0..3 {
                let asked = filling(random, table);
                self.both(seed, "service", service, &asked, differences).await;
            }
        }
        let mut answered = 0;
        for _ in 0..REQUESTS_EACH {
            let (name, who) = random.pick(&people);
            let asked = request(random, &self.schema);
            answered += usize::from(self.both(seed, name, who, &asked, differences).await);
        }
        for table in self.schema.tables.keys() {
            self.both(seed, "service", service, &everything(table), differences).await;
        }
        answered
    }

    /// Asks both; whether rows came back.
    async fn both(
        &self,
        seed: u64,
        name: &str,
        who: &Identity,
        asked: &Asked,
        differences: &mut Vec<String>,
    ) -> bool {
        let mut one = seen(self.sqlite.answer(who, asked.request()).await);
        let mut other = seen(self.postgres.answer(who, asked.request()).await);
        // In which order rows were changed or removed is nobody's promise.
        if matches!(asked.method, "PATCH" | "DELETE") {
            for rows in [&mut one.body, &mut other.body].into_iter().filter_map(Value::as_array_mut) {
                rows.sort_by_key(Value::to_string);
            }
        }
        if one != other {
            let body = asked.body.as_ref().map(Value::to_string).unwrap_or_default();
            differences.push(format!(
                "seed {seed}, {name}: {} {} {:?} {body}\n  sqlite   {one:?}\n  postgres {other:?}\n  {}",
                asked.method,
                asked.path,
                asked.headers,
                self.described(&asked.path),
            ));
        }
        one.status < 300 && one.body.as_array().is_some_and(|rows| !rows.is_empty())
    }

    /// The table that a request is about.
    fn described(&self, path: &str) -> String {
        let tables = self.schema.tables.values();
        let named = tables.filter(|table| path.starts_with(&format!("/{}", values::encoded(&table.name))));
        named.map(|table| serde_json::to_string(table).unwrap_or_default()).collect()
    }
}

fn people() -> Vec<(&'static str, Identity)> {
    let user = |at: usize, more: Value| {
        let mut who = Identity::user(USERS[at]);
        if let (Some(claims), Value::Object(more)) = (who.claims.as_object_mut(), more) {
            claims.extend(more);
        }
        who
    };
    let mut editor = user(2, json!({ "role": "editor", "team": "red" }));
    editor.role = Role::Custom("editor".to_owned());
    vec![
        ("anon", Identity::anon()),
        ("ada", user(0, json!({ "team": "red" }))),
        ("bob", user(1, json!({ "team": "alpha" }))),
        ("editor", editor),
        ("service", Identity::service()),
    ]
}

fn on_sqlite(path: &Path, statements: &[String]) {
    let conn = rusqlite::Connection::open(path).expect("a database");
    conn.pragma_update(None, "journal_mode", "WAL").expect("a log");
    for statement in statements {
        conn.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

fn on_postgres(cluster: &Cluster, database: &Database, migration: &forge_database::change::Migration) {
    let features = ddl::postgres::Features { vector: false, version: 15 };
    let plan = ddl::postgres::plan(&Schema::default(), migration, features).expect("a plan for Postgres");
    let mut sql = String::from("BEGIN;\n");
    let mut add = |statement: &str| {
        sql.push_str(statement);
        sql.push_str(";\n");
    };
    ddl::postgres::bootstrap(APP_ROLE).iter().for_each(|statement| add(statement));
    ddl::postgres::PROLOGUE.iter().for_each(|statement| add(statement));
    plan.up.iter().filter(|step| step.in_transaction).for_each(|step| add(&step.sql));
    add("COMMIT");
    plan.up.iter().filter(|step| !step.in_transaction).for_each(|step| add(&step.sql));
    cluster.run(&database.name, &sql);
}

fn seen(answer: http::Response<bytes::Bytes>) -> Seen {
    let header =
        |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let status = answer.status().as_u16();
    // Of an error what programs look at; rows as they are.
    let body = match (&body, status) {
        (Value::Object(error), 400..) => {
            let message = error["message"].as_str().map(unnamed);
            json!({ "code": error["code"], "message": message })
        }
        _ => body,
    };
    Seen { status, range: header("content-range"), location: header("location").is_some(), body }
}

/// Postgres names the restrictive policy that refused a row; SQLite's side does not.
fn unnamed(message: &str) -> String {
    match message.split_once(" policy \"") {
        Some((before, rest)) => match rest.split_once("\" for table") {
            Some((_, after)) => format!("{before} policy for table{after}"),
            None => message.to_owned(),
        },
        None => message.to_owned(),
    }
}
