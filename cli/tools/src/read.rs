//! `read_file`: a window of a file's lines, numbered.

mod window;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use loki_engine::tool::{Answer, ToolError};
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use crate::disk::DiskTool;
use crate::files::{FILE_BYTES_MAX, FileError, Place, Project};
use crate::input::Input;
use crate::seen::{Seen, sha256};
use window::{Window, window};

const NAME: &str = "read_file";
const KNOWN: &[&str] = &["path", "offset", "limit"];
/// Lines of an answer.
const LINES_MAX: u64 = 2_000;
/// The furthest line that may be asked for.
const OFFSET_MAX: u64 = 1_000_000_000;
/// Bytes of a file that are looked through for the lines asked for.
const SCANNED_BYTES_MAX: u64 = 256 << 20;
/// Bytes at the beginning of a file that tell whether it is text.
const PROBED_BYTES: usize = 8 << 10;

/// Shows files.
pub(crate) struct ReadFile {
    pub(crate) project: Project,
    pub(crate) seen: Arc<Seen>,
}

impl DiskTool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Shows a text file: its lines, each with its number and a tab, which are not part of the file. \
                At most 2000 lines and 64 KiB at a time; long lines are cut at 2000 bytes. Read a file before you \
                change it."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "Relative to the project's folder." },
                    "offset": {
                        "type": "integer", "minimum": 1, "maximum": OFFSET_MAX,
                        "description": "The first line to show. Default 1.",
                    },
                    "limit": {
                        "type": "integer", "minimum": 1, "maximum": LINES_MAX,
                        "description": "Lines to show at most. Default 2000.",
                    },
                },
                "required": ["path"],
                "additionalProperties": false,
            }),
        }
    }

    fn reads_only(&self) -> bool {
        true
    }

    fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let place = self.project.place(input.text("path")?)?;
        let offset = input.number("offset", 1..=OFFSET_MAX)?.unwrap_or(1);
        let limit = input.number("limit", 1..=LINES_MAX)?.unwrap_or(LINES_MAX);
        let file = self.project.file(&place)?;
        let failed = |source| FileError::io("read", &place, source);
        let length = file.metadata().map_err(failed)?.len();
        if length <= FILE_BYTES_MAX as u64 {
            let mut bytes = Vec::new();
            (&file).take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(failed)?;
            self.seen.note(&place, sha256(&bytes));
            if is_binary(&bytes) {
                return Ok(binary(&place, bytes.len() as u64));
            }
            let lines = memchr::memchr_iter(b'\n', &bytes).count() as u64;
            let lines = lines + u64::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
            let window = window(&mut bytes.as_slice(), offset, limit).map_err(failed)?;
            return shown(&place, &window, offset, Some(lines));
        }
        large(&place, file, length, offset, limit)
    }
}

/// A file that is too large to be changed by the tools: only what is asked for is held.
fn large(place: &Place, file: File, length: u64, offset: u64, limit: u64) -> Result<Answer, ToolError> {
    let failed = |source| FileError::io("read", place, source);
    let mut reader = BufReader::with_capacity(PROBED_BYTES * 8, file.take(SCANNED_BYTES_MAX));
    if is_binary(reader.fill_buf().map_err(failed)?) {
        return Ok(binary(place, length));
    }
    let window = window(&mut reader, offset, limit).map_err(failed)?;
    shown(place, &window, offset, None)
}

fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(PROBED_BYTES)]).is_some()
}

fn binary(place: &Place, length: u64) -> Answer {
    let summary = format!("`{}` is a binary file of {length} bytes", place.shown());
    Answer::Done { output: format!("[{summary}; it is not shown]"), summary }
}

/// The answer: the lines, and what else there is to know in brackets. `lines` are those of the whole file,
/// where they were counted.
fn shown(place: &Place, window: &Window, offset: u64, lines: Option<u64>) -> Result<Answer, ToolError> {
    let path = place.shown();
    if window.lines == 0 && offset > 1 {
        let message = format!("`{path}` has no line {offset}: it has {}", window.skipped);
        return Err(ToolError::new("past_the_end", message, Some("give a smaller `offset`")));
    }
    let mut notes = Vec::new();
    let last = offset + window.lines.saturating_sub(1);
    if window.lines == 0 {
        notes.push("the file is empty".to_owned());
    } else if window.more {
        let of = lines.map(|lines| format!(" of {lines}")).unwrap_or_default();
        notes.push(format!("lines {offset} to {last}{of}; go on with offset {}", last + 1));
    } else if window.unended {
        notes.push("the last line has no end".to_owned());
    }
    if lines.is_none() {
        notes.push(format!("the file has more than {FILE_BYTES_MAX} bytes: the tools cannot change it"));
    }
    if window.crlf {
        notes.push("lines end in CRLF".to_owned());
    }
    if window.invalid {
        notes.push("bytes that are no UTF-8 are shown as U+FFFD".to_owned());
    }
    let mut output = window.text.clone();
    for note in &notes {
        output.push_str(&format!("[{note}]\n"));
    }
    let summary = match window.lines {
        0 => format!("read `{path}`: empty"),
        1 => format!("read `{path}`, line {offset}"),
        _ => format!("read `{path}`, lines {offset} to {last}"),
    };
    Ok(Answer::Done { summary, output })
}
