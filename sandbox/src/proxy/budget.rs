//! How much may still pass, and how much has.
//!
//! Every connection towards a host is a [`Metered`] stream that asks the [`Budget`] for each byte, so that the
//! limit is exact and cannot be gone around.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Instant;

use super::record::DenyReason;

/// The limits on everything together.
#[derive(Debug)]
pub(super) struct Budget {
    connections_max: u64,
    transfer_bytes_max: u64,
    connections: AtomicU64,
    transfer_bytes: AtomicU64,
    connections_reached: AtomicBool,
    transfer_reached: watch::Sender<bool>,
}

impl Budget {
    pub(super) fn new(connections_max: u64, transfer_bytes_max: u64) -> Budget {
        Budget {
            connections_max,
            transfer_bytes_max,
            connections: AtomicU64::new(0),
            transfer_bytes: AtomicU64::new(0),
            connections_reached: AtomicBool::new(false),
            transfer_reached: watch::Sender::new(false),
        }
    }

    /// Takes one connection out of the budget, or says which limit is in the way.
    pub(super) fn connection(&self) -> Result<(), DenyReason> {
        self.transfer_left()?;
        if take(&self.connections, self.connections_max, 1) == 1 {
            return Ok(());
        }
        self.connections_reached.store(true, Relaxed);
        Err(DenyReason::ConnectionsLimit)
    }

    /// Fails once the limit on bytes has been reached.
    pub(super) fn transfer_left(&self) -> Result<(), DenyReason> {
        if self.is_transfer_reached() { Err(DenyReason::TransferLimit) } else { Ok(()) }
    }

    /// Waits for the limit on bytes to be reached.
    pub(super) async fn transfer_reached(&self) {
        let mut reached = self.transfer_reached.subscribe();
        // Fails only without a sender, and that is part of `self`.
        let waited = reached.wait_for(|reached| *reached).await;
        debug_assert!(waited.is_ok());
    }

    pub(super) fn is_transfer_reached(&self) -> bool {
        *self.transfer_reached.borrow()
    }

    pub(super) fn is_connections_reached(&self) -> bool {
        self.connections_reached.load(Relaxed)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    pub(super) fn transfer_bytes(&self) -> u64 {
        self.transfer_bytes.load(Relaxed)
    }

    fn take_bytes(&self, wanted: usize) -> usize {
        let taken = take(&self.transfer_bytes, self.transfer_bytes_max, wanted as u64);
        // No more than was wanted.
        usize::try_from(taken).unwrap_or(wanted)
    }

    fn give_back(&self, bytes: usize) {
        self.transfer_bytes.fetch_sub(bytes as u64, Relaxed);
    }

    fn used_up(&self) -> io::Error {
        self.transfer_reached.send_replace(true);
        io::Error::new(io::ErrorKind::QuotaExceeded, "the limit on transferred bytes is reached")
    }
}

fn take(used: &AtomicU64, max: u64, wanted: u64) -> u64 {
    let mut taken = 0;
    let more = |now: u64| {
        taken = max.saturating_sub(now).min(wanted);
        Some(now + taken)
    };
    let updated = used.fetch_update(Relaxed, Relaxed, more);
    debug_assert!(updated.is_ok());
    taken
}

/// What one connection has moved, and when it last did.
#[derive(Debug)]
pub(super) struct Meter {
    up: AtomicU64,
    down: AtomicU64,
    began: Instant,
    last_ms: AtomicU64,
}

impl Meter {
    pub(super) fn new() -> Arc<Meter> {
        let (up, down, last_ms) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Meter { up, down, began: Instant::now(), last_ms })
    }

    /// Bytes written.
    pub(super) fn up(&self) -> u64 {
        self.up.load(Relaxed)
    }

    /// Bytes read.
    pub(super) fn down(&self) -> u64 {
        self.down.load(Relaxed)
    }

    /// Waits until nothing has moved for this long.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let quiet = self.quiet();
            if quiet >= limit {
                return;
            }
            tokio::time::sleep(limit - quiet).await;
        }
    }

    /// How long nothing has moved.
    pub(super) fn quiet(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last_ms.load(Relaxed)))
    }

    fn moved(&self, counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Relaxed);
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now_ms, Relaxed);
    }
}

/// A stream that is counted, and charged where it has a budget.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
    budget: Option<Arc<Budget>>,
}

impl<S> Metered<S> {
    /// Counts, and charges the budget.
    pub(super) fn charged(stream: S, meter: Arc<Meter>, budget: Arc<Budget>) -> Metered<S> {
        Metered { stream, meter, budget: Some(budget) }
    }

    /// Only counts.
    pub(super) fn watched(stream: S, meter: Arc<Meter>) -> Metered<S> {
        Metered { stream, meter, budget: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let bytes = buf.filled().len() - before;
        if let Some(budget) = &this.budget
            && budget.take_bytes(bytes) < bytes
        {
            buf.set_filled(before);
            return Poll::Ready(Err(budget.used_up()));
        }
        this.meter.moved(&this.meter.down, bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let granted = match &this.budget {
            Some(budget) => budget.take_bytes(bytes.len()),
            None => bytes.len(),
        };
        if let Some(budget) = &this.budget
            && granted == 0
            && !bytes.is_empty()
        {
            return Poll::Ready(Err(budget.used_up()));
        }
        let outcome = Pin::new(&mut this.stream).poll_write(cx, &bytes[..granted]);
        let written = match &outcome {
            Poll::Ready(Ok(written)) => *written,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        if let Some(budget) = &this.budget {
            budget.give_back(granted - written);
        }
        if written > 0 {
            this.meter.moved(&this.meter.up, written);
        }
        outcome
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
