//! What agents pay in tokens (`o200k_base`): an errand through `loki mcp`, and the listings of its peers.
//!
//! The peers are started without an account: Supabase's lists what needs none of its documentation, and InsForge's
//! is answered by a server of this process when it asks which version of its backend it talks to.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use loki_kit::{errand, packages};
use serde_json::{Value, json};
use tiktoken_rs::CoreBPE;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target};

const PEERS: [&str; 2] = ["@insforge/mcp@1.2.11", "@supabase/mcp-server-supabase@0.13.0"];

/// The errand in all, the listings, and those of the peers where npm has them.
pub(crate) fn tokens(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let vocabulary = tiktoken_rs::o200k_base().map_err(|error| BenchError::Server(error.to_string()))?;
    let count = |text: &str| vocabulary.encode_ordinary(text).len();
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    project(setup, folder.path())?;
    let figure = |what: &str, target, tokens: usize| Figure::new(what, "tokens", target, vec![tokens as f64]);
    let loki = |arguments: &[&str]| {
        let mut command = Command::new(&setup.loki);
        command.arg("mcp").args(arguments).current_dir(folder.path());
        command
    };
    let mut server = Server::start(loki(&["--allow", "write"]))?;
    let listing = listing(&mut server, &vocabulary)?;
    let mut errand_tokens = listing;
    for (tool, arguments) in errand::calls() {
        errand_tokens += count(tool) + count(&arguments.to_string());
        let result = server.ask("tools/call", &json!({ "name": tool, "arguments": arguments }))?;
        if result["isError"] == true {
            return Err(BenchError::Server(format!("{tool}: {result}")));
        }
        errand_tokens += count(&errand::read(&result));
    }
    let mut figures = vec![
        figure("the errand, seven calls", Target::Below(5_000.0), errand_tokens),
        figure("listing, --allow write", Target::Below(1_500.0), listing),
    ];
    let mut whole = Server::start(loki(&["--tools", "all", "--allow", "write,destructive"]))?;
    figures.push(figure(
        "listing, everything",
        Target::Below(6_000.0),
        self::listing(&mut whole, &vocabulary)?,
    ));
    let build = setup.loki.parent().unwrap_or(Path::new("."));
    if let Some(peers) = packages::npm(build, "bench-tokens", &PEERS) {
        let bin = peers.join("node_modules/.bin");
        let health = health()?;
        let mut insforge = Command::new(bin.join("insforge-mcp"));
        insforge.args(["--api_key", "ik_none", "--api_base_url", &health]);
        let mut supabase = Command::new(bin.join("mcp-server-supabase"));
        supabase.args(["--access-token", &format!("sbp_{}", "0".repeat(40))]);
        supabase.arg("--features=account,branching,database,debugging,development,functions,storage");
        for (what, command) in [("InsForge's listing", insforge), ("Supabase's listing", supabase)] {
            figures.push(figure(
                what,
                Target::None,
                self::listing(&mut Server::start(command)?, &vocabulary)?,
            ));
        }
    }
    Ok(figures)
}

/// A project with the five tables.
fn project(setup: &Setup, folder: &Path) -> Result<(), BenchError> {
    let migrations = folder.join("forge/migrations");
    fs::create_dir_all(&migrations)
        .and_then(|()| fs::write(migrations.join("0001_library.yaml"), errand::TABLES))
        .and_then(|()| fs::write(folder.join("PRD.md"), errand::DOCUMENT))
        .map_err(BenchError::io("write the project"))?;
    let mut start = Command::new(&setup.loki);
    let ended = start.args(["start", "PRD.md", "--headless"]).current_dir(folder).output();
    crate::program::checked(setup, ended, 10)
}

/// Tokens of what a server lists.
fn listing(server: &mut Server, vocabulary: &CoreBPE) -> Result<usize, BenchError> {
    let listed = errand::listed(&server.ask("tools/list", &json!({}))?["tools"]);
    if listed.is_empty() {
        return Err(BenchError::Server("it lists nothing".to_owned()));
    }
    Ok(listed.iter().map(|(_, text)| vocabulary.encode_ordinary(text).len()).sum())
}

/// An MCP server on standard input and output.
struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    asked: u64,
}

impl Server {
    fn start(mut command: Command) -> Result<Self, BenchError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(BenchError::io("start an MCP server"))?;
        let said = child.stdout.take().ok_or_else(|| BenchError::Server("it has no output".to_owned()))?;
        let mut server = Self { child, said: BufReader::new(said), asked: 0 };
        let hello = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "bench", "version": "0" },
        });
        server.ask("initialize", &hello)?;
        server.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(server)
    }

    fn say(&mut self, message: &Value) -> Result<(), BenchError> {
        let stdin = self.child.stdin.as_mut();
        let stdin = stdin.ok_or_else(|| BenchError::Server("it reads nothing".to_owned()))?;
        writeln!(stdin, "{message}").map_err(BenchError::io("ask an MCP server"))
    }

    /// The result of a request.
    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, BenchError> {
        self.asked += 1;
        let id = self.asked;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).map_err(BenchError::io("hear an MCP server"))?;
            if read == 0 {
                return Err(BenchError::Server(format!("it ended before it answered `{method}`")));
            }
            match serde_json::from_str::<Value>(&line) {
                Ok(mut message) if message["id"] == id => {
                    return match message.get_mut("result").map(Value::take) {
                        Some(result) => Ok(result),
                        None => Err(BenchError::Server(message.to_string())),
                    };
                }
                Ok(_) | Err(_) => {} // A notification, or a line of a log.
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// A server that says of itself that it is well, as long as this process lives: where it is.
fn health() -> Result<String, BenchError> {
    let failed = |error| BenchError::io("serve the health of a peer's backend")(error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let body = r#"{"status":"ok","version":"2.0.0"}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            // A peer that does not read its answer fails by itself.
            let mut request = [0; 4096];
            drop(stream.read(&mut request).and_then(|_| stream.write_all(answer.as_bytes())));
        }
    });
    Ok(format!("http://{address}"))
}
