//! Many writers at once, and a process that is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use forge_core::Identity;
use rusqlite::Connection;
use serde_json::json;

use super::kit::{self, World};

/// Writers at once, some of whom fail: what was answered is there, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_group_of_writers_leaves_what_each_was_told() {
    let world = Arc::new(World::new());
    let writers: Vec<_> = (0..200_i64)
        .map(|at| {
            let world = Arc::clone(&world);
            // Every title is wanted twice, every seventh row is bad.
            let title = if at % 7 == 0 { "bad".to_owned() } else { format!("t{}", at / 2) };
            let rows = json!([{"title": format!("first {at}")}, {"title": title}]);
            tokio::spawn(async move {
                let written = world.run(&Identity::user(kit::ALICE), kit::insert("posts", rows)).await;
                (at, written.is_ok())
            })
        })
        .collect();
    let mut answered = Vec::new();
    for writer in writers {
        let (at, written) = writer.await.unwrap();
        if written {
            answered.push(format!("first {at}"));
        }
    }
    answered.sort();
    assert!(answered.len() > 80 && answered.len() < 180, "{}", answered.len());
    let conn = Connection::open(world.path()).unwrap();
    let mut found: Vec<String> = titles(&conn, "first *");
    found.sort();
    assert_eq!(found, answered);
    assert_eq!(titles(&conn, "*").len(), 2 * answered.len());
}

fn titles(conn: &Connection, pattern: &str) -> Vec<String> {
    let mut statement = conn.prepare("select title from posts where title glob ?1").unwrap();
    let titles = statement.query_map([pattern], |row| row.get(0)).unwrap();
    titles.collect::<Result<_, _>>().unwrap()
}

/// Kills a process that writes, several times: whatever it said was written is there, and nothing by halves.
#[test]
fn a_killed_process_has_kept_what_it_said() {
    let world = World::new();
    let dir = world.dir.path().to_owned();
    drop(world.engine);
    let mut said = Vec::new();
    for round in 0..3 {
        said.extend(killed_after(&dir, round, 30 + 20 * round));
        let conn = Connection::open(dir.join("db.sqlite")).unwrap();
        let sound: String = conn.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        let found = titles(&conn, "*");
        let lost: Vec<_> = said.iter().filter(|title| !found.contains(title)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        let half = found.iter().filter(|title| !found.contains(&partner(title))).count();
        assert_eq!(half, 0, "round {round}");
    }
}

/// Rows are written in pairs, `a 0 1` and `b 0 1`.
fn partner(title: &str) -> String {
    let (other, rest) =
        if let Some(rest) = title.strip_prefix('a') { ('b', rest) } else { ('a', &title[1..]) };
    format!("{other}{rest}")
}

/// Starts a process that writes, and kills it once it has said so many times that it wrote.
fn killed_after(dir: &Path, round: usize, times: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::tests::durable::the_process_that_is_killed", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{round} {}", dir.display()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("wrote ").map(str::to_owned));
    let said: Vec<String> = told.take(times).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(said.len(), times, "the process ended before it was killed");
    said
}

/// The other process of the test above. Where nobody tells it what to do, it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let Some((round, dir)) = line.trim_end().split_once(' ') else { return };
    let engine = Arc::new(kit::open(Path::new(dir), kit::settings()));
    let writers = (0..8).map(|writer| {
        let (engine, round) = (Arc::clone(&engine), round.to_owned());
        tokio::spawn(async move {
            for at in 0..10_000 {
                let name = format!("{round} {writer} {at}");
                let rows = json!([{"title": format!("a {name}")}, {"title": format!("b {name}")}]);
                kit::on(&engine, &Identity::user(kit::ALICE), kit::insert("posts", rows)).await.unwrap();
                writeln!(std::io::stdout().lock(), "wrote a {name}").unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}
