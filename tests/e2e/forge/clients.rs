//! The clients that people use, unmodified, from npm and PyPI. Where they cannot be had, the tests say so
//! and pass.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use loki_kit::TestEnv;
use loki_kit::postgres::{Cluster, Database};

use super::{given, project, serve};
use crate::env;

/// The releases that are tried.
const NPM: [&str; 2] = ["@supabase/supabase-js@2.109.0", "ws@8.18.3"];
const PYPI: &str = "supabase==2.34.1";
/// Seconds that fetching them may take.
const INSTALL_SECONDS_MAX: &str = "240";

fn scripts() -> PathBuf {
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

fn supabase_js() -> Option<PathBuf> {
    fetched("clients-npm", &NPM.join(" "), |folder| {
        let mut npm = limited("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix"])
            .arg(folder)
            .args(NPM);
        vec![npm]
    })
}

fn supabase_py() -> Option<PathBuf> {
    fetched("clients-pypi", PYPI, |folder| {
        let (mut venv, mut pip) = (limited("python3"), limited(folder.join("venv/bin/pip")));
        venv.args(["-m", "venv"]).arg(folder.join("venv"));
        pip.args(["install", "--quiet", "--retries=0", PYPI]);
        vec![venv, pip]
    })
}

/// Runs a script against the project's server; every check in it must pass.
fn passes(mut script: Command, env: &TestEnv) {
    let serving = serve(env);
    given(&mut script, env, &serving);
    let output = script.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains(" 0 failed"), "{stdout}\n{stderr}");
}

fn node(folder: &Path) -> Command {
    // Modules are looked for beside the script, so the script goes where they are.
    for script in ["kit.mjs", "supabase_js.mjs"] {
        fs::copy(scripts().join(script), folder.join(script)).unwrap();
    }
    let mut node = Command::new("node");
    node.arg(folder.join("supabase_js.mjs"));
    node
}

fn python(folder: &Path) -> Command {
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg("-B").arg(scripts().join("supabase_py.py"));
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
    let database = cluster.database();
    let env = env()
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
