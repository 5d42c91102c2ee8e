//! `loki mcp --http`: who is let in, sessions, streams that are taken up again, two clients at once.

use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;

use loki_kit::http::Request;
use serde_json::{Value, json};

use super::bench::{Client, Http, events, names, text, with_backend};
use crate::env as loki;

#[test]
fn the_token_the_host_and_the_origin_are_looked_at() {
    let env = with_backend();
    let http = Http::start(&env, &[]);
    let file = env.path(&format!(".loki/mcp/{}.token", http.port));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for (method, path) in [
        ("POST", "/mcp"),
        ("GET", "/mcp"),
        ("DELETE", "/mcp"),
        ("GET", "/api/operations"),
        ("POST", "/api/operations/loki_project_status"),
        ("GET", "/nowhere"),
    ] {
        let with = |headers: &[(&'static str, String)]| {
            let mut request =
                Request { method, path: path.to_owned(), headers: headers.to_vec(), ..Request::default() };
            if method == "POST" {
                request.body = b"{}".to_vec();
            }
            http.send(&request).status
        };
        let host = || ("host", format!("127.0.0.1:{}", http.port));
        let bearer = || ("authorization", format!("Bearer {}", http.token));
        assert_eq!(with(&[host()]), 401, "{method} {path}");
        assert_eq!(with(&[host(), ("authorization", "Bearer wrong".to_owned())]), 401, "{method} {path}");
        assert_eq!(with(&[("host", "evil.example".to_owned()), bearer()]), 403, "{method} {path}");
        let origin = ("origin", "https://evil.example".to_owned());
        assert_eq!(with(&[host(), bearer(), origin]), 403, "{method} {path}");
    }
    let own =
        http.request("GET", "/api/operations").header("origin", format!("http://localhost:{}", http.port));
    assert_eq!(http.send(&own).status, 200);
    assert_eq!(http.interrupt(), Some(0));
    assert!(!file.exists(), "the token goes with the server");
}

#[test]
fn only_this_machine_is_served() {
    let env = with_backend();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refused = env.loki(&["mcp", "--http", address]).expect_code(2);
        assert!(refused.stderr.contains("not of this machine alone"), "{}", refused.stderr);
    }
    let bare = loki();
    bare.loki(&["mcp", "--http"]).expect_code(2);
    assert!(!bare.has(".loki"));
}

#[test]
fn a_session_is_begun_used_and_ended() {
    let env = with_backend();
    let http = Http::start(&env, &[]);
    let session = http.session();
    let listed = http.ask(&session, 2, "tools/list", json!({}));
    assert!(names(&listed).contains(&"forge_db_query".to_owned()), "{listed}");
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    assert_eq!(http.message(Some("00000000-0000-4000-8000-000000000000"), &list).status, 404);
    let end = http.request("DELETE", "/mcp").header("mcp-session-id", session.as_str());
    let ended = http.send(&end.header("mcp-protocol-version", "2025-11-25")).status;
    assert!((200..300).contains(&ended), "{ended}");
    assert_eq!(http.message(Some(&session), &list).status, 404, "it is over");
    // The newest version has no sessions.
    let modern = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/list", "params": {"_meta": super::bench::modern(json!({}))}});
    let request = Request { body: modern.to_string().into_bytes(), ..http.request("POST", "/mcp") };
    let answer =
        http.send(&request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/list"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("mcp-session-id").is_none());
}

/// The next event of a stream that carries a message.
fn next_event(stream: &mut impl BufRead) -> (String, Value) {
    let mut event = String::new();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended: {event}");
        event.push_str(&line);
        if line.trim().is_empty() {
            // Chunks of the transfer stand between the lines; they are no fields.
            if let Some(found) = events(&event).pop() {
                return found;
            }
            event.clear();
        }
    }
}

#[test]
fn a_stream_is_taken_up_where_it_broke_off() {
    let env = with_backend();
    let http = Http::start(&env, &["--allow", "write"]);
    let session = http.session();
    let mut stream = http.stream(&session, None);
    let changed = "notifications/tools/list_changed";
    let search = |id: u64, query: &str| {
        http.ask(&session, id, "tools/call", json!({"name": "tools_search", "arguments": {"query": query}}))
    };
    search(2, "tasks");
    let (first, told) = next_event(&mut stream);
    assert_eq!(told["method"], changed, "{told}");
    assert!(!first.is_empty(), "an event has an id");
    drop(stream);
    // What is said while nobody listens is said when somebody does again; the last that was heard may come twice.
    search(3, "auth");
    let mut again = http.stream(&session, Some(&first));
    let (mut second, mut told) = next_event(&mut again);
    if second == first {
        (second, told) = next_event(&mut again);
    }
    assert_eq!(told["method"], changed, "{told}");
    assert_ne!(first, second);
    // What is no event's name is answered too, and the session goes on.
    drop(http.stream(&session, Some("no-such-event")));
    assert_eq!(http.ask(&session, 4, "ping", json!({}))["result"], json!({}));
}

#[test]
fn two_clients_at_once_do_not_hear_each_other() {
    let env = with_backend();
    let http = Http::start(&env, &["--allow", "write"]);
    std::thread::scope(|scope| {
        for who in ["ada", "bob"] {
            let http = &http;
            scope.spawn(move || {
                let session = http.session();
                for n in 2..12 {
                    let query = json!({"sql": format!("select '{who}-{n}' as it")});
                    let told = http.ask(
                        &session,
                        n,
                        "tools/call",
                        json!({"name": "forge_db_query", "arguments": query}),
                    );
                    assert!(text(&told).contains(&format!("{who}-{n}")), "{told}");
                }
            });
        }
    });
    // A second server of the same project has a port and a token of its own.
    let other = Http::start(&env, &[]);
    assert!(other.port != http.port && other.token != http.token);
    let mut stdio = Client::begun(&env, &[]);
    stdio.lives();
}
