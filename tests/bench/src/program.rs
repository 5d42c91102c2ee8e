//! Benchmarks of the built program, as a person meets it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Setup;
use crate::document::of_tables;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};

const VERSION_ROUNDS: usize = 201;
const START_ROUNDS: usize = 9;
const LARGE_ROUNDS: usize = 3;
const LARGE_TABLES: usize = 300;
/// The peak is kept by the kernel; a look this often sees all but the last moment.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// What a run that verified with gaps exits with.
const GAPS: i32 = 10;

/// `loki --version`, from start to end of the process.
pub(crate) fn cold_version(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let mut rounds = Vec::with_capacity(VERSION_ROUNDS);
    for _ in 0..VERSION_ROUNDS {
        let (ended, took) = timed(|| Command::new(&setup.loki).arg("--version").output());
        checked(setup, ended, 0)?;
        rounds.push(milliseconds(took));
    }
    Ok(vec![Figure::new("the whole process", "ms", Target::Below(5.0), rounds)])
}

/// `loki start` of the largest template in an empty folder, whole.
pub(crate) fn start_forge_saas(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let document = template(setup)?;
    let rounds = starts(setup, &document, START_ROUNDS)?;
    Ok(vec![Figure::new("the whole run", "ms", Target::Below(2000.0), rounds)])
}

/// `loki start` of a document of 300 tables in an empty folder, whole.
pub(crate) fn start_large(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let rounds = starts(setup, &of_tables(LARGE_TABLES), LARGE_ROUNDS)?;
    Ok(vec![Figure::new(format!("{LARGE_TABLES} tables, the whole run"), "ms", Target::None, rounds)])
}

/// The most memory that a run holds at once.
pub(crate) fn peak_memory(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let peaks = |document: &str, rounds: usize| -> Result<Vec<f64>, BenchError> {
        (0..rounds).map(|_| peak_of_run(setup, document)).collect()
    };
    Ok(vec![
        Figure::new("forge-saas", "MiB", Target::Below(80.0), peaks(&template(setup)?, START_ROUNDS)?),
        Figure::new(
            format!("{LARGE_TABLES} tables"),
            "MiB",
            Target::None,
            peaks(&of_tables(LARGE_TABLES), LARGE_ROUNDS)?,
        ),
    ])
}

fn starts(setup: &Setup, document: &str, rounds: usize) -> Result<Vec<f64>, BenchError> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let folder = project(document)?;
        let (ended, took) = timed(|| start(setup, folder.path()).output());
        checked(setup, ended, GAPS)?;
        times.push(milliseconds(took));
    }
    Ok(times)
}

fn peak_of_run(setup: &Setup, document: &str) -> Result<f64, BenchError> {
    let folder = project(document)?;
    let mut child = start(setup, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(BenchError::io("start the program"))?;
    let path = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(BenchError::io("wait for the program"))? {
            break status;
        }
        peak_kib = peak_kib.max(fs::read_to_string(&path).ok().and_then(|text| peak(&text)).unwrap_or(0));
        std::thread::park_timeout(LOOK_EVERY);
    };
    checked(setup, Ok(Output { status, stdout: Vec::new(), stderr: Vec::new() }), GAPS)?;
    Ok(peak_kib as f64 / 1024.0)
}

fn template(setup: &Setup) -> Result<String, BenchError> {
    let path = setup.repository.join("templates/forge-saas/PRD.md");
    fs::read_to_string(path).map_err(BenchError::io("read the template"))
}

fn project(document: &str) -> Result<TempDir, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    fs::write(folder.path().join("PRD.md"), document).map_err(BenchError::io("write the document"))?;
    Ok(folder)
}

fn start(setup: &Setup, folder: &Path) -> Command {
    let mut command = Command::new(&setup.loki);
    command.args(["start", "PRD.md", "--headless"]).current_dir(folder).env_clear().env("HOME", folder);
    command.stdin(Stdio::null());
    command
}

pub(crate) fn checked(setup: &Setup, ended: std::io::Result<Output>, code: i32) -> Result<(), BenchError> {
    let output = ended.map_err(BenchError::io(format!("run `{}`", setup.loki.display())))?;
    if output.status.code() == Some(code) {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(BenchError::Ended { program: setup.loki.display().to_string(), status: output.status, stderr })
}

/// The line `VmHWM:  12345 kB`.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_kernels_own_account() {
        assert_eq!(peak("Name:\tloki\nVmHWM:\t   12345 kB\n"), Some(12_345));
        assert_eq!(peak("Name:\tloki\n"), None);
    }
}
