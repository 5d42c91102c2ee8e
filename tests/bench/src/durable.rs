//! Durable steps (intent, act, outcome), beside the disk's own rate and beside peers.
//!
//! A step here does nothing, so what is measured is the remembering. `process`: a crash of the process is
//! survived. `disk`: each outcome is flushed to the disk. Peers run under the same two promises.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use loki_ledger::Ledger;
use loki_ledger::event::{
    ArtifactId, CallRef, Cost, EffectKind, Event, Intent, Outcome, Phase, Recovery, RunId, Usage,
};
use loki_store::SystemClock;

use crate::Setup;
use crate::fold::{run_id, started};
use crate::measure::{BenchError, Figure, Target, median, timed};

const PROCESS_STEPS: u64 = 20_000;
const DISK_STEPS: u64 = 500;
const PEER_STEPS: u64 = 1_000;
const ROUNDS: usize = 5;
/// What one outcome writes to the log at least: a page and its header.
const FLUSH_BYTES: usize = 4_120;
const PEERS: [(&str, &str); 2] = [("DBOS", "dbos_steps.py"), ("LangGraph", "langgraph_steps.py")];

/// What a step survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Process,
    Disk,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Process => "process",
            Mode::Disk => "disk",
        }
    }

    fn steps(self) -> u64 {
        match self {
            Mode::Process => PROCESS_STEPS,
            Mode::Disk => DISK_STEPS,
        }
    }

    /// How many times faster than each peer it has to be.
    fn lead(self) -> f64 {
        match self {
            Mode::Process => 10.0,
            Mode::Disk => 2.0,
        }
    }
}

/// All of it, round by round in turn, so that a busy moment of the machine meets everyone.
pub(crate) fn durable_steps(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let mut figures = Vec::new();
    for mode in [Mode::Process, Mode::Disk] {
        let (mut ours, mut flushes, mut peers) = (Vec::new(), Vec::new(), vec![Vec::new(); PEERS.len()]);
        for round in 0..ROUNDS {
            ours.push(our_step(&folder.path().join(format!("{}-{round}", mode.name())), mode)?);
            if mode == Mode::Disk {
                flushes.push(flush(&folder.path().join(format!("flush-{round}")))?);
            }
            let Some(python) = &setup.python else { continue };
            for ((_, script), steps) in PEERS.iter().zip(&mut peers) {
                steps.push(peer_step(setup, python, script, mode)?);
            }
        }
        let our_rate = rate(ours);
        let target = if mode == Mode::Process { Target::AtLeast(5_000.0) } else { Target::None };
        figures.push(figure(format!("loki, {}", mode.name()), our_rate, "steps/s", target));
        if mode == Mode::Disk {
            let disk = rate(flushes);
            figures.push(figure("the disk's own flushes".to_owned(), disk, "/s", Target::None));
            figures.push(figure(
                "loki over the disk".to_owned(),
                our_rate / disk,
                "of 1",
                Target::AtLeast(0.85),
            ));
        }
        for ((name, _), steps) in PEERS.iter().zip(peers).filter(|(_, steps)| !steps.is_empty()) {
            let theirs = rate(steps);
            figures.push(figure(format!("{name}, {}", mode.name()), theirs, "steps/s", Target::None));
            let lead = Target::AtLeast(mode.lead());
            figures.push(figure(
                format!("loki over {name}, {}", mode.name()),
                our_rate / theirs,
                "times",
                lead,
            ));
        }
    }
    Ok(figures)
}

fn figure(what: String, value: f64, unit: &'static str, target: Target) -> Figure {
    Figure { what, value, unit, target }
}

fn rate(steps: Vec<Duration>) -> f64 {
    1.0 / median(steps).as_secs_f64()
}

/// How long one of our steps takes.
fn our_step(dir: &Path, mode: Mode) -> Result<Duration, BenchError> {
    let ledger = Ledger::open(dir, Arc::new(SystemClock)).map_err(BenchError::Ledger)?;
    let run = run_id();
    let input = begin(&ledger, &run)?;
    let (done, took) = timed(|| (0..mode.steps()).try_for_each(|_| step(&ledger, &run, &input, mode)));
    done?;
    Ok(took / u32::try_from(mode.steps()).unwrap_or(u32::MAX))
}

/// A run in its act phase, and the artifact that its steps name.
fn begin(ledger: &Ledger, run: &RunId) -> Result<ArtifactId, BenchError> {
    for bytes in [&b"document"[..], b"requirements"] {
        ledger.put(bytes).map_err(BenchError::Ledger)?;
    }
    for event in
        [started(), Event::IterationStarted { iteration: 1 }, Event::PhaseStarted { phase: Phase::Act }]
    {
        ledger.append(run, event).map_err(BenchError::Ledger)?;
    }
    ledger.put(b"{}").map_err(BenchError::Ledger)
}

fn step(ledger: &Ledger, run: &RunId, artifact: &ArtifactId, mode: Mode) -> Result<(), BenchError> {
    let kind = match mode {
        Mode::Process => {
            let call = CallRef { id: "call".to_owned(), tool: "tool".to_owned(), input: artifact.clone() };
            EffectKind::Tool { call }
        }
        Mode::Disk => EffectKind::Turn { request: artifact.clone() },
    };
    let intent = Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat });
    let effect = ledger.append(run, intent).map_err(BenchError::Ledger)?.seq;
    let outcome = match mode {
        Mode::Process => {
            Outcome::Tool { ok: true, summary: "done".to_owned(), output: artifact.clone(), bytes: 2 }
        }
        // A paid call: its outcome is never asked for twice.
        Mode::Disk => Outcome::Turn {
            turn: artifact.clone(),
            calls: Vec::new(),
            usage: Usage { cost: Cost::Measured { micro_usd: 1 }, ..Usage::default() },
            bytes: 2,
        },
    };
    ledger.append(run, Event::EffectEnded { effect, outcome }).map_err(BenchError::Ledger)?;
    Ok(())
}

/// How long the disk takes to keep what one outcome writes, with nothing in between.
fn flush(path: &Path) -> Result<Duration, BenchError> {
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(path)
        .map_err(BenchError::io("make a file to flush"))?;
    let page = [7u8; FLUSH_BYTES];
    let (done, took) =
        timed(|| (0..DISK_STEPS).try_for_each(|_| file.write_all(&page).and_then(|()| file.sync_data())));
    done.map_err(BenchError::io("flush a file"))?;
    Ok(took / u32::try_from(DISK_STEPS).unwrap_or(u32::MAX))
}

/// How long one of a peer's steps takes.
fn peer_step(setup: &Setup, python: &Path, script: &str, mode: Mode) -> Result<Duration, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let path = setup.repository.join("tests/bench/peers").join(script);
    let output = Command::new(python)
        .arg(path)
        .arg(folder.path())
        .args([PEER_STEPS.to_string().as_str(), mode.name()])
        .output()
        .map_err(BenchError::io(format!("run `{}`", python.display())))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let report: Option<serde_json::Value> =
        stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
    match report.and_then(|report| report["seconds"].as_f64()).filter(|_| output.status.success()) {
        Some(seconds) => Ok(Duration::from_secs_f64(seconds / PEER_STEPS as f64)),
        None => Err(BenchError::Ended {
            program: script.to_owned(),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_measured_are_ones_the_ledger_takes() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path(), Arc::new(SystemClock)).unwrap();
        let run = run_id();
        let artifact = begin(&ledger, &run).unwrap();
        for mode in [Mode::Process, Mode::Disk] {
            step(&ledger, &run, &artifact, mode).unwrap();
        }
        let report = ledger.reader().verify(&run).unwrap();
        assert_eq!((report.events, report.broken), (7, None));
        let last = ledger.reader().events(&run, 6).unwrap().events.remove(0).event;
        assert!(last.must_reach_disk(), "the disk mode measures flushes");
    }
}
