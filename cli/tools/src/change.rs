//! Changes of one file, such that doing one twice is doing it once.
//!
//! Before a change begins, [`prepare`] notes the hash of what is there and of what will be; that goes into
//! the ledger with the intent. [`call`] acts only where the first is still there, says that it has been done
//! where the second is, and refuses in any other case. Whether the model knew what it replaces is decided in
//! `prepare` as well: a call that is repeated after a crash is judged by what it noted alone.

use loki_engine::tool::{Answer, ToolError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{Before, FileError, Place, Project};
use crate::seen::{Seen, sha256};

/// Bytes of a refusal's message and hint that are noted.
const MESSAGE_BYTES_MAX: usize = 1_200;
const HINT_BYTES_MAX: usize = 300;

/// A way to change a file.
pub(crate) trait Change {
    /// The file that the input names.
    fn place(&self, input: &Value) -> Result<Place, ToolError>;

    /// What it will hold, and what that comes to in words. Pure.
    fn changed(&self, input: &Value, place: &Place, present: Option<&[u8]>) -> Result<Changed, ToolError>;
}

/// What a file will hold.
pub(crate) struct Changed {
    pub(crate) content: Vec<u8>,
    /// What was done, one line.
    pub(crate) summary: String,
}

/// What is noted about a change before it begins.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    /// The hash of what is there; none where no file is.
    before: Option<String>,
    /// The hash of what will be; none where nothing will be done.
    after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

/// Why nothing will be done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    code: String,
    message: String,
    hint: Option<String>,
}

/// Looks at the file and notes what the change would make of it.
pub(crate) fn prepare(project: &Project, seen: &Seen, change: &impl Change, input: &Value) -> Option<String> {
    serde_json::to_string(&note(project, seen, change, input)).ok()
}

/// Makes the change, or says that it has been made.
pub(crate) fn call(
    project: &Project,
    seen: &Seen,
    change: &impl Change,
    input: &Value,
    expects: Option<&str>,
) -> Result<Answer, ToolError> {
    let noted = match expects {
        None => note(project, seen, change, input),
        Some(text) => serde_json::from_str(text).map_err(|_| {
            ToolError::new("bad_expectation", "what was noted before the call cannot be read", None)
        })?,
    };
    if let Some(Refused { code, message, hint }) = noted.refused {
        return Err(ToolError { code, message, hint });
    }
    let place = change.place(input)?;
    let present = project.present(&place)?;
    let hash = present.as_deref().map(sha256);
    if hash.is_some() && hash == noted.after {
        seen.note(&place, hash.unwrap_or_default());
        let summary = match noted.before == noted.after {
            true => format!("`{}` holds exactly this already; nothing was changed", place.shown()),
            false => format!("`{}`: this had been done already", place.shown()),
        };
        return Ok(Answer::Done { output: summary.clone(), summary });
    }
    if hash != noted.before {
        return Err(changed_meanwhile(&place));
    }
    let Changed { content, summary } = change.changed(input, &place, present.as_deref())?;
    let after = sha256(&content);
    if noted.after.as_deref() != Some(after.as_str()) {
        return Err(changed_meanwhile(&place));
    }
    let before = if present.is_some() { Before::Present } else { Before::Absent };
    project.replace(&place, &content, before)?;
    seen.note(&place, after);
    Ok(Answer::Done { output: summary.clone(), summary })
}

fn note(project: &Project, seen: &Seen, change: &impl Change, input: &Value) -> Noted {
    hashes(project, seen, change, input).unwrap_or_else(|error| {
        let cut = |text: String, max: usize| text[..text.floor_char_boundary(max.min(text.len()))].to_owned();
        let refused = Refused {
            code: error.code,
            message: cut(error.message, MESSAGE_BYTES_MAX),
            hint: error.hint.map(|hint| cut(hint, HINT_BYTES_MAX)),
        };
        Noted { before: None, after: None, refused: Some(refused) }
    })
}

fn hashes(project: &Project, seen: &Seen, change: &impl Change, input: &Value) -> Result<Noted, ToolError> {
    let place = change.place(input)?;
    let present = match project.present(&place) {
        Err(error @ FileError::TooLarge { .. }) => {
            let hint = "change it by a command, or leave it";
            return Err(ToolError::new(error.code(), error.to_string(), Some(hint)));
        }
        present => present?,
    };
    let before = present.as_deref().map(sha256);
    // What a model has not seen it must not be told by way of an error either.
    let known = match &before {
        Some(before) => is_known(seen, &place, before),
        None => Ok(()),
    };
    let after = match (change.changed(input, &place, present.as_deref()), known) {
        // Nothing is lost where nothing changes.
        (Ok(changed), known) => {
            let after = sha256(&changed.content);
            if before.as_ref() != Some(&after) {
                known?;
            }
            after
        }
        (Err(error), known) => return Err(known.err().unwrap_or(error)),
    };
    Ok(Noted { before, after: Some(after), refused: None })
}

/// Whether what is there is what was seen.
fn is_known(seen: &Seen, place: &Place, hash: &str) -> Result<(), ToolError> {
    match seen.of(place) {
        Some(known) if known == hash => Ok(()),
        Some(_) => Err(changed_meanwhile(place)),
        None => Err(ToolError::new(
            "not_read",
            format!("`{}` exists, and you have not read what it holds now", place.shown()),
            Some("read it with `read_file`, then change it"),
        )),
    }
}

fn changed_meanwhile(place: &Place) -> ToolError {
    ToolError::new(
        "changed_since_read",
        format!("`{}` has changed since you read it; nothing was written", place.shown()),
        Some("read it again with `read_file`, then change it"),
    )
}
