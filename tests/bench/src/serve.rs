//! The data plane under load, beside PocketBase in the same rounds: what a request costs the server, how many
//! come through, and how long the slowest take.
//!
//! Both hold 100,000 rows of 100 users under a rule that gives each their own, in SQLite with its log flushed
//! at checkpoints only, which is how PocketBase has it.

mod load;
mod servers;
mod sign_in;

use std::fs;
use std::time::Duration;

use load::{Load, run};
use servers::{Loki, PocketBase, Server};
pub(crate) use sign_in::sign_in;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target};

/// Connections at once.
const CONNECTIONS: usize = 16;
const ROUNDS: usize = 3;
/// What PocketBase's figures divided by loki's should be at least: processor time and throughput.
const PROCESSOR_RATIO: f64 = 3.0;
const THROUGHPUT_RATIO: f64 = 2.0;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    List,
    ListWithTotal,
    Insert,
    Update,
}

const KINDS: [(Kind, &str, usize); 5] = [
    (Kind::Read, "read one", 6_000),
    (Kind::List, "list of 30", 2_000),
    (Kind::ListWithTotal, "list of 30 with total", 1_000),
    (Kind::Insert, "insert", 2_000),
    (Kind::Update, "update", 3_000),
];

/// Requests against both servers, a kind after the other, in turn.
pub(crate) fn data_plane(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let loki = Loki::start(setup, &folder.path().join("loki"))?;
    let peer = match &setup.python {
        Some(python) => Some(PocketBase::start(setup, python, &folder.path().join("pocketbase"))?),
        None => None,
    };
    let mut figures = Vec::new();
    for (kind, name, requests) in KINDS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            ours.push(measured(&loki, kind, requests, round)?);
            if let Some(peer) = &peer {
                theirs.push(measured(peer, kind, requests, round)?);
            }
        }
        figures.extend(compared(name, &ours, &theirs));
    }
    let memory = resident_mib(loki.pid()).unwrap_or(f64::NAN);
    figures.push(Figure::new("memory after load", "MiB", Target::Below(100.0), vec![memory]));
    Ok(figures)
}

/// From start to the first answer, and the memory of a server that nobody has asked anything yet.
pub(crate) fn data_plane_start(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let prepared = Loki::start(setup, &folder.path().join("loki"))?.stopped();
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let (server, took) = Loki::again(setup, &prepared)?;
        starts.push(took.as_secs_f64() * 1e3);
        std::thread::park_timeout(Duration::from_millis(300));
        idle.push(resident_mib(server.pid()).unwrap_or(f64::NAN));
        drop(server);
    }
    Ok(vec![
        Figure::new("start to first answer", "ms", Target::Below(20.0), starts),
        Figure::new("memory, idle", "MiB", Target::Below(30.0), idle),
    ])
}

/// One round of one server.
struct Round {
    processor_ms: f64,
    per_second: f64,
    p99_ms: f64,
}

fn measured(server: &dyn Server, kind: Kind, requests: usize, round: usize) -> Result<Round, BenchError> {
    // What was there before the round warms nothing up that the other does not have as well.
    let few = Load { connections: CONNECTIONS, requests: CONNECTIONS * 8 };
    run(server, kind, few, round * 2)?;
    let before = processor_ms(server.pid());
    let ran = run(server, kind, Load { connections: CONNECTIONS, requests }, round * 2 + 1)?;
    let used = processor_ms(server.pid()) - before;
    let mut latencies = ran.latencies_ms;
    latencies.sort_unstable_by(f64::total_cmp);
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    let count = latencies.len() as f64;
    Ok(Round { processor_ms: used / count, per_second: count / ran.took.as_secs_f64(), p99_ms: p99 })
}

fn compared(name: &str, ours: &[Round], theirs: &[Round]) -> Vec<Figure> {
    let of = |rounds: &[Round], pick: fn(&Round) -> f64| rounds.iter().map(pick).collect::<Vec<_>>();
    let plain = |what: &str, unit, values| Figure::new(format!("{name}: {what}"), unit, Target::None, values);
    let mut figures = vec![
        plain("processor", "ms", of(ours, |round| round.processor_ms)),
        plain("throughput", "a second", of(ours, |round| round.per_second)),
        plain("p99", "ms", of(ours, |round| round.p99_ms)),
    ];
    if theirs.is_empty() {
        return figures;
    }
    figures.push(plain("processor, PocketBase", "ms", of(theirs, |round| round.processor_ms)));
    figures.push(plain("throughput, PocketBase", "a second", of(theirs, |round| round.per_second)));
    figures.push(plain("p99, PocketBase", "ms", of(theirs, |round| round.p99_ms)));
    let ratio = |pick: fn(&Round, &Round) -> f64| {
        ours.iter().zip(theirs).map(|(ours, theirs)| pick(ours, theirs)).collect::<Vec<_>>()
    };
    let against = |what: &str, target, values| Figure::new(format!("{name}: {what}"), "x", target, values);
    figures.push(against(
        "less processor",
        Target::AtLeast(PROCESSOR_RATIO),
        ratio(|ours, theirs| theirs.processor_ms / ours.processor_ms),
    ));
    figures.push(against(
        "more throughput",
        Target::AtLeast(THROUGHPUT_RATIO),
        ratio(|ours, theirs| ours.per_second / theirs.per_second),
    ));
    figures.push(against(
        "shorter p99",
        Target::AtLeast(1.0),
        ratio(|ours, theirs| theirs.p99_ms / ours.p99_ms),
    ));
    figures
}

/// Processor time of a process so far, its threads included. The kernel counts it in hundredths of a second.
fn processor_ms(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) * 10.0
}

fn resident_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
