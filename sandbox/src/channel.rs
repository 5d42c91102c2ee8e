//! Frames over a Unix socket: a length, JSON, and sometimes a descriptor beside it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a frame at most: a policy with all its rules is far below.
const FRAME_BYTES_MAX: usize = 8 << 20;

/// Bytes taken at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The length in front of a frame.
const HEADER_BYTES: usize = 4;

/// Sends one frame, with a descriptor beside it where one is given.
pub(crate) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let body = serde_json::to_vec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let frame = [&length.to_le_bytes()[..], &body].concat();
    let mut sent = 0;
    while sent < frame.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if sent == 0 && !descriptors.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let rest = [IoSlice::new(&frame[sent..])];
        match sendmsg(&socket, &rest, &mut beside, SendFlags::NOSIGNAL) {
            Ok(bytes) => sent += bytes,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Receives frames, as their bytes come in.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// True once the other side has closed.
    pub(crate) closed: bool,
}

impl Frames {
    /// Takes what is there, waiting for it where the socket blocks.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> io::Result<()> {
        self.receive_at_most(socket, CHUNK_BYTES)
    }

    fn receive_at_most(&mut self, socket: impl AsFd, most: usize) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut chunk = [0; CHUNK_BYTES];
        let received = loop {
            let mut into = [IoSliceMut::new(&mut chunk[..most])];
            match recvmsg(&socket, &mut into, &mut beside, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                // A peer that was killed with something unread counts as closed.
                Err(rustix::io::Errno::CONNRESET) => break 0,
                other => break other?.bytes,
            }
        };
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.closed |= received == 0;
        self.bytes.extend_from_slice(&chunk[..received]);
        Ok(())
    }

    /// Bytes that the frame in front still lacks, as far as one look tells.
    fn missing(&self) -> usize {
        let Some((header, body)) = self.bytes.split_at_checked(HEADER_BYTES) else {
            return HEADER_BYTES - self.bytes.len();
        };
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(body.len()).clamp(1, CHUNK_BYTES)
    }

    /// The next whole frame, if it is there.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some((header, rest)) = self.bytes.split_at_checked(HEADER_BYTES) else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes([header[0], header[1], header[2], header[3]]))
            .map_err(io::Error::other)?;
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other("a frame is too long"));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body)?;
        self.bytes.drain(..HEADER_BYTES + length);
        Ok(Some(message))
    }

    /// Waits for the next frame on a socket that blocks. None where the other side closed before it. What
    /// comes after the frame stays in the socket: it need not be another one.
    pub(crate) fn wait<T: DeserializeOwned>(&mut self, socket: impl AsFd) -> io::Result<Option<T>> {
        loop {
            if let Some(message) = self.next()? {
                return Ok(Some(message));
            }
            if self.closed {
                return Ok(None);
            }
            self.receive_at_most(&socket, self.missing())?;
        }
    }

    /// The first descriptor that came and was not taken yet.
    pub(crate) fn descriptor(&mut self) -> Option<OwnedFd> {
        (!self.descriptors.is_empty()).then(|| self.descriptors.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn frames_arrive_whole_and_in_order_with_their_descriptor() {
        let (near, far) = UnixStream::pair().unwrap();
        let long = "x".repeat(100_000);
        let sender = std::thread::spawn({
            let long = long.clone();
            move || {
                send(&near, &"first", Some(std::io::stdin().as_fd())).unwrap();
                send(&near, &long, None).unwrap();
            }
        });
        let mut frames = Frames::default();
        assert_eq!(frames.wait::<String>(&far).unwrap().as_deref(), Some("first"));
        assert!(frames.descriptor().is_some());
        assert_eq!(frames.wait::<String>(&far).unwrap(), Some(long));
        assert_eq!(frames.wait::<String>(&far).unwrap(), None);
        sender.join().unwrap();
    }

    #[test]
    fn a_word_behind_a_frame_is_left_for_whoever_reads_next() {
        use std::io::{Read, Write};
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let long = "x".repeat(CHUNK_BYTES + 100);
        for text in ["", "short", &long] {
            send(&near, &text, None).unwrap();
            near.write_all(b"s").unwrap();
            assert_eq!(Frames::default().wait::<String>(&far).unwrap().as_deref(), Some(text));
            let mut word = [0; 8];
            let length = far.read(&mut word).unwrap();
            assert_eq!(&word[..length], b"s", "after {} bytes", text.len());
        }
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused() {
        let mut frames = Frames { bytes: vec![0xff; 8], ..Frames::default() };
        frames.next::<String>().unwrap_err();
    }
}
