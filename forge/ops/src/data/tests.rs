//! Rows through operations: read, added, exported and imported again, and none of it half.

use std::sync::Arc;

use forge_core::Explain as _;
use forge_database::schema::Schema;
use forge_database::{ddl, spec};
use forge_rest::postgres::{Postgres, Settings};
use loki_kit::postgres::Cluster;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tests::{done, migrate, open, sql};
use crate::{Data, Forge, OpError, Plane};

const ADA: &str = "ada00000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

const APP: &str = "
migration: app
changes:
  - add_table: {name: lists, columns: [id integer pk, title text not null unique], rls: public}
  - add_table:
      name: todos
      columns: [id pk, user_id uuid not null, list_id integer not null fk->lists.id, title text not null, stars integer, meta jsonb]
      rls: own-row
      indices: [user_id, list_id]
  - add_function:
      sql: create function titles(least integer) returns setof text language sql stable as 'select title from todos where stars >= least order by title'
  - add_function:
      sql: create function add_list(number integer, name text) returns integer language sql as 'insert into lists (id, title) values (number, name) returning id'
";

fn app() -> (TempDir, Forge) {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path());
    migrate(&forge, APP);
    done(&forge, "forge_db_import", &json!({ "table": "lists", "rows": [{ "id": 1, "title": "home" }] }));
    (dir, forge)
}

fn todo(user: &str, title: &str, stars: Option<i64>) -> Value {
    json!({ "user_id": user, "list_id": 1, "title": title, "stars": stars })
}

fn add(forge: &Forge, rows: &[Value]) -> Value {
    done(forge, "forge_db_import", &json!({ "table": "todos", "rows": rows }))
}

fn count(forge: &Forge, table: &str) -> i64 {
    let found = done(forge, "forge_db_query", &json!({ "sql": format!("select count(*) from {table}") }));
    found["rows"][0][0].as_i64().expect("a count")
}

#[track_caller]
fn refused(forge: &Forge, name: &str, input: &Value) -> OpError {
    forge.call(name, input).expect_err("it is refused")
}

#[test]
fn what_is_added_is_found_by_those_who_may() {
    let (_dir, forge) = app();
    let added =
        add(&forge, &[todo(ADA, "hers", Some(3)), todo(BOB, "his", None), todo(BOB, "it's", Some(5))]);
    assert_eq!(added, json!({ "table": "todos", "rows": 3, "dry_run": false }));
    let titles = |input: Value| {
        let found = done(&forge, "forge_db_query", &input);
        (found["columns"].clone(), found["rows"].clone(), found["truncated"].clone())
    };
    let sql = "select title from todos order by title";
    let all = json!([["hers"], ["his"], ["it's"]]);
    assert_eq!(titles(json!({ "sql": sql })), (json!(["title"]), all, json!(false)));
    let seen = titles(json!({ "sql": sql, "user": BOB }));
    assert_eq!(seen.1, json!([["his"], ["it's"]]));
    assert_eq!(titles(json!({ "sql": sql, "role": "anon" })).1, json!([]));
    assert_eq!(titles(json!({ "sql": sql, "limit": 1 })).2, json!(true));
    let one = titles(json!({ "sql": "select stars from todos where title = $1", "params": ["it's"] }));
    assert_eq!(one.1, json!([[5]]));
    let joined =
        "select l.title, count(*) as n from lists l join todos t on t.list_id = l.id group by l.title";
    assert_eq!(titles(json!({ "sql": joined })).1, json!([["home", 3]]));
}

#[test]
fn a_query_writes_nothing_and_says_what_is_wrong() {
    let (_dir, forge) = app();
    for (sql, next) in [
        ("delete from lists", "Mend"),
        ("select nme from lists", "forge_db_introspect"),
        ("select * from lsts", "forge_db_introspect"),
        ("select add_list(2, 'x')", "other words"),
    ] {
        let error = refused(&forge, "forge_db_query", &json!({ "sql": sql }));
        assert_eq!(error.code(), "FRG045", "{sql}: {error:?}");
        assert!(error.next_actions()[0].contains(next), "{sql}: {:?}", error.envelope());
    }
    let other = refused(&forge, "forge_db_query", &json!({ "sql": "select 1", "role": "nobody" }));
    assert_eq!(other.code(), "FRG045");
    assert_eq!(count(&forge, "lists"), 1);
}

#[test]
fn an_import_is_all_or_nothing_and_names_row_and_column() {
    let (_dir, forge) = app();
    add(&forge, &[todo(ADA, "first", None)]);
    let list = |id: i64, title: &str| json!({ "id": id, "title": title });
    let cases: [(&str, Vec<Value>, &str); 9] = [
        (
            "lists",
            vec![list(2, "a"), json!({ "id": 3, "titel": "b" })],
            "row 2, column `titel`: `lists` has no such column; did you mean `title`?",
        ),
        ("lists", vec![list(2, "a"), json!({ "id": 3 })], "row 2, column `title`: it must be given"),
        ("lists", vec![json!({ "id": 3, "title": null })], "row 1, column `title`: it cannot be null"),
        (
            "lists",
            vec![list(2, "a"), json!({ "id": "x", "title": "b" })],
            "row 2, column `id`: invalid input syntax for type integer: \"x\"",
        ),
        (
            "todos",
            vec![todo("no uuid", "x", None)],
            "row 1, column `user_id`: invalid input syntax for type uuid: \"no uuid\"",
        ),
        ("lists", vec![list(2, "a"), list(3, "b"), list(4, "home"), list(5, "c")], "row 3, column `title`"),
        ("lists", vec![list(2, "a"), list(3, "a")], "row 2, column `title`"),
        ("lists", vec![list(2, "a"), list(1, "b")], "row 2, column `id`"),
        (
            "todos",
            vec![todo(ADA, "x", None), json!({ "user_id": ADA, "list_id": 9, "title": "y" })],
            "row 2, column `list_id`",
        ),
    ];
    for (table, rows, told) in cases {
        for dry_run in [true, false] {
            let input = json!({ "table": table, "rows": rows, "dry_run": dry_run });
            let error = refused(&forge, "forge_db_import", &input);
            assert!(error.to_string().contains(told), "{error}");
            assert_eq!((count(&forge, "lists"), count(&forge, "todos")), (1, 1), "{told}");
        }
    }
    for input in [
        json!({ "table": "lsts", "rows": [list(2, "a")] }),
        json!({ "table": "lists" }),
        json!({ "table": "lists", "rows": [] }),
        json!({ "table": "lists", "rows": [1] }),
        json!({ "table": "lists", "rows": [list(2, "a")], "file": "lists.csv" }),
        json!({ "table": "lists", "file": "../lists.csv" }),
        json!({ "table": "lists", "file": "missing.csv" }),
    ] {
        assert_eq!(refused(&forge, "forge_db_import", &input).code(), "FRG041", "{input}");
    }
    let tried = done(
        &forge,
        "forge_db_import",
        &json!({ "table": "lists", "rows": [list(2, "a")], "dry_run": true }),
    );
    assert_eq!((tried["dry_run"].clone(), count(&forge, "lists")), (json!(true), 1));
    let as_bob = json!({ "table": "todos", "rows": [todo(ADA, "not his", None)], "user": BOB });
    assert_eq!(refused(&forge, "forge_db_import", &as_bob).code(), "FRG046");
}

#[test]
fn what_is_exported_can_be_imported_again() {
    let (dir, forge) = app();
    let mut rows = vec![todo(ADA, "a \"b\", c\nd", Some(1)), todo(BOB, " ", None)];
    rows[0]["meta"] = json!({ "k": [1, null] });
    add(&forge, &rows);
    let everything = "select * from todos order by title";
    let before = done(&forge, "forge_db_query", &json!({ "sql": everything }))["rows"].clone();
    for format in ["csv", "jsonl"] {
        let exported = done(&forge, "forge_db_export", &json!({ "format": format }));
        let files = json!([
            { "table": "lists", "file": format!("lists.{format}"), "rows": 1 },
            { "table": "todos", "file": format!("todos.{format}"), "rows": 2 },
        ]);
        assert_eq!(exported, json!({ "folder": ".loki/forge/exports", "files": files }));
        sql(&forge, "DELETE FROM todos");
        let file = json!({ "table": "todos", "file": format!("todos.{format}") });
        assert_eq!(done(&forge, "forge_db_import", &file)["rows"], json!(2));
        assert_eq!(done(&forge, "forge_db_query", &json!({ "sql": everything }))["rows"], before, "{format}");
    }
    let inline =
        done(&forge, "forge_db_export", &json!({ "table": "lists", "format": "csv", "inline": true }));
    assert_eq!(inline, json!({ "rows": 1, "text": "id,title\n1,home\n", "truncated": false }));
    let hers = done(&forge, "forge_db_export", &json!({ "table": "todos", "inline": true, "user": ADA }));
    assert_eq!(hers["rows"], json!(1));
    assert_eq!(refused(&forge, "forge_db_export", &json!({ "inline": true })).code(), "FRG041");
    assert_eq!(refused(&forge, "forge_db_export", &json!({ "table": "x" })).code(), "FRG041");
    // Only their owner reads what people have written; a link in a file's place is replaced, not followed.
    let file = dir.path().join("exports").join("todos.csv");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("a file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let outside = dir.path().join("outside");
    std::fs::write(&outside, "kept").expect("a file");
    std::fs::remove_file(&file).expect("it goes");
    std::os::unix::fs::symlink(&outside, &file).expect("a link");
    assert_eq!(
        refused(&forge, "forge_db_import", &json!({ "table": "todos", "file": "todos.csv" })).code(),
        "FRG041"
    );
    done(&forge, "forge_db_export", &json!({ "table": "todos", "format": "csv" }));
    assert_eq!(std::fs::read_to_string(&outside).expect("it is there"), "kept");
}

#[test]
fn functions_are_called_as_an_application_would() {
    let (_dir, forge) = app();
    add(&forge, &[todo(ADA, "hers", Some(3)), todo(BOB, "his", Some(5))]);
    let call = |input: Value| done(&forge, "forge_db_rpc_call", &input)["result"].clone();
    assert_eq!(call(json!({ "function": "titles", "args": { "least": 2 } })), json!(["hers", "his"]));
    assert_eq!(call(json!({ "function": "titles", "args": { "least": 2 }, "user": ADA })), json!(["hers"]));
    assert_eq!(call(json!({ "function": "add_list", "args": { "number": 7, "name": "new" } })), json!(7));
    assert_eq!(count(&forge, "lists"), 2);
    let unknown = refused(&forge, "forge_db_rpc_call", &json!({ "function": "title" }));
    assert!(unknown.to_string().contains("there are add_list, titles"), "{unknown}");
    let wrong = refused(&forge, "forge_db_rpc_call", &json!({ "function": "titles", "args": { "most": 1 } }));
    assert_eq!(wrong.code(), "FRG045");
    let anon = json!({ "function": "add_list", "args": { "number": 8, "name": "x" }, "role": "anon" });
    assert_eq!(refused(&forge, "forge_db_rpc_call", &anon).code(), "FRG045");
    assert_eq!(count(&forge, "lists"), 2);
}

/// The same on a Postgres, which is handed in: rows are there and not in the folder.
#[test]
fn rows_on_a_postgres_are_reached_in_the_same_way() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let schema = Schema::default();
    let migration = spec::parse(APP, &schema).expect("a migration");
    let features = ddl::postgres::Features { vector: false, version: 15 };
    let plan = ddl::postgres::plan(&schema, &migration, features).expect("a plan");
    let prologue = ddl::postgres::PROLOGUE.iter().map(|statement| (*statement).to_owned());
    let steps = plan.up.iter().map(|step| step.sql.clone());
    let script: Vec<String> =
        ddl::postgres::bootstrap("app").into_iter().chain(prologue).chain(steps).collect();
    cluster.run(&database.name, &script.join(";\n"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (handle, url) = (runtime.handle().clone(), cluster.url("app", &database.name));
    let data = Data::new(move || {
        let settings = Settings { connections_max: 2, ..Settings::default() };
        let postgres =
            handle.block_on(Postgres::connect(&url, settings)).map_err(|error| error.to_string())?;
        Ok(Plane::new(Arc::new(postgres), Some(handle.clone())))
    });
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path()).with_data(data);

    done(&forge, "forge_db_import", &json!({ "table": "lists", "rows": [{ "id": 1, "title": "home" }] }));
    add(&forge, &[todo(ADA, "hers", Some(3)), todo(BOB, "it's", Some(5))]);
    let sql = "select title from todos where stars > $1 order by title";
    let asked = |user: Option<&str>| {
        let input = json!({ "sql": sql, "params": [2], "user": user });
        done(&forge, "forge_db_query", &input)["rows"].clone()
    };
    assert_eq!((asked(None), asked(Some(BOB))), (json!([["hers"], ["it's"]]), json!([["it's"]])));
    assert_eq!(refused(&forge, "forge_db_query", &json!({ "sql": "delete from todos" })).code(), "FRG045");
    for (rows, told) in [
        (
            vec![todo(ADA, "a", None), todo("no uuid", "b", None)],
            "row 2, column `user_id`: invalid input syntax for type uuid",
        ),
        (
            vec![todo(ADA, "a", None), json!({ "user_id": ADA, "list_id": 9, "title": "y" })],
            "row 2, column `list_id`",
        ),
        (
            vec![todo(ADA, "a", None), json!({ "user_id": ADA, "list_id": 1 })],
            "row 2, column `title`: it must be given",
        ),
    ] {
        let error = refused(&forge, "forge_db_import", &json!({ "table": "todos", "rows": rows }));
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(count(&forge, "todos"), 2);
    }
    let not_his = json!({ "table": "todos", "rows": [todo(ADA, "x", None)], "user": BOB });
    assert_eq!(refused(&forge, "forge_db_import", &not_his).code(), "FRG046");
    let before = done(&forge, "forge_db_query", &json!({ "sql": "select * from todos order by title" }));
    for format in ["csv", "jsonl"] {
        let files = done(&forge, "forge_db_export", &json!({ "table": "todos", "format": format }));
        assert_eq!(files["files"][0]["rows"], json!(2));
        cluster.run(&database.name, "delete from todos");
        let file = json!({ "table": "todos", "file": format!("todos.{format}") });
        assert_eq!(done(&forge, "forge_db_import", &file)["rows"], json!(2), "{format}");
    }
    assert_eq!(
        done(&forge, "forge_db_query", &json!({ "sql": "select * from todos order by title" })),
        before
    );
    let call = |input: Value| done(&forge, "forge_db_rpc_call", &input)["result"].clone();
    assert_eq!(call(json!({ "function": "titles", "args": { "least": 2 }, "user": ADA })), json!(["hers"]));
    assert_eq!(call(json!({ "function": "add_list", "args": { "number": 7, "name": "new" } })), json!(7));
    assert_eq!(count(&forge, "lists"), 2);
    assert!(forge.database().schema().expect("a schema").tables.is_empty(), "nothing is in the folder");
}

#[test]
fn rows_that_cannot_be_reached_are_an_error_that_says_so() {
    let dir = TempDir::new().expect("a folder");
    let forge = open(dir.path()).with_data(Data::new(|| Err("it is down".to_owned())));
    for (name, input) in [
        ("forge_db_query", json!({ "sql": "select 1" })),
        ("forge_db_import", json!({ "table": "t", "rows": [{}] })),
        ("forge_db_export", json!({})),
        ("forge_db_rpc_call", json!({ "function": "f" })),
    ] {
        let error = refused(&forge, name, &input);
        assert_eq!(
            (error.code(), error.to_string()),
            ("FRG044", "the rows cannot be reached: it is down".to_owned())
        );
    }
    let told = done(&forge, "forge_doctor", &json!({}));
    assert_eq!((&told["ok"], &told["findings"][0]["check"]), (&json!(false), &json!("served")));
}
