//! What loki itself takes beside a model and the commands of a project.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use loki_kit::fakes::projects::Project;
use loki_kit::fakes::repair::Repair;
use loki_kit::fakes::{self, Fake, Reply, Script};
use serde_json::Value;
use tempfile::TempDir;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};
use crate::program::checked;

/// How long the fake thinks before it answers, in milliseconds.
const THINKS_MS: u64 = 1000;
const RUN_ROUNDS: usize = 5;
const LOOK_ROUNDS: usize = 15;
const LARGE_FILES: usize = 5000;
const VERIFY_FILES: usize = 2000;

/// A whole run that repairs a small project, on a model that answers after a second.
pub(crate) fn model_overhead(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let (mut per_iteration, mut share) = (Vec::new(), Vec::new());
    for _ in 0..RUN_ROUNDS {
        let run = repaired(setup)?;
        per_iteration.push(run.own_ms / run.iterations);
        share.push(100.0 * run.own_ms / run.whole_ms);
    }
    Ok(vec![
        Figure::new("loki's own, an iteration", "ms", Target::Below(50.0), per_iteration),
        Figure::new("loki's own, of the whole run", "%", Target::Below(3.0), share),
    ])
}

struct Ran {
    whole_ms: f64,
    /// What is neither the model's nor a command's.
    own_ms: f64,
    iterations: f64,
}

fn repaired(setup: &Setup) -> Result<Ran, BenchError> {
    let folder = folder()?;
    let project = Project::python();
    project.write(folder.path());
    let mut repair = Repair::new(project, folder.path()).script_fn();
    let fake = fakes::anthropic::start(Script::new(move |seen| repair(seen).delay(THINKS_MS)));
    let (ended, took) = timed(|| start(setup, folder.path(), &fake).output());
    checked(setup, ended, 0)?;
    let whole_ms = milliseconds(took);
    let commands = read(&folder.path().join(".loki/sandbox/calls.jsonl"))?;
    let commands_ms: u64 = commands.lines().filter_map(wall_ms).sum();
    let thought_ms = fake.requests().len() as u64 * THINKS_MS;
    let status = output(setup, folder.path(), &["status", "--json"])?;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    Ok(Ran {
        whole_ms,
        own_ms: whole_ms - (commands_ms + thought_ms) as f64,
        iterations: status["iteration"].as_f64().unwrap_or(f64::NAN),
    })
}

/// The time of a command from the record of calls, where the line is about its end.
fn wall_ms(line: &str) -> Option<u64> {
    find(&serde_json::from_str(line).ok()?)
}

fn find(value: &Value) -> Option<u64> {
    match value {
        Value::Object(members) => {
            members.get("wall_ms").and_then(Value::as_u64).or_else(|| members.values().find_map(find))
        }
        _ => None,
    }
}

/// The first prompt in a project of 5,000 files, by the program as a whole.
pub(crate) fn prompt_5000(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = folder()?;
    files(folder.path(), LARGE_FILES)?;
    Project::python().write(folder.path());
    let fake = fakes::anthropic::start(Script::list([Reply::wrong_key()]));
    // A run that ends at its first turn: its prompt can be built again and again.
    start(setup, folder.path(), &fake).output().map_err(BenchError::io("start a run"))?;
    let mut rounds = Vec::new();
    for _ in 0..LOOK_ROUNDS {
        let (ended, took) = timed(|| loki(setup, folder.path(), &["prompt", "--iteration", "9"]).output());
        checked(setup, ended, 0)?;
        rounds.push(milliseconds(took));
    }
    Ok(vec![Figure::new(
        format!("{LARGE_FILES} files, the whole process"),
        "ms",
        Target::Below(100.0),
        rounds,
    )])
}

/// `loki verify` of a change in a project of 2,000 files, without a command to run.
pub(crate) fn verify_2000(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = folder()?;
    files(folder.path(), VERIFY_FILES)?;
    for arguments in [
        &["init", "-q"][..],
        &["add", "-A"],
        &["-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-qm", "before"],
    ] {
        let ran = Command::new("git").args(arguments).current_dir(folder.path()).output();
        ran.map_err(BenchError::io("make a repository"))?;
    }
    for n in 0..3 {
        let path = folder.path().join(format!("src/m{n}/f{n}.txt"));
        fs::write(path, "another line\n").map_err(BenchError::io("change a file"))?;
    }
    let gates = ["verify", "--gate", "diff", "--gate", "secrets", "--gate", "test-integrity"];
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..LOOK_ROUNDS {
        let state = folder.path().join(".loki");
        if state.exists() {
            fs::remove_dir_all(state).map_err(BenchError::io("forget what is known"))?;
        }
        for rounds in [&mut cold, &mut warm] {
            let (ended, took) = timed(|| loki(setup, folder.path(), &gates).output());
            checked(setup, ended, 0)?;
            rounds.push(milliseconds(took));
        }
    }
    Ok(vec![
        Figure::new(format!("{VERIFY_FILES} files, cold"), "ms", Target::Below(300.0), cold),
        Figure::new(format!("{VERIFY_FILES} files, warm"), "ms", Target::Below(50.0), warm),
    ])
}

/// So many files of some lines, in folders of fifty.
fn files(folder: &Path, count: usize) -> Result<(), BenchError> {
    for n in 0..count {
        let path = folder.join(format!("src/m{}/f{n}.txt", n % (count / 50)));
        let text: String = (0..40).map(|line| format!("line {line} of file {n}\n")).collect();
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(BenchError::io("make files"))?;
    }
    Ok(())
}

fn folder() -> Result<TempDir, BenchError> {
    tempfile::tempdir().map_err(BenchError::io("make a folder"))
}

fn read(path: &Path) -> Result<String, BenchError> {
    fs::read_to_string(path).map_err(BenchError::io("read the record of calls"))
}

fn output(setup: &Setup, folder: &Path, arguments: &[&str]) -> Result<Output, BenchError> {
    loki(setup, folder, arguments).output().map_err(BenchError::io("run the program"))
}

fn loki(setup: &Setup, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&setup.loki);
    command.args(arguments).current_dir(folder);
    command
}

fn start(setup: &Setup, folder: &Path, fake: &Fake) -> Command {
    let mut command = loki(setup, folder, &["start", "PRD.md", "--headless"]);
    command
        .env("LOKI_PROVIDER_NAME", "anthropic")
        .env("LOKI_PROVIDER_BASE_URL", fake.url())
        .env("LOKI_MODEL_DEVELOPMENT", "claude-sonnet-4-5")
        .env("LOKI_GATES_REVIEW", "false")
        .env("ANTHROPIC_API_KEY", fakes::KEY);
    command
}
