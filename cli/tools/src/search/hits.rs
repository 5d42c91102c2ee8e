//! What a search found, as text of bounded size, and what it could not look at.

use std::fmt::Write;
use std::io;

use grep_searcher::{Searcher, Sink, SinkContext, SinkFinish, SinkMatch};
use loki_engine::tool::Answer;

use crate::files::{Place, WALKED_MAX};

/// Lines that match.
const LINES_MAX: u64 = 200;
/// Bytes of an answer, and of a line in it.
const TEXT_BYTES_MAX: usize = 64 << 10;
const LINE_BYTES_MAX: usize = 500;
/// Files with too long lines that are named.
const LONG_SHOWN_MAX: usize = 5;

/// What was found so far.
#[derive(Default)]
pub(super) struct Hits {
    text: String,
    lines: u64,
    files: u64,
    pub(super) misses: Misses,
}

/// What was not looked at.
#[derive(Default)]
pub(super) struct Misses {
    /// Files with a line that is too long: the first of them by name, and how many there are.
    long: Vec<String>,
    long_files: u64,
    /// Binary files.
    pub(super) binary: u64,
    /// Files and folders that could not be opened.
    pub(super) unopened: u64,
    /// Files whose names are no UTF-8.
    pub(super) unnameable: u64,
    /// True where so many bytes were looked at that no more were.
    pub(super) spent: bool,
    /// True where there were too many files.
    pub(super) cut: bool,
}

impl Hits {
    /// Takes what is found in one file.
    pub(super) fn of(&mut self, place: &Place) -> FileHits<'_> {
        FileHits { path: place.shown(), found: 0, was_binary: false, hits: self }
    }

    /// True once no more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.lines >= LINES_MAX || self.text.len() >= TEXT_BYTES_MAX
    }

    fn add(&mut self, path: &str, mark: char, number: Option<u64>, bytes: &[u8]) {
        let line = bytes.trim_ascii_end();
        let cut = line.len().min(LINE_BYTES_MAX);
        let text = String::from_utf8_lossy(&line[..cut]);
        let rest =
            if cut < line.len() { format!("… [{} more bytes]", line.len() - cut) } else { String::new() };
        let number = number.unwrap_or(0);
        // Writing into a string cannot fail.
        let _infallible = writeln!(self.text, "{path}{mark}{number}{mark}{text}{rest}");
    }

    /// The answer.
    pub(super) fn finish(mut self) -> Answer {
        let full = self.is_full();
        let summary = match self.lines {
            0 => "found nothing".to_owned(),
            1 => "found 1 line".to_owned(),
            lines => format!("found {lines} lines in {} files", self.files),
        };
        let mut notes = Vec::new();
        if self.lines == 0 {
            notes.push("nothing matches".to_owned());
        }
        if full {
            notes.push(format!("only the first {} lines are shown: narrow the search", self.lines));
        }
        notes.append(&mut self.misses.notes());
        for note in notes {
            self.text.push_str(&format!("[{note}]\n"));
        }
        Answer::Done { summary, output: self.text }
    }
}

impl Misses {
    /// A file was left at a line that is too long.
    pub(super) fn too_long(&mut self, place: &Place) {
        self.long_files += 1;
        if self.long.len() < LONG_SHOWN_MAX {
            self.long.push(place.shown());
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut counted = |count: u64, what: &str| {
            if count > 0 {
                notes.push(format!("{count} {what}"));
            }
        };
        counted(self.binary, "binary files were left out");
        counted(self.unopened, "files or folders could not be opened");
        counted(self.unnameable, "files were left out whose names are no UTF-8");
        if !self.long.is_empty() {
            let more = self.long_files - self.long.len() as u64;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            notes.push(format!("left where a line has more than 1 MiB: {}{more}", self.long.join(", ")));
        }
        if self.spent {
            notes.push("the search ended after 512 MiB or 20 s: name a folder or a glob".to_owned());
        }
        if self.cut {
            notes.push(format!("only the first {WALKED_MAX} entries were looked at: name a folder"));
        }
        notes
    }
}

/// Takes what is found in one file.
pub(super) struct FileHits<'a> {
    hits: &'a mut Hits,
    path: String,
    found: u64,
    pub(super) was_binary: bool,
}

impl Sink for FileHits<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        self.hits.lines += 1;
        self.hits.files += u64::from(self.found == 0);
        self.found += 1;
        self.hits.add(&self.path, ':', found.line_number(), found.bytes());
        Ok(!self.hits.is_full())
    }

    fn context(&mut self, _searcher: &Searcher, line: &SinkContext<'_>) -> io::Result<bool> {
        self.hits.add(&self.path, '-', line.line_number(), line.bytes());
        Ok(!self.hits.is_full())
    }

    fn context_break(&mut self, _searcher: &Searcher) -> io::Result<bool> {
        self.hits.text.push_str("--\n");
        Ok(true)
    }

    fn binary_data(&mut self, _searcher: &Searcher, _offset: u64) -> io::Result<bool> {
        self.was_binary = true;
        Ok(false)
    }

    fn finish(&mut self, _searcher: &Searcher, _finish: &SinkFinish) -> io::Result<()> {
        Ok(())
    }
}
