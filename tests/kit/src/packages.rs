//! Programs of others that tests drive, from the registry, once, into a folder of the build.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds that fetching them may take.
const SECONDS_MAX: &str = "240";

/// A folder below `build` that holds these packages of npm; none where they cannot be had, with the reason printed.
pub fn npm(build: &Path, name: &str, packages: &[&str]) -> Option<PathBuf> {
    fetched(build, name, &packages.join(" "), |folder| {
        let mut install = limited("npm");
        install.args(["install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix"]);
        install.arg(folder).args(packages);
        vec![install]
    })
}

/// The same of PyPI, in `venv` in that folder.
pub fn pypi(build: &Path, name: &str, packages: &[&str]) -> Option<PathBuf> {
    fetched(build, name, &packages.join(" "), |folder| {
        let (mut venv, mut pip) = (limited("python3"), limited(folder.join("venv/bin/pip")));
        venv.args(["-m", "venv"]).arg(folder.join("venv"));
        pip.args(["install", "--quiet", "--retries=0"]).args(packages);
        vec![venv, pip]
    })
}

/// A folder that `install` has filled, once for all tests; none where that failed, with the reason printed.
#[expect(clippy::print_stderr, reason = "a test that could not try anything must say so")]
fn fetched(
    build: &Path,
    name: &str,
    wanted: &str,
    install: impl FnOnce(&Path) -> Vec<Command>,
) -> Option<PathBuf> {
    let folder = build.join(name);
    fs::create_dir_all(&folder).expect("a folder for the packages");
    // Tests run side by side, and one of them fetches for all.
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("the lock");
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return Some(folder);
    }
    for mut command in install(&folder) {
        let failed = match command.output() {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("skipped: {wanted} cannot be had from the registry: {failed}");
        return None;
    }
    fs::write(done, wanted).expect("a note that they are there");
    Some(folder)
}

fn limited(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(program);
    command
}
