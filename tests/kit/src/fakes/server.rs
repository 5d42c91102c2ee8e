//! The server under every fake: a thread for each connection, one script for all of them.

use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::http::{
    BODY_BYTES_MAX, Closing, Delivered, Garbled, Incoming, Outgoing, Payload, deliver, read_request,
    wait_for_time,
};
use super::script::{Delivery, HttpReply, Reply, Script, Seen, Trouble, Usage};
use super::wire::{Asked, Endpoint, Issued, Refusal};
use super::{Ledger, Recorded, Setup};

/// Connections at one time; a client that opens more has gone wrong.
const CONNECTIONS_MAX: usize = 256;

/// How long an answer that is being written is waited for.
const WRITING_MAX: Duration = Duration::from_secs(5);

/// A listening server; it ends on drop.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What all connections share.
pub(crate) struct Shared {
    setup: Setup,
    script: Mutex<Script>,
    state: Mutex<State>,
    changed: Condvar,
    closing: Closing,
}

struct State {
    issued: Issued,
    complaints: Vec<String>,
    requests: Vec<Recorded>,
    reported: Ledger,
    asked: usize,
    /// Answers that are on their way out.
    writing: usize,
    connections: Vec<TcpStream>,
}

impl Server {
    pub(crate) fn start(setup: Setup, script: Script) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port of loopback");
        let address = listener.local_addr().expect("the port it got");
        let state = State {
            issued: Issued::new(address.port()),
            complaints: Vec::new(),
            requests: Vec::new(),
            reported: Ledger::default(),
            asked: 0,
            writing: 0,
            connections: Vec::new(),
        };
        let shared = Arc::new(Shared {
            setup,
            script: Mutex::new(script),
            state: Mutex::new(state),
            changed: Condvar::new(),
            closing: Closing::default(),
        });
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Server { address, shared, accepting: Some(accepting) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.close();
        // Wakes the accepting thread, which then sees that the server ends.
        drop(TcpStream::connect(self.address));
        for connection in &self.shared.state().connections {
            // A connection that is closed already needs no more.
            connection.shutdown(Shutdown::Both).unwrap_or_default();
        }
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap_or_default();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.closing.is_closed() {
            break;
        }
        let Ok(stream) = stream else { continue };
        threads.retain(|thread: &JoinHandle<()>| !thread.is_finished());
        if threads.len() >= CONNECTIONS_MAX {
            shared.complain("more than 256 connections at one time".to_owned());
            continue;
        }
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // An error here is a client that went away.
            shared.serve(stream).unwrap_or_default();
        }));
    }
    for connection in &shared.state().connections {
        connection.shutdown(Shutdown::Both).unwrap_or_default();
    }
    for thread in threads {
        thread.join().unwrap_or_default();
    }
}

/// What is answered, and whether it is the model's.
struct Answer {
    outgoing: Outgoing,
    of_model: bool,
}

impl Shared {
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.state().complaints.clone()
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.state().requests.clone()
    }

    /// A client can have read the last event before it is in the books: so what is being written is
    /// waited for.
    pub(crate) fn reported(&self) -> Ledger {
        let waited = self.changed.wait_timeout_while(self.state(), WRITING_MAX, |state| state.writing > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.reported
    }

    pub(crate) fn wait_for_requests(&self, count: usize, at_most: Duration) -> bool {
        let waited =
            self.changed.wait_timeout_while(self.state(), at_most, |state| state.requests.len() < count);
        waited.unwrap_or_else(PoisonError::into_inner).0.requests.len() >= count
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, complaint: String) {
        self.state().complaints.push(complaint);
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        self.state().connections.push(stream.try_clone()?);
        let mut reader = BufReader::new(stream.try_clone()?);
        while !self.closing.is_closed() {
            let Some(read) = read_request(&mut reader)? else { break };
            let incoming = match read {
                Ok(incoming) => incoming,
                Err(garbled) => {
                    deliver(&mut stream, &self.garbled(&garbled), false, &self.closing)?;
                    break;
                }
            };
            let number = self.record(&incoming);
            let answer = self.answer(&incoming);
            self.state().requests[number].status = Some(answer.outgoing.status);
            let is_head = incoming.method == "HEAD";
            let delivered = if wait_for_time(&stream, &answer.outgoing.delivery, &self.closing) {
                self.state().writing += 1;
                let delivered = deliver(&mut stream, &answer.outgoing, is_head, &self.closing);
                let delivered = delivered.unwrap_or_default();
                self.book(delivered, answer.of_model);
                self.state().writing -= 1;
                self.changed.notify_all();
                delivered
            } else {
                self.book(Delivered::default(), answer.of_model);
                Delivered::default()
            };
            if !delivered.whole || incoming.closes {
                break;
            }
        }
        stream.shutdown(Shutdown::Both)
    }

    fn record(&self, incoming: &Incoming) -> usize {
        let mut state = self.state();
        state.requests.push(Recorded {
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            headers: incoming.headers.clone(),
            body: serde_json::from_slice(&incoming.body).unwrap_or_default(),
            status: None,
        });
        self.changed.notify_all();
        state.requests.len() - 1
    }

    fn book(&self, delivered: Delivered, of_model: bool) {
        if !of_model {
            return;
        }
        let mut state = self.state();
        let reported = &mut state.reported;
        if delivered.whole {
            reported.whole = reported.whole.plus(delivered.told);
            reported.answers += 1;
        } else {
            reported.broken = reported.broken.plus(delivered.told);
            reported.breaks += 1;
        }
    }

    fn answer(&self, incoming: &Incoming) -> Answer {
        match self.accept_request(incoming) {
            Ok((Endpoint::Generate, seen)) => self.generate(seen),
            Ok((endpoint, seen)) => Answer { outgoing: self.inform(endpoint, &seen), of_model: false },
            Err(refusal) => {
                let place = format!("{} {}", incoming.method, incoming.path);
                self.complain(format!("{place}: {} {}", refusal.status, refusal.message));
                Answer { outgoing: self.refused(&refusal, Vec::new()), of_model: false }
            }
        }
    }

    /// The order of the checks is that of the real servers: place, method, key, form, rules, model.
    fn accept_request(&self, incoming: &Incoming) -> Result<(Endpoint, Seen), Refusal> {
        let wire = &self.setup.wire;
        let Some(endpoint) = wire.endpoint(&incoming.path) else {
            let message = format!("Not found: {}", incoming.path);
            return Err(Refusal::new(404, "not_found_error", message));
        };
        let posts = matches!(endpoint, Endpoint::Generate | Endpoint::Count);
        match (incoming.method.as_str(), posts) {
            ("POST", true) | ("GET" | "HEAD", false) => {}
            (method, _) => {
                let message = format!("Method {method} is not allowed for {}", incoming.path);
                return Err(Refusal::new(405, "invalid_request_error", message));
            }
        }
        if endpoint == Endpoint::Root {
            return Ok((endpoint, Seen::default()));
        }
        wire.authorise(&incoming.headers, &self.setup.key)?;
        let body = if posts { json_body(incoming)? } else { Value::Null };
        let asked = Asked { endpoint, headers: &incoming.headers, body: &body };
        let mut seen = wire.check(&asked, &self.state().issued)?;
        if posts && !self.setup.models.is_empty() && !self.setup.models.contains(&seen.model) {
            return Err(wire.trouble(&Trouble::NoSuchModel, &seen));
        }
        seen.headers = incoming.headers.clone();
        seen.body = body;
        Ok((endpoint, seen))
    }

    fn generate(&self, mut seen: Seen) -> Answer {
        seen.asked_before = {
            let mut state = self.state();
            state.asked += 1;
            state.asked - 1
        };
        let mut reply = self.decide(&seen);
        if let Some(HttpReply { trouble, headers }) = &reply.http {
            let refusal = self.setup.wire.trouble(trouble, &seen);
            let mut outgoing = self.refused(&refusal, headers.clone());
            if let Trouble::Raw { body, .. } = trouble {
                outgoing.payload = whole(body.clone().into_bytes());
            }
            outgoing.delivery = std::mem::take(&mut reply.delivery);
            return Answer { outgoing, of_model: false };
        }
        let usage = reply.usage.unwrap_or_else(|| counted(&seen, &reply));
        let payload = self.setup.wire.answer(&reply, &seen, usage, &mut self.state().issued);
        let content_type = match payload {
            Payload::Whole { .. } => "application/json",
            Payload::Stream { .. } => "text/event-stream; charset=utf-8",
        };
        let headers = self.headers(content_type);
        let delivery = std::mem::take(&mut reply.delivery);
        Answer { outgoing: Outgoing { status: 200, headers, payload, delivery }, of_model: true }
    }

    fn decide(&self, seen: &Seen) -> Reply {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let decided = catch_unwind(AssertUnwindSafe(|| script.decide(seen)));
        let complaint = match decided {
            Ok(Ok(reply)) => return reply,
            Ok(Err(complaint)) => complaint.to_owned(),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                format!("the script panicked: {text}")
            }
        };
        self.complain(complaint);
        Reply::internal_error()
    }

    fn inform(&self, endpoint: Endpoint, seen: &Seen) -> Outgoing {
        let bytes = match endpoint {
            Endpoint::Count => self.setup.wire.count(counted(seen, &Reply::default())).to_string(),
            Endpoint::Models => self.setup.wire.models(&self.setup.models).to_string(),
            Endpoint::Root | Endpoint::Generate => String::new(),
        };
        let headers = self.headers("application/json");
        let payload = whole(bytes.into_bytes());
        Outgoing { status: 200, headers, payload, delivery: Delivery::default() }
    }

    fn refused(&self, refusal: &Refusal, extra: Vec<(String, String)>) -> Outgoing {
        let body = self.setup.wire.refusal_body(refusal).to_string();
        let headers = [self.headers("application/json"), extra].concat();
        Outgoing {
            status: refusal.status,
            headers,
            payload: whole(body.into_bytes()),
            delivery: Delivery::default(),
        }
    }

    fn garbled(&self, garbled: &Garbled) -> Outgoing {
        let refusal = match garbled {
            Garbled::Bad(what) => Refusal::invalid(*what),
            Garbled::TooLarge => {
                let message = format!("Request exceeds the maximum size of {BODY_BYTES_MAX} bytes");
                Refusal::new(413, "request_too_large", message)
            }
        };
        self.complain(format!("{} {}", refusal.status, refusal.message));
        self.refused(&refusal, vec![("connection".to_owned(), "close".to_owned())])
    }

    fn headers(&self, content_type: &str) -> Vec<(String, String)> {
        let id = self.state().issued.id("req_");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![pair("content-type", content_type), pair("request-id", &id), pair("x-request-id", &id)]
    }
}

fn whole(bytes: Vec<u8>) -> Payload {
    Payload::Whole { bytes, told: Usage::default() }
}

fn json_body(incoming: &Incoming) -> Result<Value, Refusal> {
    let content_type = incoming.headers.get("content-type").map(String::as_str).unwrap_or_default();
    if content_type.split(';').next().unwrap_or_default().trim() != "application/json" {
        let message = format!("Unsupported content type: \"{content_type}\"; expected application/json");
        return Err(Refusal::new(415, "invalid_request_error", message));
    }
    if let Some(encoding) = incoming.headers.get("content-encoding") {
        let message = format!("Unsupported content encoding: \"{encoding}\"");
        return Err(Refusal::new(415, "invalid_request_error", message));
    }
    serde_json::from_slice(&incoming.body)
        .map_err(|error| Refusal::invalid(format!("The request body is not valid JSON: {error}")))
}

/// Tokens by length, where a script says nothing of them: four bytes each.
fn counted(seen: &Seen, reply: &Reply) -> Usage {
    let length = |text: &str| text.len() as u64;
    let arguments: u64 = reply.calls.iter().map(|call| length(&call.arguments) + length(&call.tool)).sum();
    let thinking = reply.thinking.as_deref().map(length).unwrap_or_default();
    let output = (length(&reply.text) + arguments + thinking) / 4 + 1;
    Usage { input: length(&seen.body.to_string()) / 4 + 1, output, ..Usage::default() }
}
