//! The fakes from outside: a client of raw sockets.

mod anthropic;
mod chat;
mod delivery;
mod repair;
mod responses;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Fake, KEY, Reply, Script, Setup};

/// An answer as it came over the wire.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    /// The chunks of a body in chunks, or the whole body as one.
    chunks: Vec<Vec<u8>>,
    /// True where the body came to its proper end.
    ended: bool,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.chunks.concat()).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The data of the events of a stream, in order.
    fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.events().iter().map(|event| event["type"].as_str().unwrap_or("-").to_owned()).collect()
    }
}

/// Sends bytes and reads until the server closes, or the answers to so many requests are there.
fn exchange(fake: &Fake, bytes: &[u8]) -> Vec<u8> {
    let address = fake.url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A connection that the server breaks may end in an error; what came before it counts.
    stream.read_to_end(&mut answer).unwrap_or_default();
    answer
}

/// Splits one answer off; the rest are the answers that follow it.
fn parse(bytes: &[u8]) -> (Answer, Vec<u8>) {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut rest = &bytes[at..];
    let mut answer = Answer { status, head, chunks: Vec::new(), ended: true };
    if let Some((_, length)) = answer.head.split_once("content-length: ") {
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        answer.ended = rest.len() >= length;
        let taken = length.min(rest.len());
        answer.chunks.push(rest[..taken].to_vec());
        return (answer, rest[taken..].to_vec());
    }
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if length == 0 {
            return (answer, rest[2..].to_vec());
        }
        answer.chunks.push(rest[..length].to_vec());
        rest = &rest[length + 2..];
    }
    answer.ended = false;
    (answer, Vec::new())
}

/// A request in bytes, after which the connection is closed.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}

fn ask(fake: &Fake, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    parse(&exchange(fake, &request(method, path, headers, body))).0
}

/// What differs between the dialects for whoever posts a request.
#[derive(Clone, Copy)]
struct Client {
    path: &'static str,
    setup: fn() -> Setup,
}

const CLIENTS: [Client; 3] = [
    Client { path: "/v1/messages", setup: Setup::anthropic },
    Client { path: "/v1/chat/completions", setup: Setup::chat },
    Client { path: "/v1/responses", setup: Setup::responses },
];

/// Headers that every dialect takes.
fn headers() -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {KEY}")),
        ("anthropic-version", "2023-06-01".to_owned()),
        ("content-type", "application/json".to_owned()),
    ]
}

impl Client {
    fn start(self, replies: impl IntoIterator<Item = Reply>) -> Fake {
        (self.setup)().start(Script::list(replies))
    }

    fn post(self, fake: &Fake, body: &Value) -> Answer {
        let headers = headers();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ask(fake, "POST", self.path, &headers, &body.to_string())
    }

    /// A small request that is in order.
    fn body(self, stream: bool) -> Value {
        let user = json!([{"role": "user", "content": "Hello"}]);
        match self.path {
            "/v1/messages" => json!({"model": "m", "max_tokens": 100, "stream": stream, "messages": user}),
            "/v1/responses" => json!({"model": "m", "store": false, "stream": stream, "input": user}),
            _ => json!({"model": "m", "max_tokens": 100, "stream": stream, "messages": user}),
        }
    }
}

/// What breaks a request, and words of the refusal.
type Case = (fn(&mut Value), &'static str);

/// Each case breaks a request that is in order; it must be refused with these words and kept as a
/// complaint.
#[track_caller]
fn refuses(client: Client, good: &Value, cases: &[Case]) {
    let fake = client.start([Reply::say("Yes.")]);
    assert_eq!(client.post(&fake, good).status, 200, "{:?}", fake.complaints());
    for (index, (spoil, words)) in cases.iter().enumerate() {
        let mut body = good.clone();
        spoil(&mut body);
        let answer = client.post(&fake, &body);
        assert!((400..405).contains(&answer.status), "case {index} ({words}) passed");
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(words), "case {index}: expected `{words}`, got `{message}`");
        assert_eq!(fake.complaints().len(), index + 1);
    }
}

#[test]
fn a_wrong_path_method_key_or_type_is_refused() {
    for client in CLIENTS {
        let fake = client.start([]);
        let body = client.body(false).to_string();
        let key = format!("Bearer {KEY}");
        let (json_type, version) =
            (("content-type", "application/json"), ("anthropic-version", "2023-06-01"));
        let right = ("authorization", key.as_str());
        let cases = [
            ("POST", "/v1/elsewhere", vec![right, json_type, version], 404),
            ("GET", client.path, vec![right, json_type, version], 405),
            ("POST", client.path, vec![json_type, version], 401),
            ("POST", client.path, vec![("authorization", "Bearer sk-other"), json_type, version], 401),
            ("POST", client.path, vec![("authorization", KEY), json_type, version], 401),
            ("POST", client.path, vec![right, version], 415),
        ];
        for (index, (method, path, headers, status)) in cases.iter().enumerate() {
            let answer = ask(&fake, method, path, headers, &body);
            assert_eq!(answer.status, *status, "{} case {index}", client.path);
            assert!(answer.json()["error"]["message"].is_string());
            assert_eq!(fake.complaints().len(), index + 1);
        }
        assert_eq!(fake.requests().len(), cases.len());
    }
}

#[test]
fn models_are_listed_and_others_refused() {
    for client in CLIENTS {
        let fake = (client.setup)().models(["known"]).start(Script::list([]));
        let headers = headers();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let listed = ask(&fake, "GET", "/v1/models", &headers, "").json();
        assert_eq!(listed["data"][0]["id"], "known");
        let refused = client.post(&fake, &client.body(false));
        assert_eq!(refused.status, 404, "{}", refused.text());
        assert_eq!(fake.complaints().len(), 1);
    }
}

#[test]
fn a_request_after_the_script_and_a_panic_in_it_are_complaints() {
    let client = CLIENTS[0];
    let fake = client.start([]);
    assert_eq!(client.post(&fake, &client.body(true)).status, 500);
    assert_eq!(fake.complaints(), ["a request after the end of the script"]);
    let fake = Setup::anthropic().start(Script::new(|seen| panic!("{} is unexpected", seen.user)));
    assert_eq!(client.post(&fake, &client.body(true)).status, 500);
    assert_eq!(client.post(&fake, &client.body(true)).status, 500);
    assert_eq!(fake.complaints()[0], "the script panicked: Hello is unexpected");
    assert_eq!(fake.complaints().len(), 2);
}
