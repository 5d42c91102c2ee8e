//! What sort of work a document is: prose, issues of GitHub, a checklist, or the description of an interface.
//!
//! Its content decides, never its name. What is none of these is taken as it is.

use serde_json::Value;

use super::checklist::{self, bounded};
use super::github::{self, GitHubError};
use super::openapi;
use super::yaml::{self, YamlError};
use super::{SPEC_BYTES_MAX, SourceKind};
use crate::error::{CommandError, ErrorKind};

const EXPORT: &str = "Export it with `gh issue view N --json number,title,body,labels,comments,url,state,author > issue.json`.";

/// A document, as it is worked with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recognised {
    pub(super) kind: SourceKind,
    /// What is detected on: the text as it is, or what became of it.
    pub(super) text: String,
    /// What is open.
    pub(super) checklist: Vec<String>,
}

/// Tells what `text` is and makes a document of it. `shown` names it in errors.
pub(super) fn recognise(text: String, shown: &str) -> Result<Recognised, CommandError> {
    let bare = text.trim_start_matches('\u{feff}').trim_start();
    // Whatever is no JSON, or is nested too deeply, is left to those who read it with more patience.
    let read: Option<Value> = bare.starts_with(['{', '[']).then(|| serde_json::from_str(bare).ok()).flatten();
    if let Some(root) = read {
        if openapi::is(&root) {
            return Ok(Recognised { kind: SourceKind::OpenApi, checklist: openapi::checklist(&root), text });
        }
        return match github::document(&root) {
            Some(document) => issues(document, shown),
            None => Ok(Recognised { kind: SourceKind::Prose, text, checklist: Vec::new() }),
        };
    }
    if let Some(description) = yaml::description(bare) {
        let root = description.map_err(|error| unreadable(&error, shown))?;
        if openapi::is(&root) {
            return Ok(Recognised { kind: SourceKind::OpenApi, checklist: openapi::checklist(&root), text });
        }
    }
    let lists = checklist::read(bare);
    if lists.are_the_document() {
        let checklist = bounded(lists.open, lists.open_count, "items");
        return Ok(Recognised { kind: SourceKind::Checklist, text, checklist });
    }
    Ok(Recognised { kind: SourceKind::Prose, text, checklist: Vec::new() })
}

fn unreadable(error: &YamlError, shown: &str) -> CommandError {
    let message = format_args!("{shown} cannot be read as an OpenAPI description");
    CommandError::new(ErrorKind::Input, message).caused_by(error).hint("Check its YAML.")
}

fn issues(document: Result<github::Document, GitHubError>, shown: &str) -> Result<Recognised, CommandError> {
    let refuse = |error: &GitHubError| {
        let hint = match error {
            GitHubError::TooMany { .. } => {
                "Export fewer, such as with `gh issue list --limit 100 --label mvp --json …`."
            }
            GitHubError::AllClosed { .. } => "Export open ones, or give a closed one alone.",
            GitHubError::Missing { .. } | GitHubError::Wrong { .. } | GitHubError::NoObject { .. } => EXPORT,
        };
        let message = format_args!("{shown} cannot be read as an export of GitHub issues");
        CommandError::new(ErrorKind::Input, message).caused_by(error).hint(hint)
    };
    let document = document.map_err(|error| refuse(&error))?;
    if document.text.len() as u64 > SPEC_BYTES_MAX {
        let message = format_args!("{shown} becomes a document longer than the limit of 2 MiB");
        return Err(
            CommandError::new(ErrorKind::Input, message).hint("Export fewer issues, or without `comments`.")
        );
    }
    Ok(Recognised { kind: SourceKind::GitHubIssue, text: document.text, checklist: document.checklist })
}

#[cfg(test)]
mod tests;
