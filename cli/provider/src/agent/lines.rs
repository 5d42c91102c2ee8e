//! A program's output as lines of a bounded length.

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// There is more to read.
    Go,
    /// Enough: the program is to be ended.
    Stop,
}

/// Takes a program's stdout as it comes.
pub trait Lines: Send {
    /// Some bytes, wherever they were cut.
    fn take(&mut self, bytes: &[u8]) -> Flow;
}

/// Cuts a stream into lines. A line that is too long is skipped and counted.
#[derive(Debug)]
pub struct Splitter {
    line: Vec<u8>,
    line_bytes_max: usize,
    skipping: bool,
    skipped: u64,
}

impl Splitter {
    /// Lines of at most so many bytes.
    pub fn new(line_bytes_max: usize) -> Self {
        Self { line: Vec::new(), line_bytes_max, skipping: false, skipped: 0 }
    }

    /// Hands each line that ends in `bytes` to `line`, until that wants no more.
    pub fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8]) -> Flow) -> Flow {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = rest.split_at(end);
            rest = &tail[1..];
            self.push(head);
            let whole = !std::mem::take(&mut self.skipping);
            let done = std::mem::take(&mut self.line);
            if whole && line(&done) == Flow::Stop {
                return Flow::Stop;
            }
        }
        self.push(rest);
        Flow::Go
    }

    /// Hands over what came after the last end of a line.
    pub fn finish(&mut self, mut line: impl FnMut(&[u8]) -> Flow) {
        let rest = std::mem::take(&mut self.line);
        if !std::mem::take(&mut self.skipping) && !rest.is_empty() {
            line(&rest);
        }
    }

    /// Lines that were too long.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.skipping {
            return;
        }
        if self.line.len() + bytes.len() > self.line_bytes_max {
            self.line = Vec::new();
            self.skipping = true;
            self.skipped += 1;
            return;
        }
        self.line.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]], max: usize) -> (Vec<String>, u64) {
        let mut splitter = Splitter::new(max);
        let mut lines = Vec::new();
        let mut keep = |line: &[u8]| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            Flow::Go
        };
        for piece in pieces {
            splitter.feed(piece, &mut keep);
        }
        splitter.finish(&mut keep);
        (lines, splitter.skipped())
    }

    #[test]
    fn lines_are_the_same_wherever_they_are_cut() {
        let text = b"one\n\nthree\nlast";
        let expected = (vec!["one".to_owned(), String::new(), "three".into(), "last".into()], 0);
        for cut in 0..=text.len() {
            assert_eq!(split(&[&text[..cut], &text[cut..]], 10), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_is_read() {
        let expected = (vec!["12345".to_owned(), "ok".into()], 2);
        let text = b"12345\n123456\nok\n1234567";
        assert_eq!(split(&[text], 5), expected);
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(split(&single, 5), expected);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut splitter = Splitter::new(1000);
        for _ in 0..1000 {
            splitter.feed(&[b'x'; 4096], |_| Flow::Go);
        }
        assert!(splitter.line.capacity() <= 1000);
    }

    #[test]
    fn nothing_is_read_after_a_stop() {
        let mut splitter = Splitter::new(10);
        let mut count = 0;
        let stop = |_: &[u8]| {
            count += 1;
            Flow::Stop
        };
        assert_eq!(splitter.feed(b"a\nb\nc\n", stop), Flow::Stop);
        assert_eq!(count, 1);
    }
}
