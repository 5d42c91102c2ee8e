//! What a server prints, to be read as it comes: bytes in without waiting, out by reading, and a bound between.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use loki_sandbox::{Kept, Output, Stream};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that wait to be read; a server that prints more at once is ended.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of stderr that are kept.
const LAST_WORDS_BYTES_MAX: usize = 4 * 1024;

/// Where a server prints.
#[derive(Clone)]
pub(super) struct Printed(Arc<Mutex<State>>);

/// What it prints as its results.
pub(super) struct Reading(Arc<Mutex<State>>);

struct State {
    waiting: VecDeque<u8>,
    waker: Option<Waker>,
    is_over: bool,
    last_words: Kept,
}

impl State {
    /// Has whoever reads look again.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Printed {
    pub(super) fn new() -> (Self, Reading) {
        let last_words = Kept::new(LAST_WORDS_BYTES_MAX);
        let state = State { waiting: VecDeque::new(), waker: None, is_over: false, last_words };
        let state = Arc::new(Mutex::new(state));
        (Self(Arc::clone(&state)), Reading(state))
    }

    /// Nothing more is printed.
    pub(super) fn over(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_over = true;
        state.wake();
    }

    /// The end of what it printed beside its results.
    pub(super) fn last_words(&self) -> String {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let words = state.last_words.whole().unwrap_or_else(|| state.last_words.tail());
        String::from_utf8_lossy(&words).into_owned()
    }
}

impl Output for Printed {
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match stream {
            Stream::Stderr => state.last_words.push(bytes),
            Stream::Stdout if state.waiting.len() + bytes.len() > WAITING_BYTES_MAX => {
                return Err(io::Error::other("the server prints more than is read"));
            }
            Stream::Stdout => {
                state.waiting.extend(bytes);
                state.wake();
            }
        }
        Ok(())
    }
}

impl AsyncRead for Reading {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_empty() && !state.is_over {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let (front, _) = state.waiting.as_slices();
        let count = front.len().min(into.remaining());
        into.put_slice(&front[..count]);
        state.waiting.drain(..count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_is_printed_is_read_and_then_it_is_over() {
        let (mut printed, mut reading) = Printed::new();
        printed.take(Stream::Stdout, b"one ").unwrap();
        printed.take(Stream::Stderr, b"beside").unwrap();
        let mut later = printed.clone();
        let late = tokio::spawn(async move {
            tokio::task::yield_now().await;
            later.take(Stream::Stdout, b"two").unwrap();
            later.over();
        });
        let mut whole = String::new();
        reading.read_to_string(&mut whole).await.unwrap();
        late.await.unwrap();
        assert_eq!((whole.as_str(), printed.last_words().as_str()), ("one two", "beside"));
    }

    #[test]
    fn what_nobody_reads_is_bounded() {
        let (mut printed, _reading) = Printed::new();
        let piece = vec![b'x'; WAITING_BYTES_MAX];
        printed.take(Stream::Stdout, &piece).unwrap();
        printed.take(Stream::Stdout, b"x").unwrap_err();
    }
}
