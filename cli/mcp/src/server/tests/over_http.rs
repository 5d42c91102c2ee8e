//! The same over HTTP: who is let in, what is no message, sessions and streams.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::bench::{TestDesk, server};
use crate::server::stream::MESSAGE_BYTES_MAX;
use crate::{Answer, Endpoint, Session};

const HOST: &str = "127.0.0.1:4000";

fn endpoint(desk: &Arc<TestDesk>) -> Endpoint<Session> {
    let server = server(desk);
    Endpoint::new(move || server.session(), &[HOST.to_owned()])
}

fn post(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request =
        Request::builder().method(Method::POST).uri("/mcp").header("content-type", "application/json");
    request = request.header("accept", "application/json, text/event-stream");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", HOST);
    }
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::new(body.into())).unwrap()
}

fn begin() -> String {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"},
    }})
    .to_string()
}

async fn body(answer: Answer) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The messages of a stream.
async fn messages(answer: Answer) -> Vec<Value> {
    let text = body(answer).await;
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
}

async fn session(endpoint: &Endpoint<Session>) -> String {
    let begun = endpoint.answer(post(&[], begin())).await;
    assert_eq!(begun.status(), StatusCode::OK);
    let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert_eq!(messages(begun).await[0]["result"]["serverInfo"]["name"], "loki");
    session
}

async fn echo(endpoint: &Endpoint<Session>, session: &str) {
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {}}});
    let answer = endpoint.answer(post(&[("mcp-session-id", session)], call.to_string())).await;
    let told = messages(answer).await;
    assert_eq!(told.last().unwrap()["result"]["content"][0]["text"], "said\nsaid: {}");
}

#[tokio::test]
async fn a_session_is_begun_used_and_ended() {
    let endpoint = endpoint(&Arc::default());
    let session = session(&endpoint).await;
    echo(&endpoint, &session).await;
    let end = Request::builder()
        .method(Method::DELETE)
        .uri("/mcp")
        .header("host", HOST)
        .header("mcp-session-id", &session);
    let ended = endpoint.answer(end.body(Full::<Bytes>::default()).unwrap()).await;
    assert!(ended.status().is_success());
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
    let gone = endpoint.answer(post(&[("mcp-session-id", session.as_str())], call.to_string())).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn other_hosts_and_pages_are_turned_away() {
    let endpoint = endpoint(&Arc::default());
    for (headers, status) in [
        (vec![], StatusCode::OK),
        (vec![("origin", "http://127.0.0.1:4000")], StatusCode::OK),
        (vec![("host", "evil.example")], StatusCode::FORBIDDEN),
        (vec![("host", "127.0.0.1:4001")], StatusCode::FORBIDDEN),
        (vec![("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        (vec![("origin", "http://127.0.0.1:4001")], StatusCode::FORBIDDEN),
        (vec![("origin", "null")], StatusCode::FORBIDDEN),
    ] {
        assert_eq!(endpoint.answer(post(&headers, begin())).await.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_an_error_of_the_protocol_and_the_session_lives() {
    let endpoint = endpoint(&Arc::default());
    let session = session(&endpoint).await;
    let in_session = [("mcp-session-id", session.as_str())];
    for (text, status, code) in [
        ("", 400, -32700),
        ("{", 400, -32700),
        ("\u{0}", 400, -32700),
        ("[]", 400, -32600),
        ("{}", 400, -32600),
        ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", 400, -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", 400, -32600),
    ] {
        for headers in [&[][..], &in_session[..]] {
            let answer = endpoint.answer(post(headers, text.to_owned())).await;
            assert_eq!(answer.status().as_u16(), status, "{text}");
            let told: Value = serde_json::from_str(&body(answer).await).unwrap();
            assert_eq!(told["error"]["code"], code, "{text}: {told}");
        }
    }
    for (text, code) in [
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no/such\"}", -32601),
        ("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":7}}", -32602),
        ("{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"none\"}}", -32602),
    ] {
        let told = messages(endpoint.answer(post(&in_session, text.to_owned())).await).await;
        assert_eq!(told.last().unwrap()["error"]["code"], code, "{text}");
    }
    let long = endpoint.answer(post(&in_session, vec![b' '; MESSAGE_BYTES_MAX + 1])).await;
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
    echo(&endpoint, &session).await;
}

#[tokio::test]
async fn sessions_have_a_limit_and_those_that_are_open_live() {
    let endpoint = endpoint(&Arc::default());
    let first = session(&endpoint).await;
    let mut refused = 0;
    for _ in 0..150 {
        let answer = endpoint.answer(post(&[], begin())).await;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            refused += 1;
        }
    }
    assert_eq!(refused, 150 - 127);
    echo(&endpoint, &first).await;
}

#[tokio::test]
async fn a_stream_that_broke_off_is_taken_up_where_it_was() {
    let desk = Arc::new(TestDesk::default());
    let endpoint = endpoint(&desk);
    let session = session(&endpoint).await;
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
        "name": "steps", "arguments": {}, "_meta": {"progressToken": 1},
    }});
    let answer = endpoint.answer(post(&[("mcp-session-id", session.as_str())], call.to_string())).await;
    let mut stream = answer.into_body();
    // The first event is read and the rest is not.
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    let id = first.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim().to_owned();
    drop(stream);
    let resume = Request::builder().method(Method::GET).uri("/mcp").header("host", HOST);
    let resume = resume.header("accept", "text/event-stream").header("mcp-session-id", &session);
    let resume = resume.header("last-event-id", &id).body(Full::<Bytes>::default()).unwrap();
    let told = messages(endpoint.answer(resume).await).await;
    assert!(told.iter().any(|message| message["id"] == 9 && message["result"].is_object()), "{told:?}");
}
