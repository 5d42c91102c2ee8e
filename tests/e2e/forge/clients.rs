//! The clients that people use, unmodified, from npm and PyPI. Where they cannot be had, the tests say so
//! and pass.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use loki_kit::TestEnv;
use loki_kit::postgres::{Cluster, Database};

use super::{Serving, given, project, serve};
use crate::env;

/// The releases that are tried.
const NPM: [&str; 2] = ["@supabase/supabase-js@2.109.0", "ws@8.18.3"];
const PYPI: &str = "supabase==2.34.1";
/// What scripts in a browser need besides.
const BROWSER: [&str; 2] = ["puppeteer-core@24.43.1", "oidc-provider@9.13.3"];
/// Seconds that fetching them may take.
const INSTALL_SECONDS_MAX: &str = "240";

/// Where Debian has its browser.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Where the scripts are.
pub(super) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").canonicalize().unwrap()
}

/// A folder that `install` has filled, once for all tests; none where that failed, with the reason printed.
#[expect(clippy::print_stderr, reason = "a test that could not try anything must say so")]
fn fetched(name: &str, what: &str, install: impl FnOnce(&Path) -> Vec<Command>) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|there| there == what) {
        return Some(folder);
    }
    for mut command in install(&folder) {
        let failed = match command.output() {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("skipped: {what} cannot be had: {failed}");
        return None;
    }
    fs::write(done, what).unwrap();
    Some(folder)
}

fn limited(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg(INSTALL_SECONDS_MAX).arg(program);
    command
}

/// A folder with the client for JavaScript.
pub(super) fn supabase_js() -> Option<PathBuf> {
    packages("clients-npm", &NPM)
}

/// A folder with the client for JavaScript and what drives a browser; none where there is no browser.
#[expect(clippy::print_stderr, reason = "a test that could not try anything must say so")]
pub(super) fn in_browser() -> Option<PathBuf> {
    if !Path::new(CHROMIUM).exists() {
        eprintln!("skipped: there is no `{CHROMIUM}`");
        return None;
    }
    packages("clients-browser", &[NPM, BROWSER].concat())
}

fn packages(name: &str, packages: &[&str]) -> Option<PathBuf> {
    fetched(name, &packages.join(" "), |folder| {
        let mut npm = limited("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix"])
            .arg(folder)
            .args(packages);
        vec![npm]
    })
}

/// A folder with the client for Python, in `venv`.
pub(super) fn supabase_py() -> Option<PathBuf> {
    fetched("clients-pypi", PYPI, |folder| {
        let (mut venv, mut pip) = (limited("python3"), limited(folder.join("venv/bin/pip")));
        venv.args(["-m", "venv"]).arg(folder.join("venv"));
        pip.args(["install", "--quiet", "--retries=0", PYPI]);
        vec![venv, pip]
    })
}

/// Runs a script against the project's server; every check in it must pass.
fn passes(script: Command, env: &TestEnv) {
    passes_with(script, env, &serve(env));
}

/// The same against a server that is there.
pub(super) fn passes_with(mut script: Command, env: &TestEnv, serving: &Serving) {
    given(&mut script, env, serving);
    let output = script.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains(" 0 failed"), "{stdout}\n{stderr}");
}

fn node(folder: &Path) -> Command {
    node_script(folder, "supabase_js.mjs")
}

/// A script of `tests/clients`.
pub(super) fn node_script(folder: &Path, name: &str) -> Command {
    // Modules are looked for beside the script, so the script goes where they are; a rename puts it there whole,
    // because others do the same.
    for script in ["kit.mjs", "auth_kit.mjs", name] {
        let ours = folder.join(format!(".{script}.{}", std::process::id()));
        fs::copy(scripts().join(script), &ours).unwrap();
        fs::rename(&ours, folder.join(script)).unwrap();
    }
    let mut node = Command::new("node");
    node.arg(folder.join(name));
    node
}

fn python(folder: &Path) -> Command {
    python_script(folder, "supabase_py.py")
}

/// A script of `tests/clients`.
pub(super) fn python_script(folder: &Path, name: &str) -> Command {
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg("-B").arg(scripts().join(name));
    python
}

#[test]
fn supabase_js_works_on_sqlite() {
    let Some(folder) = supabase_js() else { return };
    let env = env();
    project(&env);
    passes(node(&folder), &env);
}

#[test]
fn supabase_py_works_on_sqlite() {
    let Some(folder) = supabase_py() else { return };
    let env = env();
    project(&env);
    passes(python(&folder), &env);
}

/// The same application on a Postgres, and a project that is told to serve it.
pub(super) fn on_postgres(cluster: &'static Cluster) -> (TestEnv, Database) {
    on_postgres_with(cluster, env())
}

/// The same with variables that `env` has already.
pub(super) fn on_postgres_with(cluster: &'static Cluster, env: TestEnv) -> (TestEnv, Database) {
    let database = cluster.database();
    let env = env
        .with_variable("LOKI_FORGE_DATABASE_URL", &cluster.url("app", &database.name))
        .with_variable("LOKI_FORGE_DATABASE_ADMIN_URL", &database.url);
    env.write("forge/migrations/0001_clients_app.yaml", fs::read(scripts().join("app.yaml")).unwrap());
    // Shown and proven first, and nothing applied; then approved.
    let shown = env.loki(&["forge", "migrate"]).expect_code(20);
    assert!(shown.stdout.contains("CREATE POLICY"), "{}", shown.stdout);
    assert_eq!(cluster.run(&database.name, "select to_regclass('public.todos') is null").trim(), "t");
    env.loki(&["forge", "migrate", "--approve", "it is a test"]).expect_code(0);
    env.loki(&["forge", "migrate"]).expect_code(0);
    (env, database)
}

#[test]
fn supabase_js_works_on_postgres() {
    let (Some(folder), Some(cluster)) = (supabase_js(), Cluster::shared()) else { return };
    let (env, _database) = on_postgres(cluster);
    passes(node(&folder), &env);
}

#[test]
fn supabase_py_works_on_postgres() {
    let (Some(folder), Some(cluster)) = (supabase_py(), Cluster::shared()) else { return };
    let (env, _database) = on_postgres(cluster);
    passes(python(&folder), &env);
}
