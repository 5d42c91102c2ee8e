//! The client and a real server of the same SDK, over a stream and over HTTP.

mod bench;

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;
use bench::{Odd, over_http, over_stream, settings};

fn input(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[tokio::test]
async fn tools_are_listed_and_called_whatever_the_way_of_beginning() {
    for protocol in [Protocol::Newest, Protocol::Handshake] {
        let server = Odd::default();
        let client = over_stream(&server, &Settings { protocol, ..settings() }).await.unwrap();
        let listing = client.tools().await.unwrap();
        let names: Vec<&String> = listing.tools.keys().collect();
        assert_eq!(names, ["echo", "fail", "hang", "refuse"]);
        assert!(matches!(listing.unusable["long"], DefinitionError::Description), "{:?}", listing.unusable);
        let answer = client.call("echo", &input(json!({"text": "hello\u{1b}[2J"}))).await.unwrap();
        assert_eq!((answer.is_error, answer.text.as_str()), (false, "hello\\u{1b}[2J"));
        let failed = client.call("fail", &Map::new()).await.unwrap();
        assert_eq!((failed.is_error, failed.text.as_str()), (true, "it broke"));
        client.close().await;
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_words_that_hide_nothing() {
    let client = over_stream(&Odd::default(), &settings()).await.unwrap();
    let error = client.call("refuse", &Map::new()).await.unwrap_err();
    let ClientError::Refused { code, words, .. } = error else { panic!("{error:?}") };
    assert_eq!((code, words.as_str()), (-32602, "no\\u{202e} way"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_left_and_told_so() {
    let server = Odd::default();
    let client = over_stream(&server, &settings()).await.unwrap();
    let error = client.call("hang", &Map::new()).await.unwrap_err();
    assert!(matches!(error, ClientError::TooSlow { seconds: 20, .. }), "{error:?}");
    // The connection is whole all the same.
    assert!(!client.call("echo", &input(json!({"text": "x"}))).await.unwrap().is_error);
}

#[tokio::test]
async fn a_server_that_dies_during_a_call_is_gone() {
    let server = Odd::default();
    let client = over_stream(&server, &settings()).await.unwrap();
    let hung = Map::new();
    let call = client.call("hang", &hung);
    let kill = async {
        server.began.notified().await;
        server.end.notify_one();
    };
    let (called, ()) = tokio::join!(call, kill);
    assert!(matches!(called, Err(ClientError::Gone | ClientError::Failed { .. })), "{called:?}");
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_stream_that_speaks_something_else_is_no_server() {
    let mut begun = 0;
    let settings = Settings { timeout: Duration::from_secs(2), ..settings() };
    let made = Client::over_stream(
        || {
            begun += 1;
            let (ours, mut theirs) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                tokio::io::AsyncWriteExt::write_all(&mut theirs, b"Usage: server [options]\n").await
            });
            Ok(tokio::io::split(ours))
        },
        &settings,
    );
    let error = made.await.err().unwrap();
    assert!(matches!(error, ClientError::Begin { .. } | ClientError::TooSlow { .. }), "{error:?}");
    assert!(begun >= 1);
}

#[tokio::test]
async fn a_changed_list_is_heard_of() {
    for protocol in [Protocol::Newest, Protocol::Handshake] {
        let server = Odd::default();
        let client = over_stream(&server, &Settings { protocol, ..settings() }).await.unwrap();
        let before = client.tools().await.unwrap().tools["echo"].digest.clone();
        let mut changes = client.changes();
        server.is_changed.store(true, Ordering::SeqCst);
        if protocol == Protocol::Handshake {
            client.call("echo", &input(json!({"text": "tell"}))).await.unwrap();
            tokio::time::timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
        }
        assert_ne!(client.tools().await.unwrap().tools["echo"].digest, before, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_server_over_http_is_shown_its_token_and_nothing_else_gets_in() {
    let (url, server) = over_http("s3cret").await;
    let right = Remote::new(&url, Some(Token::new("s3cret"))).unwrap();
    let client = Client::over_http(&right, &settings()).await.unwrap();
    let answer = client.call("echo", &input(json!({"text": "hello"}))).await.unwrap();
    assert_eq!(answer.text, "hello");
    client.close().await;
    for token in [None, Some(Token::new("wrong"))] {
        let wrong = Remote::new(&url, token).unwrap();
        let error = Client::over_http(&wrong, &settings()).await.err().unwrap();
        assert!(matches!(error, ClientError::Unauthorized), "{error:?}");
        assert!(!error.to_string().contains("wrong"));
    }
    server.abort();
}
