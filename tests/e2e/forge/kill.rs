//! The server killed while rows are written: what was acknowledged is there, nothing is there in part.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use loki_kit::http::{Connection, Request};
use loki_kit::rusqlite;
use serde_json::{Value, json};

use super::{keys, project, serve};
use crate::env;

/// Rounds by default; `LOKI_KILL_ROUNDS` names another number, 20 before a release.
const ROUNDS: usize = 4;
const WRITERS: usize = 8;
/// Rows of one request: all of them, or none.
const ROWS: usize = 3;
/// Acknowledged requests of a round before the kill, and how many more each round.
const ACKNOWLEDGED: usize = 40;
const MORE: usize = 17;

#[expect(clippy::disallowed_methods, reason = "how long it is tried is for whoever runs it to say")]
fn rounds() -> usize {
    std::env::var("LOKI_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let env = env();
    project(&env);
    let secret = keys(&env)["secret"].as_str().unwrap().to_owned();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..rounds() {
        let mut serving = serve(&env);
        let port = serving.port();
        let count = AtomicUsize::new(0);
        let wanted = ACKNOWLEDGED + round * MORE;
        let written = std::thread::scope(|scope| {
            let writer = |writer: usize| {
                let (secret, count) = (secret.as_str(), &count);
                scope.spawn(move || write(port, secret, &format!("{round}-{writer}"), count))
            };
            let writers: Vec<_> = (0..WRITERS).map(writer).collect();
            while count.load(Ordering::Relaxed) < wanted {
                std::thread::yield_now();
            }
            serving.child.kill().unwrap();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
        });
        serving.child.wait().unwrap();
        assert!(written.len() >= wanted, "round {round}");
        acknowledged.extend(written);
        let there = there(&env, &secret);
        for name in &acknowledged {
            assert!(there.contains_key(name), "round {round}: `{name}` was acknowledged and is gone");
        }
        for (name, rows) in there {
            assert_eq!(rows, ROWS, "round {round}: `{name}` is there in part");
        }
        let conn = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
        let whole: String = conn.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok", "round {round}");
    }
}

/// Adds rows until the server is gone; returns the names of the requests that were acknowledged.
fn write(port: u16, secret: &str, writer: &str, count: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let Ok(mut connection) = Connection::open(port) else { return acknowledged };
    for n in 0.. {
        let name = format!("{writer}-{n}");
        let rows: Vec<Value> =
            (0..ROWS).map(|part| json!({ "code": format!("{name}/{part}"), "name": name })).collect();
        let request =
            Request::with_json("POST", "/rest/v1/countries", &Value::from(rows)).header("apikey", secret);
        match connection.ask(&request) {
            Ok(answer) if answer.status == 201 => {
                acknowledged.push(name);
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => panic!("{} {}", answer.status, answer.text()),
            Err(_) => break, // The server is gone; whether the last request was carried out is not known.
        }
    }
    acknowledged
}

/// The requests whose rows are there, and how many each has.
fn there(env: &loki_kit::TestEnv, secret: &str) -> BTreeMap<String, usize> {
    let serving = serve(env);
    let mut connection = Connection::open(serving.port()).unwrap();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for page in 0.. {
        let path = format!(
            "/rest/v1/countries?select=name&code=like.*/*&order=code&limit=1000&offset={}",
            page * 1_000
        );
        let answer = connection.ask(&Request::get(path).header("apikey", secret)).unwrap();
        let rows = answer.json();
        let rows = rows.as_array().unwrap_or_else(|| panic!("{}", answer.text()));
        for row in rows {
            *found.entry(row["name"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        if rows.len() < 1_000 {
            break;
        }
    }
    found
}
