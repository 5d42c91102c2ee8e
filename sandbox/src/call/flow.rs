//! Bytes in and out of a command, and their count.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::{AsyncRead, AsyncReadExt, copy};
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use super::{Output, Stream};

/// Bytes taken from a stream at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A command's stdin. As long as nothing has read from it, it serves the next attempt as well.
pub(super) struct Input {
    /// What the command reads from.
    pub(super) reader: OwnedFd,
    _feeding: Option<Feeding>,
}

/// The command's stdin, and the task that fills it where there is something to read.
///
/// It is always a fresh pipe: a descriptor of somebody else's would be a right to what it is
/// open for.
pub(super) fn feed(from: Option<Box<dyn AsyncRead + Send + Unpin>>) -> io::Result<Input> {
    let (reader, writer) = io::pipe()?;
    // Nothing to read is a pipe that has ended: even a null device would be somebody else's.
    let Some(mut from) = from else { return Ok(Input { reader: reader.into(), _feeding: None }) };
    let mut writer = pipe::Sender::from_owned_fd(OwnedFd::from(writer).try_clone()?)?;
    let task = tokio::spawn(async move {
        // A command that does not read to the end is no error.
        let _unread = copy(&mut from, &mut writer).await;
    });
    Ok(Input { reader: reader.into(), _feeding: Some(Feeding(task)) })
}

/// A task that fills a command's stdin; it ends with the call.
struct Feeding(JoinHandle<()>);

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One stream of a command.
pub(super) struct Source<R> {
    reader: Option<R>,
    stream: Stream,
    chunk: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Source<R> {
    pub(super) fn new(reader: Option<R>, stream: Stream) -> Self {
        Self { reader, stream, chunk: vec![0; CHUNK_BYTES] }
    }

    /// True once nothing comes any more.
    pub(super) fn is_over(&self) -> bool {
        self.reader.is_none()
    }

    /// Waits for bytes; returns how many there are, 0 at the end. For ever, once the end is known.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else { return std::future::pending().await };
        let bytes = reader.read(&mut self.chunk).await?;
        if bytes == 0 {
            self.reader = None;
        }
        Ok(bytes)
    }

    /// Hands over what [`Source::fill`] has brought.
    pub(super) fn give(&self, bytes: usize, to: &mut (impl Output + ?Sized)) -> io::Result<()> {
        to.take(self.stream, &self.chunk[..bytes])
    }
}

/// Counts output against its limit.
#[derive(Debug)]
pub(super) struct Meter {
    /// Bytes so far.
    pub(super) bytes: u64,
    bytes_max: u64,
}

impl Meter {
    pub(super) fn new(bytes_max: u64) -> Meter {
        Meter { bytes: 0, bytes_max }
    }

    /// Counts `bytes` more; returns how many of them are within the limit.
    pub(super) fn count(&mut self, bytes: usize) -> usize {
        let left = self.bytes_max.saturating_sub(self.bytes);
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(wanted);
        usize::try_from(left.min(wanted)).unwrap_or(bytes)
    }

    /// Whether there was more than there may be.
    pub(super) fn is_over(&self) -> bool {
        self.bytes > self.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_limit_is_cut_off() {
        let mut meter = Meter::new(10);
        assert_eq!((meter.count(8), meter.is_over()), (8, false));
        assert_eq!((meter.count(8), meter.is_over()), (2, true));
        assert_eq!((meter.count(8), meter.bytes), (0, 24));
    }
}
