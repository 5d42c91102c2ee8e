//! The public conformance suite against our own client code, for every version of the protocol that it knows.
//!
//! The suite comes from npm, once, into a folder of the build. Where it cannot be had the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Output;

use loki_kit::packages;
use tokio::process::Command;

/// The releases that are tried, and what runs them: they need a younger Node than machines have.
const PACKAGES: [&str; 3] = [
    "suite-0.1@npm:@modelcontextprotocol/conformance@0.1.16",
    "suite-0.2@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "bun@1.4.5",
];

/// Runs of the suite: the release, its options, what our client is told beside, and how many checks pass at least.
///
/// What is left out: of the first line the scenario `auth/2025-03-26-oauth-metadata-backcompat`, whose metadata names
/// an issuer that it was not asked of, which RFC 8414 (3.3) has a client refuse; the second line has it mended, and
/// there it is run. Extensions of the protocol, which no version of it requires, count for nothing.
const RUNS: [(&str, &[&str], &str, u32); 5] = [
    ("suite-0.1", &["--suite", "core"], "--handshake", 226),
    ("suite-0.1", &["--suite", "draft"], "--handshake", 26),
    ("suite-0.2", &["--requirements", "2025-11-25"], "", 260),
    ("suite-0.2", &["--requirements", "2026-07-28"], "", 400),
    ("suite-0.2", &["--suite", "backcompat"], "", 18),
];

#[tokio::test]
async fn the_public_suite_finds_nothing_wrong_with_the_client() {
    let build = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(folder) = packages::npm(build, "conformance", &PACKAGES) else { return };
    let client = example();
    for (release, options, beside, checks_min) in RUNS {
        let output = suite(&folder, release, &format!("{} {beside}", client.display()), options).await;
        let told = String::from_utf8_lossy(&output.stdout);
        let total = told.lines().rev().find_map(|line| line.split("Total: ").nth(1));
        let total =
            total.unwrap_or_else(|| panic!("{release}: {told}\n{}", String::from_utf8_lossy(&output.stderr)));
        let passed: u32 = total.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        assert!(output.status.success() && passed >= checks_min, "{release} {options:?}\n{told}");
    }
}

/// The example, which is built along with the tests of its package.
fn example() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().find(|folder| folder.join("examples").is_dir()).unwrap();
    folder.join("examples/conformance_client")
}

async fn suite(folder: &Path, release: &str, client: &str, options: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command
        .arg("240")
        .arg(folder.join("node_modules/.bin/bun"))
        .arg(folder.join("node_modules").join(release).join("dist/index.js"))
        .args(["client", "--command", client])
        .args(options)
        .current_dir(folder)
        .kill_on_drop(true);
    command.output().await.unwrap()
}
