//! The `loki` program: arguments in, an exit code out.
//!
//! Nothing is started before the arguments are read: no thread, no runtime, no file. Everything the
//! environment says is taken here, once, and handed down as a value.

mod app;
mod cli;
mod commands;
mod config;
mod confinement;
mod context;
mod environment;
mod error;
mod exit;
mod input;
mod models;
mod nearest;
mod session;
mod story;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use loki_sandbox::confine;

use crate::environment::Environment;
use crate::ui::Ui;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The helper's work comes before everything: it must not have a thread, nor anything open.
    match arguments.get(1).and_then(|argument| argument.to_str()) {
        Some(confine::HELPER_ARGUMENT) => {
            return confine::helper(arguments.get(2).map(OsString::as_os_str)).into();
        }
        Some(confine::PROBE_ARGUMENT) => return confine::probe().into(),
        Some(loki_mcp::BRIDGE_ARGUMENT) => return bridge(&Environment::of_process()).into(),
        _ => {}
    }
    let environment = Environment::of_process();
    if asks_version(&arguments) {
        let mut ui = Ui::of_process(&environment, &cli::Globals::default());
        return match ui.result(format_args!("loki {}", env!("CARGO_PKG_VERSION"))) {
            Ok(()) => exit::Status::Success.into(),
            Err(_) => exit::Status::Refused.into(), // Nothing is left to report it on.
        };
    }
    cli::run(arguments, environment).into()
}

/// Is an agent's MCP server: passes on what comes to the door that the environment names, and what comes back.
fn bridge(environment: &Environment) -> exit::Status {
    let Some(door) = environment.get(loki_sandbox::workshop::DOOR_VARIABLE) else {
        return exit::Status::Refused;
    };
    match loki_mcp::bridge(door.as_ref(), std::io::stdin(), std::io::stdout()) {
        Ok(()) => exit::Status::Success,
        Err(_) => exit::Status::Refused, // Whoever started it sees that it has ended.
    }
}

/// True for `loki --version` and `loki -V` alone: the answer needs no parser.
fn asks_version(arguments: &[OsString]) -> bool {
    matches!(arguments, [_, only] if only == "--version" || only == "-V")
}
