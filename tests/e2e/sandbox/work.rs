//! Real work gets done inside: what a policy allows must not be in the way of the tools people use.

use loki_kit::TestEnv;

use crate::env;

/// Runs a shell script confined and expects it to succeed.
#[track_caller]
fn works(env: &TestEnv, script: &str) -> String {
    env.loki(&["sandbox", "run", "--", "bash", "-euc", script]).expect_code(0).stdout
}

/// An environment with the toolchains of whoever runs the tests.
#[expect(clippy::disallowed_methods, reason = "the tests' own toolchain is where their environment says")]
fn with_toolchains() -> TestEnv {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    env().with_variable("PATH", &variable("PATH")).with_variable("HOME", &variable("HOME"))
}

#[test]
fn the_project_is_there_to_write_and_the_rest_is_not() {
    let env = env();
    env.write("src/a.txt", "one\n");
    let script = "echo two >> src/a.txt; mkdir -p build/x; mv src/a.txt build/x/; ln -s x build/y; chmod 750 build; \
                  touch -d 2001-01-01 build/x/a.txt; ls -A ~ /tmp; ! ls /root/.ssh /home 2>/dev/null; \
                  ! touch /usr/x /etc/x 2>/dev/null";
    works(&env, script);
    assert_eq!(env.read("build/x/a.txt"), "one\ntwo\n");
}

#[test]
fn home_and_temporary_files_stay_from_call_to_call() {
    let env = env();
    works(&env, "echo kept > ~/cache; echo passed > /tmp/file; test \"$TMPDIR\" = /tmp");
    assert_eq!(works(&env, "cat ~/cache /tmp/file"), "kept\npassed\n");
}

#[test]
fn stdin_stdout_and_the_exit_code_are_the_commands_own() {
    let env = env();
    let run =
        env.loki_with_stdin(&["sandbox", "run", "--", "bash", "-c", "tr a-z A-Z; echo e >&2; exit 3"], "abc");
    let run = run.expect_code(3);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("ABC", "e\n"));
    env.loki(&["sandbox", "run", "--", "bash", "-c", "kill -9 $$"]).expect_code(137);
    let large = "x".repeat(3_000_000);
    let run = env.loki_with_stdin(&["sandbox", "run", "--", "cat"], large.clone()).expect_code(0);
    assert!(run.stdout == large, "{} bytes came back", run.stdout.len());
    // A command that does not read is not waited for.
    env.loki_with_stdin(&["sandbox", "run", "--", "true"], large).expect_code(0);
}

#[test]
fn git_commits_in_a_repository() {
    let env = env();
    let git = |arguments: &[&str]| {
        let run = std::process::Command::new("git").args(arguments).current_dir(env.root()).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    git(&["init", "-q"]);
    git(&["config", "user.name", "n"]);
    git(&["config", "user.email", "n@example.com"]);
    env.write("a", "1");
    let script = "git add a; git commit -qm first; git checkout -qb other; git log --format=%s; \
                  ! git config user.name evil 2>/dev/null; ! git init -q sub/../. 2>/dev/null || true";
    assert_eq!(works(&env, script), "first\n");
    assert_eq!(git(&["config", "user.name"]), "n\n");
    assert_eq!(git(&["rev-parse", "--abbrev-ref", "HEAD"]), "other\n");
    assert!(!env.has(".git/commondir"));
}

#[test]
fn commits_are_signed_by_whoever_the_users_settings_say() {
    let env = env();
    std::fs::write(env.home().join(".gitconfig"), "[user]\n\tname = Ann\n\temail = ann@example.com\n")
        .unwrap();
    let init =
        std::process::Command::new("git").args(["init", "-q"]).current_dir(env.root()).status().unwrap();
    assert!(init.success());
    let script = "echo x > a; git add a; git commit -qm first; git log --format='%an <%ae> %cn'; ! cat ~/.gitconfig 2>/dev/null";
    assert_eq!(works(&env, script), "Ann <ann@example.com> Ann\n");
}

#[test]
fn a_folder_that_is_no_repository_stays_one() {
    let env = env();
    let run = env.loki(&["sandbox", "run", "--", "git", "init", "-q"]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(!env.has(".git"));
    works(&env, "! git status 2>/dev/null; test -d .git");
    assert!(!env.has(".git"));
}

#[test]
fn a_server_answers_its_own_client() {
    let env = env();
    env.write("index.html", "hello\n");
    let script = "python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 & \
                  for i in $(seq 500); do if (exec 3<>/dev/tcp/127.0.0.1/8000) 2>/dev/null; then break; fi; done; \
                  python3 -c 'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:8000/\").read().decode(), end=\"\")'";
    assert_eq!(works(&env, script), "hello\n");
}

#[test]
fn unix_sockets_between_its_own_processes_work() {
    let env = env();
    env.write(
        "sockets.py",
        "import os, socket, threading
server = socket.socket(socket.AF_UNIX); server.bind('s'); server.listen()
def serve():
    for _ in range(2):
        peer = server.accept()[0]; peer.sendall(b'ok'); peer.close()
thread = threading.Thread(target=serve); thread.start()
for path in ('s', os.path.abspath('s')):
    client = socket.socket(socket.AF_UNIX); client.connect(path)
    assert client.recv(9) == b'ok'
thread.join()
abstract = socket.socket(socket.AF_UNIX); abstract.bind('\\0name'); abstract.listen()
socket.socket(socket.AF_UNIX).connect('\\0name')
try:
    socket.socket(socket.AF_UNIX).connect('missing'); assert False
except FileNotFoundError:
    pass
a, b = socket.socketpair(); a.sendall(b'x'); assert b.recv(1) == b'x'
",
    );
    works(&env, "python3 sockets.py");
}

#[test]
fn connections_that_wait_are_answered_as_the_kernel_would() {
    let env = env();
    env.write(
        "connect.py",
        "import socket
try:
    socket.create_connection(('127.0.0.1', 9)); assert False
except ConnectionRefusedError:
    pass
try:
    socket.create_connection(('203.0.113.1', 80), timeout=5); assert False
except OSError as error:
    assert error.errno == 101, error
# A full queue: the connection waits, and the sandbox goes on meanwhile.
server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen(0)
others = [socket.socket() for _ in range(1)]
for other in others:
    other.setblocking(False); other.connect_ex(server.getsockname())
import threading
done = threading.Event()
def late():
    socket.socket().connect(server.getsockname()); done.set()
threading.Thread(target=late, daemon=True).start()
server.settimeout(10)
for _ in range(2):
    server.accept()
assert done.wait(10)
",
    );
    works(&env, "python3 connect.py");
}

#[test]
fn cargo_builds_and_tests() {
    let env = with_toolchains();
    env.write("Cargo.toml", "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    env.write("build.rs", "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }");
    env.write(
        "src/lib.rs",
        "#[test]\nfn works() { assert_eq!(std::env::var(\"HOME\").unwrap(), \"/sandbox\"); }\n",
    );
    let run =
        env.loki(&["sandbox", "run", "--preset", "test", "--", "cargo", "test", "--offline"]).expect_code(0);
    assert!(run.stdout.contains("test works ... ok"), "{}", run.stdout);
}

#[test]
fn make_compiles_and_runs() {
    let env = env();
    env.write("Makefile", "all: a\n\t./a\na: a.c\n\tcc -o a a.c\n");
    env.write("a.c", "#include <stdio.h>\nint main(void) { puts(\"made\"); return 0; }\n");
    assert!(works(&env, "make -s").contains("made"));
}

#[test]
fn a_terminal_of_its_own_can_be_made() {
    let env = env();
    let script = "python3 -c 'import pty; pty.spawn([\"/bin/sh\", \"-c\", \"tty && test -t 1\"])'";
    assert!(works(&env, script).contains("/dev/pts/0"));
}
