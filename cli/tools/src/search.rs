//! `search_files`: lines that match a regular expression.

mod hits;

use std::ffi::OsStr;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder};
use ignore::overrides::{Override, OverrideBuilder};
use loki_engine::tool::{Answer, ToolError};
use loki_provider::ToolSpec;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::disk::DiskTool;
use crate::files::{Entry, Kind, Place, Project};
use crate::input::Input;
use hits::Hits;

const NAME: &str = "search_files";
const KNOWN: &[&str] = &["pattern", "path", "glob", "case", "context"];
const CASES: &[&str] = &["sensitive", "insensitive", "smart"];
/// Bytes of a pattern, of a compiled pattern, and of the automaton that it becomes.
const PATTERN_BYTES_MAX: usize = 1_000;
const COMPILED_BYTES_MAX: usize = 1 << 20;
const AUTOMATON_BYTES_MAX: usize = 16 << 20;
/// Bytes of a line; a file with a longer one is given up there.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Bytes that one search looks at, and how long: there are expressions that take long for each byte.
const SEARCHED_BYTES_MAX: u64 = 512 << 20;
const SEARCHED_WITHIN: Duration = Duration::from_secs(20);
const CONTEXT_MAX: u64 = 10;
const DEPTH_MAX: usize = 64;

/// Searches files.
pub(crate) struct SearchFiles {
    pub(crate) project: Project,
}

impl DiskTool for SearchFiles {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Finds lines that match a regular expression (Rust's syntax, no look-around, within one line), \
                as `path:line:text`. What `.gitignore` names and binary files are left out. At most 200 lines."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "pattern": { "type": "string", "description": "The expression. Escape `(`, `.`, `[` and the like with a backslash." },
                    "path": { "type": "string", "description": "A folder or a file. Default: the project's folder." },
                    "glob": { "type": "string", "description": "Only files whose path matches, such as `*.rs` or `src/**/*.ts`; `!` before it leaves them out." },
                    "case": { "type": "string", "enum": CASES, "description": "Default `sensitive`; `smart` ignores case where the pattern has no capitals." },
                    "context": {
                        "type": "integer", "minimum": 0, "maximum": CONTEXT_MAX,
                        "description": "Lines to show around each match. Default 0.",
                    },
                },
                "required": ["pattern"],
                "additionalProperties": false,
            }),
        }
    }

    fn reads_only(&self) -> bool {
        true
    }

    fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let matcher = matcher(input.text("pattern")?, input.choice("case", CASES)?)?;
        let start = self.project.place(input.text_if_any("path")?.unwrap_or(""))?;
        let globs = input.text_if_any("glob")?.map(globs).transpose()?;
        let context = input.number("context", 0..=CONTEXT_MAX)?.unwrap_or(0);
        let searcher = searcher(usize::try_from(context).unwrap_or(0));
        let mut search = Search {
            project: &self.project,
            matcher,
            searcher,
            left: SEARCHED_BYTES_MAX,
            until: Instant::now() + SEARCHED_WITHIN,
            hits: Hits::default(),
        };
        if self.project.is_folder(&start)? {
            search.folder(&start, globs.as_ref())?;
        } else {
            drop(self.project.file(&start)?);
            let _over = search.file(&start);
        }
        Ok(search.hits.finish())
    }
}

struct Search<'a> {
    project: &'a Project,
    matcher: RegexMatcher,
    searcher: Searcher,
    /// Bytes that may still be looked at.
    left: u64,
    /// When it ends.
    until: Instant,
    hits: Hits,
}

impl Search<'_> {
    fn folder(&mut self, start: &Place, globs: Option<&Override>) -> Result<(), ToolError> {
        let project = self.project.clone();
        let walked = project.walk(start, DEPTH_MAX, &mut |entry| self.entry(&entry, globs))?;
        self.hits.misses.cut |= walked.cut;
        self.hits.misses.unopened += walked.closed;
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, globs: Option<&Override>) -> ControlFlow<()> {
        match entry.kind {
            Kind::File(_) => {}
            Kind::Folder | Kind::Link | Kind::Special => return ControlFlow::Continue(()),
        }
        let path = Path::new(OsStr::from_bytes(&entry.path));
        if globs.is_some_and(|globs| globs.matched(path, false).is_ignore()) {
            return ControlFlow::Continue(());
        }
        let Some(place) = entry.place() else {
            self.hits.misses.unnameable += 1;
            return ControlFlow::Continue(());
        };
        self.file(&place)
    }

    /// Searches a file; breaks where the whole search has reached a limit.
    fn file(&mut self, place: &Place) -> ControlFlow<()> {
        let Ok(file) = self.project.file(place) else {
            self.hits.misses.unopened += 1;
            return ControlFlow::Continue(());
        };
        let mut reader = Metered { inner: file, left: &mut self.left, until: self.until };
        let mut sink = self.hits.of(place);
        let searched = self.searcher.search_reader(&self.matcher, &mut reader, &mut sink);
        match searched {
            Ok(()) => self.hits.misses.binary += u64::from(sink.was_binary),
            // The searcher's own errors carry no number: it was given no more memory for a line.
            Err(error) if error.raw_os_error().is_none() => self.hits.misses.too_long(place),
            Err(_) => self.hits.misses.unopened += 1,
        }
        self.hits.misses.spent |= self.left == 0;
        match self.hits.is_full() || self.hits.misses.spent {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// A reader that ends where too many bytes have been read in all, or when it has taken too long.
struct Metered<'a, R> {
    inner: R,
    left: &'a mut u64,
    until: Instant,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            *self.left = 0;
        }
        let most = usize::try_from(*self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        *self.left -= count as u64;
        Ok(count)
    }
}

fn matcher(pattern: &str, case: Option<&str>) -> Result<RegexMatcher, ToolError> {
    let bad = |why: &str| {
        let hint = "escape characters that are meant literally with a backslash, and search within one line";
        ToolError::new("bad_pattern", format!("`pattern` is no usable regular expression: {why}"), Some(hint))
    };
    if pattern.is_empty() {
        return Err(bad("it is empty"));
    }
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(bad(&format!("it has more than {PATTERN_BYTES_MAX} bytes")));
    }
    RegexMatcherBuilder::new()
        .crlf(true)
        .multi_line(true)
        .case_insensitive(case == Some("insensitive"))
        .case_smart(case == Some("smart"))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(AUTOMATON_BYTES_MAX)
        .build(pattern)
        .map_err(|error| bad(&error.to_string()))
}

fn globs(glob: &str) -> Result<Override, ToolError> {
    let bad = |error: ignore::Error| {
        ToolError::new(
            "bad_glob",
            format!("`glob` cannot be used: {error}"),
            Some("write it as in `*.rs` or `src/**`"),
        )
    };
    if glob.len() > PATTERN_BYTES_MAX {
        return Err(ToolError::new("bad_glob", "`glob` is too long", Some("write it as in `*.rs`")));
    }
    let mut builder = OverrideBuilder::new("");
    builder.add(glob).map_err(bad)?;
    builder.build().map_err(bad)
}

fn searcher(context: usize) -> Searcher {
    SearcherBuilder::new()
        .line_terminator(LineTerminator::crlf())
        .line_number(true)
        .before_context(context)
        .after_context(context)
        .bom_sniffing(false)
        .memory_map(MmapChoice::never())
        .heap_limit(Some(LINE_BYTES_MAX))
        .binary_detection(BinaryDetection::quit(0))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(left: u64, within: Duration) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "x\n").unwrap();
        std::fs::write(folder.path().join("b"), "x\n").unwrap();
        let project = Project::open(folder.path()).unwrap();
        let (matcher, searcher) = (matcher("x", None).unwrap(), searcher(0));
        let until = Instant::now() + within;
        let mut search = Search { project: &project, matcher, searcher, left, until, hits: Hits::default() };
        search.folder(&project.top(), None).unwrap();
        match search.hits.finish() {
            Answer::Done { output, .. } => output,
            Answer::Review(_) => panic!("nothing is proposed"),
        }
    }

    #[test]
    fn a_search_ends_after_so_many_bytes_and_so_long() {
        let spent = "[the search ended after 512 MiB or 20 s: name a folder or a glob]\n";
        assert_eq!(found(100, SEARCHED_WITHIN), "a:1:x\nb:1:x\n");
        assert_eq!(found(2, SEARCHED_WITHIN), format!("a:1:x\n{spent}"));
        assert_eq!(found(100, Duration::ZERO), format!("[nothing matches]\n{spent}"));
    }
}
