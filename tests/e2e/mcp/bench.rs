//! A client of the program under test, over either transport, that says exactly what a test has it say.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use loki_kit::TestEnv;
use loki_kit::http::{Answer, Connection, Request};
use serde_json::{Value, json};

use crate::env as loki;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

const NOTES: &str =
    "migration: notes\nchanges:\n  - add_table: {name: notes, columns: [id pk, body text], rls: public}\n";

/// A project with a backend that has one table, `notes`.
pub(super) fn with_backend() -> TestEnv {
    let env = loki();
    make_backend(&env);
    env
}

pub(super) fn make_backend(env: &TestEnv) {
    env.write("forge/migrations/0001_notes.yaml", NOTES);
    env.write("PRD.md", "# Notes\n\nPeople keep notes.\n");
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
}

/// The parameters of `initialize`.
pub(super) fn hello(version: &str, capabilities: Value) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "0"},
    })
}

/// What clients of 2026-07-28 say with each request.
pub(super) fn modern(capabilities: Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

/// `loki mcp` over standard input and output.
pub(super) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    heard: Receiver<Value>,
    aside: Vec<Value>,
    asked: u64,
    answer: Option<Value>,
    questions: usize,
}

impl Client {
    /// A client that has said nothing yet.
    pub(super) fn silent(env: &TestEnv, arguments: &[&str]) -> Client {
        let mut command = env.command(&[&["mcp"], arguments].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (hear, heard) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|_| json!({"no json": line}));
                if hear.send(message).is_err() {
                    return;
                }
            }
        });
        Client { child, stdin, heard, aside: Vec::new(), asked: 0, answer: None, questions: 0 }
    }

    /// A client that has begun.
    pub(super) fn begun(env: &TestEnv, arguments: &[&str]) -> Client {
        let mut client = Client::silent(env, arguments);
        client.begin(json!({}));
        client
    }

    pub(super) fn begin(&mut self, capabilities: Value) {
        let answer = self.ask("initialize", hello("2025-11-25", capabilities));
        assert_eq!(answer["result"]["serverInfo"]["name"], "loki", "{answer}");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    /// How questions to the person are answered from now on.
    pub(super) fn answers_with(&mut self, answer: Value) {
        self.answer = Some(answer);
    }

    /// How many there were.
    pub(super) fn questions(&self) -> usize {
        self.questions
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(super) fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes());
    }

    /// The next message, whatever it is.
    #[track_caller]
    pub(super) fn hear(&mut self) -> Value {
        self.heard.recv_timeout(PATIENCE).expect("a message")
    }

    /// Sends a request and does not wait for its answer.
    pub(super) fn request(&mut self, method: &str, params: Value) -> u64 {
        self.asked += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
        self.asked
    }

    #[track_caller]
    pub(super) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        loop {
            let message = self.hear();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            if let (Some("elicitation/create"), Some(answer)) =
                (message["method"].as_str(), self.answer.clone())
            {
                self.questions += 1;
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": answer}));
                continue;
            }
            self.aside.push(message);
        }
    }

    #[track_caller]
    pub(super) fn call(&mut self, name: &str, input: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": input}))
    }

    /// Names of the tools that are listed.
    #[track_caller]
    pub(super) fn list(&mut self) -> Vec<String> {
        names(&self.ask("tools/list", json!({})))
    }

    /// Waits for a notification, or takes one that has come already.
    #[track_caller]
    pub(super) fn hear_of(&mut self, method: &str) -> Value {
        if let Some(place) = self.aside.iter().position(|message| message["method"] == method) {
            return self.aside.remove(place);
        }
        loop {
            let message = self.hear();
            if message["method"] == method {
                return message;
            }
            self.aside.push(message);
        }
    }

    /// It still answers.
    #[track_caller]
    pub(super) fn lives(&mut self) {
        assert_eq!(self.ask("ping", json!({}))["result"], json!({}));
    }

    /// Leaves, and says what the program ended with.
    pub(super) fn end(&mut self) -> Option<i32> {
        self.stdin = None;
        while self.heard.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // What has ended already cannot be ended.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Names of the tools in an answer.
pub(super) fn names(listed: &Value) -> Vec<String> {
    let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}"));
    tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect()
}

/// The text of a call's answer.
#[track_caller]
pub(super) fn text(answer: &Value) -> String {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("there is no text: {answer}")).to_owned()
}

/// The refusal in a call's answer.
#[track_caller]
pub(super) fn error(answer: &Value) -> Value {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let refusal: Value =
        serde_json::from_str(&text(answer)).unwrap_or_else(|_| panic!("no refusal: {answer}"));
    refusal["error"].clone()
}

/// `loki mcp --http`. It ends with its value.
pub(super) struct Http {
    child: Child,
    pub(super) port: u16,
    pub(super) token: String,
}

impl Http {
    pub(super) fn start(env: &TestEnv, arguments: &[&str]) -> Http {
        let mut command = env.command(&[&["mcp", "--http", "--json"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().map(Result::unwrap).unwrap_or_default();
        let said: Value = serde_json::from_str(&first).unwrap_or_else(|_| {
            let why: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
            panic!("it does not serve: {first}\n{}", why.join("\n"))
        });
        let url = said["url"].as_str().unwrap();
        let port = url.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        let token = std::fs::read_to_string(said["token_file"].as_str().unwrap()).unwrap().trim().to_owned();
        Http { child, port, token }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// A request that is let in.
    pub(super) fn request(&self, method: &'static str, path: &str) -> Request {
        Request { method, path: path.to_owned(), ..Request::default() }
            .header("host", format!("127.0.0.1:{}", self.port))
            .header("authorization", format!("Bearer {}", self.token))
            .header("accept", "application/json, text/event-stream")
    }

    pub(super) fn send(&self, request: &Request) -> Answer {
        Connection::open(self.port).unwrap().ask(request).unwrap()
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&Request { body: body.to_string().into_bytes(), ..self.request("POST", path) })
    }

    /// A message to the protocol, of a session or of none.
    pub(super) fn message(&self, session: Option<&str>, message: &Value) -> Answer {
        let mut request = Request { body: message.to_string().into_bytes(), ..self.request("POST", "/mcp") };
        if let Some(session) = session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        }
        self.send(&request)
    }

    /// Begins a session.
    pub(super) fn session(&self) -> String {
        let params = hello("2025-11-25", json!({}));
        let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let answer = self.message(None, &begin);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let session = answer.header("mcp-session-id").unwrap().to_owned();
        let begun = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.message(Some(&session), &begun).status, 202);
        session
    }

    /// Asks in a session, and waits for the answer.
    pub(super) fn ask(&self, session: &str, id: u64, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let answer = self.message(Some(session), &message);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let messages: Vec<Value> = events(&answer.text()).into_iter().map(|(_, data)| data).collect();
        let found = messages.iter().find(|message| message["id"] == id).cloned();
        found.unwrap_or_else(|| panic!("there is no answer: {messages:?}"))
    }

    /// A stream that stays open: its first lines are read by `until`.
    pub(super) fn stream(&self, session: &str, last_event: Option<&str>) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last_event.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /mcp HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {}\r\naccept: text/event-stream\r\n\
             mcp-session-id: {session}\r\nmcp-protocol-version: 2025-11-25\r\n{last}\r\n",
            self.port, self.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// Sends a message and goes without waiting for the answer.
    pub(super) fn leave(&self, session: &str, message: &Value) {
        let (body, mut stream) = (message.to_string(), TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-session-id: {session}\r\n\
             mcp-protocol-version: 2025-11-25\r\ncontent-length: {}\r\n\r\n{body}",
            self.port,
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
    }

    /// Ends it as a person would.
    pub(super) fn interrupt(mut self) -> Option<i32> {
        let kill = std::process::Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // What has ended already cannot be ended.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The events of a stream that has ended, or the one message of an answer that was none: each with its id.
pub(super) fn events(text: &str) -> Vec<(String, Value)> {
    if let Ok(message) = serde_json::from_str(text) {
        return vec![(String::new(), message)];
    }
    let field = |event: &str, name: &str| {
        event.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim).collect::<Vec<_>>().join("")
    };
    let told = |event: &str| Some((field(event, "id:"), serde_json::from_str(&field(event, "data:")).ok()?));
    text.replace("\r\n", "\n").split("\n\n").filter_map(told).collect()
}
