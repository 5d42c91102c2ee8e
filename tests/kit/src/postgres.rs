//! A PostgreSQL of the test's own: a private cluster on a socket, one for a test process, and a database
//! for each test.
//!
//! The server refuses to run as root, so root starts it as an ordinary user. A shell waits at the other
//! end of a pipe and stops the server when the test process ends, however it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Waits for the cluster's folder to be of no use any more, then stops the server and removes it.
const KEEPER: &str = r#"
run=$1; bin=$2; home=$3
trap '' INT TERM HUP
cd /
$run "$bin/initdb" -D "$home/data" -U postgres --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 \
    >"$home/initdb.log" 2>&1 </dev/null || { echo "initdb: $(tail -n 3 "$home/initdb.log" | tr '\n' ' ')"; rm -rf "$home"; exit 1; }
$run "$bin/pg_ctl" -D "$home/data" -w -t 60 -l "$home/server.log" -o "-c listen_addresses='' \
    -c unix_socket_directories=$home -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_connections=50 -c shared_buffers=16MB -c jit=off -c autovacuum=off" start \
    >"$home/start.log" 2>&1 </dev/null || { echo "pg_ctl: $(cat "$home/start.log" "$home/server.log" | tail -n 3 | tr '\n' ' ')"; rm -rf "$home"; exit 1; }
echo ready
exec >/dev/null
cat >/dev/null
$run "$bin/pg_ctl" -D "$home/data" -m immediate -w -t 30 stop >/dev/null 2>&1 </dev/null
rm -rf "$home"
"#;

/// A running PostgreSQL.
pub struct Cluster {
    socket: PathBuf,
    psql: PathBuf,
    databases: AtomicU32,
    /// Its standard input is the pipe whose end stops the server.
    _keeper: Child,
}

/// A database in a cluster; it goes when this goes.
pub struct Database {
    /// Where it is, for the superuser.
    pub url: String,
    /// Its name.
    pub name: String,
    cluster: &'static Cluster,
}

impl Cluster {
    /// The cluster of this process, started when first asked for. `None`, with the reason on the standard
    /// error, where PostgreSQL is not installed or does not start.
    #[expect(clippy::print_stderr, reason = "a test that could not try anything must say so")]
    pub fn shared() -> Option<&'static Cluster> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        let start = || match Cluster::start() {
            Ok(cluster) => Some(cluster),
            Err(reason) => {
                eprintln!("no PostgreSQL for tests: {reason}");
                None
            }
        };
        SHARED.get_or_init(start).as_ref()
    }

    /// A new, empty database.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn database(&'static self) -> Database {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0;"));
        Database { url: self.url("postgres", &name), name, cluster: self }
    }

    /// The address of `database` for `user`, who needs no password.
    pub fn url(&self, user: &str, database: &str) -> String {
        let host = self.socket.display().to_string().replace('/', "%2F");
        format!("postgresql://{user}@{host}/{database}")
    }

    /// Runs statements as the superuser, each ended by a semicolon; returns what they print, without
    /// headers.
    ///
    /// # Panics
    /// When one fails.
    pub fn run(&self, database: &str, sql: &str) -> String {
        self.script(database, sql).unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// The same, with what the server said when one fails; those after it are not run.
    ///
    /// # Errors
    /// The server's message.
    ///
    /// # Panics
    /// When psql cannot be run.
    pub fn script(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut child = Command::new(&self.psql)
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"])
            .arg(self.url("postgres", database))
            .env_remove("PGSERVICE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("psql: {error}"));
        let input = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // It stops reading where a statement fails, and says so itself.
                input.map(|mut input| input.write_all(sql.as_bytes()).unwrap_or_default())
            });
            child.wait_with_output().unwrap_or_else(|error| panic!("psql: {error}"))
        });
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }

    fn start() -> Result<Cluster, String> {
        let programs = programs().ok_or("initdb, pg_ctl, postgres and psql are not installed")?;
        let home = tempfile::Builder::new()
            .prefix("loki-pg-")
            .tempdir_in("/tmp")
            .map_err(|error| format!("no folder in /tmp: {error}"))?
            .keep();
        match keeper(&programs, &home) {
            Ok(keeper) => Ok(Cluster {
                socket: home,
                psql: programs.join("psql"),
                databases: AtomicU32::new(0),
                _keeper: keeper,
            }),
            Err(reason) => {
                // The keeper removes it when it came that far.
                std::fs::remove_dir_all(&home).unwrap_or_default();
                Err(reason)
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            self.cluster.run("postgres", &sql);
        }
    }
}

/// Starts the server in `home`; the child keeps it until its standard input ends.
fn keeper(programs: &Path, home: &Path) -> Result<Child, String> {
    let step = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o700)).map_err(step("permissions"))?;
    let root = std::fs::metadata(home).map_err(step("metadata"))?.uid() == 0;
    let mut run = String::new();
    if root {
        let (uid, gid) = ordinary_user().ok_or("root cannot run PostgreSQL, and there is no other user")?;
        chown(home, Some(uid), Some(gid)).map_err(step("chown"))?;
        run = format!("setpriv --reuid={uid} --regid={gid} --clear-groups");
    }
    let mut child = Command::new("sh")
        .args([OsStr::new("-c"), OsStr::new(KEEPER), OsStr::new("keeper"), OsStr::new(&run)])
        .args([programs, home])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A group of its own: what ends the test's group must not end it before it has tidied up.
        .process_group(0)
        .spawn()
        .map_err(step("sh"))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(step("reading"))?;
    }
    if line.trim() == "ready" {
        return Ok(child);
    }
    child.wait().map_err(step("sh"))?;
    Err(line.trim().to_owned())
}

/// The folder with the programs: the newest that is installed, or the one on the path.
#[expect(clippy::disallowed_methods, reason = "the tests' own programs are where their environment says")]
fn programs() -> Option<PathBuf> {
    const NEEDED: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];
    let whole = |folder: &PathBuf| NEEDED.iter().all(|name| folder.join(name).is_file());
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| whole(folder))
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions.pop().map(|(_, folder)| folder).or_else(|| std::env::split_paths(&path).find(whole))
}

/// The user that root starts the server as: `postgres`, or else `nobody`.
fn ordinary_user() -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let find = |wanted: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            (name == wanted).then_some((uid, gid))
        })
    };
    find("postgres").or_else(|| find("nobody"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_apart_and_go() {
        let Some(cluster) = Cluster::shared() else { return };
        let (one, two) = (cluster.database(), cluster.database());
        cluster.run(&one.name, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
        assert_eq!(cluster.run(&one.name, "SELECT a FROM t"), "7");
        assert_eq!(cluster.run(&two.name, "SELECT to_regclass('t') IS NULL"), "t");
        let gone = one.name.clone();
        drop(one);
        let left =
            cluster.run("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{gone}'"));
        assert_eq!(left, "0");
    }

    /// The server ends with the one who asked for it: here, with the pipe.
    #[test]
    fn the_server_ends_with_the_pipe() {
        let Some(folder) = programs() else { return };
        let home = tempfile::Builder::new().prefix("loki-pg-").tempdir_in("/tmp").expect("a folder").keep();
        let mut keeper = keeper(&folder, &home).expect("a server");
        assert!(home.join("data/postmaster.pid").exists());
        drop(keeper.stdin.take());
        keeper.wait().expect("the keeper's end");
        assert!(!home.exists(), "{} is left", home.display());
    }
}
