//! The backend as it is served: the built program, asked by clients that know nothing of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apply;
mod attacks;
mod beside;
mod clients;
mod document_auth;
mod kill;
mod people;
mod token;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use loki_kit::TestEnv;
use serde_json::Value;

const ADA: &str = "11111111-1111-4111-8111-111111111111";
const BOB: &str = "22222222-2222-4222-8222-222222222222";

/// A server of the program under test. It ends with its value.
pub(crate) struct Serving {
    child: Child,
    /// `http://127.0.0.1:PORT`
    url: String,
}

impl Serving {
    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // What has ended already cannot be ended.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Serves the project's backend on a free port. Waits until it answers.
pub(crate) fn serve(env: &TestEnv) -> Serving {
    let mut child = env
        .command(&["forge", "serve", "--listen", "127.0.0.1:0", "--headless"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let serving: Value = serde_json::from_str(&lines.next().expect("a line").unwrap()).unwrap();
    let url = serving["url"].as_str().expect("where it serves").to_owned();
    // What else it prints is not read, and must not hold it up.
    std::thread::spawn(move || lines.for_each(drop));
    Serving { child, url }
}

/// A project with the application that the clients' tests work on.
fn project(env: &TestEnv) {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/app.yaml");
    env.write("forge/migrations/0001_clients_app.yaml", fs::read(app).unwrap());
    env.write("PRD.md", "# Todos\n\nPeople keep todos in lists.\n");
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
}

/// The keys of a project, in the clear.
fn keys(env: &TestEnv) -> Value {
    env.loki(&["forge", "keys", "--reveal", "--json"]).expect_code(0).json()
}

/// What a script is given to ask a server as two users, as nobody and as the service.
fn given(command: &mut Command, env: &TestEnv, serving: &Serving) {
    let keys = keys(env);
    let text = |name: &str| keys[name].as_str().unwrap_or_else(|| panic!("no {name} in {keys}")).to_owned();
    let secret = text("jwt_secret");
    command
        .env("LOKI_URL", &serving.url)
        .env("LOKI_PUBLISHABLE", text("publishable"))
        .env("LOKI_SECRET", text("secret"))
        .env("LOKI_MAILBOX", env.path(".loki/forge/mail"))
        .env("LOKI_ANON_JWT", text("anon_jwt"))
        .env("LOKI_SERVICE_JWT", text("service_jwt"))
        .env("LOKI_TOKEN_ADA", token::signed(&secret, ADA))
        .env("LOKI_TOKEN_BOB", token::signed(&secret, BOB));
}
