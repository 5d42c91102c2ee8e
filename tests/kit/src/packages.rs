//! Programs of others that tests drive, from the registry, once, into a folder of the build.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds that fetching them may take.
const SECONDS_MAX: &str = "240";

/// A folder below `build` that holds these packages of npm; none where they cannot be had, with the reason printed.
#[expect(clippy::print_stderr, reason = "a test that could not try anything must say so")]
pub fn npm(build: &Path, name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = build.join(name);
    fs::create_dir_all(&folder).expect("a folder for the packages");
    // Tests run side by side, and one of them fetches for all.
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("the lock");
    let (done, wanted) = (folder.join("done"), packages.join(" "));
    if fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return Some(folder);
    }
    let mut install = Command::new("timeout");
    install.args([SECONDS_MAX, "npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix"]);
    let failed = match install.arg(&folder).args(packages).output() {
        Ok(output) if output.status.success() => {
            fs::write(done, wanted).expect("a note that they are there");
            return Some(folder);
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("skipped: {wanted} cannot be had from npm: {failed}");
    None
}
