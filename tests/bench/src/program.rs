//! Benchmarks of the built program, as a person meets it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, median, milliseconds, timed};

const VERSION_ROUNDS: usize = 200;
const START_ROUNDS: usize = 7;
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
        rounds.push(took);
    }
    let value = milliseconds(median(rounds));
    Ok(vec![Figure {
        what: format!("median of {VERSION_ROUNDS}"),
        value,
        unit: "ms",
        target: Target::Below(5.0),
    }])
}

/// `loki start` of the largest template in an empty folder, whole.
pub(crate) fn start_forge_saas(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let mut rounds = Vec::with_capacity(START_ROUNDS);
    for _ in 0..START_ROUNDS {
        let folder = project(setup)?;
        let (ended, took) = timed(|| start(setup, folder.path()).output());
        checked(setup, ended, GAPS)?;
        rounds.push(took);
    }
    let value = milliseconds(median(rounds));
    Ok(vec![Figure {
        what: format!("median of {START_ROUNDS}"),
        value,
        unit: "ms",
        target: Target::Below(2000.0),
    }])
}

/// The most memory that such a run holds at once.
pub(crate) fn peak_memory(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = project(setup)?;
    let mut child = start(setup, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(BenchError::io("start the program"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    while child.try_wait().map_err(BenchError::io("wait for the program"))?.is_none() {
        peak_kib = peak_kib.max(fs::read_to_string(&status).ok().and_then(|text| peak(&text)).unwrap_or(0));
        std::thread::park_timeout(LOOK_EVERY);
    }
    let value = peak_kib as f64 / 1024.0;
    Ok(vec![Figure { what: "VmHWM of one run".to_owned(), value, unit: "MiB", target: Target::Below(80.0) }])
}

fn project(setup: &Setup) -> Result<TempDir, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let document = setup.repository.join("templates/forge-saas/PRD.md");
    fs::copy(document, folder.path().join("PRD.md")).map_err(BenchError::io("copy the template"))?;
    Ok(folder)
}

fn start(setup: &Setup, folder: &Path) -> Command {
    let mut command = Command::new(&setup.loki);
    command.args(["start", "PRD.md", "--headless"]).current_dir(folder).env_clear().env("HOME", folder);
    command.stdin(Stdio::null());
    command
}

fn checked(setup: &Setup, ended: std::io::Result<Output>, code: i32) -> Result<(), BenchError> {
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
