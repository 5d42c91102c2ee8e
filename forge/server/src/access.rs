//! One line for every request: what was asked, by whom roughly, and how it ended. Never what is behind the
//! question mark, never a key, a token or a body.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

/// Takes lines of the log, each one JSON object. It must not wait.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Characters of a path that are kept.
const PATH_CHARS_MAX: usize = 512;

#[derive(Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) time: String,
    pub(crate) request_id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) microseconds: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) panic: Option<&'a str>,
}

impl Line<'_> {
    /// Gives it to `sink`.
    pub(crate) fn write(&self, sink: &Sink) {
        if let Ok(line) = serde_json::to_string(self) {
            sink(&line);
        }
    }
}

/// As much of a path as is kept.
pub(crate) fn path(path: &str) -> &str {
    path.char_indices().nth(PATH_CHARS_MAX).map_or(path, |(at, _)| path.get(..at).unwrap_or_default())
}

/// A W3C trace context, if it is one: nothing else may get into the log by this way.
pub(crate) fn traceparent(text: &str) -> Option<&str> {
    let lengths = text.split('-').map(str::len);
    let is_one =
        lengths.eq([2, 32, 16, 2]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_one.then_some(text)
}
