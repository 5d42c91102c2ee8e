//! Answers to every kind of task, as clients know them.

use std::sync::Arc;

use bytes::Bytes;
use forge_database::schema::Volatility;

use super::*;
use crate::model::{ColumnType, Function};
use crate::plan::*;
use crate::wire::accept::NullMembers;
use crate::wire::request::Exposed;

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Request {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(Bytes::from_static(body.as_bytes())).unwrap();
    let schemas = ["public".to_owned()];
    Request::read(&request, Exposed { schemas: &schemas, tx_rollback_allowed: true, rows_max: 10 }).unwrap()
}

fn ty(name: &str) -> ColumnType {
    ColumnType { name: name.to_owned(), ty: None, values: Vec::new() }
}

fn relation() -> RelationRef {
    RelationRef { schema: "public".to_owned(), name: "todos".to_owned() }
}

fn node(columns: &[(&str, &str)]) -> Node {
    let outputs = columns.iter().map(|(name, of)| Output::Value {
        name: (*name).to_owned(),
        value: Value { of: Origin::Column((*name).to_owned()), ty: ty(of), path: Vec::new(), cast: None },
    });
    Node {
        id: 0,
        source: Source::Relation(relation()),
        outputs: outputs.collect(),
        embeds: Vec::new(),
        filter: None,
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}

fn task(plan: Plan) -> Task {
    Task { plan, terms: Terms::default(), explain: None }
}

fn read_task(columns: &[(&str, &str)]) -> Task {
    task(Plan::Read(Read { root: node(columns), count: None, head: false }))
}

fn insert_task(returning: Returning, conflict: Option<Resolution>) -> Task {
    task(Plan::Insert(Insert {
        relation: relation(),
        columns: Vec::new(),
        payload: Default::default(),
        missing_default: false,
        conflict: conflict.map(|resolution| Conflict { columns: vec!["id".to_owned()], resolution }),
        returning,
        put: None,
    }))
}

fn call_task(returns: Returns) -> Task {
    let function = Function {
        schema: "public".to_owned(),
        name: "f".to_owned(),
        arguments: Vec::new(),
        returns,
        volatility: Volatility::Stable,
        one_row: false,
        comment: None,
    };
    task(Plan::Call(Call {
        function: Arc::new(function),
        arguments: Arguments::Text(Vec::new()),
        read_only: true,
        root: Node { source: Source::Call, ..node(&[]) },
        count: None,
        head: false,
    }))
}

fn outcome(body: &str, rows: u64) -> Outcome {
    Outcome { body: body.to_owned(), rows, added: rows, ..Outcome::default() }
}

/// Status, the headers as text in the order of their names, and the body.
fn shown(response: Response<Bytes>) -> (u16, Vec<String>, String) {
    let mut headers: Vec<String> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    (response.status().as_u16(), headers, body)
}

fn answered(request: &Request, task: &Task, outcome: &Outcome) -> (u16, Vec<String>, String) {
    let media = media(request, task, true).unwrap();
    match answer(request, task, &media, outcome.clone()) {
        Ok(response) => shown(response),
        Err(error) => shown(failure(&error, false)),
    }
}

const JSON: &str = "content-type: application/json; charset=utf-8";

#[test]
fn rows_that_were_read_say_where_they_are() {
    let asked = request("GET", "/todos?select=id&id=gt.0", &[("prefer", "count=exact, return=minimal")], "");
    let found = answered(
        &asked,
        &read_task(&[("id", "bigint")]),
        &Outcome { total: Some(5), ..outcome("[{\"id\":1}]", 1) },
    );
    assert_eq!(
        found,
        (
            206,
            vec![
                "content-location: /todos?id=gt.0&select=id".to_owned(),
                "content-range: 0-0/5".to_owned(),
                JSON.to_owned(),
                "preference-applied: count=exact".to_owned(),
            ],
            "[{\"id\":1}]".to_owned()
        )
    );
}

#[test]
fn head_has_the_headers_and_no_body() {
    let asked = request("HEAD", "/todos", &[("prefer", "count=exact")], "");
    let (status, headers, body) =
        answered(&asked, &read_task(&[("id", "bigint")]), &Outcome { total: Some(2), ..outcome("", 2) });
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(headers.contains(&"content-range: 0-1/2".to_owned()), "{headers:?}");
}

#[test]
fn a_range_behind_the_last_row_is_an_error() {
    let asked = request("GET", "/todos?offset=10", &[("prefer", "count=exact")], "");
    let (status, headers, body) =
        answered(&asked, &read_task(&[]), &Outcome { total: Some(2), ..outcome("[]", 0) });
    assert_eq!(status, 416);
    assert!(headers.contains(&"content-range: */2".to_owned()));
    assert!(headers.contains(&"proxy-status: PostgREST; error=PGRST103".to_owned()));
    assert!(body.contains("An offset of 10 was requested, but there are only 2 rows."));
}

#[test]
fn insertions_answer_as_they_were_asked_to() {
    let rows = || Returning::Rows(Box::new(node(&[("id", "bigint")])));
    let key = || Outcome { key: vec![("id".to_owned(), "3 4".to_owned())], ..outcome("", 1) };
    for (prefer, task, outcome, status, headers, body) in [
        ("", insert_task(Returning::Nothing, None), outcome("", 1), 201, vec!["content-range: */*"], ""),
        (
            "return=representation, count=exact",
            insert_task(rows(), None),
            outcome("[{\"id\":3}]", 1),
            201,
            vec!["content-range: */1", JSON, "preference-applied: return=representation, count=exact"],
            "[{\"id\":3}]",
        ),
        (
            "return=headers-only",
            insert_task(Returning::Key(vec!["id".to_owned()]), None),
            key(),
            201,
            vec![
                "content-range: */*",
                "location: /todos?id=eq.3%204",
                "preference-applied: return=headers-only",
            ],
            "",
        ),
        (
            "resolution=merge-duplicates, missing=default",
            insert_task(Returning::Nothing, Some(Resolution::Merge)),
            Outcome { added: 0, ..outcome("", 1) },
            200,
            vec!["content-range: */*", "preference-applied: resolution=merge-duplicates, missing=default"],
            "",
        ),
        (
            "resolution=ignore-duplicates",
            insert_task(Returning::Nothing, None),
            Outcome { added: 0, ..outcome("", 0) },
            201,
            vec!["content-range: */*"],
            "",
        ),
    ] {
        let asked = request("POST", "/todos", &[("prefer", prefer)], "{}");
        let expected = (status, headers.iter().map(|header| (*header).to_owned()).collect(), body.to_owned());
        assert_eq!(answered(&asked, &task, &outcome), expected, "{prefer}");
    }
}

#[test]
fn changes_and_removals_answer_with_rows_or_without() {
    let rows = || Returning::Rows(Box::new(node(&[("id", "bigint")])));
    let update = |returning| {
        task(Plan::Update(Update {
            relation: relation(),
            columns: Vec::new(),
            payload: Default::default(),
            filter: None,
            returning,
        }))
    };
    let delete = |returning| task(Plan::Delete(Delete { relation: relation(), filter: None, returning }));
    let full = [("prefer", "return=representation, count=exact, handling=strict, max-affected=3")];
    let patch = request("PATCH", "/todos", &full, "{}");
    assert_eq!(
        answered(&patch, &update(rows()), &outcome("[{\"id\":1},{\"id\":2}]", 2)),
        (
            200,
            vec![
                "content-range: 0-1/2".to_owned(),
                JSON.to_owned(),
                "preference-applied: return=representation, count=exact, handling=strict, max-affected=3"
                    .to_owned(),
            ],
            "[{\"id\":1},{\"id\":2}]".to_owned()
        )
    );
    let patch = request("PATCH", "/todos", &[], "{}");
    assert_eq!(
        answered(&patch, &update(Returning::Nothing), &outcome("", 0)),
        (204, vec!["content-range: */*".to_owned()], String::new())
    );
    let removal = request("DELETE", "/todos", &full, "");
    let (status, headers, _) = answered(&removal, &delete(rows()), &outcome("[{\"id\":1}]", 1));
    assert_eq!((status, headers[0].as_str()), (200, "content-range: */1"));
    let removal = request("DELETE", "/todos", &[("prefer", "return=minimal")], "");
    assert_eq!(
        answered(&removal, &delete(Returning::Nothing), &outcome("", 1)),
        (
            204,
            vec!["content-range: */*".to_owned(), "preference-applied: return=minimal".to_owned()],
            String::new()
        )
    );
}

#[test]
fn put_says_whether_the_row_is_new() {
    let put = request("PUT", "/todos?id=eq.1", &[("prefer", "return=representation")], "{\"id\":1}");
    let rows = || Returning::Rows(Box::new(node(&[("id", "bigint")])));
    let conflict = Some(Resolution::Merge);
    for (added, status) in [(1, 201), (0, 200)] {
        let outcome = Outcome { added, ..outcome("[{\"id\":1}]", 1) };
        let found = answered(&put, &insert_task(rows(), conflict), &outcome);
        assert_eq!(
            (found.0, found.1),
            (status, vec![JSON.to_owned(), "preference-applied: return=representation".to_owned()])
        );
    }
    let put = request("PUT", "/todos?id=eq.1", &[], "{\"id\":1}");
    assert_eq!(
        answered(&put, &insert_task(Returning::Nothing, conflict), &outcome("", 1)),
        (204, vec![], String::new())
    );
}

#[test]
fn functions_answer_by_what_they_give() {
    let call = request("GET", "/rpc/f", &[], "");
    assert_eq!(
        answered(&call, &call_task(Returns::Void), &outcome("", 1)),
        (204, vec!["content-range: 0-0/*".to_owned()], String::new())
    );
    assert_eq!(
        answered(&call, &call_task(Returns::Value(ty("integer"))), &outcome("42", 1)),
        (200, vec!["content-range: 0-0/*".to_owned(), JSON.to_owned()], "42".to_owned())
    );
    let single = request("GET", "/rpc/f", &[("accept", "application/vnd.pgrst.object+json")], "");
    for (returns, body, expected) in [
        (Returns::Rows("public".to_owned(), "todos".to_owned()), "[{\"id\":1}]", "{\"id\":1}"),
        (Returns::Row("public".to_owned(), "todos".to_owned()), "{\"id\":1}", "{\"id\":1}"),
        (Returns::Values(ty("text")), "[\"a\"]", "\"a\""),
        (Returns::Value(ty("text")), "\"a\"", "\"a\""),
    ] {
        assert_eq!(answered(&single, &call_task(returns), &outcome(body, 1)).2, expected);
    }
}

#[test]
fn functions_may_set_status_and_headers() {
    let call = request("GET", "/rpc/f", &[], "");
    let task = call_task(Returns::Value(ty("integer")));
    let set = |status, headers: &[(&str, &str)]| Outcome {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..outcome("1", 1)
    };
    let (status, headers, _) = answered(
        &call,
        &task,
        &set(
            Some(201),
            &[("Content-Type", "text/x"), ("Set-Cookie", "a"), ("Set-Cookie", "b"), ("Content-Length", "9")],
        ),
    );
    assert_eq!(status, 201);
    assert_eq!(headers, ["content-range: 0-0/*", "content-type: text/x", "set-cookie: a", "set-cookie: b"]);
    assert!(answered(&call, &task, &set(Some(7), &[])).2.contains("PGRST112"));
    assert!(answered(&call, &task, &set(None, &[("a b", "c")])).2.contains("PGRST111"));
    assert!(answered(&call, &task, &set(None, &[("a", "b\r\nx: y")])).2.contains("PGRST111"));
}

#[test]
fn the_same_rows_come_in_many_types() {
    let columns = [
        ("id", "bigint"),
        ("done", "boolean"),
        ("at", "timestamp with time zone"),
        ("tags", "text[]"),
        ("data", "jsonb"),
        ("raw", "bytea"),
        ("note", "text"),
    ];
    let row = r#"{"id":9007199254740993,"done":true,"at":"2026-01-02T03:04:05.5+00:00","tags":["a","b c",null,""],"data":{"a": [1, true]},"raw":"\\x00ff","note":null}"#;
    let body = format!("[{row}]");
    for (accept, content_type, expected) in [
        ("application/vnd.pgrst.object+json", "application/vnd.pgrst.object+json; charset=utf-8", row.to_owned()),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            r#"[{"id":9007199254740993,"done":true,"at":"2026-01-02T03:04:05.5+00:00","tags":["a","b c",null,""],"data":{"a":[1,true]},"raw":"\\x00ff"}]"#.to_owned(),
        ),
        (
            "text/csv",
            "text/csv; charset=utf-8",
            [
                "id,done,at,tags,data,raw,note",
                r#"9007199254740993,t,"2026-01-02 03:04:05.5+00","{a,""b c"",NULL,""""}","{""a"": [1, true]}","\\x00ff","#,
            ]
            .join("\n"),
        ),
    ] {
        let asked = request("GET", "/todos", &[("accept", accept)], "");
        let (status, headers, found) = answered(&asked, &read_task(&columns), &outcome(&body, 1));
        assert_eq!((status, found), (200, expected), "{accept}");
        assert!(headers.contains(&format!("content-type: {content_type}")), "{headers:?}");
    }
}

#[test]
fn values_come_as_they_are() {
    for (accept, columns, body, expected) in [
        (
            "application/octet-stream",
            [("raw", "bytea")],
            r#"[{"raw":"\\x6869"},{"raw":null},{"raw":"\\x21"}]"#,
            "hi!",
        ),
        ("text/plain", [("note", "text")], r#"[{"note":"a\n"},{"note":"\\x21"}]"#, "a\n\\x21"),
    ] {
        let asked = request("GET", "/todos", &[("accept", accept)], "");
        assert_eq!(answered(&asked, &read_task(&columns), &outcome(body, 2)).2, expected);
    }
    let asked = request("GET", "/todos", &[("accept", "text/plain")], "");
    let error = media(&asked, &read_task(&[("a", "text"), ("b", "text")]), false).unwrap_err();
    assert_eq!(error.code, "PGRST107");
}

#[test]
fn rows_may_be_features() {
    let asked = request("GET", "/todos", &[("accept", "application/geo+json")], "");
    let body = r#"[{"id":1,"place":{"type":"Point","coordinates":[1,2]},"name":"x"}]"#;
    let (_, headers, found) = answered(&asked, &read_task(&[]), &outcome(body, 1));
    assert!(headers.contains(&"content-type: application/geo+json; charset=utf-8".to_owned()));
    assert_eq!(
        found,
        r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"id":1,"name":"x"}}]}"#
    );
}

#[test]
fn csv_of_nothing_and_of_single_values() {
    let asked = request("GET", "/rpc/f", &[("accept", "text/csv")], "");
    assert_eq!(answered(&asked, &read_task(&[("id", "bigint")]), &outcome("[]", 0)).2, "\n");
    assert_eq!(
        answered(&asked, &call_task(Returns::Values(ty("text"))), &outcome("[\"a,b\",\"c\"]", 2)).2,
        "pgrst_scalar\n\"a,b\"\nc"
    );
}

#[test]
fn a_plan_comes_as_the_engine_tells_it() {
    let asked = request("GET", "/todos", &[("accept", "application/vnd.pgrst.plan")], "");
    let task = read_task(&[]);
    let chosen = media(&asked, &task, true).unwrap();
    let (status, headers, body) = shown(answer(&asked, &task, &chosen, outcome("SCAN todos", 0)).unwrap());
    assert_eq!((status, body.as_str()), (200, "SCAN todos"));
    assert_eq!(
        headers,
        ["content-type: application/vnd.pgrst.plan+text; for=\"application/json\"; charset=utf-8"]
    );
    assert!(media(&asked, &task, false).is_err());
    assert_eq!(Media::Object(NullMembers::Kept).explain(), None);
}

#[test]
fn errors_have_four_keys_and_their_headers() {
    let error = RestError::from_sqlstate("42501", "permission denied for table todos", None, None, true);
    let (status, headers, body) = shown(failure(&error, false));
    assert_eq!(status, 401);
    assert_eq!(headers, [JSON, "proxy-status: PostgREST; error=42501", "www-authenticate: Bearer"]);
    assert_eq!(
        body,
        r#"{"code":"42501","details":null,"hint":null,"message":"permission denied for table todos"}"#
    );
    assert_eq!(shown(failure(&error, true)).2, "");
}
