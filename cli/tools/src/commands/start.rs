//! `start_process`: starts what goes on, and waits until it is ready.

use std::time::Duration;

use async_trait::async_trait;
use loki_engine::tool::{Answer, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use loki_sandbox::{CallError, Outcome};
use serde_json::{Value, json};

use super::ending::ending;
use super::processes::{RUNNING_MAX, Running};
use super::{CommandTool, Commands, http, not_run, run};
use crate::input::Input;

const NAME: &str = "start_process";
const KNOWN: &[&str] = &["command", "folder", "name", "ready_port", "ready_path", "seconds_max"];
/// How long it is waited for.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long until it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long an answer to a single probe is waited for.
const PROBE_WITHIN: Duration = Duration::from_secs(5);
/// Ports that are probed where none is named.
const PORTS_PROBED_MAX: usize = 4;

/// Starts processes.
pub(super) struct StartProcess;

#[async_trait]
impl CommandTool for StartProcess {
    fn spec(&self, commands: &Commands) -> ToolSpec {
        let most = commands.seconds_max();
        ToolSpec {
            name: NAME.to_owned(),
            description: format!(
                "Starts a command that goes on, such as a server, by `/bin/sh -c` in the sandbox. Returns when it listens \
                 on a port (or on `ready_port`, or answers to `ready_path`), when it ends, or after 30 seconds. At most \
                 {RUNNING_MAX} at once; all are ended when you finish. Reach it with `probe_process`."
            ),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "command": { "type": "string", "description": "One line for the shell, without `&`." },
                    "folder": { "type": "string", "description": "The folder it runs in. Default: the project's." },
                    "name": { "type": "string", "description": "What to call it. Default: `p1` and so on." },
                    "ready_port": {
                        "type": "integer", "minimum": 1, "maximum": 65535,
                        "description": "It is ready when it listens here. Default: on any port.",
                    },
                    "ready_path": { "type": "string", "description": "It is ready when a GET of this path is answered, such as `/health`." },
                    "seconds_max": {
                        "type": "integer", "minimum": 1, "maximum": most,
                        "description": format!("Seconds until it is ended. Default {most}."),
                    },
                },
                "required": ["command"],
                "additionalProperties": false,
            }),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::Report
    }

    async fn call(&self, commands: &Commands, input: &Value) -> Result<Answer, ToolError> {
        let input = Input::of(NAME, KNOWN, input)?;
        let most = commands.seconds_max();
        let seconds = input.number("seconds_max", 1..=most)?.unwrap_or(most);
        let wanted = Wanted {
            port: input.number("ready_port", 1..=65_535)?.and_then(|port| u16::try_from(port).ok()),
            path: input.text_if_any("ready_path")?.map(http::checked_path).transpose()?,
        };
        let job = commands.job(&input, seconds)?;
        let reserved = commands.processes.reserve(input.text_if_any("name")?)?;
        let name = reserved.name.clone();
        let process = commands.workshop.start(job).await.map_err(|error| not_run(&error))?;
        let running = reserved.fill(process, seconds);
        // Whether it became ready or not: what it does then is told all the same.
        let state = tokio::time::timeout(READY_WITHIN, until_ready(&running, &wanted)).await;
        match state {
            Ok(Ok(State::Ready(ready))) => Ok(started(&name, &ready, &running)),
            Ok(Ok(State::Ended(outcome))) => {
                let workshop = &commands.workshop;
                let mut ending = ending(&workshop.policy, &workshop.places, &outcome, seconds);
                ending.failure = Some("ended_early");
                ending.line = format!("`{name}` ended before it was ready: {}", ending.line);
                run::answer("", ending, &running.news())
            }
            Ok(Err(error)) => Err(not_run(&error)),
            Err(_) => Ok(started(&name, &not_ready(&running).await, &running)),
        }
    }
}

/// When a process counts as ready.
struct Wanted {
    port: Option<u16>,
    path: Option<String>,
}

enum State {
    /// In words.
    Ready(String),
    Ended(Outcome),
}

/// Looks at a process until it is ready or has ended.
async fn until_ready(running: &Running, wanted: &Wanted) -> Result<State, CallError> {
    loop {
        if let Some(outcome) = running.ended(LOOK_AGAIN).await? {
            return Ok(State::Ended(outcome));
        }
        // Where it cannot be asked it is about to end, and that is seen next.
        let ports = running.process.listening().await.unwrap_or_default();
        if let Some(ready) = is_ready(running, wanted, &ports).await {
            return Ok(State::Ready(ready));
        }
    }
}

async fn is_ready(running: &Running, wanted: &Wanted, ports: &[u16]) -> Option<String> {
    let listed = listed(ports);
    let Some(path) = &wanted.path else {
        let is_there = wanted.port.map_or(!ports.is_empty(), |port| ports.contains(&port));
        return is_there.then(|| format!("listens on {listed}"));
    };
    let asked = ports.iter().filter(|port| wanted.port.is_none_or(|wanted| wanted == **port));
    for port in asked.take(PORTS_PROBED_MAX) {
        let request = http::Request::get(path);
        let probed = tokio::time::timeout(PROBE_WITHIN, http::ask(&running.process, *port, &request)).await;
        // A server that begins answers with errors at first, or not at all.
        if let Ok(Ok(answer)) = probed
            && answer.status < 500
        {
            return Some(format!(
                "listens on {listed}; GET {path} on port {port} answers {}",
                answer.status_line
            ));
        }
    }
    None
}

async fn not_ready(running: &Running) -> String {
    let ports = running.process.listening().await.unwrap_or_default();
    let found = if ports.is_empty() {
        "listens on no port".to_owned()
    } else {
        format!("listens on {}", listed(&ports))
    };
    format!("goes on, and is not ready after {} s: it {found}", READY_WITHIN.as_secs())
}

/// Such as `port 80` or `ports 80, 81`.
pub(super) fn listed(ports: &[u16]) -> String {
    let word = if ports.len() == 1 { "port" } else { "ports" };
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("{word} {}", ports.join(", "))
}

fn started(name: &str, state: &str, running: &Running) -> Answer {
    let summary = format!("`{name}` {state}");
    let news = running.news();
    let printed = if news.is_empty() { "[it has printed nothing yet]\n".to_owned() } else { news };
    Answer::Done { output: format!("{summary}\n{printed}"), summary }
}
