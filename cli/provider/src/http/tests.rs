//! Tests of the way to the network, against servers on this machine that misbehave.

use std::time::Duration;

use rcgen::CertifiedKey;
use rustls::RootCertStore;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::endpoint::Endpoint;
use crate::testing::{
    Act, EVENTS, KEY, Server, endpoint, events, now_ms, plain, read_request, request, user,
};
use crate::{Cost, Provider, Tokens, Turn, connect};

/// A day: for what must not run out where time is made up.
const DAY_MS: u64 = 24 * 3600 * 1000;

fn http(limits: Limits) -> Arc<Http> {
    Arc::new(Http::new(limits, now_ms()).unwrap())
}

fn provider(vendor: &str, url: &str, limits: Limits) -> Arc<dyn Provider> {
    let endpoint = Endpoint { base_url: Some(url.to_owned()), ..endpoint(vendor, "m") };
    connect(endpoint, http(limits)).unwrap()
}

async fn ask(vendor: &str, server: &Server, limits: Limits) -> Result<Turn, ProviderError> {
    provider(vendor, &server.url, limits).turn(&request(vec![user("Fix it.")])).await
}

/// Asks a model of Anthropic's that answers so.
async fn answered(answer: String) -> ProviderError {
    let server = Server::start(vec![Act::Say(answer)]).await;
    ask("anthropic", &server, Limits::default()).await.unwrap_err()
}

fn started() -> Value {
    json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1,
        "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30}}})
}

fn said(text: &str) -> [Value; 2] {
    [
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
    ]
}

/// All that Anthropic says in a short answer.
fn short_answer() -> Vec<Value> {
    let mut parts = vec![started()];
    parts.extend(said("Done."));
    parts.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
    );
    parts.push(json!({"type": "message_stop"}));
    parts
}

fn transient(error: &ProviderError) -> (&str, Option<u64>, bool, Option<(Tokens, Cost)>) {
    match error {
        ProviderError::Transient { message, retry_after_ms, rate_limited, spent } => {
            (message, *retry_after_ms, *rate_limited, *spent)
        }
        ProviderError::Permanent { .. } => panic!("not transient: {error}"),
    }
}

fn permanent(error: &ProviderError) -> (Refusal, &str) {
    match error {
        ProviderError::Permanent { refusal, message, .. } => (*refusal, message),
        ProviderError::Transient { .. } => panic!("not permanent: {error}"),
    }
}

#[tokio::test]
async fn a_turn_with_anthropic() {
    let server = Server::start(vec![Act::Say(format!("{EVENTS}{}", events(&short_answer())))]).await;
    let turn = ask("anthropic", &server, Limits::default()).await.unwrap();
    let tokens = Tokens { input: 10, output: 5, cache_read: 30, cache_write: 20 };
    assert_eq!((turn.text.as_str(), turn.tokens), ("Done.", tokens));
    assert_eq!(turn.cost, Cost::Measured { micro_usd: 10 + 2 * 5 + 3 * 30 + 4 * 20 });
    assert_eq!(turn.model, "anthropic:m");
    let asked = server.asked().concat();
    assert!(asked.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{asked}");
    for header in
        ["anthropic-version: 2023-06-01", "content-type: application/json", "accept: text/event-stream"]
    {
        assert!(asked.contains(&format!("\r\n{header}\r\n")), "{header} in {asked}");
    }
    assert!(asked.contains(&format!("\r\nx-api-key: {KEY}\r\n")));
    assert!(!asked.to_lowercase().contains("authorization:"));
}

#[tokio::test]
async fn turns_with_openai() {
    let chat = [
        json!({"choices": [{"index": 0, "delta": {"content": "Done."}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}),
    ];
    let message = json!({"type": "message", "content": [{"type": "output_text", "text": "Done."}]});
    let usage = json!({"input_tokens": 10, "output_tokens": 5});
    let response = json!({"status": "completed", "output": [message], "usage": usage});
    let responses = [json!({"type": "response.completed", "response": response})];
    for (vendor, parts, path) in
        [("openai-chat", &chat[..], "/v1/chat/completions"), ("openai", &responses[..], "/v1/responses")]
    {
        let server =
            Server::start(vec![Act::Say(format!("{EVENTS}{}data: [DONE]\n\n", events(parts)))]).await;
        let url = format!("{}/v1/", server.url);
        let turn =
            provider(vendor, &url, Limits::default()).turn(&request(vec![user("Fix it.")])).await.unwrap();
        assert_eq!((turn.text.as_str(), turn.cost), ("Done.", Cost::Measured { micro_usd: 20 }), "{vendor}");
        let asked = server.asked().concat();
        assert!(asked.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{asked}");
        assert!(asked.contains(&format!("\r\nauthorization: Bearer {KEY}\r\n")), "{asked}");
    }
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let headers = "retry-after: 7\r\nanthropic-ratelimit-tokens-remaining: 0\r\n\
                   anthropic-ratelimit-tokens-reset: 2025-10-21T07:28:30Z\r\n";
    let body =
        json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slower"}}).to_string();
    let error = answered(plain("429 Too Many Requests", headers, &body)).await;
    assert_eq!(transient(&error), ("HTTP 429: rate_limit_error: slower", Some(30_000), true, None));
    let error = answered(plain("529 Overloaded", "", "")).await;
    assert_eq!(transient(&error), ("HTTP 529: no explanation", None, false, None));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(vec![Act::Say(plain("200 OK", "", ""))]).await;
    for status in ["301 Moved", "307 Temporary", "308 Permanent"] {
        let location = format!("location: {}/v1/messages\r\n", elsewhere.url);
        let error = answered(plain(status, &location, "")).await;
        let (refusal, message) = permanent(&error);
        assert_eq!(refusal, Refusal::Other);
        assert!(message.contains("a redirect, which is not followed"), "{message}");
    }
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_stream_says_what_it_cost() {
    let parts = [&[started()][..], &said("Do")].concat();
    let chunk = events(&parts);
    let chunked = EVENTS.replace("connection: close", "transfer-encoding: chunked");
    let tokens = Tokens { input: 10, output: 1, cache_read: 30, cache_write: 20 };
    let spent = Some((tokens, Cost::Measured { micro_usd: 10 + 2 + 90 + 80 }));
    for answer in [format!("{EVENTS}{chunk}"), format!("{chunked}{:x}\r\n{chunk}\r\n", chunk.len())] {
        let error = answered(answer).await;
        let (message, wait, limited, said) = transient(&error);
        assert!(message.starts_with("the connection broke: "), "{message}");
        assert_eq!((wait, limited, said), (None, false, spent));
    }
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let error = answered(format!("{EVENTS}{chunk}{}", events(&[overloaded]))).await;
    assert_eq!(transient(&error), ("overloaded_error: Overloaded", None, false, spent));
}

#[tokio::test]
async fn a_broken_stream_without_usage_is_estimated() {
    let part = json!({"choices": [{"index": 0, "delta": {"content": "Do"}}]});
    let server = Server::start(vec![Act::Say(format!("{EVENTS}{}", events(&[part])))]).await;
    let error = ask("openai-chat", &server, Limits::default()).await.unwrap_err();
    let (_, _, _, spent) = transient(&error);
    let (tokens, cost) = spent.unwrap();
    assert!(tokens.input > 0 && tokens.output > 0);
    assert!(matches!(cost, Cost::Estimated { micro_usd } if micro_usd > 0));
}

#[tokio::test]
async fn nothing_is_spent_where_nothing_came() {
    for answer in ["", "HTTP/1.1 200 OK\r\n", EVENTS] {
        let error = answered(answer.to_owned()).await;
        assert_eq!(transient(&error).3, None, "{answer}");
    }
    let server = Server::start(vec![]).await;
    let url = server.url.clone();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    drop(server);
    for url in [url, format!("http://{free}")] {
        let provider = provider("anthropic", &url, Limits::default());
        let error = provider.turn(&request(vec![user("x")])).await.unwrap_err();
        let (message, ..) = transient(&error);
        assert!(message.starts_with("the connection broke: "), "{message}");
        assert!(!message.contains(&url), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_is_whole_counts_though_its_connection_breaks() {
    let part = json!({"choices": [{"index": 0, "delta": {"content": "Done."}, "finish_reason": "stop"}]});
    let chunk = events(&[part]);
    let chunked = EVENTS.replace("connection: close", "transfer-encoding: chunked");
    let server = Server::start(vec![Act::Say(format!("{chunked}{:x}\r\n{chunk}\r\n", chunk.len()))]).await;
    let turn = ask("openai-chat", &server, Limits::default()).await.unwrap();
    assert_eq!(turn.text, "Done.");
    assert!(matches!(turn.cost, Cost::Estimated { .. }), "{:?}", turn.cost);
}

#[tokio::test]
async fn what_is_no_stream_of_events_is_one_clear_error() {
    let page = plain("200 OK", "content-type: text/html\r\n", "<html>Log in</html>");
    assert_eq!(
        permanent(&answered(page).await),
        (
            Refusal::Other,
            "a stream of events was asked for and `text/html` came: a web page in place of an answer; \
             is the base URL right?"
        )
    );
    let other = plain("200 OK", "content-type: application/json\r\n", "{\"ok\":true}");
    assert_eq!(permanent(&answered(other).await).0, Refusal::Other);
    assert_eq!(permanent(&answered(plain("200 OK", "", "data: x\n\n")).await).0, Refusal::Other);
    let packed = EVENTS.replace("connection", "content-encoding: gzip\r\nconnection");
    assert_eq!(permanent(&answered(packed).await).0, Refusal::Other);
    let hidden = json!({"error": {"type": "overloaded_error", "message": "later"}}).to_string();
    let error = answered(plain("200 OK", "content-type: application/json\r\n", &hidden)).await;
    assert_eq!(transient(&error).0, "overloaded_error: later");
}

#[tokio::test]
async fn the_key_is_in_no_error() {
    let body =
        json!({"error": {"type": "authentication_error", "message": format!("bad key {KEY}")}}).to_string();
    let error = answered(plain("401 Unauthorized", "", &body)).await;
    assert_eq!(permanent(&error), (Refusal::Key, "HTTP 401: authentication_error: bad key [key]"));
    let part = json!({"type": "error", "error": {"type": KEY, "message": KEY}});
    let error = answered(format!("{EVENTS}{}", events(&[part]))).await;
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    let kind = format!("content-type: {KEY}\r\n");
    let error = answered(plain("200 OK", &kind, "")).await;
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
}

#[tokio::test]
async fn answers_and_events_are_bounded() {
    let limits = Limits { response_bytes_max: 10_000, event_bytes_max: 1000, ..Limits::default() };
    let flood = format!("{EVENTS}{}", ": x\n\n".repeat(4000));
    let server = Server::start(vec![Act::Say(flood)]).await;
    let error = ask("anthropic", &server, limits).await.unwrap_err();
    assert_eq!(
        permanent(&error),
        (Refusal::Other, "the answer is out of bounds: too many bytes in an answer")
    );
    let server = Server::start(vec![Act::Say(format!("{EVENTS}data: {}\n\n", "x".repeat(2000)))]).await;
    let error = ask("anthropic", &server, limits).await.unwrap_err();
    assert_eq!(
        permanent(&error),
        (Refusal::Other, "the answer is out of bounds: too many bytes in one event")
    );
}

#[tokio::test]
async fn of_a_long_complaint_only_the_beginning_is_read() {
    // The server never ends its complaint; the client leaves once it has read enough.
    let endless = format!("HTTP/1.1 500 Oops\r\n\r\n{}", "x".repeat(2 * COMPLAINT_BYTES_MAX));
    let server = Server::start(vec![Act::Hold(endless)]).await;
    let error = ask("anthropic", &server, Limits::default()).await.unwrap_err();
    assert!(error.to_string().len() < 600, "{error}");
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let limits =
        Limits { connect_ms_max: DAY_MS, idle_ms_max: 30_000, total_ms_max: DAY_MS, ..Limits::default() };
    for answer in ["", "HTTP/1.1 200 OK\r\n", EVENTS] {
        let server = Server::start(vec![Act::Hold(answer.to_owned())]).await;
        let error = ask("anthropic", &server, limits).await.unwrap_err();
        assert_eq!(transient(&error).0, "it was silent for 30 s");
    }
    let server = Server::start(vec![Act::Hold("HTTP/1.1 503 Oops\r\n\r\nbusy".to_owned())]).await;
    let error = ask("anthropic", &server, limits).await.unwrap_err();
    assert_eq!(transient(&error).0, "HTTP 503: busy");
}

#[tokio::test(start_paused = true)]
async fn a_slow_trickle_has_an_end() {
    let limits =
        Limits { connect_ms_max: DAY_MS, idle_ms_max: 30_000, total_ms_max: 300_000, ..Limits::default() };
    let server = Server::start(vec![Act::Trickle(EVENTS.to_owned())]).await;
    let began = tokio::time::Instant::now();
    let error = ask("anthropic", &server, limits).await.unwrap_err();
    assert_eq!(transient(&error).0, "no whole answer within 300 s");
    assert_eq!(began.elapsed().as_secs(), 300);
}

#[tokio::test]
async fn a_turn_that_is_dropped_is_abandoned() {
    let server = Server::start(vec![Act::Hold(format!("{EVENTS}{}", events(&[started()])))]).await;
    let provider = provider("anthropic", &server.url, Limits::default());
    let turn = tokio::spawn(async move { provider.turn(&request(vec![user("x")])).await.map(drop) });
    while server.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    turn.abort();
    tokio::time::timeout(Duration::from_secs(10), server.left.notified()).await.unwrap();
}

#[tokio::test]
async fn local_models_cost_nothing_and_need_no_key() {
    let part = json!({"choices": [{"index": 0, "delta": {"content": "Done."}, "finish_reason": "stop"}]});
    let server = Server::start(vec![Act::Say(format!("{EVENTS}{}", events(&[part])))]).await;
    let base_url = Some(server.url.clone());
    let endpoint = Endpoint { base_url, key: None, price: None, ..endpoint("ollama", "qwen:7b") };
    let provider = connect(endpoint, http(Limits::default())).unwrap();
    let request = request(vec![user("x")]);
    assert_eq!(provider.quote(&request).cost, Cost::Measured { micro_usd: 0 });
    assert_eq!(provider.turn(&request).await.unwrap().cost, Cost::Measured { micro_usd: 0 });
    assert!(!server.asked().concat().to_lowercase().contains("authorization"));
}

/// A server on this machine that speaks TLS and answers once, and its certificate.
async fn tls_server(answer: String) -> (String, RootCertStore) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        // A client that does not trust the certificate goes away.
        let Ok(mut client) = acceptor.accept(client).await else { return };
        read_request(&mut client).await;
        client.write_all(answer.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
    });
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    (format!("https://localhost:{port}"), roots)
}

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate_alone() {
    for trusted in [true, false] {
        let (url, roots) = tls_server(format!("{EVENTS}{}", events(&short_answer()))).await;
        let roots = if trusted { roots } else { client::system_roots() };
        let http = Http::trusting(roots, Limits::default(), now_ms()).unwrap();
        let endpoint = Endpoint { base_url: Some(url), ..endpoint("anthropic", "m") };
        let turn = connect(endpoint, Arc::new(http)).unwrap().turn(&request(vec![user("x")])).await;
        if trusted {
            assert_eq!(turn.unwrap().text, "Done.");
        } else {
            let error = turn.unwrap_err();
            let (refusal, message) = permanent(&error);
            assert_eq!(refusal, Refusal::Other);
            assert!(message.starts_with("the server's certificate is not to be trusted: "), "{message}");
        }
    }
}
