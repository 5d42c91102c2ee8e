//! The public conformance suite against our own server code, for every version of the protocol that it knows.
//!
//! The suite comes from npm, once, into a folder of the build. Where it cannot be had the test says so and passes.

#[path = "../examples/conformance/fixture.rs"]
mod fixture;

use std::path::Path;
use std::process::Output;

use loki_kit::packages;
use tokio::net::TcpListener;
use tokio::process::Command;

/// The releases that are tried, and what runs them: they need a younger Node than machines have.
const PACKAGES: [&str; 3] = [
    "suite-0.1@npm:@modelcontextprotocol/conformance@0.1.16",
    "suite-0.2@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "bun@1.4.5",
];

/// Runs of the suite: the release, its options, and how many checks there are at least.
const RUNS: [(&str, &[&str], u32); 4] = [
    ("suite-0.1", &["--suite", "all"], 46),
    ("suite-0.2", &["--suite", "all", "--spec-version", "2025-06-18"], 56),
    ("suite-0.2", &["--suite", "all", "--spec-version", "2025-11-25"], 83),
    ("suite-0.2", &["--suite", "all", "--spec-version", "2026-07-28"], 152),
];

#[tokio::test]
async fn the_public_suite_finds_nothing_wrong() {
    let Some(folder) = packages::npm(Path::new(env!("CARGO_TARGET_TMPDIR")), "conformance", &PACKAGES) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/mcp", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(fixture::serve(listener));
    for (release, options, checks_min) in RUNS {
        let output = suite(&folder, release, &url, options).await;
        let told = String::from_utf8_lossy(&output.stdout);
        let total = told.lines().rev().find_map(|line| line.split("Total: ").nth(1));
        let total =
            total.unwrap_or_else(|| panic!("{release}: {told}\n{}", String::from_utf8_lossy(&output.stderr)));
        let counts: Vec<u32> = total.split(' ').filter_map(|word| word.parse().ok()).collect();
        let (passed, failed) = (counts[0], counts[1]);
        assert!(
            output.status.success() && failed == 0 && passed >= checks_min,
            "{release} {options:?}\n{told}"
        );
    }
    serving.abort();
}

async fn suite(folder: &Path, release: &str, url: &str, options: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command
        .arg("240")
        .arg(folder.join("node_modules/.bin/bun"))
        .arg(folder.join("node_modules").join(release).join("dist/index.js"))
        .args(["server", "--url", url])
        .args(options)
        .current_dir(folder)
        .kill_on_drop(true);
    command.output().await.expect("the suite starts")
}
