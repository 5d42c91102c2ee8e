//! `edit_file`: replaces an exact piece of a file.

mod exact;
mod near;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use loki_engine::tool::{Answer, ToolError};
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use crate::change::{self, Change, Changed};
use crate::disk::DiskTool;
use crate::files::{FILE_BYTES_MAX, FileError, Place, Project};
use crate::input::Input;
use crate::seen::Seen;
use exact::{Edit, Miss, Which};

const NAME: &str = "edit_file";
const KNOWN: &[&str] = &["path", "old", "new", "all"];
/// Lines that an answer names.
const LINES_SHOWN_MAX: usize = 10;

/// Replaces pieces of files.
pub(crate) struct EditFile {
    pub(crate) project: Project,
    pub(crate) seen: Arc<Seen>,
}

impl DiskTool for EditFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Replaces `old` by `new` in a file that you have read. `old` must be copied exactly, with its \
                indentation and without line numbers, and must occur exactly once: take in lines around it until it \
                does, or set `all` to replace every occurrence. The file keeps its line ends."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "Relative to the project's folder." },
                    "old": { "type": "string", "description": "The exact text to replace." },
                    "new": { "type": "string", "description": "The text to put there; empty deletes." },
                    "all": { "type": "boolean", "description": "Replace every occurrence. Default false." },
                },
                "required": ["path", "old", "new"],
                "additionalProperties": false,
            }),
        }
    }

    fn reads_only(&self) -> bool {
        false
    }

    fn prepare(&self, input: &Value) -> Option<String> {
        change::prepare(&self.project, &self.seen, self, input)
    }

    fn call(&self, input: &Value, expects: Option<&str>) -> Result<Answer, ToolError> {
        change::call(&self.project, &self.seen, self, input, expects)
    }
}

impl Change for EditFile {
    fn place(&self, input: &Value) -> Result<Place, ToolError> {
        Ok(self.project.place(Input::of(NAME, KNOWN, input)?.text("path")?)?)
    }

    fn changed(&self, input: &Value, place: &Place, present: Option<&[u8]>) -> Result<Changed, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let (old, new) = (input.text("old")?, input.text("new")?);
        let which = if input.flag("all")? { Which::All } else { Which::Only };
        if old.is_empty() {
            let hint = "copy the text to replace; a new file is written with `write_file`";
            return Err(ToolError::new("bad_input", "`old` is empty", Some(hint)));
        }
        if old == new {
            return Err(ToolError::new(
                "bad_input",
                "`old` and `new` are the same",
                Some("nothing needs to be done"),
            ));
        }
        let Some(present) = present else { return Err(FileError::Absent { path: place.shown() }.into()) };
        let Edit { content, lines } =
            exact::edit(present, old, new, which).map_err(|miss| refusal(&miss, place, old))?;
        let times = if lines.len() == 1 { "" } else { "s" };
        let count = lines.len();
        let summary = format!("edited `{}`: {count} place{times}, {}", place.shown(), on_lines(&lines));
        Ok(Changed { content, summary })
    }
}

/// Such as `line 3` or `lines 3, 8 and 4 more`.
fn on_lines(lines: &[usize]) -> String {
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let named: Vec<String> = lines.iter().take(LINES_SHOWN_MAX).map(usize::to_string).collect();
    match lines.len().saturating_sub(LINES_SHOWN_MAX) {
        0 => format!("{word} {}", named.join(", ")),
        more => format!("{word} {} and {more} more", named.join(", ")),
    }
}

fn counted(times: usize) -> String {
    let least = if times >= exact::OCCURRENCES_MAX { "at least " } else { "" };
    format!("{least}{times}")
}

fn refusal(miss: &Miss, place: &Place, old: &str) -> ToolError {
    let path = place.shown();
    match miss {
        Miss::Absent { nearest: None } => ToolError::new(
            "not_found",
            format!("`old` does not occur in `{path}`, nor anything like it"),
            Some("read the file again and copy the text exactly"),
        ),
        Miss::Absent { nearest: Some(near) } => {
            let how = if near.only_space { " differs only in white space" } else { " is nearest" };
            let message =
                format!("`old` does not occur in `{path}`; line {}{how}: `{}`", near.line, near.text);
            let hint = match near::has_line_numbers(old) {
                true => "leave out the line numbers that `read_file` shows",
                false => "copy the text exactly, with its white space",
            };
            ToolError::new("not_found", message, Some(hint))
        }
        Miss::Several { lines } => ToolError::new(
            "not_unique",
            format!("`old` occurs {} times in `{path}`, on {}", counted(lines.len()), on_lines(lines)),
            Some("take in lines around it until it occurs once, or set `all`"),
        ),
        Miss::TooLarge => ToolError::new(
            "too_large",
            format!("`{path}` would have more than {FILE_BYTES_MAX} bytes"),
            Some("replace less"),
        ),
    }
}
