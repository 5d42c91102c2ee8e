//! How bytes leave: pieces, waits, breaks, and what the client was told by then.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::super::{KEY, Ledger, Reply, Script, Setup, Usage};
use super::{Answer, CLIENTS, exchange, parse, request};

const USAGE: Usage = Usage { input: 100, output: 40, cache_read: 7, cache_write: 3 };
const WORDS: &str = "Größe \u{1f50d}: data: {\"a\": 1}\n\n";

#[test]
fn every_dialect_answers_whole_and_as_a_stream_and_books_the_tokens() {
    for client in CLIENTS {
        let fake = client.start([Reply::say(WORDS).with_usage(USAGE), Reply::say(WORDS).with_usage(USAGE)]);
        let whole = client.post(&fake, &client.body(false));
        assert_eq!((whole.status, whole.ended), (200, true));
        assert!(whole.head.contains("content-type: application/json"));
        assert!(whole.json().to_string().contains("Größe"));
        let mut body = client.body(true);
        if client.path.contains("chat") {
            body["stream_options"] = serde_json::json!({"include_usage": true});
        }
        let stream = client.post(&fake, &body);
        assert!(stream.head.contains("content-type: text/event-stream"), "{}", stream.head);
        assert_eq!(spoken(&stream), WORDS);
        let whole = USAGE.plus(USAGE);
        assert_eq!(fake.reported(), Ledger { whole, answers: 2, ..Ledger::default() });
        assert!(fake.complaints().is_empty());
    }
}

/// The words of a stream, from the deltas of any dialect.
fn spoken(answer: &Answer) -> String {
    let part = |event: Value| {
        let text = ["/delta/text", "/choices/0/delta/content", "/delta"];
        text.iter().find_map(|at| event.pointer(at)?.as_str().map(str::to_owned)).unwrap_or_default()
    };
    answer.events().into_iter().map(part).collect()
}

#[test]
fn a_split_stream_has_the_same_bytes_in_pieces_of_that_length() {
    for client in CLIENTS {
        let ways = [None, Some(1), Some(7), Some(1000)];
        let replies = ways.map(|bytes| match bytes {
            None => Reply::say(WORDS),
            Some(bytes) => Reply::say(WORDS).split_every(bytes),
        });
        let fake = client.start(replies);
        let answers = ways.map(|_| client.post(&fake, &client.body(true)));
        for (bytes, answer) in ways.into_iter().zip(&answers).skip(1) {
            let bytes = bytes.unwrap();
            let (last, before) = answer.chunks.split_last().unwrap();
            assert!(before.iter().all(|chunk| chunk.len() == bytes) && last.len() <= bytes);
            assert_eq!(spoken(answer), WORDS);
            assert!(answer.ended);
        }
        let in_a_character = answers[1].chunks.iter().any(|chunk| std::str::from_utf8(chunk).is_err());
        let across_events = answers[3]
            .chunks
            .iter()
            .any(|chunk| String::from_utf8_lossy(chunk).matches("data: ").count() > 1);
        assert!(in_a_character && across_events);
    }
}

#[test]
fn a_dropped_stream_breaks_inside_an_event_and_is_booked_apart() {
    for client in CLIENTS {
        let fake = client.start([
            Reply::say(WORDS).with_usage(USAGE).drop_mid_stream(3),
            Reply::say(WORDS).with_usage(USAGE).end_early(3),
            Reply::say(WORDS).with_usage(USAGE).drop_mid_stream(0),
        ]);
        let dropped = client.post(&fake, &client.body(true));
        assert!(!dropped.ended);
        assert_eq!(dropped.text().matches("\n\n").count(), 3);
        assert!(!dropped.text().ends_with("\n\n"));
        let early = client.post(&fake, &client.body(true));
        assert!(early.ended);
        assert_eq!(early.text().matches("\n\n").count(), 3);
        let whole = client.post(&fake, &client.body(false));
        assert!(!whole.ended && whole.status == 200);
        let reported = fake.reported();
        assert_eq!((reported.whole, reported.answers, reported.breaks), (Usage::default(), 0, 3));
        // Only the Messages API speaks of tokens before the end: all of the input, and one of output.
        let told = Usage { output: 1, ..USAGE };
        let expected = if client.path == "/v1/messages" { told.plus(told) } else { Usage::default() };
        assert_eq!(reported.broken, expected);
    }
}

#[test]
fn an_error_event_ends_a_stream_after_so_many() {
    for client in CLIENTS {
        let fake = client.start([Reply::say(WORDS).error_event("overloaded_error", 2)]);
        let answer = client.post(&fake, &client.body(true));
        let events = answer.events();
        assert!(answer.text().contains("overloaded_error"), "{}", client.path);
        let errors = events.iter().filter(|event| event.to_string().contains("overloaded_error")).count();
        assert_eq!(events.len(), 2 + errors);
        assert_eq!(fake.reported().answers, 0, "{}", client.path);
        assert_eq!(fake.reported().breaks, 1);
    }
}

#[test]
fn troubles_have_the_status_of_their_dialect() {
    for client in CLIENTS {
        let of_messages = client.path == "/v1/messages";
        let cases = [
            (Reply::rate_limited(3), 429),
            (Reply::overloaded(), if of_messages { 529 } else { 503 }),
            (Reply::internal_error(), 500),
            (Reply::wrong_key(), 401),
            (Reply::no_such_model(), 404),
            (Reply::quota_spent(), if of_messages { 400 } else { 429 }),
            (Reply::too_long(), 400),
            (Reply::http(418, &[("x-tea", "green")], "short"), 418),
        ];
        let fake = client.start(cases.iter().map(|(reply, _)| reply.clone()));
        let answers = cases.each_ref().map(|(_, status)| {
            let answer = client.post(&fake, &client.body(true));
            assert_eq!(answer.status, *status);
            answer
        });
        assert!(answers[0].head.contains("retry-after: 3\r\n"));
        assert!(answers[..7].iter().all(|answer| answer.json()["error"]["type"].is_string()));
        assert_eq!((answers[7].text().as_str(), answers[7].head.contains("x-tea: green")), ("short", true));
        assert_eq!(fake.reported(), Ledger::default());
        assert!(fake.complaints().is_empty(), "what a script asks for is no complaint");
    }
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let client = CLIENTS[0];
    let fake = client.start([Reply::say("One."), Reply::say("Two.")]);
    let key = format!("x-api-key: {KEY}");
    let body = client.body(true).to_string();
    let head = "host: fake\r\ncontent-type: application/json\r\nanthropic-version: 2023-06-01\r\n";
    let (first, second) = body.split_at(10);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    let one = format!(
        "POST /v1/messages?beta=true HTTP/1.1\r\n{head}{key}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
    );
    let two =
        format!("POST /v1/messages HTTP/1.1\r\n{head}{key}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let probe = "HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n";
    let bytes = exchange(&fake, format!("{one}{two}{probe}").as_bytes());
    let (answer, rest) = parse(&bytes);
    assert_eq!(spoken(&answer), "One.");
    let (answer, rest) = parse(&rest);
    assert_eq!(spoken(&answer), "Two.");
    let (answer, rest) = parse(&rest);
    assert_eq!((answer.status, rest.len()), (200, 0));
    assert!(fake.complaints().is_empty(), "{:?}", fake.complaints());
}

#[test]
fn a_client_that_waits_for_a_go_ahead_gets_it() {
    let client = CLIENTS[1];
    let fake = client.start([Reply::say("Yes.")]);
    let body = client.body(false).to_string();
    let mut stream = TcpStream::connect(fake.url().trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nexpect: 100-continue\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        client.path,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    reader.read_line(&mut line).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!(parse(&rest).0.status, 200);
}

#[test]
fn bytes_that_are_no_request_are_refused_and_the_connection_closed() {
    let fake = CLIENTS[0].start([]);
    let too_long = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", 33 * 1024 * 1024);
    for (bytes, status) in
        [("nonsense\r\n\r\n", 400), ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400), (&too_long, 413)]
    {
        assert_eq!(parse(&exchange(&fake, bytes.as_bytes())).0.status, status);
    }
    assert_eq!(fake.complaints().len(), 3);
}

#[test]
fn a_delayed_answer_to_a_client_that_has_left_is_not_booked() {
    let client = CLIENTS[0];
    let fake = client.start([Reply::say("Too late.").delay(50)]);
    let key = [("x-api-key", KEY), ("content-type", "application/json"), ("anthropic-version", "2023-06-01")];
    let mut stream = TcpStream::connect(fake.url().trim_start_matches("http://")).unwrap();
    stream.write_all(&request("POST", client.path, &key, &client.body(true).to_string())).unwrap();
    assert!(fake.wait_for_requests(1));
    drop(stream);
    while fake.reported().breaks == 0 {
        std::thread::yield_now();
    }
    assert_eq!(fake.reported(), Ledger { breaks: 1, ..Ledger::default() });
}

#[test]
fn a_fake_ends_at_once_though_an_answer_is_far_off() {
    let fake = Setup::anthropic().start(Script::list([Reply::say("Tomorrow.").delay(86_400_000)]));
    let url = fake.url();
    let key = [("x-api-key", KEY), ("content-type", "application/json"), ("anthropic-version", "2023-06-01")];
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.write_all(&request("POST", "/v1/messages", &key, &CLIENTS[0].body(true).to_string())).unwrap();
    assert!(fake.wait_for_requests(1));
    drop(fake);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap_or_default();
    assert!(rest.is_empty());
    assert!(TcpStream::connect(url.trim_start_matches("http://")).is_err());
}
