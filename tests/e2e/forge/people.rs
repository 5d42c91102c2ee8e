//! Sign-in as it is served: by the clients that people use, under attack, and killed.

mod clients;
mod kill;

use loki_kit::TestEnv;
use loki_kit::http::{Answer, Connection, Request};
use serde_json::Value;

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
