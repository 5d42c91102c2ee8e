//! Where an agent's program is, and what it needs to run.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Bytes of a script's first line that are read.
const FIRST_LINE_BYTES_MAX: u64 = 256;

/// An agent's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// How it is called: the place where it was found.
    pub(crate) path: PathBuf,
    /// What it is started with: itself, and an interpreter where it is a script.
    pub(crate) programs: Vec<PathBuf>,
    /// The folder of packages that it is part of.
    pub(crate) read: Vec<PathBuf>,
}

/// Why there is no program to start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It is in no folder of the path.
    #[error("the program `{name}` is not installed")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It is a script, and what runs it is not there.
    #[error("the program `{name}` needs `{interpreter}`, which is not installed")]
    Interpreter {
        /// Its name.
        name: String,
        /// What runs it.
        interpreter: String,
    },
}

impl Program {
    /// Looks for `name` in the folders of `search`, which is a list as in `PATH`.
    pub(crate) fn find(name: &str, search: &str) -> Result<Program, ProgramError> {
        let missing = || ProgramError::Missing { name: name.to_owned() };
        let path = on_path(name, search).ok_or_else(missing)?;
        let real = path.canonicalize().map_err(|_| missing())?;
        let mut programs = vec![path.clone()];
        if let Some(interpreter) = interpreter(&real) {
            let found = match interpreter.strip_prefix('/') {
                Some(_) => Some(PathBuf::from(&interpreter)).filter(|path| is_program(path)),
                None => on_path(&interpreter, search),
            };
            let none = || ProgramError::Interpreter { name: name.to_owned(), interpreter };
            programs.push(found.ok_or_else(none)?);
        }
        Ok(Program { path, programs, read: packages(&real).into_iter().collect() })
    }
}

fn on_path(name: &str, search: &str) -> Option<PathBuf> {
    let folders = search.split(':').map(Path::new).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// What runs a script: a path, or the name that `env` looks for; none for other programs.
fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(FIRST_LINE_BYTES_MAX).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let first = words.next()?;
    if !first.ends_with("/env") {
        return Some(first.to_owned());
    }
    words.find(|word| !word.starts_with('-') && !word.contains('=')).map(str::to_owned)
}

/// The innermost `node_modules` around a file that holds the package with what it depends on.
fn packages(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.ends_with("node_modules")).map(Path::to_owned)
}
