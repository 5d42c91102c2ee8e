use std::sync::Mutex;

use async_trait::async_trait;
use loki_mcp::desk::{Message, PromptInfo, ResourceInfo, ResourceText};
use loki_operation::{Access, Answer, Cost};
use serde_json::Map;
use tokio::sync::watch;

use super::*;

const TOKEN: &str = "a-token-that-nobody-guesses";
const PORT: u16 = 57_374;

/// A desk that answers as its input says, and remembers what it was asked.
#[derive(Default)]
struct Parrot {
    asked: Mutex<Vec<(String, Value, Option<String>)>>,
}

#[async_trait]
impl Desk for Parrot {
    fn offers(&self) -> Vec<Offer> {
        vec![Offer {
            name: "loki_echo".to_owned(),
            group: "run".to_owned(),
            summary: "Says it again.".to_owned(),
            access: Access::Write,
            cost: Cost::Free,
            idempotent: true,
            input_schema: json!({ "type": "object" }),
            output_schema: json!({ "type": "object" }),
        }]
    }

    async fn call(&self, name: &str, input: Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        let key = call.idempotency_key.map(str::to_owned);
        self.asked.lock().unwrap().push((name.to_owned(), input.clone(), key));
        let refuse = |kind| Err(Refusal::new(kind, "refused", "no").next("Do something else."));
        match input["refuse"].as_str() {
            None => Ok(Answer::new("said", input)),
            Some("unknown") => refuse(RefusalKind::Unknown),
            Some("input") => refuse(RefusalKind::Input),
            Some("denied") => refuse(RefusalKind::Denied),
            Some("not_available") => refuse(RefusalKind::NotAvailable),
            Some("conflict") => refuse(RefusalKind::Conflict),
            Some("approval") => refuse(RefusalKind::needs_approval("ab", "drop")),
            Some(_) => refuse(RefusalKind::Failed),
        }
    }

    async fn resources(&self) -> Vec<ResourceInfo> {
        Vec::new()
    }

    fn templates(&self) -> Vec<ResourceInfo> {
        Vec::new()
    }

    async fn read(&self, _uri: &str) -> Result<ResourceText, Refusal> {
        Err(Refusal::new(RefusalKind::Unknown, "no_resource", "none"))
    }

    fn prompts(&self) -> Vec<PromptInfo> {
        Vec::new()
    }

    async fn prompt(&self, _name: &str, _arguments: &Map<String, Value>) -> Result<Vec<Message>, Refusal> {
        Ok(Vec::new())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }
}

struct Bench {
    desk: Arc<Parrot>,
    door: Door,
}

fn bench() -> Bench {
    let desk = Arc::new(Parrot::default());
    let door = Door::new(desk.clone(), Allow::EVERYTHING, Arc::new(Guard::new(TOKEN.to_owned(), PORT)));
    Bench { desk, door }
}

/// A request that is let in, to be changed by the test.
fn request(method: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("127.0.0.1:{PORT}"))
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

async fn ask(door: &Door, request: Request<Full<Bytes>>) -> (u16, Value, HeaderMap) {
    let response = door.answer(request).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(parts.headers["content-type"], "application/json");
    assert_eq!(parts.headers["cache-control"], "no-store");
    (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap(), parts.headers)
}

#[tokio::test]
async fn operations_are_told_of_and_carried_out() {
    let Bench { desk, door } = bench();
    let (status, told, _) = ask(&door, request("GET", "/api/operations", "")).await;
    assert_eq!((status, &told["operations"][0]["name"]), (200, &json!("loki_echo")));
    let (status, told, _) = ask(&door, request("GET", "/api/operations/loki_echo", "")).await;
    assert_eq!((status, &told["access"]), (200, &json!("write")));
    assert_eq!(ask(&door, request("GET", "/api/operations/rm", "")).await.0, 404);
    let mut call = request("POST", "/api/operations/loki_echo", "{\"a\":1}");
    call.headers_mut().insert("idempotency-key", HeaderValue::from_static("k-1"));
    let (status, told, _) = ask(&door, call).await;
    assert_eq!((status, told), (200, json!({"summary": "said", "data": {"a": 1}, "untrusted": false})));
    assert_eq!(ask(&door, request("POST", "/api/operations/loki_echo", "")).await.1["data"], json!({}));
    let asked = desk.asked.lock().unwrap();
    assert_eq!(asked[0], ("loki_echo".to_owned(), json!({"a": 1}), Some("k-1".to_owned())));
}

#[tokio::test]
async fn every_kind_of_refusal_has_its_status() {
    let Bench { door, .. } = bench();
    for (word, expected) in [
        ("unknown", 404),
        ("input", 422),
        ("denied", 403),
        ("not_available", 501),
        ("approval", 409),
        ("conflict", 409),
        ("failed", 500),
    ] {
        let body = json!({ "refuse": word }).to_string();
        let (status, told, _) = ask(&door, request("POST", "/api/operations/loki_echo", &body)).await;
        assert_eq!(status, expected, "{word}");
        assert_eq!(told["error"]["next_actions"][0], "Do something else.");
        assert_eq!(told["proposal"].is_object(), word == "approval", "{word}: {told}");
    }
}

/// Whatever is asked for, in whichever way: without the token, or for another host or origin, nothing is done.
#[tokio::test]
async fn nobody_gets_in_without_the_token_or_from_another_site() {
    let Bench { desk, door } = bench();
    let put = |name: &'static str, value: &'static str| {
        move |headers: &mut HeaderMap| drop(headers.insert(name, HeaderValue::from_static(value)))
    };
    let without = |name: &'static str| move |headers: &mut HeaderMap| drop(headers.remove(name));
    let twice = |name: &'static str, value: &'static str| {
        move |headers: &mut HeaderMap| assert!(headers.append(name, HeaderValue::from_static(value)))
    };
    type Change = Box<dyn Fn(&mut HeaderMap)>;
    let changes: Vec<(&str, u16, Change)> = vec![
        ("no token", 401, Box::new(without("authorization"))),
        ("another token", 401, Box::new(put("authorization", "Bearer a-token-that-somebody-guesses"))),
        ("a beginning of it", 401, Box::new(put("authorization", "Bearer a-token"))),
        ("an empty one", 401, Box::new(put("authorization", "Bearer "))),
        ("another scheme", 401, Box::new(put("authorization", "Basic a-token-that-nobody-guesses"))),
        ("two tokens", 401, Box::new(twice("authorization", "Bearer a-token-that-nobody-guesses"))),
        ("no host", 403, Box::new(without("host"))),
        ("a host of a site", 403, Box::new(put("host", "evil.example:57374"))),
        ("another port", 403, Box::new(put("host", "127.0.0.1:80"))),
        ("another host beside", 403, Box::new(twice("host", "evil.example"))),
        ("a page elsewhere", 403, Box::new(put("origin", "https://evil.example"))),
        ("a sandboxed page", 403, Box::new(put("origin", "null"))),
        ("a page on another port", 403, Box::new(put("origin", "http://127.0.0.1:8080"))),
    ];
    for (what, expected, change) in changes {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"] {
            for path in
                ["/api/operations", "/api/operations/", "/api/operations/loki_echo", "/api/operations/x/y"]
            {
                let mut request = request(method, path, "{}");
                change(request.headers_mut());
                let (status, told, _) = ask(&door, request).await;
                assert_eq!(status, expected, "{what}: {method} {path}: {told}");
            }
        }
    }
    assert_eq!(desk.asked.lock().unwrap().len(), 0);
    // The control: as it should be, and from a page of our own.
    for origin in ["http://127.0.0.1:57374", "http://localhost:57374"] {
        let mut request = request("POST", "/api/operations/loki_echo", "{}");
        request.headers_mut().insert("origin", HeaderValue::from_static(origin));
        assert_eq!(ask(&door, request).await.0, 200);
    }
}

#[tokio::test]
async fn an_empty_token_opens_nothing() {
    let door =
        Door::new(Arc::new(Parrot::default()), Allow::EVERYTHING, Arc::new(Guard::new(String::new(), PORT)));
    for shown in ["Bearer ", "Bearer", "Bearer x"] {
        let mut request = request("GET", "/api/operations", "");
        request.headers_mut().insert("authorization", HeaderValue::from_static(shown));
        assert_eq!(ask(&door, request).await.0, 401, "{shown:?}");
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused_before_the_desk_hears_of_it() {
    let Bench { desk, door } = bench();
    let call = |body: &str| request("POST", "/api/operations/loki_echo", body);
    let typed = |value: &'static str| {
        let mut request = call("{}");
        request.headers_mut().insert("content-type", HeaderValue::from_static(value));
        request
    };
    let keyed = |value: &[u8]| {
        let mut request = call("{}");
        request.headers_mut().insert("idempotency-key", HeaderValue::from_bytes(value).unwrap());
        request
    };
    let deep = "[".repeat(100_000);
    let large = " ".repeat(BODY_BYTES_MAX + 1);
    let cases = [
        ("text", typed("text/plain"), 415),
        ("a form", typed("application/x-www-form-urlencoded"), 415),
        ("no JSON", call("{\"a\":"), 400),
        ("no UTF-8", call("\u{fffd}"), 400),
        ("depth", call(&deep), 400),
        ("size", call(&large), 413),
        ("a key with blanks", keyed(b"a b"), 400),
        ("an empty key", keyed(b""), 400),
        ("a long key", keyed(&[b'k'; KEY_BYTES_MAX + 1]), 400),
        ("a key of bytes", keyed(b"\xff"), 400),
        ("no name", request("POST", "/api/operations", "{}"), 405),
        ("another method", request("DELETE", "/api/operations/loki_echo", "{}"), 405),
    ];
    for (what, request, expected) in cases {
        let (status, told, headers) = ask(&door, request).await;
        assert_eq!(status, expected, "{what}: {told}");
        assert!(!told["error"]["next_actions"].as_array().unwrap().is_empty(), "{what}");
        assert_eq!(headers.contains_key("allow"), expected == 405, "{what}");
    }
    assert_eq!(desk.asked.lock().unwrap().len(), 0);
    let charset = typed("application/json; charset=utf-8");
    assert_eq!(ask(&door, charset).await.0, 200);
    // It may be JSON and yet no object: that is for the desk to refuse.
    assert_eq!(ask(&door, call("[]")).await.0, 200);
}

#[test]
fn the_door_knows_its_paths() {
    for (path, ours) in [
        ("/api/operations", true),
        ("/api/operations/loki_echo", true),
        ("/api/operationsx", false),
        ("/mcp", false),
        ("/", false),
    ] {
        assert_eq!(Door::is_at(path), ours, "{path}");
    }
}
