//! Durable steps (intent, act, outcome), beside the disk's own rate and beside peers.
//!
//! A step here does nothing, so what is measured is the remembering. `process`: a crash of the process is
//! survived. `disk`: each outcome is flushed to the disk. Peers run under the same two promises. Everybody
//! takes turns, so that a busy moment of the machine meets them all; what is compared is of one round.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use loki_ledger::Ledger;
use loki_ledger::event::{
    ArtifactId, CallRef, Cost, EffectKind, Event, Intent, Outcome, Phase, Recovery, RunId, TurnEnd, Usage,
};
use loki_store::SystemClock;

use crate::Setup;
use crate::fold::{run_id, started};
use crate::measure::{BenchError, Figure, Target, timed};

const ROUNDS: usize = 7;
const PROCESS_STEPS: u32 = 20_000;
const PEER_STEPS: u32 = 1_000;
/// Steps, and flushes, of one turn; a round has many, since the disk's rate changes from second to second.
const DISK_STEPS: u32 = 25;
const DISK_TURNS: u32 = 40;
/// What SQLite appends to its log for a page: the page and a header.
const FRAME_BYTES: usize = 4_120;
const PEERS: [Peer; 2] = [
    Peer { name: "DBOS", script: "dbos_steps.py", lead: 10.0 },
    Peer { name: "LangGraph", script: "langgraph_steps.py", lead: 2.0 },
];

struct Peer {
    name: &'static str,
    script: &'static str,
    /// How many times faster than it a ledger has to be, at most 2 where the disk is waited for.
    lead: f64,
}

/// What a step survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
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
}

/// Steps a second where a crash of the process is survived.
pub(crate) fn durable_process(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let (mut ours, mut peers) = (Vec::new(), Peers::default());
    for round in 0..ROUNDS {
        let steps = Steps::begin(&folder.path().join(round.to_string()), Mode::Process)?;
        let rate = per_second(PROCESS_STEPS, steps.take(PROCESS_STEPS)?);
        ours.push(rate);
        peers.round(setup, Mode::Process, rate)?;
    }
    let mut figures = vec![Figure::new("loki", "steps/s", Target::AtLeast(5_000.0), ours)];
    figures.extend(peers.figures(|peer| Target::AtLeast(peer.lead)));
    Ok(figures)
}

/// Steps a second where each outcome is flushed to the disk.
pub(crate) fn durable_disk(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let (mut ours, mut over, mut grown) = (Vec::new(), Vec::new(), Vec::new());
    let (mut share, mut share_grown, mut peers) = (Vec::new(), Vec::new(), Peers::default());
    for round in 0..ROUNDS {
        let path = |name: &str| folder.path().join(format!("{name}-{round}"));
        let steps = Steps::begin(&path("ledger"), Mode::Disk)?;
        let overwritten = Flushes::overwriting(&path("overwritten"))?;
        let growing = Flushes::growing(&path("growing"))?;
        let mut took = [Duration::ZERO; 3];
        for turn in 0..DISK_TURNS {
            took[0] += steps.take(DISK_STEPS)?;
            took[1] += overwritten.flush(turn)?;
            took[2] += growing.flush(turn)?;
        }
        let [rate, disk, growth] = took.map(|took| per_second(DISK_STEPS * DISK_TURNS, took));
        ours.push(rate);
        over.push(disk);
        grown.push(growth);
        share.push(rate / disk);
        share_grown.push(rate / growth);
        peers.round(setup, Mode::Disk, rate)?;
    }
    let mut figures = vec![
        Figure::new("loki", "steps/s", Target::None, ours),
        Figure::new("the disk, a frame overwritten", "/s", Target::None, over),
        Figure::new("the disk, a frame appended", "/s", Target::None, grown),
        Figure::new("loki over the disk, overwritten", "of 1", Target::AtLeast(0.85), share),
        Figure::new("loki over the disk, appended", "of 1", Target::None, share_grown),
    ];
    // A flush is as slow for everybody: ten times is not to be had here.
    figures.extend(peers.figures(|peer| Target::AtLeast(peer.lead.min(2.0))));
    Ok(figures)
}

fn per_second(times: u32, took: Duration) -> f64 {
    f64::from(times) / took.as_secs_f64()
}

/// What each of [`PEERS`] reached: steps a second, and our lead in the same round.
#[derive(Default)]
struct Peers {
    rates: [Vec<f64>; PEERS.len()],
    leads: [Vec<f64>; PEERS.len()],
}

impl Peers {
    fn round(&mut self, setup: &Setup, mode: Mode, ours: f64) -> Result<(), BenchError> {
        let Some(python) = &setup.python else { return Ok(()) };
        for ((peer, rates), leads) in PEERS.iter().zip(&mut self.rates).zip(&mut self.leads) {
            let rate = per_second(PEER_STEPS, peer_steps(setup, python, peer.script, mode)?);
            rates.push(rate);
            leads.push(ours / rate);
        }
        Ok(())
    }

    fn figures(self, lead: impl Fn(&Peer) -> Target) -> Vec<Figure> {
        let mut figures = Vec::new();
        for ((peer, rates), leads) in PEERS.iter().zip(self.rates).zip(self.leads) {
            if !rates.is_empty() {
                figures.push(Figure::new(peer.name, "steps/s", Target::None, rates));
                figures.push(Figure::new(format!("loki over {}", peer.name), "times", lead(peer), leads));
            }
        }
        figures
    }
}

/// A run in its act phase, taking steps.
pub(crate) struct Steps {
    ledger: Ledger,
    run: RunId,
    /// What its steps name.
    artifact: ArtifactId,
    mode: Mode,
}

impl Steps {
    /// A run in its act phase, in a ledger of its own.
    pub(crate) fn begin(dir: &Path, mode: Mode) -> Result<Self, BenchError> {
        let ledger = Ledger::open(dir, Arc::new(SystemClock)).map_err(BenchError::Ledger)?;
        let run = run_id();
        let artifact = begin(&ledger, &run)?;
        Ok(Self { ledger, run, artifact, mode })
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How long that many of them take.
    pub(crate) fn take(&self, steps: u32) -> Result<Duration, BenchError> {
        let one = |_| step(&self.ledger, &self.run, &self.artifact, self.mode);
        let (done, took) = timed(|| (0..steps).try_for_each(one));
        done.map(|()| took)
    }
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
            let call = CallRef {
                id: "call".to_owned(),
                tool: "tool".to_owned(),
                input: artifact.clone(),
                malformed: false,
            };
            EffectKind::Tool { call, expects: None }
        }
        Mode::Disk => EffectKind::Turn { request: artifact.clone() },
    };
    let intent = Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat, reserved_micro_usd: 0 });
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
            model: String::new(),
            end: TurnEnd::Complete,
        },
    };
    ledger.append(run, Event::EffectEnded { effect, outcome }).map_err(BenchError::Ledger)?;
    Ok(())
}

/// A file that is written frame by frame, each flushed: the disk with nothing in between.
struct Flushes {
    file: File,
}

impl Flushes {
    fn growing(path: &Path) -> Result<Self, BenchError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        Ok(Self { file: file.map_err(BenchError::io("make a file to flush"))? })
    }

    /// In a file that has its size already, as a log that was started over.
    fn overwriting(path: &Path) -> Result<Self, BenchError> {
        let made = Self::growing(path)?;
        let bytes = vec![1u8; FRAME_BYTES * (DISK_TURNS * DISK_STEPS) as usize];
        let filled = made.file.write_all_at(&bytes, 0).and_then(|()| made.file.sync_all());
        filled.map_err(BenchError::io("fill a file"))?;
        Ok(made)
    }

    /// How long a turn takes.
    fn flush(&self, turn: u32) -> Result<Duration, BenchError> {
        let frame = [7u8; FRAME_BYTES];
        let one = |number: u32| {
            let offset = u64::from(turn * DISK_STEPS + number) * FRAME_BYTES as u64;
            self.file.write_all_at(&frame, offset).and_then(|()| self.file.sync_data())
        };
        let (done, took) = timed(|| (0..DISK_STEPS).try_for_each(one));
        done.map(|()| took).map_err(BenchError::io("flush a file"))
    }
}

/// How long a peer's steps take.
fn peer_steps(setup: &Setup, python: &Path, script: &str, mode: Mode) -> Result<Duration, BenchError> {
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
        Some(seconds) => Ok(Duration::from_secs_f64(seconds)),
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
