//! The unmodified clients of npm and PyPI, a browser with passkeys, a real provider, and scripts of attacks, on both
//! engines. Where they cannot be had, the tests say so and pass.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use loki_kit::TestEnv;
use loki_kit::postgres::{Cluster, Database};
use serde_json::Value;

use super::super::clients::{
    in_browser, node_script, on_postgres_with, passes_with, python_script, supabase_js, supabase_py,
};
use super::super::{project, serve};
use crate::env;

/// An engine that an application is on.
#[derive(Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
}

/// A project on an engine; none where the engine is not there.
fn application(on: On, env: TestEnv) -> Option<(TestEnv, Option<Database>)> {
    match on {
        On::Sqlite => {
            project(&env);
            Some((env, None))
        }
        On::Postgres => {
            let (env, database) = on_postgres_with(Cluster::shared()?, env);
            Some((env, Some(database)))
        }
    }
}

/// Pairs of requests that are timed by default, for each way to ask; with `LOKI_NIGHTLY` the script's own number.
const PAIRS: &str = "20";

#[expect(clippy::disallowed_methods, reason = "how long it is tried is for whoever runs it to say")]
fn nightly() -> bool {
    std::env::var_os("LOKI_NIGHTLY").is_some()
}

/// A page that people may be sent to, at a port that was free a moment ago.
fn site() -> String {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    format!("http://localhost:{port}")
}

fn passes(on: On, script: Option<Command>) {
    let Some(mut script) = script else { return };
    let site = site();
    let env = env().with_variable("LOKI_FORGE_AUTH_SITE_URL", &site);
    let Some((env, _database)) = application(on, env) else { return };
    let rotate = env.command(&["forge", "keys", "rotate"]);
    if !nightly() {
        script.env("LOKI_MAIL_PAIRS", PAIRS);
    }
    script.env("LOKI_SITE", &site).env("LOKI_ROTATE", shell(&rotate, &env));
    passes_with(script, &env, &serve(&env));
}

/// A command as a shell runs it, in the project's folder.
fn shell(command: &Command, env: &TestEnv) -> String {
    let quote = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap());
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_str().unwrap(), quote(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quote);
    let line: Vec<String> = variables.chain(words).collect();
    format!("cd {} && env {}", quote(env.root().as_os_str()), line.join(" "))
}

#[test]
fn sign_in_by_supabase_js_on_sqlite() {
    passes(On::Sqlite, supabase_js().map(|folder| node_script(&folder, "auth_js.mjs")));
}

#[test]
fn sign_in_by_supabase_js_on_postgres() {
    passes(On::Postgres, supabase_js().map(|folder| node_script(&folder, "auth_js.mjs")));
}

#[test]
fn sign_in_by_supabase_py_on_sqlite() {
    passes(On::Sqlite, supabase_py().map(|folder| python_script(&folder, "auth_py.py")));
}

#[test]
fn sign_in_by_supabase_py_on_postgres() {
    passes(On::Postgres, supabase_py().map(|folder| python_script(&folder, "auth_py.py")));
}

#[test]
fn passkeys_in_a_browser_on_sqlite() {
    passes(On::Sqlite, in_browser().map(|folder| node_script(&folder, "passkeys.mjs")));
}

#[test]
fn passkeys_in_a_browser_on_postgres() {
    passes(On::Postgres, in_browser().map(|folder| node_script(&folder, "passkeys.mjs")));
}

#[test]
fn attacks_on_sign_in_on_sqlite() {
    passes(On::Sqlite, supabase_js().map(|folder| node_script(&folder, "attacks_auth.mjs")));
}

#[test]
fn attacks_on_sign_in_on_postgres() {
    passes(On::Postgres, supabase_js().map(|folder| node_script(&folder, "attacks_auth.mjs")));
}

/// The real `oidc-provider`. It ends with its value.
struct Provider {
    child: Child,
    /// `issuer`, `client_id`, `client_secret`
    says: Value,
}

impl Provider {
    fn start(folder: &std::path::Path) -> Provider {
        let mut script = node_script(folder, "oauth_provider.mjs");
        let mut child = script.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It may warn before it says where it is.
        let says =
            lines.by_ref().find_map(|line| serde_json::from_str::<Value>(&line.unwrap()).ok()).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Provider { child, says }
    }

    fn says(&self, name: &str) -> &str {
        self.says[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.says))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // What has ended already cannot be ended.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn sign_in_elsewhere(on: On) {
    let Some(folder) = in_browser() else { return };
    let provider = Provider::start(&folder);
    let env = env()
        .with_variable("LOKI_FORGE_AUTH_REDIRECT_URLS", "http://127.0.0.1:*/**")
        .with_variable("LOKI_FORGE_AUTH_MANUAL_LINKING", "true");
    let Some((env, _database)) = application(on, env) else { return };
    let added = [
        "forge",
        "auth",
        "providers",
        "add",
        "corporate",
        "--issuer",
        provider.says("issuer"),
        "--client-id",
        provider.says("client_id"),
        "--secret",
    ];
    env.loki_with_stdin(&added, provider.says("client_secret")).expect_code(0);
    let mut script = node_script(&folder, "oauth.mjs");
    script
        .env("LOKI_OAUTH_PROVIDER", "corporate")
        .env("LOKI_OAUTH_ISSUER", provider.says("issuer"))
        .env("LOKI_OAUTH_SECRET", provider.says("client_secret"));
    passes_with(script, &env, &serve(&env));
}

#[test]
fn sign_in_by_a_real_provider_on_sqlite() {
    sign_in_elsewhere(On::Sqlite);
}

#[test]
fn sign_in_by_a_real_provider_on_postgres() {
    sign_in_elsewhere(On::Postgres);
}
