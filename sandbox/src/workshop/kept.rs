//! A bounded part of what a command prints: how it begins and how it ends.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use crate::call::{Output, Stream};

/// The beginning and the end of a stream, and how much is missing in between.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_max: usize,
    tail_max: usize,
    bytes: u64,
}

/// What is kept of everything that a command prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its results.
    pub stdout: Kept,
    /// Everything else.
    pub stderr: Kept,
    /// Both as they came: near enough to the order they were printed in for people to follow.
    pub both: Kept,
}

impl Kept {
    /// Nothing yet, and at most `bytes_max` bytes of what comes: half of them of its beginning.
    pub fn new(bytes_max: usize) -> Kept {
        let head_max = bytes_max / 2;
        let tail_max = bytes_max - head_max;
        Kept { head: Vec::new(), tail: VecDeque::new(), head_max, tail_max, bytes: 0 }
    }

    /// Takes what came next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let (first, rest) = bytes.split_at(bytes.len().min(self.head_max - self.head.len()));
        self.head.extend_from_slice(first);
        let last = &rest[rest.len().saturating_sub(self.tail_max)..];
        let too_many = (self.tail.len() + last.len()).saturating_sub(self.tail_max);
        self.tail.drain(..too_many);
        self.tail.extend(last);
    }

    /// How it begins.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How it ends, after [`Kept::head`] and what is left out.
    pub fn tail(&self) -> Vec<u8> {
        self.tail.iter().copied().collect()
    }

    /// Bytes of the whole.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that are left out between head and tail.
    pub fn left_out(&self) -> u64 {
        let kept = u64::try_from(self.head.len() + self.tail.len()).unwrap_or(u64::MAX);
        self.bytes.saturating_sub(kept)
    }

    /// All of it, where nothing is left out.
    pub fn whole(&self) -> Option<Vec<u8>> {
        (self.left_out() == 0).then(|| [&self.head[..], &self.tail()].concat())
    }

    /// As text for people and models: what is no UTF-8 is replaced, and a line says what is left out.
    pub fn text(&self) -> String {
        if let Some(whole) = self.whole() {
            return String::from_utf8_lossy(&whole).into_owned();
        }
        let (head, tail) = (String::from_utf8_lossy(&self.head), self.tail());
        format!("{head}\n[{} bytes left out]\n{}", self.left_out(), String::from_utf8_lossy(&tail))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("bytes", &self.bytes).field("text", &self.text()).finish()
    }
}

impl Captured {
    /// Nothing yet, and at most `bytes_max` bytes of each stream and of both together.
    pub fn new(bytes_max: usize) -> Captured {
        let kept = || Kept::new(bytes_max);
        Captured { stdout: kept(), stderr: kept(), both: kept() }
    }
}

impl Output for Captured {
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        }
        self.both.push(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_and_end_are_kept_however_the_bytes_come() {
        let text: Vec<u8> = (0..200).collect();
        for chunk in [1, 3, 7, 10, 11, 50, 200] {
            let mut kept = Kept::new(20);
            text.chunks(chunk).for_each(|bytes| kept.push(bytes));
            assert_eq!(kept.head(), &text[..10], "chunks of {chunk}");
            assert_eq!(kept.tail(), &text[190..], "chunks of {chunk}");
            assert_eq!((kept.bytes(), kept.left_out()), (200, 180), "chunks of {chunk}");
            assert_eq!(kept.whole(), None);
        }
    }

    #[test]
    fn what_is_short_is_whole() {
        for bytes in 0..=20 {
            let text: Vec<u8> = (0..bytes).collect();
            let mut kept = Kept::new(20);
            text.chunks(3).for_each(|bytes| kept.push(bytes));
            assert_eq!(kept.whole(), Some(text));
        }
    }

    #[test]
    fn a_gap_is_named_in_the_text() {
        let mut kept = Kept::new(4);
        kept.push(b"ab\xffcdef");
        assert_eq!(kept.text(), "ab\n[3 bytes left out]\nef");
        let mut nothing = Kept::new(0);
        nothing.push(b"abc");
        assert_eq!((nothing.left_out(), nothing.text()), (3, "\n[3 bytes left out]\n".to_owned()));
    }

    #[test]
    fn memory_stays_bounded_however_much_comes() {
        let mut kept = Kept::new(1_000);
        let chunk = vec![b'x'; 64 * 1024];
        (0..1_000).for_each(|_| kept.push(&chunk));
        assert!(kept.head.capacity() + kept.tail.capacity() < 8_000);
        assert_eq!(kept.bytes(), 65_536_000);
    }
}
