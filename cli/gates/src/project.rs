//! Recognises what a project is built of, and by which commands it is built, tested, linted and started.
//!
//! Pure: from the paths of its files and the text of its small ones. What the project itself declares wins
//! over what its kind of project usually does; nothing here is run, and nothing is believed about it.

mod cargo;
mod folder;
mod golang;
mod jvm;
mod listing;
mod node;
mod python;
mod tasks;

use crate::runner::{Reports, Runner};
use folder::Folder;

pub use listing::{Tree, TreeError};

/// Parts of a project that are judged.
pub const PARTS_MAX: usize = 8;

/// Folders that hold no part of a project, whatever is in them.
const NO_PARTS: &[&str] = &[
    "node_modules",
    "bower_components",
    "vendor",
    "third_party",
    "target",
    "dist",
    "build",
    "out",
    "coverage",
    "fixtures",
    "__fixtures__",
    "testdata",
    "__pycache__",
    "site-packages",
    "venv",
    "env",
];

/// What is there to judge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Project {
    /// Its parts, nearest the root first; at most [`PARTS_MAX`].
    pub parts: Vec<Part>,
    /// Folders of parts beyond that, which are not judged.
    pub left_out: Vec<String>,
}

/// A folder with one kind of project in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The folder below the root; empty for the root itself.
    pub folder: String,
    /// What it is.
    pub kind: Kind,
    /// What has to be done before anything else, in order.
    pub install: Vec<Step>,
    /// What builds it, in order.
    pub build: Vec<Step>,
    /// What tests it.
    pub test: Option<Tests>,
    /// The linters and type checkers that it configures.
    pub lint: Vec<Step>,
    /// What starts it, where it is something that answers requests.
    pub start: Option<Step>,
    /// Whether it speaks for everything of its kind below it.
    reach: Reach,
}

/// A kind of project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A crate or workspace of Rust.
    Cargo,
    /// A package of JavaScript or TypeScript.
    Node,
    /// A project in Python.
    Python,
    /// A module of Go.
    Go,
    /// A project of Maven.
    Maven,
    /// A project of Gradle.
    Gradle,
    /// A folder of which nothing is known but its Makefile.
    Make,
    /// A folder of which nothing is known but its justfile.
    Just,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What the command runs by the project's own words, where it only names them (a script of
    /// `package.json`).
    pub declared: Option<String>,
}

/// A command that runs tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tests {
    /// The command.
    pub step: Step,
    /// The runners that it can lead to.
    pub runners: Vec<Runner>,
    /// The reports it writes.
    pub reports: Reports,
    /// Why it cannot run a test, where that shows.
    pub idle: Option<&'static str>,
}

/// What of the folders below a part is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    /// Nothing of its kind.
    Folder,
    /// Everything of its kind, but for these folders.
    Below(Vec<String>),
}

impl Kind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Cargo => "cargo",
            Kind::Node => "node",
            Kind::Python => "python",
            Kind::Go => "go",
            Kind::Maven => "maven",
            Kind::Gradle => "gradle",
            Kind::Make => "make",
            Kind::Just => "just",
        }
    }
}

impl Step {
    /// A command of these words.
    pub fn new<const N: usize>(words: [&str; N]) -> Step {
        Step { command: words.map(str::to_owned).to_vec(), declared: None }
    }

    /// A line for the shell, as people write it into their settings.
    pub fn shell(line: &str) -> Step {
        Step { declared: Some(line.to_owned()), ..Step::new(["sh", "-c", line]) }
    }

    /// Whether it is a line for the shell.
    pub fn is_shell(&self) -> bool {
        matches!(self.command.as_slice(), [shell, flag, _] if shell == "sh" && flag == "-c")
    }

    /// The command as people write it.
    pub fn shown(&self) -> String {
        match (&self.declared, self.is_shell()) {
            (Some(line), true) => line.clone(),
            (Some(_) | None, _) => self.command.join(" "),
        }
    }

    fn of(words: Vec<String>) -> Step {
        Step { command: words, declared: None }
    }

    fn declaring(mut self, text: &str) -> Step {
        self.declared = Some(text.to_owned());
        self
    }
}

impl Tests {
    fn new(step: Step, runners: &[Runner]) -> Tests {
        Tests { step, runners: runners.to_vec(), reports: Reports::None, idle: None }
    }
}

impl Part {
    fn new(folder: &Folder<'_>, kind: Kind) -> Part {
        Part {
            folder: folder.path.to_owned(),
            kind,
            install: Vec::new(),
            build: Vec::new(),
            test: None,
            lint: Vec::new(),
            start: None,
            reach: Reach::Folder,
        }
    }

    /// How people are told which part it is: its folder, or its kind at the root.
    pub fn name(&self) -> String {
        match self.folder.as_str() {
            "" => self.kind.name().to_owned(),
            folder => format!("{folder} ({})", self.kind.name()),
        }
    }

    fn speaks_for(&self, other: &Part) -> bool {
        let below = |folder: &str, outer: &str| {
            folder.strip_prefix(outer).is_some_and(|rest| outer.is_empty() || rest.starts_with('/'))
        };
        let Reach::Below(but) = &self.reach else { return false };
        let excepted = but.iter().any(|but| other.folder == *but || below(&other.folder, but));
        self.kind == other.kind
            && self.folder != other.folder
            && below(&other.folder, &self.folder)
            && !excepted
    }
}

/// Recognises the parts of a project.
///
/// `files` are paths below its root, separated by `/`, in any order; `read` gives a file's text where it is small enough
/// and text at all.
pub fn recognise(files: &[String], read: &dyn Fn(&str) -> Option<String>) -> Project {
    let mut files = files.to_vec();
    files.sort();
    let folders = folder::all(&files, read, NO_PARTS);
    let mut parts: Vec<Part> = folders.iter().flat_map(of_folder).collect();
    let kept: Vec<Part> =
        parts.iter().filter(|part| !parts.iter().any(|other| other.speaks_for(part))).cloned().collect();
    parts = kept;
    if parts.is_empty() {
        // A Makefile says what to do only where nothing better does: it mostly repeats what it wraps.
        parts = folders.iter().filter_map(tasks::part).take(1).collect();
    }
    parts.sort_by_key(|part| (depth(&part.folder), part.folder.clone(), part.kind));
    let left_out = parts.split_off(parts.len().min(PARTS_MAX)).into_iter().map(|part| part.folder).collect();
    Project { parts, left_out }
}

fn of_folder(folder: &Folder<'_>) -> Vec<Part> {
    let kinds = [cargo::part, node::part, python::part, golang::part, jvm::maven, jvm::gradle];
    let mut parts: Vec<Part> = kinds.iter().filter_map(|part| part(folder)).collect();
    if let [part] = parts.as_mut_slice() {
        tasks::complete(folder, part);
    }
    parts
}

fn depth(folder: &str) -> usize {
    if folder.is_empty() { 0 } else { 1 + folder.matches('/').count() }
}

#[cfg(test)]
mod tests;
