//! Sign-in, beside PocketBase in the same rounds: how many sessions go on in a second, what a storm of sign-ins
//! does to everybody else, and what it costs to know a token again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use forge_auth::caller::Callers;
use forge_auth::keys::KeyRing;
use forge_auth::token::Terms;
use loki_kit::http::{Connection, Request};
use loki_store::{Clock, SystemClock};
use serde_json::{Value, json};

use super::load::{Load, paced};
use super::servers::{Loki, PocketBase, Server};
use super::{CONNECTIONS, Kind, ROUNDS};
use crate::Setup;
use crate::measure::{BenchError, Figure, Target, timed};

/// Refreshes of a round.
const REFRESHES: usize = 4_800;
const REFRESHES_TARGET: f64 = 2_000.0;
/// Reads during which p99 is taken, on how many connections, and how often each asks: a load that leaves the machine
/// time, so that a wait is the server's and not that of a full processor.
const READS: Load = Load { connections: 4, requests: 4_000 };
const READ_EVERY: Duration = Duration::from_millis(4);
/// Sign-ins a second in a storm, from as many threads as may wait at once.
const STORM: u32 = 50;
const STORM_THREADS: usize = 16;
const STORM_RATIO: f64 = 3.0;
/// Times that a token is known again.
const KNOWN: u32 = 200_000;

/// What sign-in looks like on a server.
pub(crate) trait SignIn: Server {
    /// Somebody who signs in with a password.
    fn sign_in(&self, n: usize) -> Request;
    /// A session for a connection that will refresh it.
    fn session(&self, connection: &mut Connection, n: usize) -> Result<String, BenchError>;
    /// A refresh of a session, and the session from its answer.
    fn refresh(&self, session: &str) -> Request;
    /// The session of an answer.
    fn refreshed(&self, answer: &Value) -> Option<String>;
}

/// Everything about sign-in.
pub(crate) fn sign_in(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
    let loki = Loki::start(setup, &folder.path().join("loki"))?;
    let peer = match &setup.python {
        Some(python) => Some(PocketBase::start(setup, python, &folder.path().join("pocketbase"))?),
        None => None,
    };
    let mut figures = of_server(&loki, "", Target::AtLeast(REFRESHES_TARGET), Target::Below(STORM_RATIO))?;
    if let Some(peer) = &peer {
        figures.extend(of_server(peer, ", PocketBase", Target::None, Target::None)?);
    }
    figures.push(known_again(&folder.path().join("keys"))?);
    Ok(figures)
}

fn of_server(
    server: &dyn SignIn,
    whose: &str,
    refreshes: Target,
    storm: Target,
) -> Result<Vec<Figure>, BenchError> {
    let (mut rates, mut idle, mut stormy, mut ratios, mut came) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        rates.push(refreshes_a_second(server, round)?);
        let quiet = p99(server, round * 2)?;
        let (loud, signed_in) = in_storm(server, round * 2 + 1)?;
        idle.push(quiet);
        stormy.push(loud);
        ratios.push(loud / quiet);
        came.push(signed_in);
    }
    let figure =
        |what: &str, unit, target, values| Figure::new(format!("{what}{whose}"), unit, target, values);
    Ok(vec![
        figure("refreshes", "a second", refreshes, rates),
        figure("p99 of a read", "ms", Target::None, idle),
        figure("p99 of a read in a storm of sign-ins", "ms", Target::None, stormy),
        figure("in a storm, longer p99", "x", storm, ratios),
        figure("sign-ins that came through in it", "a second", Target::None, came),
    ])
}

fn refreshes_a_second(server: &dyn SignIn, round: usize) -> Result<f64, BenchError> {
    let mut sessions = Vec::new();
    for n in 0..CONNECTIONS {
        let mut connection = Connection::open(server.port()).map_err(BenchError::io("connect"))?;
        let session = server.session(&mut connection, round * CONNECTIONS + n)?;
        sessions.push((connection, session));
    }
    let each = REFRESHES / CONNECTIONS;
    let (ended, took) = timed(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = sessions
                .into_iter()
                .map(|(mut connection, mut session)| {
                    scope.spawn(move || {
                        for _ in 0..each {
                            let answer = ask(&mut connection, &server.refresh(&session))?;
                            let next = server.refreshed(&answer);
                            session = next.ok_or_else(|| BenchError::Server(answer.to_string()))?;
                        }
                        Ok::<_, BenchError>(())
                    })
                })
                .collect();
            let panicked = |_| BenchError::Arguments("a connection's thread panicked");
            threads.into_iter().try_for_each(|thread| thread.join().map_err(panicked)?)
        })
    });
    ended?;
    Ok((each * CONNECTIONS) as f64 / took.as_secs_f64())
}

fn p99(server: &dyn SignIn, pass: usize) -> Result<f64, BenchError> {
    let mut latencies = paced(server, Kind::Read, READS, READ_EVERY, pass)?.latencies_ms;
    latencies.sort_unstable_by(f64::total_cmp);
    Ok(latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(f64::NAN))
}

/// The same while people sign in, and how many of them came through in a second.
fn in_storm(server: &dyn SignIn, pass: usize) -> Result<(f64, f64), BenchError> {
    let (over, signed_in) = (AtomicBool::new(false), AtomicUsize::new(0));
    let every = Duration::from_secs(1) / STORM * u32::try_from(STORM_THREADS).unwrap_or(1);
    let (measured, took) = timed(|| {
        std::thread::scope(|scope| {
            for thread in 0..STORM_THREADS {
                let (over, signed_in) = (&over, &signed_in);
                scope.spawn(move || {
                    let Ok(mut connection) = Connection::open(server.port()) else { return };
                    let mut n = thread;
                    while !over.load(Ordering::Relaxed) {
                        let (answer, took) = timed(|| connection.ask(&server.sign_in(n)));
                        // One that is refused because too many wait is none that came through.
                        if answer.is_ok_and(|answer| answer.status == 200) {
                            signed_in.fetch_add(1, Ordering::Relaxed);
                        }
                        n += STORM_THREADS;
                        std::thread::park_timeout(every.saturating_sub(took));
                    }
                });
            }
            let measured = p99(server, pass);
            over.store(true, Ordering::Relaxed);
            measured
        })
    });
    Ok((measured?, signed_in.load(Ordering::Relaxed) as f64 / took.as_secs_f64()))
}

/// What it takes to know the holder of a token again.
fn known_again(folder: &std::path::Path) -> Result<Figure, BenchError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let failed = |what: &'static str| BenchError::Arguments(what);
    let ring = KeyRing::open(folder, Arc::clone(&clock)).map_err(|_| failed("no keys"))?;
    let signer = ring.keys().signer().map_err(|_| failed("no key that signs"))?;
    let now = clock.now().as_second();
    let claims =
        json!({ "sub": "00000000-0000-4000-8000-000000000001", "role": "authenticated", "exp": now + 3_600 });
    let token = signer.sign(&claims).map_err(|_| failed("no token"))?;
    let callers = Callers::new(ring.keys(), Terms::default()).map_err(|_| failed("no callers"))?;
    let mut took_us = Vec::new();
    for _ in 0..ROUNDS {
        let (identified, took) =
            timed(|| (0..KNOWN).try_for_each(|_| callers.identify(None, Some(&token), now).map(drop)));
        identified.map_err(|_| failed("the token does not hold"))?;
        took_us.push(took.as_secs_f64() * 1e6 / f64::from(KNOWN));
    }
    Ok(Figure::new("a token known again", "us", Target::Below(20.0), took_us))
}

pub(crate) fn ask(connection: &mut Connection, request: &Request) -> Result<Value, BenchError> {
    let what = || format!("{} {}", request.method, request.path);
    let answer = connection.ask(request).map_err(BenchError::io(what()))?;
    if !(200..300).contains(&answer.status) {
        return Err(BenchError::Server(format!("{}: {} {}", what(), answer.status, answer.text())));
    }
    Ok(answer.json())
}
