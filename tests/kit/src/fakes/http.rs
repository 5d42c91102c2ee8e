//! Enough of HTTP/1.1 to look like a model API from outside: keep-alive, chunked bodies in both
//! directions, `Expect: 100-continue`, HEAD, and a hand on when and how the bytes leave.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::script::{Cut, Delivery, Usage};

/// The most bytes of a request's head; the real servers allow less.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// The most bytes of a request's body, as the real servers allow.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// True where its sender wants the connection closed after the answer.
    pub(crate) closes: bool,
}

/// What was wrong with the bytes of a request, where an answer is still possible.
#[derive(Debug)]
pub(crate) enum Garbled {
    Bad(&'static str),
    TooLarge,
}

/// One event of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// What a reader knows of the tokens once it has read this far; none: no more than before.
    pub(crate) told: Option<Usage>,
}

/// An answer's body.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Whole {
        bytes: Vec<u8>,
        told: Usage,
    },
    Stream {
        frames: Vec<Frame>,
        /// False where they do not come to the end that the dialect asks for.
        whole: bool,
    },
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Payload,
    pub(crate) delivery: Delivery,
}

/// How far an answer got.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Delivered {
    /// What its reader was told of the tokens.
    pub(crate) told: Usage,
    /// True where it went out to its last byte.
    pub(crate) whole: bool,
}

/// Tells the threads that the server ends, and lets them wait for a time without missing that.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Closing {
    pub(crate) fn close(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until the server ends: true where it does.
    fn wait(&self, milliseconds: u64) -> bool {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let time = Duration::from_millis(milliseconds);
        let waited = self.changed.wait_timeout_while(closed, time, |closed| !*closed);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The next request of a connection; none where the other side has closed it.
pub(crate) fn read_request(
    reader: &mut BufReader<TcpStream>,
) -> io::Result<Option<Result<Incoming, Garbled>>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Ok(Some(Err(Garbled::Bad("no request line"))));
    };
    let mut headers = BTreeMap::new();
    loop {
        let Some(line) = read_line(reader)? else { return Ok(None) };
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Some(Err(Garbled::Bad("a header without a colon"))));
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = match read_body(reader, &headers)? {
        Ok(body) => body,
        Err(garbled) => return Ok(Some(Err(garbled))),
    };
    let closes = version == "HTTP/1.0"
        || headers.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let path = target.split('?').next().unwrap_or_default().to_owned();
    Ok(Some(Ok(Incoming { method: method.to_owned(), path, headers, body, closes })))
}

fn read_body(
    reader: &mut BufReader<TcpStream>,
    headers: &BTreeMap<String, String>,
) -> io::Result<Result<Vec<u8>, Garbled>> {
    if headers.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return read_chunks(reader);
    }
    let Some(length) = headers.get("content-length") else { return Ok(Ok(Vec::new())) };
    let Ok(length) = length.parse::<usize>() else {
        return Ok(Err(Garbled::Bad("a content-length that is no number")));
    };
    if length > BODY_BYTES_MAX {
        return Ok(Err(Garbled::TooLarge));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Ok(body))
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<Result<Vec<u8>, Garbled>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let Ok(length) = usize::from_str_radix(digits, 16) else {
            return Ok(Err(Garbled::Bad("a chunk without a length")));
        };
        if length == 0 {
            while read_line(reader)?.is_some_and(|trailer| !trailer.is_empty()) {}
            return Ok(Ok(body));
        }
        if length > BODY_BYTES_MAX - body.len() {
            return Ok(Err(Garbled::TooLarge));
        }
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..])?;
        read_line(reader)?;
    }
}

/// A line without its end; none at the end of the connection.
fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.by_ref().take(HEAD_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Waits for the time of an answer: true where there is somebody to read it then.
pub(crate) fn wait_for_time(stream: &TcpStream, delivery: &Delivery, closing: &Closing) -> bool {
    let ends = delivery.delay_ms > 0 && closing.wait(delivery.delay_ms);
    !ends && !has_left(stream)
}

/// Sends an answer as its delivery says, but for the wait before it. An error means that the other side is gone.
pub(crate) fn deliver(
    stream: &mut TcpStream,
    answer: &Outgoing,
    is_head: bool,
    closing: &Closing,
) -> io::Result<Delivered> {
    let delivery = &answer.delivery;
    match &answer.payload {
        Payload::Whole { bytes, told } => {
            let length = ("content-length".to_owned(), bytes.len().to_string());
            stream.write_all(&head(answer, &length))?;
            if is_head {
                return Ok(Delivered { told: *told, whole: true });
            }
            if delivery.cut.is_some() {
                stream.write_all(&bytes[..bytes.len() / 2])?;
                stream.shutdown(Shutdown::Both)?;
                return Ok(Delivered::default());
            }
            for piece in bytes.chunks(delivery.piece_bytes(bytes.len())) {
                stream.write_all(piece)?;
            }
            Ok(Delivered { told: *told, whole: true })
        }
        Payload::Stream { frames, whole } => {
            let chunked = ("transfer-encoding".to_owned(), "chunked".to_owned());
            stream.write_all(&head(answer, &chunked))?;
            let mut delivered = Delivered::default();
            // An error on the way leaves what was told until then.
            let sent = deliver_frames(stream, frames, delivery, closing, &mut delivered);
            delivered.whole = *whole && matches!(sent, Ok(true));
            Ok(delivered)
        }
    }
}

/// Sends the events: true where all of them went out.
fn deliver_frames(
    stream: &mut TcpStream,
    frames: &[Frame],
    delivery: &Delivery,
    closing: &Closing,
    delivered: &mut Delivered,
) -> io::Result<bool> {
    let count = delivery.cut.map_or(frames.len(), |cut| cut.after().min(frames.len()));
    // With a piece length of its own a piece may end in the middle of an event, or hold several.
    let mut waiting: Vec<u8> = Vec::new();
    for frame in &frames[..count] {
        if delivery.trickle_ms > 0 && closing.wait(delivery.trickle_ms) || has_left(stream) {
            return Ok(false);
        }
        waiting.extend_from_slice(&frame.bytes);
        let piece_bytes = delivery.piece_bytes(waiting.len());
        let whole_pieces = waiting.len() / piece_bytes * piece_bytes;
        for piece in waiting[..whole_pieces].chunks(piece_bytes) {
            write_chunk(stream, piece)?;
        }
        waiting.drain(..whole_pieces);
        delivered.told = frame.told.unwrap_or(delivered.told);
    }
    if let (Some(Cut::Drop(_)), Some(next)) = (delivery.cut, frames.get(count)) {
        waiting.extend_from_slice(&next.bytes[..next.bytes.len() / 2]);
    }
    write_chunk(stream, &waiting)?;
    match delivery.cut {
        Some(Cut::Drop(_)) => stream.shutdown(Shutdown::Both)?,
        Some(Cut::End(_)) | None => stream.write_all(b"0\r\n\r\n")?,
    }
    Ok(delivery.cut.is_none())
}

/// Sends a chunk; an empty one would end the body.
fn write_chunk(stream: &mut TcpStream, piece: &[u8]) -> io::Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk)
}

fn head(answer: &Outgoing, framing: &(String, String)) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in answer.headers.iter().chain([framing]) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// True where the other side has closed its end: what is written now is read by nobody.
fn has_left(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let peeked = stream.peek(&mut [0]);
    let gone = match peeked {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).is_err() || gone
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Unnamed",
    }
}
