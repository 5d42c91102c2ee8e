//! How long an MCP server takes from the start of its process to its answer to `initialize`, beside a server of the
//! protocol's own library for JavaScript.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use loki_kit::packages;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};

const ROUNDS: usize = 51;
const PEER_ROUNDS: usize = 9;
/// The server that the makers of the protocol try clients with.
const PEER: [&str; 1] = ["@modelcontextprotocol/server-everything@2026.8.31"];

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"0"}}}"#;

/// `loki mcp` in an empty folder and in a project that was built, and the peer where npm has it.
pub(crate) fn mcp(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let loki = |folder: &Path| {
        let mut command = Command::new(&setup.loki);
        command.arg("mcp").current_dir(folder);
        command
    };
    let empty = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let built = built(setup)?;
    let mut figures = vec![
        Figure::new(
            "initialize, an empty folder",
            "ms",
            Target::Below(20.0),
            rounds(ROUNDS, || loki(empty.path()))?,
        ),
        Figure::new(
            "initialize, a project with a backend",
            "ms",
            Target::Below(20.0),
            rounds(ROUNDS, || loki(built.path()))?,
        ),
    ];
    let build = setup.loki.parent().unwrap_or(Path::new("."));
    if let Some(folder) = packages::npm(build, "bench-mcp", &PEER) {
        let peer = || Command::new(folder.join("node_modules/.bin/mcp-server-everything"));
        figures.push(Figure::new("the peer's", "ms", Target::None, rounds(PEER_ROUNDS, peer)?));
    }
    Ok(figures)
}

fn rounds(count: usize, command: impl Fn() -> Command) -> Result<Vec<f64>, BenchError> {
    (0..count).map(|_| answered(command())).collect()
}

/// Milliseconds from before the process is started until its answer is read.
fn answered(mut command: Command) -> Result<f64, BenchError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let (began, took) = timed(|| {
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut line = String::new();
        if let (Some(mut stdin), Some(stdout)) = (stdin, stdout) {
            writeln!(stdin, "{INITIALIZE}")?;
            BufReader::new(stdout).read_line(&mut line)?;
            child.stdin = Some(stdin);
        }
        Ok((child, line))
    });
    let (mut child, line) = began.map_err(BenchError::io("ask an MCP server"))?;
    // It ends when nobody writes to it any more; one that does not is ended.
    child.stdin = None;
    let ended = child.kill().and_then(|()| child.wait());
    ended.map_err(BenchError::io("end an MCP server"))?;
    if !line.contains("\"serverInfo\"") {
        return Err(BenchError::Server(format!("it answered `{}`", line.trim())));
    }
    Ok(milliseconds(took))
}

/// A project with a backend of some tables.
fn built(setup: &Setup) -> Result<tempfile::TempDir, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let template = setup.repository.join("templates/forge-saas/PRD.md");
    let started = Command::new(&setup.loki)
        .arg("start")
        .arg(template)
        .arg("--headless")
        .current_dir(folder.path())
        .output()
        .map_err(BenchError::io("start the program"))?;
    if !folder.path().join(".loki/forge/state.db").exists() {
        return Err(BenchError::Ended {
            program: setup.loki.display().to_string(),
            status: started.status,
            stderr: String::from_utf8_lossy(&started.stderr).into_owned(),
        });
    }
    Ok(folder)
}
