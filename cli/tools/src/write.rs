//! `write_file`: puts a whole file into the project.

use std::sync::Arc;

use loki_engine::tool::{Answer, ToolError};
use loki_provider::ToolSpec;
use serde_json::{Value, json};

use crate::change::{self, Change, Changed};
use crate::disk::DiskTool;
use crate::files::{FILE_BYTES_MAX, Place, Project};
use crate::input::Input;
use crate::seen::Seen;

const NAME: &str = "write_file";
const KNOWN: &[&str] = &["path", "content"];

/// Writes whole files.
pub(crate) struct WriteFile {
    pub(crate) project: Project,
    pub(crate) seen: Arc<Seen>,
}

impl DiskTool for WriteFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description:
                "Writes a whole text file, with the folders it needs; at most 4 MiB. To replace a file that \
                exists, read it with `read_file` first. For a change of a few lines use `edit_file`."
                    .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "Relative to the project's folder." },
                    "content": { "type": "string", "description": "Everything the file will hold." },
                },
                "required": ["path", "content"],
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

impl Change for WriteFile {
    fn place(&self, input: &Value) -> Result<Place, ToolError> {
        Ok(self.project.place(Input::of(NAME, KNOWN, input)?.text("path")?)?)
    }

    fn changed(&self, input: &Value, place: &Place, present: Option<&[u8]>) -> Result<Changed, ToolError> {
        let content = Input::of(NAME, KNOWN, input)?.text("content")?;
        if content.len() > FILE_BYTES_MAX {
            let message = format!(
                "`{}` would have {} bytes; {FILE_BYTES_MAX} is the most",
                place.shown(),
                content.len()
            );
            return Err(ToolError::new("too_large", message, Some("split it into smaller files")));
        }
        let verb = if present.is_some() { "replaced" } else { "wrote" };
        let summary = format!("{verb} `{}` ({} bytes)", place.shown(), content.len());
        Ok(Changed { content: content.as_bytes().to_vec(), summary })
    }
}
