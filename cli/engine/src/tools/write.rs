//! `write_file`: puts a whole file into the project.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use loki_ledger::event::{Approver, Recovery};
use loki_provider::ToolSpec;
use loki_store::replace_file;
use serde_json::{Value, json};

use crate::tool::{Answer, Tool, ToolError};

/// Bytes of one file.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Folders at the project's root that are not the project's content.
const CLOSED: [&str; 2] = [".loki", ".git"];

/// Writes files below one folder.
pub struct WriteFile {
    root: PathBuf,
}

impl WriteFile {
    /// A tool that writes below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The file's place, and nothing outside the project: no step up, no absolute path, no link on the
    /// way, not the folders that are loki's and git's own.
    fn place(&self, path: &str) -> Result<PathBuf, ToolError> {
        let refuse = |why: &str| {
            Err(error(
                "bad_path",
                &format!("cannot write `{path}`: {why}"),
                "give a path below the project's folder",
            ))
        };
        let mut full = self.root.clone();
        let mut components =
            Path::new(path).components().filter(|part| *part != Component::CurDir).peekable();
        if components.peek().is_none() {
            return refuse("the path is empty");
        }
        let mut first = true;
        while let Some(component) = components.next() {
            let Component::Normal(name) = component else { return refuse("it leads out of the project") };
            if first && CLOSED.iter().any(|closed| name.eq_ignore_ascii_case(closed)) {
                return refuse("that folder is not the project's content");
            }
            first = false;
            full.push(name);
            match fs::symlink_metadata(&full) {
                Ok(found) if found.is_symlink() => return refuse("a symbolic link is on the way"),
                Ok(found) if components.peek().is_some() && !found.is_dir() => {
                    return refuse("a file is where a folder must be");
                }
                Ok(found) if components.peek().is_none() && found.is_dir() => {
                    return refuse("a folder has that name");
                }
                Ok(_) => {}
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
                Err(other) => return refuse(&other.to_string()),
            }
        }
        Ok(full)
    }
}

#[async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "write_file".to_owned(),
            description: "Writes a whole text file below the project's folder, replacing what was there."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": { "path": { "type": "string" }, "content": { "type": "string" } },
                "required": ["path", "content"],
            }),
        }
    }

    fn reads_only(&self) -> bool {
        false
    }

    fn recovery(&self) -> Recovery {
        Recovery::Repeat // The whole content is given: twice is once.
    }

    async fn call(&self, input: &Value) -> Result<Answer, ToolError> {
        let (Some(path), Some(content)) = (input["path"].as_str(), input["content"].as_str()) else {
            return Err(error(
                "bad_input",
                "`write_file` takes `path` and `content`",
                "give both as strings",
            ));
        };
        if content.len() > FILE_BYTES_MAX {
            let message =
                format!("`{path}` would have {} bytes; {FILE_BYTES_MAX} is the most", content.len());
            return Err(error("too_large", &message, "split the file"));
        }
        let full = self.place(path)?;
        replace_file(&full, content.as_bytes(), 0o644).map_err(|source| {
            error("write_failed", &format!("failed to write `{path}`: {source}"), "look at the folder")
        })?;
        let summary = format!("wrote {path} ({} bytes)", content.len());
        Ok(Answer::Done { output: summary.clone(), summary })
    }

    async fn approve(&self, _subject: &str, _by: &Approver) -> Result<(), ToolError> {
        Err(error("no_proposal", "`write_file` makes no proposals", "call it directly"))
    }
}

fn error(code: &str, message: &str, hint: &str) -> ToolError {
    ToolError { code: code.to_owned(), message: message.to_owned(), hint: Some(hint.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn write(root: &Path, path: &str) -> Result<Answer, ToolError> {
        WriteFile::new(root).call(&json!({ "path": path, "content": "x" })).await
    }

    #[tokio::test]
    async fn stays_in_the_project() {
        let outside = tempfile::tempdir().unwrap();
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        std::os::unix::fs::symlink(outside.path(), root.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("f"), root.join("file-link")).unwrap();
        for path in
            ["../up", "a/../../up", "/etc/x", "", "link/f", "file-link", ".git/hooks/x", ".loki/x", ".Git/x"]
        {
            assert!(write(root, path).await.is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        for path in ["a", "deep/er/b", "a", "./c", "x/.git"] {
            write(root, path).await.unwrap();
        }
        assert_eq!(fs::read_to_string(root.join("deep/er/b")).unwrap(), "x");
    }
}
