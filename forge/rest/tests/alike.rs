//! Every operator, conversion and text form over a table of values for each type: SQLite answers what a
//! PostgreSQL answers, to the digit and to the word of the error.

#[path = "alike/cases.rs"]
mod cases;
#[path = "alike/kinds.rs"]
mod kinds;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use forge_core::Identity;
use forge_database::change::{Change, Migration};
use forge_database::ddl;
use forge_database::policy;
use forge_database::schema::{Column, Schema, Table, Type};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use forge_rest::{Rest, Settings};
use http::Request;
use loki_kit::postgres::Cluster;
use serde_json::{Value, json};

use cases::Case;
use kinds::{Kind, MOODS, kinds};

/// Runs a query and gives its rows as JSON, or the code and the message of its error.
const ATTEMPT: &str = r#"
create function attempt(query text, zone text) returns text language plpgsql as $$
declare answer text;
begin
    perform set_config('timezone', zone, true);
    execute 'select ''['' || coalesce(string_agg(row_to_json(r)::text, '',''), '''') || '']'' from (' || query || ') r'
        into answer;
    return answer;
exception when others then
    return sqlstate || ' ' || replace(sqlerrm, E'\n', ' ');
end $$;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_says_what_postgres_says() {
    let Some(cluster) = Cluster::shared() else { return };
    let kinds = kinds();
    let folder = tempfile::tempdir().expect("a folder");
    let rest = on_sqlite(&folder.path().join("db.sqlite"), &kinds).await;
    let cases: Vec<Case> = kinds.iter().flat_map(cases::of).chain(cases::general()).collect();

    let database = cluster.database();
    cluster.run(&database.name, &on_postgres(&kinds));
    let script: String = cases
        .iter()
        .map(|case| {
            format!("select attempt({}, {});\n", quoted(&case.sql), quoted(case.zone.unwrap_or("UTC")))
        })
        .collect();
    let answers = cluster.run(&database.name, &script);
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), cases.len(), "each query has an answer");

    let mut differences = Vec::new();
    for (case, expected) in cases.iter().zip(answers) {
        let given = asked(&rest, case).await;
        let expected = compact(expected);
        if given != expected {
            differences.push(format!("{}\n  sqlite   {given}\n  postgres {expected}", case.query));
        }
    }
    let shown = differences.len().min(40);
    assert!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        cases.len(),
        differences[..shown].join("\n")
    );
}

async fn on_sqlite(path: &Path, kinds: &[Kind]) -> Rest {
    let mut changes =
        vec![Change::AddEnum { name: "mood".to_owned(), values: MOODS.map(str::to_owned).to_vec() }];
    changes.extend(kinds.iter().map(|kind| Change::AddTable(table(kind))));
    let migration = Migration { name: "values".to_owned(), changes };
    let plan = ddl::plan(&Schema::default(), &migration).expect("a plan");
    let conn = rusqlite::Connection::open(path).expect("a database");
    conn.pragma_update(None, "journal_mode", "WAL").expect("a log");
    for statement in &plan.up {
        conn.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    drop(conn);
    let engine =
        Sqlite::open(path, sqlite::Settings::default(), Arc::new(Compiler)).expect("SQLite is served");
    let rest = Rest::new(Arc::new(engine), Settings::default());
    for kind in kinds {
        let request = Request::post(format!("/{}", kind.table)).header("content-type", "application/json");
        let request = request.body(Bytes::from(rows(kind).to_string())).expect("a request");
        let answer = rest.answer(&Identity::service(), request).await;
        assert!(answer.status().is_success(), "{}: {:?}", kind.table, answer.body());
    }
    rest
}

fn table(kind: &Kind) -> Table {
    let column =
        |name: &str, ty: Type, nullable| Column { name: name.to_owned(), ty, nullable, default: None };
    let mut table = Table {
        name: kind.table.to_owned(),
        columns: vec![column("id", Type::Integer, false), column("v", kind.ty.clone(), true)],
        primary_key: vec!["id".to_owned()],
        ..Table::default()
    };
    table.rls = Some(policy::expand("none", &table).expect("a shorthand"));
    table
}

fn rows(kind: &Kind) -> Value {
    let rows = kind.values.iter().enumerate().map(|(at, value)| json!({ "id": at + 1, "v": value }));
    let mut rows: Vec<Value> = rows.collect();
    rows.push(json!({ "id": rows.len() + 1, "v": null }));
    Value::Array(rows)
}

fn on_postgres(kinds: &[Kind]) -> String {
    let mut sql = format!("create type mood as enum ('{}');\n{ATTEMPT}", MOODS.join("','"));
    for kind in kinds {
        let (table, ty) = (kind.table, kind.name);
        let rows = quoted(&rows(kind).to_string());
        sql.push_str(&format!(
            "create table {table} (id integer primary key, v {ty});
             insert into {table} select * from json_populate_recordset(null::{table}, {rows});\n"
        ));
    }
    sql
}

/// The rows, or the code and the message of the error.
async fn asked(rest: &Rest, case: &Case) -> String {
    let mut request = Request::get(&case.query);
    if let Some(zone) = case.zone {
        request = request.header("prefer", format!("timezone={zone}"));
    }
    let answer = rest.answer(&Identity::service(), request.body(Bytes::new()).expect("a request")).await;
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    if answer.status().is_success() {
        return compact(&body);
    }
    let error: Value = serde_json::from_str(&body).unwrap_or_default();
    let word = |name: &str| error[name].as_str().unwrap_or_default().replace('\n', " ");
    format!("{} {}", word("code"), word("message"))
}

/// Rows without the spaces that mean nothing; anything else as it is.
fn compact(text: &str) -> String {
    if !text.starts_with('[') {
        return text.to_owned();
    }
    let (mut out, mut in_string, mut escaped) = (String::with_capacity(text.len()), false, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c.is_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
    out
}

/// A literal of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
