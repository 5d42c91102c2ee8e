//! Sign-in as it is served: by the clients that people use, under attack, and killed.

mod clients;
mod kill;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;

use loki_kit::TestEnv;
use loki_kit::http::{Answer, Connection, Request};
use serde_json::{Value, json};

use crate::env;

/// A project whose users need not confirm their addresses.
fn unconfirmed() -> TestEnv {
    env().with_variable("LOKI_FORGE_AUTH_CONFIRM_EMAIL", "false")
}

/// Asks the service, with a token if there is one.
fn ask(
    connection: &mut Connection,
    method: &'static str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> std::io::Result<Answer> {
    let mut request = Request::with_json(method, format!("/auth/v1{path}"), body);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    connection.ask(&request)
}

#[test]
fn mail_that_cannot_be_sent_is_told_to_the_operator() {
    // It refuses whoever comes, for good, so that nothing is tried again.
    let refusing = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = refusing.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        refusing.incoming().flatten().for_each(|mut caller| {
            // Whoever has gone needs no answer.
            caller.write_all(b"554 nobody is served here\r\n").unwrap_or_default();
        });
    });
    let env = env()
        .with_variable("LOKI_FORGE_AUTH_SMTP_HOST", "127.0.0.1")
        .with_variable("LOKI_FORGE_AUTH_SMTP_PORT", &port)
        .with_variable("LOKI_FORGE_AUTH_SMTP_SECURITY", "plain")
        .with_variable("LOKI_FORGE_AUTH_SMTP_FROM", "app@example.org");
    super::project(&env);
    let mut child = env
        .command(&["forge", "serve", "--listen", "127.0.0.1:0", "--headless"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let serving = super::Serving { child, url: url["url"].as_str().unwrap().to_owned() };
    let mut connection = Connection::open(serving.port()).unwrap();
    let body = json!({ "email": "ada@example.org", "password": "correct horse" });
    let key = super::keys(&env)["publishable"].as_str().unwrap().to_owned();
    let asked = Request::with_json("POST", "/auth/v1/signup", &body).header("apikey", key);
    assert_eq!(connection.ask(&asked).unwrap().status, 200);
    let said = errors.map(Result::unwrap).find(|line| line.contains("not sent")).expect("a warning");
    assert!(said.contains("a mail was not sent (confirmation)"), "{said}");
    assert!(!said.contains("ada@"), "{said}");
}
