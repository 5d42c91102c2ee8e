//! What reads on SQLite give to whom: embedding in every direction, aggregates, computed columns, views, grants,
//! rows that were just written and rows of functions; and the indexes by which they are found.

use std::sync::Arc;

use bytes::Bytes;
use forge_core::Identity;
use forge_database::schema::Schema;
use forge_database::{ddl, spec};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use forge_rest::{Rest, Settings};
use http::Request;
use serde_json::{Value, json};

const ADA: &str = "ada00000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

const SCHEMA: &str = r#"
migration: m
changes:
  - add_table: {name: lists, columns: [id integer pk, user_id uuid not null, name text not null], rls: own-row}
  - add_table:
      name: todos
      columns:
        - id integer pk
        - user_id uuid not null
        - list_id fk->lists.id null
        - parent_id fk->todos.id null
        - title text not null
        - score integer not null
        - price numeric(10,2) null
      rls: own-row
  - add_index: {table: todos, columns: [user_id, score]}
  - add_table: {name: labels, columns: [id integer pk, name text not null], rls: public}
  - add_table:
      name: todo_labels
      columns: [todo_id fk->todos.id not null, label_id fk->labels.id not null]
      primary_key: [todo_id, label_id]
      rls: public
  - add_table: {name: details, columns: [todo_id fk->todos.id pk, body text not null], rls: public}
  - add_table:
      name: people
      columns: [id integer pk, name text not null, salary integer not null]
      rls: public
      grants: [{role: anon, can: select, columns: [id, name]}]
  - add_view: {name: heavy, query: "select id, title, score from todos where score > 4"}
  - add_function: {sql: "create function shout(todos) returns text language sql stable as $$ select upper($1.title) $$"}
  - add_function: {sql: "create function above(least integer) returns setof todos language sql stable as $$ select * from todos where score > least $$"}
"#;

struct World {
    rest: Rest,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let migration = spec::parse(SCHEMA, &Schema::default()).expect("a migration");
    let plan = ddl::plan(&Schema::default(), &migration).expect("a plan");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db.sqlite");
    let conn = rusqlite::Connection::open(&path).expect("a database");
    conn.pragma_update(None, "journal_mode", "WAL").expect("a log");
    for statement in &plan.up {
        conn.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    drop(conn);
    let engine = Sqlite::open(&path, sqlite::Settings::default(), Arc::new(Compiler)).expect("it is served");
    let rest = Rest::new(Arc::new(engine), Settings { plans: true, ..Settings::default() });
    let world = World { rest, _folder: folder };
    let service = Identity::service();
    let todo = |id: i64, user: &str, list: Value, parent: Value, title: &str, score: i64, price: Value| json!({ "id": id, "user_id": user, "list_id": list, "parent_id": parent, "title": title, "score": score, "price": price });
    for (table, rows) in [
        (
            "lists",
            json!([{ "id": 1, "user_id": ADA, "name": "home" }, { "id": 2, "user_id": ADA, "name": "work" }, { "id": 3, "user_id": BOB, "name": "bob's" }]),
        ),
        (
            "todos",
            json!([
                todo(1, ADA, json!(1), Value::Null, "sweep", 5, json!("1.50")),
                todo(2, ADA, json!(1), json!(1), "dust", 3, json!("2.25")),
                todo(3, ADA, json!(2), json!(1), "mail", 9, Value::Null),
                todo(4, ADA, Value::Null, Value::Null, "rest", 1, json!("10")),
                todo(5, BOB, json!(3), json!(1), "bob's", 7, json!("99")),
            ]),
        ),
        ("labels", json!([{ "id": 1, "name": "red" }, { "id": 2, "name": "blue" }])),
        (
            "todo_labels",
            json!([{ "todo_id": 1, "label_id": 1 }, { "todo_id": 1, "label_id": 2 }, { "todo_id": 3, "label_id": 2 }, { "todo_id": 5, "label_id": 1 }]),
        ),
        ("details", json!([{ "todo_id": 1, "body": "with care" }, { "todo_id": 5, "body": "hidden" }])),
        ("people", json!([{ "id": 1, "name": "Eve", "salary": 10 }])),
    ] {
        let (status, body) = world.ask(&service, "POST", &format!("/{table}"), &[], Some(rows)).await;
        assert_eq!(status, 201, "{table}: {body}");
    }
    world
}

impl World {
    async fn ask(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (u16, String) {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = self.rest.answer(who, request.body(body).expect("a request")).await;
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    }

    async fn get(&self, who: &Identity, path: &str) -> String {
        self.ask(who, "GET", path, &[], None).await.1
    }
}

fn ada() -> Identity {
    Identity::user(ADA)
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_are_embedded_in_every_direction() {
    let world = world().await;
    for (path, rows) in [
        // To one, to many, through a table between, one to one.
        (
            "/todos?select=id,lists(name)&order=id",
            r#"[{"id":1,"lists":{"name":"home"}},{"id":2,"lists":{"name":"home"}},{"id":3,"lists":{"name":"work"}},{"id":4,"lists":null}]"#,
        ),
        (
            "/lists?select=name,todos(title)&order=id&todos.order=score.desc",
            r#"[{"name":"home","todos":[{"title":"sweep"},{"title":"dust"}]},{"name":"work","todos":[{"title":"mail"}]}]"#,
        ),
        (
            "/todos?select=id,labels(name)&order=id&labels.order=name&limit=3",
            r#"[{"id":1,"labels":[{"name":"blue"},{"name":"red"}]},{"id":2,"labels":[]},{"id":3,"labels":[{"name":"blue"}]}]"#,
        ),
        (
            "/todos?select=id,details(body)&order=id&limit=2",
            r#"[{"id":1,"details":{"body":"with care"}},{"id":2,"details":null}]"#,
        ),
        // A table with itself: rows of others are not there.
        (
            "/todos?select=id,parent:parent_id(title)&order=id&limit=2",
            r#"[{"id":1,"parent":null},{"id":2,"parent":{"title":"sweep"}}]"#,
        ),
        (
            "/todos?select=id,children:todos!parent_id(id)&id=eq.1&children.order=id",
            r#"[{"id":1,"children":[{"id":2},{"id":3}]}]"#,
        ),
        // Inner, filtered, hidden, spread.
        ("/todos?select=id,lists!inner(name)&lists.name=eq.work", r#"[{"id":3,"lists":{"name":"work"}}]"#),
        (
            "/todos?select=id,lists(name)&lists.name=eq.work&order=id",
            r#"[{"id":1,"lists":null},{"id":2,"lists":null},{"id":3,"lists":{"name":"work"}},{"id":4,"lists":null}]"#,
        ),
        ("/todos?select=id,labels()&labels.name=eq.red&labels=not.is.null", r#"[{"id":1}]"#),
        (
            "/lists?select=name,todos()&todos.score=gt.100&todos=is.null&order=id",
            r#"[{"name":"home"},{"name":"work"}]"#,
        ),
        ("/todos?select=id,...lists(list:name)&order=id&limit=1", r#"[{"id":1,"list":"home"}]"#),
        (
            "/lists?select=name,...todos(titles:title)&order=id&todos.order=id",
            r#"[{"name":"home","titles":["sweep","dust"]},{"name":"work","titles":["mail"]}]"#,
        ),
        // Sorted by what is embedded; limits within.
        (
            "/todos?select=id,lists(name)&order=lists(name).desc,id&lists=not.is.null",
            r#"[{"id":3,"lists":{"name":"work"}},{"id":1,"lists":{"name":"home"}},{"id":2,"lists":{"name":"home"}}]"#,
        ),
        (
            "/lists?select=name,todos(id)&order=id&todos.order=id&todos.limit=1&todos.offset=1",
            r#"[{"name":"home","todos":[{"id":2}]},{"name":"work","todos":[]}]"#,
        ),
        (
            "/lists?select=name,todos(id,labels(name))&id=eq.2",
            r#"[{"name":"work","todos":[{"id":3,"labels":[{"name":"blue"}]}]}]"#,
        ),
    ] {
        assert_eq!(world.get(&ada(), path).await, rows, "{path}");
    }
    let all = world
        .get(&Identity::service(), "/todos?select=id,children:todos!parent_id(id)&id=eq.1&children.order=id")
        .await;
    assert_eq!(all, r#"[{"id":1,"children":[{"id":2},{"id":3},{"id":5}]}]"#);
    assert_eq!(
        world.get(&Identity::anon(), "/labels?select=name,todos(id)&order=id").await,
        r#"[{"name":"red","todos":[]},{"name":"blue","todos":[]}]"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_are_over_the_rows_that_are_seen() {
    let world = world().await;
    for (path, rows) in [
        ("/todos?select=count()", r#"[{"count":4}]"#),
        (
            "/todos?select=score.sum(),score.avg(),price.sum(),price.avg(),score.max(),title.min()",
            r#"[{"sum":18,"avg":4.5000000000000000,"sum":13.75,"avg":4.5833333333333333,"max":9,"min":"dust"}]"#,
        ),
        (
            "/todos?select=list_id,n:count(),total:score.sum()&order=list_id",
            r#"[{"list_id":1,"n":2,"total":8},{"list_id":2,"n":1,"total":9},{"list_id":null,"n":1,"total":1}]"#,
        ),
        (
            "/lists?select=name,todos(n:count(),best:score.max())&order=id",
            r#"[{"name":"home","todos":[{"n":2,"best":5}]},{"name":"work","todos":[{"n":1,"best":9}]}]"#,
        ),
        (
            "/todos?select=total:score.sum(),...lists(name)&order=lists(name)",
            r#"[{"total":8,"name":"home"},{"total":9,"name":"work"},{"total":1,"name":null}]"#,
        ),
        ("/todos?select=score.sum()::text&id=lt.0", r#"[{"sum":null}]"#),
    ] {
        assert_eq!(world.get(&ada(), path).await, rows, "{path}");
    }
    assert_eq!(world.get(&Identity::service(), "/todos?select=count()").await, r#"[{"count":5}]"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_functions_and_written_rows_are_read_alike() {
    let world = world().await;
    for (path, rows) in [
        ("/heavy?select=title&order=score", r#"[{"title":"sweep"},{"title":"mail"}]"#),
        ("/todos?select=id,shout&shout=eq.DUST", r#"[{"id":2,"shout":"DUST"}]"#),
        ("/todos?select=shout&order=shout.desc&limit=1", r#"[{"shout":"SWEEP"}]"#),
        (
            "/rpc/above?least=4&select=id,lists(name)&order=id.desc",
            r#"[{"id":3,"lists":{"name":"work"}},{"id":1,"lists":{"name":"home"}}]"#,
        ),
        ("/rpc/above?least=0&select=id&score=lt.5&order=id&limit=1", r#"[{"id":2}]"#),
    ] {
        assert_eq!(world.get(&ada(), path).await, rows, "{path}");
    }
    let back = [("prefer", "return=representation")];
    let new = json!([{ "id": 12, "user_id": ADA, "list_id": 2, "title": "b", "score": 1 }, { "id": 11, "user_id": ADA, "list_id": null, "title": "a", "score": 2 }]);
    let (status, body) =
        world.ask(&ada(), "POST", "/todos?select=id,shout,lists(name)", &back, Some(new)).await;
    assert_eq!(
        (status, body.as_str()),
        (201, r#"[{"id":12,"shout":"B","lists":{"name":"work"}},{"id":11,"shout":"A","lists":null}]"#)
    );
    let (_, body) = world
        .ask(
            &ada(),
            "PATCH",
            "/todos?select=id,score&score=gte.5&order=id",
            &back,
            Some(json!({ "score": 6 })),
        )
        .await;
    assert_eq!(body, r#"[{"id":1,"score":6},{"id":3,"score":6}]"#);
    assert_eq!(world.get(&Identity::service(), "/todos?select=score&id=eq.5").await, r#"[{"score":7}]"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_not_granted_are_denied_wherever_they_stand() {
    let world = world().await;
    let anon = Identity::anon();
    assert_eq!(world.get(&anon, "/people?select=id,name").await, r#"[{"id":1,"name":"Eve"}]"#);
    for path in [
        "/people",
        "/people?select=salary",
        "/people?select=id&salary=gt.1",
        "/people?select=id&order=salary",
        "/people?select=salary.sum()",
    ] {
        let (status, body) = world.ask(&anon, "GET", path, &[], None).await;
        assert_eq!(status, 401, "{path}: {body}");
        assert!(
            body.contains("42501") && body.contains("permission denied for table people"),
            "{path}: {body}"
        );
        assert_eq!(world.ask(&Identity::service(), "GET", path, &[], None).await.0, 200, "{path}");
    }
}

/// The policy for one's own rows is a condition of the index, not in its way.
#[tokio::test(flavor = "multi_thread")]
async fn own_rows_are_found_by_an_index() {
    let world = world().await;
    let plan = [("accept", "application/vnd.pgrst.plan+text")];
    for (path, way) in [
        ("/todos?select=id,title&id=eq.1", "SEARCH _t1 USING INTEGER PRIMARY KEY"),
        ("/todos?select=id&score=eq.5", "(user_id=? AND score=?)"),
        ("/todos?select=id&score=gt.5", "(user_id=? AND score>?)"),
        ("/todos?select=id&order=score.desc&limit=30", "(user_id=?)"),
        ("/todos?select=id&score=in.(1,5)", "(user_id=? AND score=?)"),
        ("/lists?select=id,todos(id)&id=eq.1", "(user_id=?"),
    ] {
        let (status, text) = world.ask(&ada(), "GET", path, &plan, None).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains(way), "{path}: {text}");
        assert!(!text.contains("TEMP B-TREE"), "{path} sorts: {text}");
    }
    // The control: what no index has is searched for row by row.
    let (_, text) = world.ask(&Identity::service(), "GET", "/todos?select=id&title=eq.x", &plan, None).await;
    assert!(text.contains("SCAN _t1"), "{text}");
}
