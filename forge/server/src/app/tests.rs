use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CONTENT_ENCODING, HOST, ORIGIN,
    RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE,
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::*;
use crate::limits::Rate;
use crate::scene::{NOW, Scene};
use crate::settings::Rates;

const LOCAL: &str = "127.0.0.1:4000";
const REMOTE: &str = "203.0.113.7:4000";

/// Headers of a request.
type Headers = &'static [(&'static str, &'static str)];

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    let has_host = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let builder = if has_host { builder } else { builder.header(HOST, "localhost") };
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value))
}

async fn send(
    scene: &Scene,
    peer: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let request = request(method, path, headers).body(Full::new(body.into())).unwrap();
    let (head, body) = scene.app.answer(peer.parse().unwrap(), request).await.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

async fn get(scene: &Scene, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    send(scene, LOCAL, "GET", path, headers, "").await
}

fn value(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|_| panic!("{response:?}"))
}

#[track_caller]
fn assert_problem(response: &Response<Bytes>, status: u16, code: &str) {
    let body = value(response);
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "details", "hint", "message"]);
    assert_eq!((response.status().as_u16(), body["code"].as_str().unwrap()), (status, code), "{body}");
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "pages must see errors too");
}

#[tokio::test]
async fn a_service_sees_its_part_of_the_path_and_who_asks() {
    let scene = Scene::new(|_| {});
    let answer = value(&get(&scene, "/rest/v1/todos?id=eq.1", &[("traceparent", "x")]).await);
    assert_eq!(answer["uri"], "/todos?id=eq.1");
    assert_eq!((&answer["role"], &answer["headers"]["traceparent"]), (&json!("anon"), &json!("x")));
    let keys = scene.keys();
    let token = keys.signer().unwrap().sign(&json!({ "sub": "ada", "role": "authenticated" })).unwrap();
    let bearer = format!("Bearer {token}");
    let headers = [("apikey", keys.publishable.as_str()), ("Authorization", &bearer)];
    let answer = value(&send(&scene, LOCAL, "POST", "/rest/v1/rpc/f", &headers, "{}").await);
    assert_eq!(answer["uri"], "/rpc/f");
    assert_eq!(
        (&answer["role"], &answer["subject"], &answer["body"]),
        (&json!("authenticated"), &json!("ada"), &json!("{}"))
    );
}

#[tokio::test]
async fn wrong_keys_and_tokens_are_refused() {
    let scene = Scene::new(|_| {});
    let keys = scene.keys();
    let expired = keys.signer().unwrap().sign(&json!({ "exp": NOW - 100 })).unwrap();
    for (name, value, code) in [
        ("apikey", "sb_secret_wrong".to_owned(), "PGRST301"),
        ("apikey", "nonsense".to_owned(), "PGRST301"),
        ("Authorization", "Bearer a.b.c".to_owned(), "PGRST301"),
        ("Authorization", "Bearer ".to_owned(), "PGRST301"),
        ("Authorization", format!("Bearer {expired}"), "PGRST303"),
    ] {
        let response = get(&scene, "/rest/v1/todos", &[(name, &value)]).await;
        assert_problem(&response, 401, code);
        assert!(response.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer error="));
    }
    let twice = [("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer d.e.f")];
    assert_problem(&get(&scene, "/rest/v1/todos", &twice).await, 401, "PGRST301");
    let (key, agent) = (keys.secret.as_str(), "Mozilla/5.0 (X11)");
    let bearer = format!("Bearer {key}");
    for (name, value) in [("apikey", key), ("Authorization", &bearer)] {
        let headers = [(name, value), ("User-Agent", agent)];
        assert_problem(&get(&scene, "/rest/v1/todos", &headers).await, 401, "secret_key_in_browser");
    }
    let publishable = [("apikey", keys.publishable.as_str()), (USER_AGENT.as_str(), agent)];
    assert_eq!(get(&scene, "/rest/v1/todos", &publishable).await.status(), 200);
}

/// Every route, and who may ask it where a key is required.
#[tokio::test]
async fn only_public_routes_answer_without_a_key() {
    let scene = Scene::new(|settings| settings.key_required = true);
    let keys = scene.keys();
    for (path, without, publishable, secret) in [
        ("/", 200, 200, 200),
        ("/healthz", 200, 200, 200),
        ("/readyz", 200, 200, 200),
        ("/.well-known/jwks.json", 200, 200, 200),
        ("/auth/v1/.well-known/jwks.json", 200, 200, 200),
        ("/metrics", 401, 401, 200),
        ("/openapi.json", 401, 401, 200),
        ("/rest/v1", 401, 200, 200),
        ("/rest/v1/", 401, 200, 200),
        ("/rest/v1/todos", 401, 200, 200),
        ("/rest/v1/rpc/f", 401, 200, 200),
        ("/auth/v1/token", 404, 404, 404),
        ("/storage/v1/object", 404, 404, 404),
        ("/functions/v1/f", 404, 404, 404),
        ("/realtime/v1/websocket", 404, 404, 404),
        ("/other", 404, 404, 404),
    ] {
        for (headers, expected) in [
            (vec![], without),
            (vec![("apikey", keys.publishable.as_str())], publishable),
            (vec![("apikey", keys.secret.as_str())], secret),
        ] {
            // Not from loopback: what tells about the inside is open there.
            let headers = [headers, vec![("host", "localhost")]].concat();
            let response = send(&scene, REMOTE, "GET", path, &headers, "").await;
            assert_eq!(response.status().as_u16(), expected, "{path} {headers:?}");
        }
    }
    let user = keys.signer().unwrap().sign(&json!({ "role": "authenticated", "sub": "u" })).unwrap();
    let bearer = format!("Bearer {user}");
    let response = send(&scene, REMOTE, "GET", "/metrics", &[(AUTHORIZATION.as_str(), &bearer)], "").await;
    assert_problem(&response, 403, "secret_key_required");
}

#[tokio::test]
async fn the_inside_is_told_on_the_machine_itself_but_not_to_pages_and_proxies() {
    let scene = Scene::new(|_| {});
    for path in ["/metrics", "/openapi.json"] {
        assert_eq!(get(&scene, path, &[]).await.status(), 200);
        for (name, value) in
            [("origin", "https://page.example"), ("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=x")]
        {
            assert_problem(&get(&scene, path, &[(name, value)]).await, 401, "secret_key_required");
        }
    }
}

#[tokio::test]
async fn what_is_not_mounted_says_its_name() {
    let scene = Scene::new(|_| {});
    let response = get(&scene, "/storage/v1/object/x", &[]).await;
    assert_problem(&response, 404, "not_available");
    assert!(value(&response)["message"].as_str().unwrap().contains("`storage`"));
    assert_problem(&get(&scene, "/other", &[]).await, 404, "not_found");
    assert_problem(&send(&scene, LOCAL, "POST", "/healthz", &[], "").await, 405, "method_not_allowed");
}

#[tokio::test]
async fn pages_of_any_origin_may_ask_with_any_header() {
    let scene = Scene::new(|settings| settings.key_required = true);
    let headers = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "apikey, x-anything"),
    ];
    let response = send(&scene, LOCAL, "OPTIONS", "/rest/v1/todos", &headers, "").await;
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "apikey, x-anything");
    assert!(response.headers()[ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("PATCH"));
    assert!(response.headers().contains_key(ACCESS_CONTROL_MAX_AGE));
    let odd = [headers[0], headers[1], ("Access-Control-Request-Headers", "a\"b")];
    let response = send(&scene, LOCAL, "OPTIONS", "/rest/v1/todos", &odd, "").await;
    assert_ne!(response.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "a\"b");
    // Without a preflight's headers it is the service's to answer.
    let key = scene.keys().publishable.clone();
    let response = send(&scene, LOCAL, "OPTIONS", "/rest/v1/todos", &[("apikey", &key)], "").await;
    assert_eq!(value(&response)["method"], "OPTIONS");
    let exposed = response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    for name in ["Content-Range", "Content-Location", "Preference-Applied", "Location"] {
        assert!(exposed.contains(name), "{name}");
    }
}

#[tokio::test]
async fn other_names_than_ours_are_refused() {
    let scene = Scene::new(|_| {});
    for path in ["/rest/v1/todos", "/", "/healthz", "/openapi.json"] {
        assert_problem(&get(&scene, path, &[("host", "evil.example")]).await, 403, "host_not_allowed");
    }
    let preflight = [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("access-control-request-method", "GET"),
    ];
    let response = send(&scene, LOCAL, "OPTIONS", "/rest/v1/todos", &preflight, "").await;
    assert_problem(&response, 403, "host_not_allowed");
    let open = Scene::new(|settings| settings.hosts = crate::host::Hosts::Any);
    assert_eq!(get(&open, "/rest/v1/todos", &[("host", "any.example")]).await.status(), 200);
}

#[tokio::test]
async fn bodies_are_bounded_before_and_after_they_are_inflated() {
    use std::io::Write;
    let scene = Scene::new(|settings| settings.body_bytes_max = 1_000);
    let post = |headers: Headers, body: Vec<u8>| send(&scene, LOCAL, "POST", "/rest/v1/todos", headers, body);
    assert_eq!(post(&[], vec![b'a'; 1_000]).await.status(), 200);
    assert_problem(&post(&[], vec![b'a'; 1_001]).await, 413, "body_too_long");
    let gzip = |length: usize| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
        writer.write_all(&vec![b'a'; length]).unwrap();
        writer.finish().unwrap()
    };
    let brotli = |length: usize| {
        let mut writer = brotli::CompressorWriter::new(Vec::new(), 4_096, 5, 20);
        writer.write_all(&vec![b'a'; length]).unwrap();
        writer.into_inner()
    };
    let zstd = |length: usize| zstd::bulk::compress(&vec![b'a'; length], 3).unwrap();
    let encodings: [(Headers, Vec<u8>, Vec<u8>); 3] = [
        (&[("content-encoding", "gzip")], gzip(1_000), gzip(5_000_000)),
        (&[("content-encoding", "br")], brotli(1_000), brotli(5_000_000)),
        (&[("content-encoding", "zstd")], zstd(1_000), zstd(5_000_000)),
    ];
    for (headers, fitting, bomb) in encodings {
        let answer = value(&post(headers, fitting).await);
        assert_eq!(answer["body"].as_str().unwrap().len(), 1_000);
        assert_eq!(answer["headers"]["content-length"], "1000");
        assert!(answer["headers"].get("content-encoding").is_none());
        // Cut where it would still be short enough on the wire.
        let mut bomb = bomb;
        bomb.truncate(900);
        let refused = post(headers, bomb).await;
        assert!(matches!(refused.status().as_u16(), 413 | 400), "{refused:?}");
        assert_problem(&post(headers, b"not compressed".to_vec()).await, 400, "encoding_broken");
    }
    let small_bomb = zstd(5_000_000);
    assert!(small_bomb.len() < 1_000, "{}", small_bomb.len());
    assert_problem(&post(&[("content-encoding", "zstd")], small_bomb).await, 413, "body_too_long");
    assert_problem(&post(&[("content-encoding", "compress")], vec![1]).await, 415, "encoding_unknown");
    assert_problem(&post(&[("content-encoding", "gzip, gzip")], vec![1]).await, 415, "encoding_unknown");
}

#[tokio::test]
async fn answers_are_made_smaller_for_who_asks() {
    let scene = Scene::new(|_| {});
    let plain = get(&scene, "/rest/v1/big", &[]).await;
    assert!(!plain.headers().contains_key(CONTENT_ENCODING) && plain.headers()["vary"] == "Accept-Encoding");
    for (accepted, name) in [("gzip, deflate", "gzip"), ("br", "br"), ("gzip, br, zstd", "zstd")] {
        let response = get(&scene, "/rest/v1/big", &[(ACCEPT_ENCODING.as_str(), accepted)]).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], name);
        assert!(response.body().len() < plain.body().len() / 10);
    }
    let small = get(&scene, "/rest/v1/x", &[(ACCEPT_ENCODING.as_str(), "gzip")]).await;
    assert!(!small.headers().contains_key(CONTENT_ENCODING));
}

#[tokio::test]
async fn head_and_204_have_no_body() {
    let scene = Scene::new(|_| {});
    let response = get(&scene, "/rest/v1/none", &[]).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    for path in ["/rest/v1/big", "/rest/v1/panic", "/healthz", "/other"] {
        let head = send(&scene, LOCAL, "HEAD", path, &[("accept-encoding", "gzip")], "").await;
        let get = get(&scene, path, &[]).await;
        assert_eq!((head.status(), head.body().len()), (get.status(), 0), "{path}");
        let length = head.headers()[CONTENT_LENGTH].to_str().unwrap();
        assert_eq!(length, get.body().len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_and_a_line_of_the_log() {
    let scene = Scene::new(|_| {});
    let response = get(&scene, "/rest/v1/panic", &[("x-request-id", "abc")]).await;
    assert_problem(&response, 500, "internal");
    assert!(!String::from_utf8_lossy(response.body()).contains("panics"));
    let log = scene.log.lock().unwrap().join("\n");
    assert!(
        log.contains("\"panic\":\"a service that panics\"") && log.contains("\"request_id\":\"abc\""),
        "{log}"
    );
    drop(log);
    assert_eq!(get(&scene, "/rest/v1/x", &[]).await.status(), 200);
    let metrics = String::from_utf8(get(&scene, "/metrics", &[]).await.into_body().to_vec()).unwrap();
    assert!(metrics.contains("forge_panics_total 1"));
}

#[tokio::test]
async fn the_log_has_no_secrets() {
    let scene = Scene::new(|_| {});
    let keys = scene.keys();
    let token = keys.signer().unwrap().sign(&json!({ "sub": "u", "role": "authenticated" })).unwrap();
    let bearer = format!("Bearer {token}");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        ("apikey", keys.secret.as_str()),
        ("authorization", &bearer),
        ("cookie", "session=cookie-secret"),
        ("traceparent", trace),
        ("x-request-id", "bad\" id"),
    ];
    send(&scene, LOCAL, "POST", "/rest/v1/todos?name=eq.query-secret", &headers, "body-secret").await;
    get(&scene, "/rest/v1/todos", &[("apikey", "sb_secret_mistyped")]).await;
    let log = scene.log.lock().unwrap().join("\n");
    for secret in [
        keys.secret.as_str(),
        &token,
        "cookie-secret",
        "query-secret",
        "body-secret",
        "mistyped",
        "bad\\\" id",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["path"], &line["status"], &line["role"]),
        (&json!("/rest/v1/todos"), &json!(200), &json!("authenticated"))
    );
    assert_eq!((&line["traceparent"], &line["bytes_in"]), (&json!(trace), &json!(11)));
}

#[tokio::test]
async fn request_ids_come_back_and_reach_the_service() {
    let scene = Scene::new(|_| {});
    let response = get(&scene, "/rest/v1/x", &[("x-request-id", "mine-1")]).await;
    assert_eq!(response.headers()["x-request-id"], "mine-1");
    let response = get(&scene, "/rest/v1/x", &[("x-request-id", "{\"forged\":true}")]).await;
    let made = response.headers()["x-request-id"].to_str().unwrap();
    assert!(made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
    assert_eq!(value(&response)["headers"]["x-request-id"], made);
}

fn rates(address: u32, key: u32) -> Option<Rates> {
    let rate = |burst| Rate { per_second: 1, burst };
    Some(Rates { address: rate(address), key: rate(key) })
}

async fn statuses(scene: &Scene, peer: &str, headers: &[(&str, &str)], count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(send(scene, peer, "GET", "/rest/v1/x", headers, "").await.status().as_u16());
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn addresses_and_keys_have_their_rates() {
    let scene = Scene::new(|settings| settings.rates = rates(2, 100));
    assert_eq!(statuses(&scene, REMOTE, &[], 3).await, [200, 200, 429]);
    assert_eq!(statuses(&scene, "203.0.113.8:1", &[], 1).await, [200], "another address");
    assert_eq!(statuses(&scene, LOCAL, &[], 5).await, [200; 5], "loopback");
    let response = send(&scene, REMOTE, "GET", "/rest/v1/x", &[], "").await;
    assert_problem(&response, 429, "too_many_requests");
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    // Wrong keys are counted before they are looked at.
    let wrong = [("apikey", "sb_secret_guess")];
    assert_eq!(statuses(&scene, "203.0.113.9:1", &wrong, 3).await, [401, 401, 429]);

    let scene = Scene::new(|settings| settings.rates = rates(100, 2));
    let keys = scene.keys();
    assert_eq!(statuses(&scene, REMOTE, &[("apikey", &keys.publishable)], 3).await, [200, 200, 429]);
    assert_eq!(statuses(&scene, REMOTE, &[("apikey", &keys.secret)], 4).await, [200; 4], "the secret key");
    assert_eq!(statuses(&scene, LOCAL, &[("apikey", &keys.publishable)], 3).await, [200; 3], "loopback");
    assert_eq!(statuses(&scene, REMOTE, &[], 4).await, [200; 4], "no key, no bound of keys");
    let sign =
        |sub: &str| keys.signer().unwrap().sign(&json!({ "sub": sub, "role": "authenticated" })).unwrap();
    for user in ["ada", "bob"] {
        let bearer = format!("Bearer {}", sign(user));
        assert_eq!(
            statuses(&scene, REMOTE, &[("authorization", &bearer)], 3).await,
            [200, 200, 429],
            "{user}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_trusted_proxies_say_who_asks() {
    let headers = |address: &'static str| [("x-forwarded-for", address)];
    let scene = Scene::new(|settings| settings.rates = rates(1, 100));
    assert_eq!(statuses(&scene, REMOTE, &headers("198.51.100.1"), 1).await, [200]);
    assert_eq!(
        statuses(&scene, REMOTE, &headers("198.51.100.2"), 1).await,
        [429],
        "the header is not believed"
    );
    let scene = Scene::new(|settings| {
        settings.rates = rates(1, 100);
        settings.trusted_proxies = vec!["203.0.113.7".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    });
    assert_eq!(statuses(&scene, REMOTE, &headers("198.51.100.1"), 2).await, [200, 429]);
    assert_eq!(statuses(&scene, REMOTE, &headers("198.51.100.2, 10.0.0.1"), 2).await, [200, 429]);
    // What the caller itself put in front does not count.
    assert_eq!(statuses(&scene, REMOTE, &headers("1.1.1.1, 198.51.100.2"), 1).await, [429]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_given_up() {
    let scene = Scene::new(|_| {});
    assert_problem(&get(&scene, "/rest/v1/slow", &[]).await, 504, "timeout");
}

/// A body that never comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_given_up() {
    let scene = Scene::new(|_| {});
    let request = request("POST", "/rest/v1/x", &[]).body(Never).unwrap();
    let response = scene.app.answer(LOCAL.parse().unwrap(), request).await;
    assert_eq!(response.status(), 408);
}

#[tokio::test]
async fn readiness_follows_the_services_and_the_end() {
    let scene = Scene::new(|_| {});
    let response = get(&scene, "/readyz", &[]).await;
    assert_eq!((response.status().as_u16(), &value(&response)["services"]["rest"]), (200, &json!("ready")));
    *scene.echo.unready.lock().unwrap() = Some("no database".to_owned());
    let response = get(&scene, "/readyz", &[]).await;
    assert_eq!(
        (response.status().as_u16(), &value(&response)["services"]["rest"]),
        (503, &json!("no database"))
    );
    assert_eq!(get(&scene, "/healthz", &[]).await.status(), 200);
    scene.app.begin_drain();
    assert_eq!(get(&scene, "/readyz", &[]).await.status(), 503);
    assert_eq!(get(&scene, "/healthz", &[]).await.status(), 200);
    let refused = get(&scene, "/rest/v1/x", &[]).await;
    assert_problem(&refused, 503, "draining");
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    assert_eq!(refused.headers()["connection"], "close");
}

#[tokio::test]
async fn documents_describe_what_is_here() {
    let scene = Scene::new(|_| {});
    let document = value(&get(&scene, "/openapi.json", &[]).await);
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/rest/v1/todos"]["get"].is_object());
    let root = value(&get(&scene, "/", &[]).await);
    assert_eq!((&root["services"], &root["version"]), (&json!({ "rest": "/rest/v1" }), &json!("1.2.3")));
    let keys = value(&get(&scene, "/auth/v1/.well-known/jwks.json", &[]).await);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert!(keys["keys"][0].get("d").is_none());
    let _ = get(&scene, "/rest/v1/a?x=1", &[]).await;
    let _ = send(&scene, LOCAL, "BREW", "/rest/v1/b", &[], "").await;
    let metrics = String::from_utf8(get(&scene, "/metrics", &[]).await.into_body().to_vec()).unwrap();
    for line in [
        "forge_requests_total{route=\"rest\",method=\"GET\",status=\"200\"} 1",
        "forge_requests_total{route=\"rest\",method=\"other\",status=\"200\"} 1",
        "forge_requests_in_flight 1",
        "forge_request_duration_seconds_count 5",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("BREW"));
}

#[tokio::test]
async fn a_key_that_was_renewed_elsewhere_counts_no_more() {
    let scene = Scene::new(|_| {});
    let key = scene.keys().secret.clone();
    let headers = [("apikey", key.as_str())];
    assert_eq!(get(&scene, "/rest/v1/x", &headers).await.status(), 200);
    scene.ring.renew().unwrap();
    assert!(scene.app.refresh_keys().unwrap() && !scene.app.refresh_keys().unwrap());
    assert_problem(&get(&scene, "/rest/v1/x", &headers).await, 401, "PGRST301");
    let origin = [(ORIGIN.as_str(), "x"), ("apikey", &scene.keys().secret)];
    assert_eq!(get(&scene, "/rest/v1/x", &origin).await.status(), 200);
}
