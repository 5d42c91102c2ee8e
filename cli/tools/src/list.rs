//! `list_files`: what is in a folder.

use std::ops::ControlFlow;

use loki_engine::tool::{Answer, ToolError};
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use crate::disk::DiskTool;
use crate::files::{Entry, Kind, Project, WALKED_MAX, Walked, shown};
use crate::input::Input;

const NAME: &str = "list_files";
const KNOWN: &[&str] = &["path", "depth"];
/// Entries of an answer.
const ENTRIES_MAX: u64 = 1_000;
const DEPTH_DEFAULT: u64 = 3;
const DEPTH_MAX: u64 = 32;

/// Lists folders.
pub(crate) struct ListFiles {
    pub(crate) project: Project,
}

impl DiskTool for ListFiles {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Lists what is in a folder, sorted, with sizes in bytes; folders end in `/`. What `.gitignore` \
                names is left out unless its folder is asked for. At most 1000 entries."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "The folder. Default: the project's." },
                    "depth": {
                        "type": "integer", "minimum": 1, "maximum": DEPTH_MAX,
                        "description": "Folders to go down; 1 shows only what is in the folder. Default 3.",
                    },
                },
                "additionalProperties": false,
            }),
        }
    }

    fn reads_only(&self) -> bool {
        true
    }

    fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let start = self.project.place(input.text_if_any("path")?.unwrap_or(""))?;
        let depth = input.number("depth", 1..=DEPTH_MAX)?.unwrap_or(DEPTH_DEFAULT);
        let mut listing = Listing::default();
        let walked = self.project.walk(&start, usize::try_from(depth).unwrap_or(1), &mut |entry| {
            listing.add(&entry);
            ControlFlow::Continue(())
        })?;
        let total = listing.shown + listing.left_out;
        let summary = format!("listed `{}`: {total} entries", start.shown());
        Ok(Answer::Done { summary, output: listing.finish(walked) })
    }
}

/// The lines of an answer.
#[derive(Default)]
struct Listing {
    text: String,
    shown: u64,
    left_out: u64,
    unnameable: u64,
}

impl Listing {
    fn add(&mut self, entry: &Entry) {
        if self.shown == ENTRIES_MAX {
            self.left_out += 1;
            return;
        }
        self.shown += 1;
        self.text.push_str(&shown(&entry.path));
        match entry.kind {
            Kind::Folder => self.text.push('/'),
            Kind::File(bytes) => self.text.push_str(&format!(" ({bytes})")),
            Kind::Link => self.text.push_str(" (a symbolic link, not followed)"),
            Kind::Special => self.text.push_str(" (no regular file)"),
        }
        if entry.place().is_none() {
            self.unnameable += 1;
            self.text.push_str(" (its name is no UTF-8)");
        }
        self.text.push('\n');
    }

    fn finish(mut self, walked: Walked) -> String {
        let mut note = |text: String| self.text.push_str(&format!("[{text}]\n"));
        if self.shown == 0 {
            note("nothing is there but what is ignored or closed".to_owned());
        }
        if self.left_out > 0 {
            let at_least = if walked.cut { "at least " } else { "" };
            note(format!(
                "{at_least}{} more are not shown: name a folder, or a smaller depth",
                self.left_out
            ));
        } else if walked.cut {
            note(format!("only the first {WALKED_MAX} entries were looked at"));
        }
        if walked.closed > 0 {
            note(format!("{} folders could not be opened", walked.closed));
        }
        if self.unnameable > 0 {
            note(
                "a name that is no UTF-8 is shown escaped; no tool but a command can reach such a file"
                    .to_owned(),
            );
        }
        self.text
    }
}
