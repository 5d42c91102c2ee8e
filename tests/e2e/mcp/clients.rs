//! The clients that people use, unmodified: the inspector, and the official libraries for JavaScript and Python.
//! Where they cannot be had, the tests say so and pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use loki_kit::{TestEnv, packages};
use serde_json::Value;

use super::bench::{Http, names, with_backend};

/// The releases that are tried. The inspector needs a younger Node than machines have, so another engine runs it.
const INSPECTOR: [&str; 2] = ["@modelcontextprotocol/inspector@2.12.0", "bun@1.4.5"];
const NPM: [&str; 1] = ["@modelcontextprotocol/sdk@1.32.2"];
const PYPI: [&str; 1] = ["mcp==2.3.0"];

const LOKI: &str = env!("CARGO_BIN_EXE_loki");

fn build() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").canonicalize().unwrap()
}

/// Runs a script with what it is told of the program and the project; every check in it must pass.
fn passes(mut script: Command, env: &TestEnv) {
    let http = Http::start(env, &["--allow", "write,destructive"]);
    script.arg(LOKI).arg(env.root()).args([http.url(), http.token.clone()]);
    let output = script.output().unwrap();
    let told =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains(" 0 failed"), "{told}");
}

#[test]
fn the_official_client_for_javascript_works() {
    let Some(folder) = packages::npm(build(), "mcp-npm", &NPM) else { return };
    // Modules are looked for beside the script.
    for script in ["kit.mjs", "mcp_sdk.mjs"] {
        fs::copy(scripts().join(script), folder.join(script)).unwrap();
    }
    let mut node = Command::new("node");
    node.arg(folder.join("mcp_sdk.mjs"));
    passes(node, &with_backend());
}

#[test]
fn the_official_client_for_python_works() {
    let Some(folder) = packages::pypi(build(), "mcp-pypi", &PYPI) else { return };
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg("-B").arg(scripts().join("mcp_sdk.py"));
    passes(python, &with_backend());
}

/// What the inspector prints for a request.
fn inspected(folder: &Path, env: &TestEnv, server: &[&str], request: &[&str]) -> Value {
    let mut inspector = Command::new("timeout");
    inspector.arg("120").arg(folder.join("node_modules/.bin/bun"));
    inspector
        .arg(folder.join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"));
    inspector.arg("--cli").args(server).args(request).current_dir(env.root()).env("HOME", env.home());
    let output = inspector.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{server:?} {request:?}\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("no JSON: {stdout}\n{stderr}"))
}

#[test]
fn the_inspector_lists_and_calls_tools() {
    let Some(folder) = packages::npm(build(), "mcp-inspector", &INSPECTOR) else { return };
    let env = with_backend();
    let http = Http::start(&env, &[]);
    let (url, bearer) = (http.url(), format!("Authorization: Bearer {}", http.token));
    for server in [&[LOKI, "mcp"][..], &[url.as_str(), "--transport", "http", "--header", bearer.as_str()]] {
        let listed = inspected(&folder, &env, server, &["--method", "tools/list", "--strict"]);
        let listed = names(&serde_json::json!({ "result": listed }));
        assert!(listed.contains(&"forge_db_query".to_owned()) && listed.len() <= 10, "{listed:?}");
        let call =
            ["--method", "tools/call", "--tool-name", "forge_db_query", "--tool-arg", "sql=select 7 as it"];
        let answer = inspected(&folder, &env, server, &call);
        assert_eq!(answer["structuredContent"]["rows"], serde_json::json!([[7]]), "{answer}");
        let resources = inspected(&folder, &env, server, &["--method", "resources/list"]);
        assert!(resources["resources"].as_array().is_some_and(|all| !all.is_empty()), "{resources}");
    }
}
