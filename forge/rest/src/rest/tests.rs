//! The pipeline on an engine that remembers what it was asked.

use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::engine::Context;
use crate::model::{ColumnType, Relation, RelationKind};
use crate::plan::{
    Delete, Insert, Node, Origin, Outcome, Output, Plan, Read, RelationRef, Returning, Source, Terms,
    Value as Of,
};
use crate::wire::prefer::Representation;

/// Gives the rows it has, and refuses what is written to `locked`.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<(Context, Vec<Task>)>>,
}

impl Fake {
    fn outcome(task: &Task) -> Result<Outcome, RestError> {
        let relation = match &task.plan {
            Plan::Read(_) => {
                let body = "[{\"id\":1}]".to_owned();
                return Ok(Outcome { body, rows: 1, total: Some(1), ..Outcome::default() });
            }
            Plan::Insert(insert) => &insert.relation,
            Plan::Delete(delete) => &delete.relation,
            Plan::Update(_) | Plan::Call(_) => return Ok(Outcome::default()),
        };
        if relation.name == "locked" {
            let details = Some("Key (id)=(1) already exists.");
            return Err(RestError::from_sqlstate("23505", "duplicate key", details, None, false));
        }
        Ok(Outcome { body: "[{\"id\":2}]".to_owned(), rows: 1, added: 1, ..Outcome::default() })
    }

    fn remember(&self, context: &Context, tasks: &[Task]) {
        self.asked.lock().unwrap().push((context.clone(), tasks.to_vec()));
    }
}

#[async_trait]
impl Engine for Fake {
    async fn model(&self) -> Result<Arc<Model>, RestError> {
        let relation = |name: &str, kind, key: &[&str]| Relation {
            schema: "public".to_owned(),
            name: name.to_owned(),
            kind,
            columns: Vec::new(),
            primary_key: key.iter().map(|column| (*column).to_owned()).collect(),
            uniques: Vec::new(),
            comment: None,
        };
        let relations = [
            relation("todos", RelationKind::Table, &["id"]),
            relation("log", RelationKind::Table, &[]),
            relation("report", RelationKind::View { writable: false }, &["id"]),
        ];
        Ok(Arc::new(Model {
            schemas: vec!["public".to_owned()],
            relations: relations
                .into_iter()
                .map(|relation| ((relation.schema.clone(), relation.name.clone()), relation))
                .collect(),
            ..Model::default()
        }))
    }

    async fn run(&self, _: &Identity, context: &Context, task: &Task) -> Result<Outcome, RestError> {
        self.remember(context, std::slice::from_ref(task));
        Fake::outcome(task)
    }

    async fn batch(
        &self,
        _: &Identity,
        context: &Context,
        tasks: &[Task],
    ) -> Result<Vec<Outcome>, (usize, RestError)> {
        self.remember(context, tasks);
        let mut outcomes = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            outcomes.push(Fake::outcome(task).map_err(|error| (index, error))?);
        }
        Ok(outcomes)
    }

    async fn ready(&self) -> Result<(), RestError> {
        Ok(())
    }
}

/// Every request comes to a task on the relation it names, whatever the model says.
fn task(_: &Model, request: &Request, _: &Settings) -> Result<Task, RestError> {
    let reference = |name: &str| RelationRef { schema: request.schema.clone(), name: name.to_owned() };
    let node = |source| Node {
        id: 0,
        source,
        outputs: vec![Output::Value {
            name: "id".to_owned(),
            value: Of {
                of: Origin::Column("id".to_owned()),
                ty: ColumnType { name: "bigint".to_owned(), ty: None, values: Vec::new() },
                path: Vec::new(),
                cast: None,
            },
        }],
        embeds: Vec::new(),
        filter: None,
        order: Vec::new(),
        limit: None,
        offset: 0,
    };
    let returning = |name: &str| match request.preferences.returning {
        Some(Representation::Full) => Returning::Rows(Box::new(node(Source::Written(reference(name))))),
        _ => Returning::Nothing,
    };
    let plan = match &request.action {
        Action::Read { relation, head } => {
            Plan::Read(Read { root: node(Source::Relation(reference(relation))), count: None, head: *head })
        }
        Action::Insert(name) => {
            let crate::payload::Body::Rows(payload) = &request.body else { panic!("no rows") };
            Plan::Insert(Insert {
                relation: reference(name),
                columns: Vec::new(),
                payload: payload.clone(),
                missing_default: false,
                conflict: None,
                returning: returning(name),
                put: None,
            })
        }
        Action::Delete(name) => {
            Plan::Delete(Delete { relation: reference(name), filter: None, returning: returning(name) })
        }
        other => return Err(RestError::new(StatusCode::NOT_FOUND, "PGRST205", format!("{other:?}"))),
    };
    Ok(Task { plan, terms: Terms::default(), explain: None })
}

const NAMES: Names = Names {
    task,
    description: Some(|model, schema| json!({"schema": schema, "relations": model.relations.len()})),
    no_relation: |_, schema, name| {
        RestError::new(StatusCode::NOT_FOUND, "PGRST205", format!("no {schema}.{name}"))
    },
};

fn rest(settings: Settings) -> (Rest, Arc<Fake>) {
    let engine = Arc::new(Fake::default());
    (Rest { engine: engine.clone(), settings, names: NAMES }, engine)
}

async fn ask(rest: &Rest, method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(Bytes::from(body.to_owned())).unwrap();
    rest.answer(&Identity::anon(), request).await
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn value(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn a_request_is_answered() {
    let (rest, engine) = rest(Settings { tx_rollback_allowed: true, ..Settings::default() });
    let headers = [
        ("accept", "application/vnd.pgrst.object+json"),
        ("prefer", "tx=rollback, timezone=UTC"),
        ("authorization", "Bearer x"),
    ];
    let response = ask(&rest, "GET", "/todos", &headers, "").await;
    assert_eq!((response.status().as_u16(), text(&response)), (200, "{\"id\":1}"));
    let asked = engine.asked.lock().unwrap();
    let (context, tasks) = &asked[0];
    assert_eq!(
        tasks[0].terms,
        Terms { single: true, rollback: true, timezone: Some("UTC".to_owned()), affected_max: None }
    );
    assert_eq!((context.method.as_str(), context.path.as_str()), ("GET", "/todos"));
    assert!(!context.headers.iter().any(|(name, _)| name == "authorization"));
}

#[tokio::test]
async fn what_cannot_be_shown_is_not_done() {
    let (rest, engine) = rest(Settings::default());
    for (method, uri, headers, body, status) in [
        ("POST", "/todos", vec![("accept", "image/png")], "{}", 406),
        ("POST", "/todos", vec![], "{", 400),
        ("GET", "/todos?id=1", vec![], "", 400),
        ("GET", "/todos/x/y", vec![], "", 404),
        ("TRACE", "/todos", vec![], "", 405),
        ("GET", "/todos", vec![("accept", "application/vnd.pgrst.plan")], "", 406),
        ("POST", "/rpc/f", vec![], "", 404),
        ("GET", "/", vec![("accept", "text/csv")], "", 406),
        ("PUT", "/$batch", vec![], "", 405),
    ] {
        let response = ask(&rest, method, uri, &headers, body).await;
        assert_eq!(response.status().as_u16(), status, "{method} {uri}");
        let told = value(&response);
        let keys: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "details", "hint", "message"]);
    }
    assert!(engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_error_of_a_head_has_no_body() {
    let (rest, _) = rest(Settings::default());
    let response = ask(&rest, "HEAD", "/todos?id=1", &[], "").await;
    assert_eq!((response.status().as_u16(), text(&response)), (400, ""));
}

#[tokio::test]
async fn the_root_describes_everything() {
    let (rest, _) = rest(Settings::default());
    let response = ask(&rest, "GET", "/", &[], "").await;
    assert_eq!(value(&response), json!({"schema": "public", "relations": 3}));
    assert_eq!(response.headers()["content-type"], "application/openapi+json; charset=utf-8");
    assert_eq!(text(&ask(&rest, "HEAD", "/", &[], "").await), "");
}

#[tokio::test]
async fn without_a_description_the_root_is_disabled() {
    let (mut rest, _) = rest(Settings::default());
    rest.names.description = None;
    let response = ask(&rest, "GET", "/", &[], "").await;
    assert_eq!((response.status().as_u16(), value(&response)["code"].as_str()), (404, Some("PGRST126")));
}

#[tokio::test]
async fn options_tell_the_verbs() {
    let (rest, _) = rest(Settings::default());
    for (uri, verbs) in [
        ("/", "OPTIONS,GET,HEAD"),
        ("/todos", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/log", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        ("/report", "OPTIONS,GET,HEAD"),
        ("/$batch", "OPTIONS,POST"),
    ] {
        let response = ask(&rest, "OPTIONS", uri, &[], "").await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (200, &verbs.parse().unwrap())
        );
    }
    assert_eq!(ask(&rest, "OPTIONS", "/nothing", &[], "").await.status(), 404);
    assert_eq!(ask(&rest, "OPTIONS", "/rpc/nothing", &[], "").await.status(), 404);
}

#[tokio::test]
async fn a_batch_is_one_transaction() {
    let (rest, engine) = rest(Settings { tx_rollback_allowed: true, ..Settings::default() });
    let batch = r#"[
        {"method":"POST","path":"/todos?select=id","headers":{"Prefer":"return=representation"},
         "body":{"n":12345678901234567890.123456789}},
        {"method":"GET","path":"/todos?title=eq.a b\u00e9\"","headers":{"accept":"text/csv"}},
        {"method":"DELETE","path":"/todos?id=eq.1","body":null},
        {"method":"POST","path":"/todos","headers":{"content-type":"text/csv"},"body":"a,b\n1,2\n"}
    ]"#;
    let response = ask(&rest, "POST", "/$batch", &[("prefer", "tx=rollback")], batch).await;
    assert_eq!(response.status(), 200, "{}", text(&response));
    assert_eq!(response.headers()["preference-applied"], "tx=rollback");
    let answers = value(&response);
    assert_eq!(answers[0]["status"], 201);
    assert_eq!(answers[0]["body"], json!([{"id": 2}]));
    assert_eq!(answers[0]["headers"]["preference-applied"], "return=representation");
    assert_eq!((&answers[1]["status"], &answers[1]["body"]), (&json!(200), &json!("id\n1")));
    assert_eq!((&answers[2]["status"], &answers[2]["body"]), (&json!(204), &Value::Null));
    let asked = engine.asked.lock().unwrap();
    let (context, tasks) = &asked[0];
    assert_eq!((asked.len(), tasks.len(), context.path.as_str()), (1, 4, "/$batch"));
    assert!(tasks.iter().all(|task| task.terms.rollback));
    let Plan::Insert(insert) = &tasks[0].plan else { panic!() };
    assert_eq!(insert.payload.json, "[{\"n\":12345678901234567890.123456789}]");
    let Plan::Insert(insert) = &tasks[3].plan else { panic!() };
    assert_eq!(insert.payload.json, "[{\"a\":\"1\",\"b\":\"2\"}]");
}

#[tokio::test]
async fn the_error_of_a_batch_says_which_request_failed() {
    let (rest, engine) = rest(Settings::default());
    let batch = r#"[{"method":"DELETE","path":"/todos"},{"method":"POST","path":"/locked","body":{}}]"#;
    let response = ask(&rest, "POST", "/$batch", &[], batch).await;
    assert_eq!(response.status(), 409);
    assert_eq!(
        value(&response),
        json!({
            "code": "23505",
            "details": "Request 1 of the batch, counted from 0: Key (id)=(1) already exists.",
            "hint": null,
            "message": "duplicate key",
        })
    );
    let batch = r#"[{"method":"DELETE","path":"/todos"},{"method":"GET","path":"/todos?id=5"}]"#;
    let response = ask(&rest, "POST", "/$batch", &[], batch).await;
    assert_eq!(response.status(), 400);
    assert!(value(&response)["details"].as_str().unwrap().starts_with("Request 1 of the batch"));
    assert_eq!(engine.asked.lock().unwrap().len(), 1, "nothing is done of what cannot be read");
}

#[tokio::test]
async fn what_is_no_batch_is_refused() {
    let (rest, engine) = rest(Settings { batch_max: 2, ..Settings::default() });
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        ("[1]", 400),
        ("[{}]", 400),
        (r#"[{"method":"GET"}]"#, 400),
        (r#"[{"method":"GE T","path":"/todos"}]"#, 400),
        (r#"[{"method":"GET","path":"todos"}]"#, 404),
        (r#"[{"method":"GET","path":"http://elsewhere/todos"}]"#, 404),
        (r#"[{"method":"GET","path":"/"}]"#, 404),
        (r#"[{"method":"OPTIONS","path":"/todos"}]"#, 404),
        (r#"[{"method":"POST","path":"/$batch","body":[]}]"#, 404),
        (r#"[{"method":"GET","path":"/todos","more":1}]"#, 400),
        (r#"[{"method":"GET","path":"/todos","headers":[]}]"#, 400),
        (r#"[{"method":"GET","path":"/todos","headers":{"a b":"c"}}]"#, 400),
        (r#"[{"method":"GET","path":"/todos","headers":{"a":1}}]"#, 400),
        (r#"[{"method":"GET","path":"/todos","headers":{"a":"b\r\nc: d"}}]"#, 400),
        (r#"[{"method":"GET","path":"/todos","headers":{"accept":"application/octet-stream"}}]"#, 406),
        (r#"[{},{},{}]"#, 413),
    ] {
        let response = ask(&rest, "POST", "/$batch", &[], body).await;
        assert_eq!(response.status().as_u16(), status, "{body}");
    }
    assert_eq!(text(&ask(&rest, "POST", "/$batch", &[], "[]").await), "[]");
    assert!(engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_request_of_a_batch_is_not_undone_alone() {
    let (rest, _) = rest(Settings { tx_rollback_allowed: true, ..Settings::default() });
    let batch = r#"[{"method":"DELETE","path":"/todos","headers":{"prefer":"tx=rollback"}}]"#;
    let response = ask(&rest, "POST", "/$batch", &[], batch).await;
    assert_eq!((response.status().as_u16(), value(&response)["code"].as_str()), (400, Some("PGRST122")));
}

#[tokio::test]
async fn a_request_of_a_batch_has_so_many_headers_and_no_more() {
    let (rest, _) = rest(Settings::default());
    for (count, status) in [(32, 200), (33, 400)] {
        let headers: Vec<String> = (0..count).map(|number| format!("\"x-{number}\":\"\"")).collect();
        let batch = format!(r#"[{{"method":"GET","path":"/todos","headers":{{{}}}}}]"#, headers.join(","));
        assert_eq!(ask(&rest, "POST", "/$batch", &[], &batch).await.status().as_u16(), status);
    }
}

#[tokio::test]
async fn names_are_looked_up_in_the_model() {
    let rest = Rest::new(Arc::new(Fake::default()), Settings::default());
    assert_eq!(ask(&rest, "GET", "/todos", &[], "").await.status(), 200);
    for (method, uri, status, code) in [
        ("GET", "/todoz", 404, "PGRST205"),
        ("OPTIONS", "/todoz", 404, "PGRST205"),
        ("POST", "/rpc/nothing", 404, "PGRST202"),
        ("GET", "/todos?select=nothing(id)", 400, "PGRST200"),
    ] {
        let response = ask(&rest, method, uri, &[], "{}").await;
        assert_eq!(response.status().as_u16(), status, "{method} {uri}");
        assert_eq!(value(&response)["code"], code, "{method} {uri}");
    }
}
