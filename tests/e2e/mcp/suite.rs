//! The public conformance suite against the built program: what of it needs no tools of its own making.
//!
//! Everything is run against the server's code in `cli/mcp/tests/conformance.rs`; here it is the wiring that is
//! looked at: sessions, the token, the listing. The suite sends no token, so a small proxy adds it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use loki_kit::packages;

use super::bench::{Http, with_backend};

/// The same as there, in a folder of this package.
const PACKAGES: [&str; 3] = [
    "suite-0.1@npm:@modelcontextprotocol/conformance@0.1.16",
    "suite-0.2@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "bun@1.4.5",
];

/// Scenarios that need no tools of the suite's making, by release and version of the protocol.
const RUNS: [(&str, &[&str], &[&str]); 4] = [
    ("suite-0.1", &[], &OLD),
    ("suite-0.2", &["--spec-version", "2025-06-18"], &OLD),
    (
        "suite-0.2",
        &["--spec-version", "2025-11-25"],
        &["server-session-lifecycle", "dns-rebinding-protection"],
    ),
    ("suite-0.2", &["--spec-version", "2026-07-28"], &NEW),
];
const OLD: [&str; 6] =
    ["server-initialize", "ping", "logging-set-level", "tools-list", "resources-list", "prompts-list"];
const NEW: [&str; 7] = [
    "tools-list",
    "resources-list",
    "prompts-list",
    "sep-2164-resource-not-found",
    "caching",
    "http-header-validation",
    "dns-rebinding-protection",
];

/// Passes connections on, with the token after the first line of what they begin with.
fn with_token(http: &Http) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, to, token) = (listener.local_addr().unwrap().port(), http.port, http.token.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let token = token.clone();
            std::thread::spawn(move || passed_on(client, port, to, &token));
        }
    });
    port
}

/// One request of a connection, answered and closed.
fn passed_on(mut client: TcpStream, from: u16, to: u16, token: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).replace(&format!(":{from}"), &format!(":{to}"));
    let (first, rest) = head.split_once("\r\n").unwrap();
    let kept: Vec<&str> =
        rest.lines().filter(|line| !line.to_lowercase().starts_with("connection:")).collect();
    let head =
        format!("{first}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{}\r\n", kept.join("\r\n"));
    let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
    server.write_all(head.as_bytes()).unwrap();
    let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    // Who closes first ends both; an error on the way is one of them having gone.
    std::thread::spawn(move || {
        let _gone = std::io::copy(&mut up, &mut down);
        let _gone = down.shutdown(Shutdown::Write);
    });
    let _gone = std::io::copy(&mut server, &mut client);
    let _gone = client.shutdown(Shutdown::Both);
}

#[test]
fn the_public_suite_finds_nothing_wrong_with_the_program() {
    let Some(folder) = packages::npm(Path::new(env!("CARGO_TARGET_TMPDIR")), "conformance", &PACKAGES) else {
        return;
    };
    let env = with_backend();
    let http = Http::start(&env, &[]);
    let url = format!("http://127.0.0.1:{}/mcp", with_token(&http));
    for (release, options, scenarios) in RUNS {
        for scenario in scenarios {
            let mut suite = Command::new("timeout");
            suite.arg("120").arg(folder.join("node_modules/.bin/bun"));
            suite.arg(folder.join("node_modules").join(release).join("dist/index.js"));
            suite.args(["server", "--url", &url, "--scenario", scenario]).args(options).current_dir(&folder);
            let output = suite.output().unwrap();
            let told = format!(
                "{}\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            let none_failed = told.contains(", 0 failed,") && !told.contains("Passed: 0/");
            assert!(output.status.success() && none_failed, "{release} {scenario} {options:?}\n{told}");
        }
    }
}
