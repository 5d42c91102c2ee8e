//! Reading the document a command is given: a file, a folder, `-`, or a brief in quotes.
//!
//! Whatever cannot be used is one clear error, before anything is written. What sort of work a document
//! is, is told by its content ([`sources`]).

mod checklist;
mod fences;
mod github;
mod openapi;
mod sources;
mod tidy;
mod yaml;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{CommandError, ErrorKind};

/// A document longer than this is refused.
pub(crate) const SPEC_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// The most items of a document's checklist; the last of more counts the rest.
pub(crate) const CHECKLIST_ITEMS_MAX: usize = 500;
/// The most bytes of one of them; what is longer is cut at a character.
pub(crate) const CHECKLIST_ITEM_BYTES_MAX: usize = 500;

/// Looked for in a folder, in this order, before any single document.
const USUAL_NAMES: [&str; 10] = [
    "PRD.md",
    "prd.md",
    "docs/PRD.md",
    "docs/prd.md",
    "SPEC.md",
    "spec.md",
    "docs/SPEC.md",
    "docs/spec.md",
    "requirements.md",
    "docs/requirements.md",
];
/// What a document's name ends in, when a folder holds only one.
const EXTENSIONS: [&str; 7] = ["md", "markdown", "txt", "json", "yaml", "yml", "xml"];
/// Files of other tools that are no documents.
const NOT_SPECS: [&str; 8] = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE.txt",
    "LICENSE.md",
];
const WHAT_TO_GIVE: &str =
    "Give a document, a folder with a PRD.md, `-` for standard input, or a brief of several words.";
const FOLDER_ENTRIES_MAX: usize = 10_000;

/// Where a document came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// The argument itself.
    Brief,
}

/// What sort of work a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// A document that is written for people, and whatever else is none of the following.
    Prose,
    /// One or more GitHub issues, from an export.
    GitHubIssue,
    /// Task lists.
    Checklist,
    /// The description of an interface: `OpenAPI` 3 or Swagger 2.
    OpenApi,
}

/// A document, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    /// Where it came from.
    pub(crate) origin: Origin,
    /// The file's name, for telling its format; none where it has no file, or where the text is not the file's.
    pub(crate) file_name: Option<String>,
    /// Its text: UTF-8, not blank, at most [`SPEC_BYTES_MAX`] long. An export of issues is Markdown here;
    /// everything else is as it was given.
    pub(crate) text: String,
    /// What sort of work it is.
    pub(crate) kind: SourceKind,
    /// What is to be done, where the document lists it: open items, issues or operations, in its order.
    /// At most [`CHECKLIST_ITEMS_MAX`] of at most [`CHECKLIST_ITEM_BYTES_MAX`] bytes each, every one a line.
    pub(crate) checklist: Vec<String>,
}

impl Spec {
    fn new(
        origin: Origin,
        file_name: Option<String>,
        text: String,
        shown: &str,
    ) -> Result<Spec, CommandError> {
        let found = sources::recognise(text, shown)?;
        // The name of an export says how it was written, and the document that became of it is Markdown.
        let is_file = found.kind != SourceKind::GitHubIssue;
        let file_name = file_name.filter(|name| is_file || name.ends_with(".json"));
        Ok(Spec { origin, file_name, text: found.text, kind: found.kind, checklist: found.checklist })
    }
}

/// Reads what `argument` names, relative to `folder`. `stdin` is only touched for `-`.
pub(crate) fn read_spec(argument: &str, folder: &Path, stdin: &mut dyn Read) -> Result<Spec, CommandError> {
    if argument == "-" {
        let bytes = read_bounded(stdin, "standard input")?;
        return Spec::new(Origin::Stdin, None, text_of(bytes, "standard input")?, "standard input");
    }
    if argument.trim().is_empty() {
        return Err(CommandError::new(ErrorKind::Input, "the document's name is empty").hint(WHAT_TO_GIVE));
    }
    let path = folder.join(argument);
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => read_file(&find_in_folder(&path)?),
        Ok(_) => read_file(&path),
        Err(_) if is_brief(argument) => {
            let text = text_of(argument.as_bytes().to_vec(), "the brief")?;
            Spec::new(Origin::Brief, None, text, "the brief")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(argument)),
        Err(error) => Err(unreadable(&path.display().to_string(), &error)),
    }
}

/// A brief has blanks and is not written like a path.
fn is_brief(argument: &str) -> bool {
    let looks_like_path = argument.starts_with(['/', '.', '~'])
        || EXTENSIONS.iter().any(|extension| argument.ends_with(&format!(".{extension}")));
    argument.trim().contains(char::is_whitespace) && !looks_like_path
}

fn read_file(path: &Path) -> Result<Spec, CommandError> {
    let shown = format!("`{}`", path.display());
    let file = File::open(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
    let text = text_of(read_bounded(&mut &file, &shown)?, &shown)?;
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    Spec::new(Origin::File(path.to_owned()), file_name, text, &shown)
}

fn read_bounded(reader: &mut dyn Read, shown: &str) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    reader.take(SPEC_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| {
        CommandError::new(ErrorKind::Input, format_args!("failed to read {shown}")).caused_by(&error)
    })?;
    if bytes.len() as u64 > SPEC_BYTES_MAX {
        let message = format_args!("{shown} is longer than the limit of 2 MiB ({SPEC_BYTES_MAX} bytes)");
        return Err(CommandError::new(ErrorKind::Input, message)
            .hint("Split the document, or leave out what is no requirement."));
    }
    Ok(bytes)
}

fn text_of(bytes: Vec<u8>, shown: &str) -> Result<String, CommandError> {
    let refuse = |what: &str, hint: &str| {
        Err(CommandError::new(ErrorKind::Input, format_args!("{shown} {what}")).hint(hint))
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return refuse("is UTF-16 text", "Save it as UTF-8.");
    }
    if bytes.contains(&0) {
        return refuse("is binary", "Give a text document: Markdown, plain text, JSON, YAML or XML.");
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            return refuse(&format!("is not valid UTF-8 (line {line})"), "Save it as UTF-8.");
        }
    };
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return refuse(
            "is empty",
            "Describe what to build: who uses it, what it keeps, what it must not do.",
        );
    }
    Ok(text)
}

fn find_in_folder(folder: &Path) -> Result<PathBuf, CommandError> {
    if let Some(usual) = USUAL_NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Ok(usual);
    }
    let entries =
        std::fs::read_dir(folder).map_err(|error| unreadable(&folder.display().to_string(), &error))?;
    let mut found: Vec<PathBuf> = entries
        .take(FOLDER_ENTRIES_MAX)
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_spec_name(path))
        .collect();
    found.sort();
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] if folder.join("README.md").is_file() => Ok(folder.join("README.md")),
        [] => {
            let message = format_args!("`{}` holds no document", folder.display());
            Err(CommandError::new(ErrorKind::Input, message).hint(
                "Write a PRD.md there, or start from a template with `loki init --template forge-saas`.",
            ))
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .take(5)
                .filter_map(|path| path.file_name())
                .map(|name| format!("`{}`", name.to_string_lossy()))
                .collect();
            let message = format_args!(
                "`{}` holds {} documents and none is called PRD.md",
                folder.display(),
                several.len()
            );
            Err(CommandError::new(ErrorKind::Input, message)
                .hint(format_args!("Name the one that is meant: {}.", names.join(", "))))
        }
    }
}

fn is_spec_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    !name.starts_with('.')
        && EXTENSIONS.contains(&ending.as_str())
        && !NOT_SPECS.iter().any(|other| name.eq_ignore_ascii_case(other))
}

fn missing(argument: &str) -> CommandError {
    CommandError::new(ErrorKind::Input, format_args!("there is no file `{argument}`")).hint(WHAT_TO_GIVE)
}

fn unreadable(shown: &str, error: &io::Error) -> CommandError {
    let refused =
        CommandError::new(ErrorKind::Input, format_args!("failed to read `{shown}`")).caused_by(error);
    if error.kind() == io::ErrorKind::PermissionDenied {
        return refused.hint(format_args!("Give this user read permission: `chmod u+r '{shown}'`."));
    }
    refused.hint("Check the path.")
}

#[cfg(test)]
mod tests;
