//! The backend beside the run that builds it.

use std::net::TcpListener;
use std::process::Stdio;

use loki_kit::http::{Connection, Request};

use crate::env;

#[test]
fn the_backend_is_served_while_a_run_goes_on() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let env = env().with_variable("LOKI_FORGE_LISTEN", &format!("127.0.0.1:{port}"));
    let document = "# Notes\n\n## Data model\n\n### notes\n\n| Column | Type | Notes |\n|---|---|---|\n\
        | id | uuid | primary key |\n| user_id | uuid | required |\n| title | text | required |\n\nUsers only see their own notes.\n";
    env.write("PRD.md", document);
    let mut run = env
        .command(&["start", "PRD.md", "--headless"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Whoever asks before there is a backend finds nobody there.
    let ask = || Connection::open(port).and_then(|mut server| server.ask(&Request::get("/rest/v1/notes")));
    let answer = loop {
        match ask() {
            Ok(answer) => break answer,
            Err(error) => {
                assert!(run.try_wait().unwrap().is_none(), "it ended and was never served: {error}")
            }
        }
        std::thread::yield_now();
    };
    assert_eq!((answer.status, answer.text().as_str()), (200, "[]"));
    assert_eq!(run.wait().unwrap().code(), Some(10));
    assert!(ask().is_err(), "it goes with the run");
}
