//! Modules of Go.

use super::folder::Folder;
use super::{Kind, Part, Step, Tests};
use crate::runner::Runner;

pub(super) fn part(folder: &Folder<'_>) -> Option<Part> {
    if !folder.has("go.mod") {
        return None;
    }
    let mut part = Part::new(folder, Kind::Go);
    part.build.push(Step::new(["go", "build", "./..."]));
    part.test = Some(Tests::new(Step::new(["go", "test", "-json", "./..."]), &[Runner::Go]));
    if folder.has_any(&[".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"]) {
        part.lint.push(Step::new(["golangci-lint", "run"]));
    }
    if folder.has("staticcheck.conf") {
        part.lint.push(Step::new(["go", "vet", "./..."]));
    }
    part.start = server(folder);
    Some(part)
}

/// The one program at the root or below `cmd` that listens.
fn server(folder: &Folder<'_>) -> Option<Step> {
    let listens = |path: &str| {
        let text = folder.text(path).unwrap_or_default();
        text.contains("package main") && (text.contains("ListenAndServe") || text.contains(".Run(\":"))
    };
    let programs = folder
        .below()
        .filter(|path| *path == "main.go" || (path.starts_with("cmd/") && path.ends_with("/main.go")));
    let mut programs = programs.take(20).filter(|path| listens(path));
    let program = programs.next().filter(|_| programs.next().is_none())?;
    let package = format!("./{}", program.strip_suffix("main.go")?.trim_end_matches('/'));
    Some(Step::new(["go", "run", &package]))
}
