//! Requests over connections that stay open, one after the other on each.

use std::time::Duration;

use loki_kit::http::Connection;

use super::Kind;
use super::servers::Server;
use crate::measure::{BenchError, milliseconds, timed};

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) requests: usize,
}

/// What came of it.
pub(crate) struct Ran {
    pub(crate) took: Duration,
    pub(crate) latencies_ms: Vec<f64>,
}

/// Asks `load.requests` times in all. `pass` makes requests of one pass differ from those of another.
pub(crate) fn run(server: &dyn Server, kind: Kind, load: Load, pass: usize) -> Result<Ran, BenchError> {
    paced(server, kind, load, Duration::ZERO, pass)
}

/// The same, and each connection asks no more often than once in `every`.
pub(crate) fn paced(
    server: &dyn Server,
    kind: Kind,
    load: Load,
    every: Duration,
    pass: usize,
) -> Result<Ran, BenchError> {
    let each = load.requests / load.connections;
    let (ended, took) = timed(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..load.connections)
                .map(|connection| {
                    scope.spawn(move || asked(server, kind, each, every, pass * 1_000 + connection))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(panicked())))
                .collect::<Vec<_>>()
        })
    });
    let mut latencies_ms = Vec::with_capacity(load.requests);
    for part in ended {
        latencies_ms.extend(part?);
    }
    Ok(Ran { took, latencies_ms })
}

fn panicked() -> BenchError {
    BenchError::Arguments("a connection's thread panicked")
}

fn asked(
    server: &dyn Server,
    kind: Kind,
    count: usize,
    every: Duration,
    seed: usize,
) -> Result<Vec<f64>, BenchError> {
    let mut connection = Connection::open(server.port()).map_err(BenchError::io("connect"))?;
    let mut latencies = Vec::with_capacity(count);
    for n in 0..count {
        let request = server.request(kind, seed * 100_003 + n * 7_919);
        let (answer, took) = timed(|| connection.ask(&request));
        let what = || format!("{} {}", request.method, request.path);
        let answer = answer.map_err(BenchError::io(what()))?;
        if !(200..300).contains(&answer.status) {
            let found = format!("{} was answered with {}: {}", what(), answer.status, answer.text());
            return Err(BenchError::Server(found));
        }
        latencies.push(milliseconds(took));
        let pause = every.saturating_sub(took);
        if !pause.is_zero() {
            std::thread::park_timeout(pause);
        }
    }
    Ok(latencies)
}
