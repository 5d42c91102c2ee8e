//! The built program, from outside: one test binary, a module for each part of the command line.
//!
//! Only wiring is tested here; what a part does is tested where it lives.

mod agents;
mod control;
mod detect;
mod endure;
mod forge;
mod frame;
mod hostile;
mod init;
mod kill;
mod mcp;
mod mcp_client;
mod models;
mod providers;
mod run;
mod sandbox;
mod settings;
mod skills;
mod sources;
mod tools;
mod tui;
mod verify;

use loki_kit::TestEnv;

/// A fresh project folder and the program under test.
fn env() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_loki"))
}
