//! The record of every call: one line of JSON when it begins and one when it has ended.
//!
//! Lines are only ever added. Each names the hash of the one before, so that a line that was changed or
//! taken out is noticed; [`AuditLog::verify`] looks. Several processes may write: each holds the file's
//! lock for the time of a line. A call with a beginning and no end was dropped, or killed
//! together with loki.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::level::Level;
use crate::outcome::{Denial, End, Usage};
use crate::proxy;

/// Bytes of the file at most; then it becomes the one before, and a new one begins.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Bytes of a line at most, so that the last one is found from the end.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Arguments and requests that a line names at most.
const LISTED_MAX: usize = 200;

/// Bytes of one argument that a line keeps.
const ARGUMENT_BYTES_MAX: usize = 1_000;

/// What the first line of a file names as the one before.
const NONE_BEFORE: &str = "";

/// The record of a project's calls.
#[derive(Debug, Clone)]
pub struct AuditLog {
    path: PathBuf,
}

/// A line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The hash of the line before, hex; empty in the first of a file.
    pub previous: String,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The call, which has two lines.
    pub call: String,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A command is about to start.
    Began {
        /// It and its arguments, shortened.
        command: Vec<String>,
        /// The folder it starts in.
        folder: PathBuf,
        /// The digest of its policy.
        policy: String,
    },
    /// Nothing of it is left.
    Ended {
        /// How it ended.
        end: End,
        /// What held it; none where nothing did.
        level: Option<Level>,
        /// What it used up.
        usage: Usage,
        /// What it was denied, as far as the kernel tells.
        denials: Vec<Denial>,
        /// What went through the proxy, as `METHOD HOST:PORT STATUS VERDICT`.
        requests: Vec<String>,
    },
    /// It was not run.
    Refused {
        /// Why.
        reason: String,
    },
}

/// The record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be used.
    #[error("failed to {attempt} the record of calls `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A line is not one that follows the line before it.
    #[error("line {line} of the record of calls does not follow the line before it")]
    Broken {
        /// Counted from 1.
        line: usize,
    },
}

impl AuditLog {
    /// The record at `path`, made with its folder where there is none, for nobody else's eyes.
    pub fn open(path: &Path) -> Result<AuditLog, AuditError> {
        let log = AuditLog { path: path.to_owned() };
        if let Some(folder) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(log.failed("make"))?;
        }
        Ok(log)
    }

    /// Adds a line. It is written when this returns.
    pub fn add(&self, call: &str, at_ms: i64, what: What) -> Result<(), AuditError> {
        self.try_add(call, at_ms, what).map_err(self.failed("write"))
    }

    fn try_add(&self, call: &str, at_ms: i64, what: What) -> io::Result<()> {
        let mut file = self.locked()?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            fs::rename(&self.path, self.path.with_extension("1.jsonl"))?;
            file = self.locked()?;
        }
        let previous = last_line(&mut file)?.map_or_else(|| NONE_BEFORE.to_owned(), |line| hash_of(&line));
        let line = Line { previous, at_ms, call: call.to_owned(), what };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        file.write_all(&text)
    }

    /// The file, open to be added to and locked against other processes for as long as it is open.
    fn locked(&self) -> io::Result<File> {
        loop {
            let mut options = OpenOptions::new();
            let file = options.read(true).append(true).create(true).mode(0o600).open(&self.path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            // Another process may have begun a new file while this one waited.
            let (ours, named) = (rustix::fs::fstat(&file)?, rustix::fs::stat(&self.path));
            if named.is_ok_and(|named| (named.st_ino, named.st_dev) == (ours.st_ino, ours.st_dev)) {
                return Ok(file);
            }
        }
    }

    /// Every line, once each is found to follow the one before it. None where there is no record.
    pub fn verify(&self) -> Result<Vec<Line>, AuditError> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(self.failed("read"))?,
        };
        let mut lines = Vec::new();
        let mut previous = NONE_BEFORE.to_owned();
        for (index, text) in BufReader::new(file).split(b'\n').enumerate() {
            let text = text.map_err(self.failed("read"))?;
            let broken = AuditError::Broken { line: index + 1 };
            let line: Line =
                serde_json::from_slice(&text).map_err(|_| AuditError::Broken { line: index + 1 })?;
            if line.previous != previous {
                return Err(broken);
            }
            previous = hash_of(&text);
            lines.push(line);
        }
        Ok(lines)
    }

    fn failed(&self, attempt: &'static str) -> impl Fn(io::Error) -> AuditError + '_ {
        move |source| AuditError::File { attempt, path: self.path.clone(), source }
    }
}

impl What {
    /// A command and its arguments, as far as a line keeps them.
    pub fn began<'a>(
        command: impl IntoIterator<Item = &'a std::ffi::OsString>,
        folder: &Path,
        policy: String,
    ) -> What {
        let shortened = |word: &std::ffi::OsString| {
            let word = word.to_string_lossy();
            word.char_indices().take_while(|(at, _)| *at < ARGUMENT_BYTES_MAX).map(|(_, c)| c).collect()
        };
        let command = command.into_iter().take(LISTED_MAX).map(shortened).collect();
        What::Began { command, folder: folder.to_owned(), policy }
    }

    /// What a call came to.
    pub fn ended(ended: &crate::call::Ended) -> What {
        let outcome = ended.outcome.clone();
        let requests = ended.egress.iter().flat_map(|report| &report.requests).take(LISTED_MAX).map(shown);
        What::Ended {
            end: outcome.end,
            level: outcome.level,
            usage: outcome.usage,
            denials: outcome.denials,
            requests: requests.collect(),
        }
    }
}

fn shown(request: &proxy::Request) -> String {
    let verdict = match request.verdict {
        proxy::Verdict::Allowed => "allowed",
        proxy::Verdict::Denied(reason) => reason.code(),
        proxy::Verdict::Failed(failure) => failure.code(),
    };
    format!("{} {}:{} {} {verdict}", request.method, request.host, request.port, request.status)
}

/// The last whole line, without its end. A line that was cut off by a crash is cut off for good.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    let window = u64::try_from(2 * LINE_BYTES_MAX).unwrap_or(u64::MAX).min(length);
    let mut step = 4096.min(window);
    loop {
        file.seek(SeekFrom::Start(length - step))?;
        let mut end = Vec::new();
        file.take(step).read_to_end(&mut end)?;
        if end.last().is_some_and(|byte| *byte != b'\n') {
            let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if whole > 0 || step == length {
                let torn = u64::try_from(end.len() - whole).unwrap_or(0);
                file.set_len(length - torn)?;
                return last_line(file);
            }
        } else if let Some((_, lines)) = end.split_last() {
            let begins = lines.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            match begins {
                Some(begins) => return Ok(Some(lines[begins..].to_vec())),
                None if step == length => return Ok(Some(lines.to_vec())),
                None => {}
            }
        } else {
            return Ok(None);
        }
        if step == window {
            return Err(io::Error::other("its last line is too long"));
        }
        step = (step * 16).min(window);
    }
}

fn hash_of(line: &[u8]) -> String {
    let digest = Sha256::digest(line);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, AuditLog) {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(&dir.path().join("sandbox/calls.jsonl")).unwrap();
        (dir, log)
    }

    fn refused(reason: &str) -> What {
        What::Refused { reason: reason.to_owned() }
    }

    #[test]
    fn lines_follow_each_other_and_a_change_is_noticed() {
        let (_dir, log) = log();
        assert_eq!(log.verify().unwrap(), Vec::new());
        for (at, reason) in [(1, "first"), (2, &"long ".repeat(10_000)), (3, "third")] {
            log.add("c", at, refused(reason)).unwrap();
        }
        assert_eq!(log.verify().unwrap().len(), 3);
        let text = fs::read_to_string(&log.path).unwrap();
        fs::write(&log.path, text.replace("first", "other")).unwrap();
        assert!(matches!(log.verify(), Err(AuditError::Broken { line: 2 })));
        let without_second: Vec<&str> =
            text.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, l)| l).collect();
        fs::write(&log.path, without_second.join("\n")).unwrap();
        assert!(matches!(log.verify(), Err(AuditError::Broken { line: 2 })));
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_dropped() {
        let (_dir, log) = log();
        for reason in ["first", "second"] {
            log.add("c", 1, refused(reason)).unwrap();
        }
        let text = fs::read(&log.path).unwrap();
        let first = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in [1, first - 1, first, first + 1, text.len() - 1] {
            fs::write(&log.path, &text[..cut]).unwrap();
            log.add("c", 2, refused("after")).unwrap();
            let expected = if cut < first { 1 } else { 2 };
            assert_eq!(log.verify().unwrap().len(), expected, "cut after {cut} bytes");
        }
    }

    #[test]
    fn many_may_write_at_once() {
        let (_dir, log) = log();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|at| log.add("c", at, refused("x")).unwrap()));
            }
        });
        assert_eq!(log.verify().unwrap().len(), 200);
    }
}
