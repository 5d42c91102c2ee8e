//! Benchmarks, run by hand: `cargo run --release -p loki-bench -- [--loki PROGRAM] [--peers PYTHON] [NAME…]`.
//!
//! Prints a table of figures beside their targets. Figures are recorded in `docs/performance.md` with
//! the machine they come from; nothing in the tests depends on them.

mod document;
mod durable;
mod fold;
mod mcp;
mod measure;
mod migration;
mod model;
mod program;
mod sandbox;
mod screen;
mod serve;
mod terminal;
mod tokens;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use measure::{BenchError, Figure};

/// What benchmarks need from outside.
pub(crate) struct Setup {
    /// The program under test.
    loki: PathBuf,
    /// The repository, for its templates and scripts.
    repository: PathBuf,
    /// A Python with `tests/bench/peers/requirements.txt`; without one there are no peers.
    python: Option<PathBuf>,
}

type Benchmark = fn(&Setup) -> Result<Vec<Figure>, BenchError>;

/// Every benchmark by name, in the order they run.
const BENCHMARKS: [(&str, Benchmark); 20] = [
    ("cold-version", program::cold_version),
    ("start-forge-saas", program::start_forge_saas),
    ("start-large", program::start_large),
    ("peak-memory", program::peak_memory),
    ("forge-detect", document::forge_detect),
    ("migration-proof", migration::migration_proof),
    ("migration-apply", migration::migration_apply),
    ("fold-100k", fold::fold_100k),
    ("durable-process", durable::durable_process),
    ("durable-disk", durable::durable_disk),
    ("sandbox-true", sandbox::sandbox_true),
    ("model-overhead", model::model_overhead),
    ("prompt-5000", model::prompt_5000),
    ("verify-2000", model::verify_2000),
    ("tui", screen::screen),
    ("tokens", tokens::tokens),
    ("data-plane", serve::data_plane),
    ("data-plane-start", serve::data_plane_start),
    ("sign-in", serve::sign_in),
    ("mcp", mcp::mcp),
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|argument| argument == loki_sandbox::confine::HELPER_ARGUMENT) {
        return loki_sandbox::confine::helper(arguments.get(2).map(OsString::as_os_str)).into();
    }
    match run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {error}\n");
            let mut cause = std::error::Error::source(&error);
            while let Some(source) = cause {
                text.push_str(&format!("  {source}\n"));
                cause = source.source();
            }
            match std::io::stderr().write_all(text.as_bytes()) {
                Ok(()) | Err(_) => ExitCode::FAILURE, // Nothing is left to report it on.
            }
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<(), BenchError> {
    let (setup, names) = read_arguments(arguments)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", measure::heading()).map_err(BenchError::Output)?;
    for (name, benchmark) in BENCHMARKS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            for figure in benchmark(&setup)? {
                writeln!(out, "{}", figure.line(name)).map_err(BenchError::Output)?;
            }
        }
    }
    Ok(())
}

fn read_arguments(arguments: Vec<OsString>) -> Result<(Setup, Vec<String>), BenchError> {
    let beside = std::env::current_exe().map_err(BenchError::Output)?.with_file_name("loki");
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut setup = Setup { loki: beside, repository, python: None };
    let mut names = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        if text == "--loki" {
            let program = arguments.next().ok_or(BenchError::Arguments("`--loki` takes a program"))?;
            setup.loki = PathBuf::from(program);
        } else if text == "--peers" {
            let python = arguments.next().ok_or(BenchError::Arguments("`--peers` takes a Python"))?;
            setup.python = Some(PathBuf::from(python));
        } else if BENCHMARKS.iter().any(|(name, _)| *name == text) {
            names.push(text);
        } else {
            return Err(BenchError::Unknown(text));
        }
    }
    Ok((setup, names))
}
