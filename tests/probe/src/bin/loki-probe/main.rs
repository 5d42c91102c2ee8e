//! Performs exactly one forbidden act: `loki-probe ACT [ARGS…]`.
//!
//! Exits 0 where the act succeeded, 3 with one line on stderr where it was denied, 4 where it makes no sense
//! on this machine, 2 where it was called wrongly. Three more words set the scene around acts: `launch` starts
//! a command with descriptors or a terminal left open, `witness` is the process that must not be reached, and
//! `prepare` does what setting up a case needs.
#![expect(unsafe_code, reason = "acts are system calls that no safe wrapper offers")]

mod acts;
mod filter;
mod launch;
mod prepare;
mod snapshot;
mod sys;
mod witness;

use std::io::Write;
use std::process::ExitCode;

use sys::{Args, Refusal};

const USAGE: u8 = 2;
const DENIED: u8 = 3;
const SENSELESS: u8 = 4;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let word = words.next().unwrap_or_default();
    let args = Args::new(words.collect());
    let outcome = match word.as_str() {
        "launch" => return launch::launch(&args),
        "witness" => witness::witness(&args),
        "prepare" => prepare::prepare(&args),
        act => acts::perform(act, &args),
    };
    let (code, line) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Refusal::Denied(error)) => (DENIED, format!("denied: {error}\n")),
        Err(Refusal::Senseless(why)) => (SENSELESS, format!("senseless: {why}\n")),
        Err(Refusal::Usage(what)) => (USAGE, format!("usage: {what}\n")),
    };
    // Nobody is left to tell where stderr is gone; the code says it all.
    let _gone = std::io::stderr().write_all(line.as_bytes());
    ExitCode::from(code)
}
