//! The protocol on a stream: one message a line.
//!
//! Whatever comes, the stream goes on: what is no message is answered with an error and passed over. Nothing that
//! a client sends makes this grow without bounds: not a line without an end, not calls by the thousand, not
//! answers that it never reads.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, ErrorData, GetMeta, JsonRpcMessage,
    ProtocolVersion, RequestId, ServerJsonRpcMessage,
};
use rmcp::service::RoleServer;
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes of one message that are read; a longer one is passed over.
pub(super) const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Calls that a client may have open at a time.
pub(super) const OPEN_MAX: usize = 64;

/// Messages that wait to be written.
const UNWRITTEN_MAX: usize = 64;

/// How long the last messages may take to be written.
const LAST_WORDS_MAX: Duration = Duration::from_secs(5);

/// A transport of lines.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    is_skipping: bool,
    out: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    /// Errors that must be told before more is read.
    owed: VecDeque<ServerJsonRpcMessage>,
    open: Arc<Mutex<HashSet<RequestId>>>,
    has_begun: bool,
}

/// What was read.
enum Read {
    Line(Vec<u8>),
    TooLong,
    End,
}

/// What becomes of a line.
enum Verdict {
    Pass(Box<ClientJsonRpcMessage>),
    Refuse(ErrorData, Option<RequestId>),
    Drop,
}

impl<R: AsyncRead + Send + Unpin> Lines<R> {
    /// A transport between two halves of a stream. Must be called in a runtime.
    pub(super) fn new(reader: R, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let (out, unwritten) = mpsc::channel(UNWRITTEN_MAX);
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            is_skipping: false,
            out: Some(out),
            writer: Some(tokio::spawn(write(writer, unwritten))),
            owed: VecDeque::new(),
            open: Arc::default(),
            has_begun: false,
        }
    }

    /// One line. Dropped before it is done, it loses nothing: what was read stays in `self`.
    async fn read(&mut self) -> Read {
        loop {
            let Ok(piece) = self.reader.fill_buf().await else { return Read::End };
            if piece.is_empty() {
                let last = std::mem::take(&mut self.line);
                return if last.is_empty() { Read::End } else { Read::Line(last) };
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(piece.len(), |end| end + 1);
            let was_skipping = self.is_skipping;
            let is_too_long = !was_skipping && self.line.len() + taken > MESSAGE_BYTES_MAX;
            if is_too_long {
                self.line = Vec::new();
            } else if !was_skipping {
                self.line.extend_from_slice(&piece[..taken]);
            }
            self.reader.consume(taken);
            self.is_skipping = (was_skipping || is_too_long) && end.is_none();
            if is_too_long {
                return Read::TooLong;
            }
            if end.is_some() && !was_skipping {
                return Read::Line(std::mem::take(&mut self.line));
            }
        }
    }

    fn judge(&mut self, line: &[u8]) -> Verdict {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Verdict::Drop;
        }
        let message = match parse(line) {
            Ok(message) => message,
            Err((error, id)) => return Verdict::Refuse(error, id),
        };
        if !self.has_begun {
            match &message {
                JsonRpcMessage::Request(request) => self.has_begun = begins(&request.request),
                // Nothing was asked, so this answers nothing; and nobody has begun who could be told.
                JsonRpcMessage::Notification(_) | JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {
                    return Verdict::Drop;
                }
            }
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match &message {
            JsonRpcMessage::Request(request) if open.contains(&request.id) => {
                let error = ErrorData::invalid_request("a call with this id is open already", None);
                return Verdict::Refuse(error, None);
            }
            JsonRpcMessage::Request(request) if open.len() >= OPEN_MAX => {
                let message = format!("{OPEN_MAX} calls are open already; wait for an answer");
                return Verdict::Refuse(
                    ErrorData::new(ErrorCode(-32000), message, None),
                    Some(request.id.clone()),
                );
            }
            JsonRpcMessage::Request(request) => {
                open.insert(request.id.clone());
            }
            JsonRpcMessage::Notification(told) => {
                if let ClientNotification::CancelledNotification(cancelled) = &told.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    open.remove(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Verdict::Pass(Box::new(message))
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let answered = match &message {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let (out, open) = (self.out.clone(), Arc::clone(&self.open));
        async move {
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            let sent = match (out, line_of(&message)) {
                (Some(out), Ok(line)) => out.send(line).await.map_err(|_| gone()),
                (None, Ok(_)) => Err(gone()),
                (_, Err(error)) => Err(error),
            };
            // Only now may another call take its place: what is not written yet counts as open.
            if let Some(id) = answered {
                open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            while let Some(owed) = self.owed.front() {
                // To wait for a place can be given up at any time; the error is only taken away once it has one.
                let place = self.out.as_ref()?.reserve().await.ok()?;
                if let Ok(line) = line_of(owed) {
                    place.send(line);
                }
                self.owed.pop_front();
            }
            let line = match self.read().await {
                Read::Line(line) => line,
                Read::TooLong => {
                    let message = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
                    self.owed
                        .push_back(JsonRpcMessage::error(ErrorData::invalid_request(message, None), None));
                    continue;
                }
                Read::End => return None,
            };
            match self.judge(&line) {
                Verdict::Pass(message) => return Some(*message),
                Verdict::Refuse(error, id) => self.owed.push_back(JsonRpcMessage::error(error, id)),
                Verdict::Drop => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.out = None;
        if let Some(writer) = self.writer.take() {
            let stop = writer.abort_handle();
            // Who does not read to the end does not want to know.
            if tokio::time::timeout(LAST_WORDS_MAX, writer).await.is_err() {
                stop.abort();
            }
        }
        Ok(())
    }
}

impl<R> Drop for Lines<R> {
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            writer.abort();
        }
    }
}

/// A message of a client, or what it is told instead: never what stands in it.
pub(super) fn parse(text: &[u8]) -> Result<ClientJsonRpcMessage, (ErrorData, Option<RequestId>)> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        let place = format!("this is no JSON: line {}, column {}", error.line(), error.column());
        (ErrorData::parse_error(place, None), None)
    })?;
    let Some(members) = value.as_object() else {
        return Err((ErrorData::invalid_request("a message is one JSON object", None), None));
    };
    let id = match members.get("id") {
        Some(Value::String(id)) => Some(RequestId::String(id.as_str().into())),
        Some(Value::Number(id)) => id.as_i64().map(RequestId::Number),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    if members.contains_key("method") && members.contains_key("id") && id.is_none() {
        return Err((ErrorData::invalid_request("an id is a text or a whole number", None), None));
    }
    let is_call = members.contains_key("method");
    serde_json::from_value(value).map_err(|_unlike| {
        let error =
            ErrorData::invalid_request("this is no message of JSON-RPC 2.0 that the protocol knows", None);
        // An answer's id is of our own calls, and an error that bears it would answer one of the client's.
        (error, if is_call { id } else { None })
    })
}

/// Whether the protocol has begun with this.
fn begins(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        request => {
            let meta = request.get_meta();
            let is_known = meta
                .protocol_version()
                .is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version));
            is_known && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        }
    }
}

fn line_of(message: &ServerJsonRpcMessage) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes what comes until nobody sends any more, or nobody reads.
async fn write(mut writer: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(&line).await.is_err() || (lines.is_empty() && writer.flush().await.is_err()) {
            return;
        }
    }
    // Whoever read has gone; there is nobody to tell.
    let _closed = writer.shutdown().await;
}
