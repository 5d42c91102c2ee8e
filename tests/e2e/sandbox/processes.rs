//! Commands that go on: what they print, where they listen, and that nothing of them stays.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rights;

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use loki_kit::TestEnv;
use loki_sandbox::audit::AuditLog;
use loki_sandbox::policy::{Places, Policy, Preset};
use loki_sandbox::{End, Job, Level, Limit, Mode, Process, Support, Workshop};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::env;

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds after which a command that still waits for something ends, so that a test fails.
const SECONDS_MAX: u64 = 30;

/// How long to wait before looking again whether something has happened.
const A_MOMENT: Duration = Duration::from_millis(5);

/// Everything that can hold a command, strongest first.
const LEVELS: [Level; 3] = [Level::Isolated, Level::Namespaces, Level::Landlock];

/// Commands of the test's project, held at `level`.
fn workshop(env: &TestEnv, level: Level, policy: Policy) -> Workshop {
    let project = env.root().canonicalize().unwrap();
    let own = project.join(".loki/sandbox");
    let log = AuditLog::open(&own.join("calls.jsonl")).unwrap();
    let home = env.home().canonicalize().unwrap();
    let places = Places::new(project, Some(home), own.join("home"), own.join("tmp")).unwrap();
    let mut support = Support::at_first_sight();
    match level {
        Level::Isolated => {}
        Level::Namespaces => support.landlock_abi = None,
        Level::Landlock => support.namespaces = Some("left out".to_owned()),
    }
    let variables = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("MODEL_KEY", "s3cr3t-s3cr3t")];
    Workshop {
        policy: Arc::new(policy),
        places,
        variables: Arc::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
        secrets: Arc::new(BTreeMap::new()),
        upstream_proxy: None,
        ca_bundle: None,
        mode: Mode::Require,
        least: level,
        support,
        helper: Some(env!("CARGO_BIN_EXE_loki").into()),
        log: Arc::new(log),
        now_ms: Arc::new(|| 1_700_000_000_000),
    }
}

fn tests(env: &TestEnv, level: Level) -> Workshop {
    workshop(env, level, Preset::Test.policy())
}

fn python(workshop: &Workshop, script: &str) -> Job {
    job(workshop, ["python3", "-c", script])
}

fn shell(workshop: &Workshop, script: &str) -> Job {
    job(workshop, ["sh", "-c", script])
}

fn job(workshop: &Workshop, command: [&str; 3]) -> Job {
    Job { seconds_max: Some(SECONDS_MAX), ..Job::new(command, workshop.places.project()) }
}

/// Waits until a process has printed a line.
async fn printed(process: &Process, line: &str) {
    loop {
        let so_far = process.printed().both.text();
        if so_far.lines().any(|one| one == line) {
            return;
        }
        let ended = process.wait(A_MOMENT).await.unwrap();
        assert_eq!(ended, None, "{so_far}");
    }
}

/// Waits until a process listens on `ports`.
async fn listens(process: &Process, ports: &[u16]) {
    while process.listening().await.unwrap() != ports {
        let ended = process.wait(A_MOMENT).await.unwrap();
        assert_eq!(ended, None, "{}", process.printed().both.text());
    }
}

/// Handles of all processes whose command line mentions `marker`.
fn with(marker: &str) -> Vec<OwnedFd> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mentions = |id: &i32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(marker)
    };
    ids.filter(mentions).filter_map(|id| pidfd_open(Pid::from_raw(id)?, PidfdFlags::empty()).ok()).collect()
}

/// Waits until all of them have ended.
#[track_caller]
fn gone(handles: &[OwnedFd]) {
    for handle in handles {
        let mut ended = [PollFd::new(handle, PollFlags::IN)];
        poll(&mut ended, Some(&Timespec { tv_sec: 20, tv_nsec: 0 })).expect("wait for a process");
        assert!(ended[0].revents().contains(PollFlags::IN), "a process is still there");
    }
}

#[tokio::test]
async fn a_gigabyte_of_output_is_counted_and_a_bounded_part_of_it_kept() {
    let env = env();
    let mut policy = Preset::Test.policy();
    policy.limits.output_bytes_max = 2 << 30;
    let workshop = workshop(&env, Level::Isolated, policy);
    let mut job = shell(&workshop, "echo first; head -c 1000000000 /dev/zero; echo last; echo beside >&2");
    job.output_bytes_max = 1_000;
    let done = workshop.run(job).await.unwrap();
    assert_eq!((done.outcome.end, done.outcome.level), (End::Exited { code: 0 }, Some(Level::Isolated)));
    assert_eq!((done.stdout.bytes(), done.stdout.left_out()), (1_000_000_011, 1_000_000_011 - 1_000));
    assert!(done.stdout.head().starts_with(b"first\n") && done.stdout.tail().ends_with(b"last\n"));
    assert_eq!(done.stderr.whole().unwrap(), b"beside\n");
}

#[tokio::test]
async fn a_server_is_found_and_reached_from_outside_and_by_nobody_else() {
    const SERVER: &str = "import socket, sys
a = socket.create_server(('127.0.0.1', 8080))
c = socket.create_connection(('127.0.0.1', 8080))
a.accept()
b = socket.create_server(('::1', 8081), family=socket.AF_INET6)
for s in (a, b):
    c, _ = s.accept()
    c.sendall(sys.argv[1].encode() + c.recv(4))
    c.close()
a.accept()
";
    let env = env();
    for level in [Level::Isolated, Level::Namespaces] {
        // A way out has a listener of its own in the command's network, which is not the command's.
        let workshop = workshop(&env, level, Preset::Build.policy());
        let job = |name: &str| {
            let mut job = python(&workshop, SERVER);
            job.command.push(name.into());
            job
        };
        let one = workshop.start(job("one ")).await.unwrap();
        let two = workshop.start(job("two ")).await.unwrap();
        assert_eq!((one.level(), two.level()), (Some(level), Some(level)));
        for (process, expected) in [(&one, "one ping"), (&two, "two ping")] {
            listens(process, &[8080, 8081]).await;
            TcpStream::connect("127.0.0.1:8080").expect_err("it is in a network of its own");
            for port in [8080, 8081] {
                let mut stream = process.connect(port).await.unwrap();
                stream.write_all(b"ping").await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert_eq!(answer, expected, "port {port}");
            }
            let refused = process.connect(8082).await.unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        assert_eq!(one.kill().await.unwrap().end, End::Stopped);
        assert!(one.listening().await.is_err() && one.connect(8080).await.is_err(), "it has ended");
        assert_eq!(two.listening().await.unwrap(), [8080, 8081]);
    }
}

#[tokio::test]
async fn without_a_network_of_its_own_only_its_own_ports_are_shown() {
    const SERVER: &str = "import socket, sys
s = socket.create_server(('127.0.0.1', 0))
c, _ = s.accept()
c.sendall(c.recv(4))
";
    let env = env();
    let workshop = tests(&env, Level::Landlock);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut job = python(&workshop, SERVER);
    job.listens = true;
    let process = workshop.start(job).await.unwrap();
    assert_eq!(process.level(), Some(Level::Landlock));
    let port = loop {
        if let [port] = process.listening().await.unwrap()[..] {
            break port;
        }
        let ended = process.wait(A_MOMENT).await.unwrap();
        assert_eq!(ended, None, "{}", process.printed().both.text());
    };
    let mut stream = process.connect(port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "ping");
    process.connect(other.local_addr().unwrap().port()).await.unwrap_err();
}

#[tokio::test]
async fn without_a_network_of_its_own_it_listens_where_it_may_and_on_the_loopback_alone() {
    const LISTEN: &str = "import socket
def attempt(address=None, family=socket.AF_INET):
    s = socket.socket(family)
    try:
        if address:
            s.bind(address)
        s.listen()
        print('listens on', s.getsockname()[0], end=': ')
        c = socket.create_connection(s.getsockname()[:2], timeout=20)
        print('reached')
    except OSError as error:
        print(error.errno)
for address in (None, ('127.0.0.1', 0), ('0.0.0.0', 0), ('127.0.0.1', 1023)):
    attempt(address)
attempt(('::', 0), socket.AF_INET6)
u = socket.socket(socket.AF_UNIX)
u.bind('inside/socket')
u.listen()
c = socket.socket(socket.AF_UNIX)
c.connect('inside/socket')
print('unix')
";
    let env = env();
    fs::create_dir(env.path("inside")).unwrap();
    for version in [3, 7] {
        let mut workshop = tests(&env, Level::Landlock);
        // Before version 4 Landlock does not judge ports, and later not those of unbound sockets.
        workshop.support.landlock_abi = workshop.support.landlock_abi.map(|abi| abi.min(version));
        let mut job = python(&workshop, LISTEN);
        let done = workshop.run(job.clone()).await.unwrap();
        assert_eq!(done.stdout.text(), "13\n13\n13\n13\n13\nunix\n", "{version}: {}", done.stderr.text());
        fs::remove_file(env.path("inside/socket")).unwrap();
        job.listens = true;
        let done = workshop.run(job).await.unwrap();
        let expected = "13\nlistens on 127.0.0.1: reached\nlistens on 127.0.0.1: reached\n13\n\
                        listens on ::1: reached\nunix\n";
        assert_eq!(done.stdout.text(), expected, "{version}: {}", done.stderr.text());
        fs::remove_file(env.path("inside/socket")).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_keeps_loki_waiting_can_be_ended() {
    // Nobody accepts, and the queue of connections is full: the next one waits.
    const SERVER: &str = "import socket
s = socket.socket()
s.bind(('127.0.0.1', 8080))
s.listen(0)
waiting = []
for _ in range(8):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(('127.0.0.1', 8080))
    waiting.append(c)
print('full', flush=True)
s2 = socket.socket()
s2.bind(('127.0.0.1', 8081))
s2.listen()
while True:
    s2.accept()
";
    let env = env();
    let workshop = tests(&env, Level::Isolated);
    let process = workshop.start(python(&workshop, SERVER)).await.unwrap();
    printed(&process, "full").await;
    listens(&process, &[8080, 8081]).await;
    // While that connection waits, everything else goes on.
    let others = async {
        assert_eq!(process.listening().await.unwrap(), [8080, 8081]);
        process.connect(8081).await.unwrap();
        process.kill().await.unwrap()
    };
    tokio::pin!(others);
    let killed = tokio::select! {
        biased;
        killed = &mut others => killed,
        // The end of the server may be seen here first.
        connected = process.connect(8080) => {
            assert!(connected.is_err(), "{connected:?}");
            others.await
        }
    };
    assert_eq!(killed.end, End::Stopped);
}

#[tokio::test]
async fn nothing_is_left_of_a_process_that_is_killed_or_dropped() {
    let env = env();
    for level in LEVELS {
        let workshop = tests(&env, level);
        for (marker, is_dropped) in [("loki-process-killed", false), ("loki-process-dropped", true)] {
            let script = format!(
                "sh -c 'sleep 600; : {marker}' & setsid sh -c 'sleep 601; : {marker}' & echo begun; wait"
            );
            let process = workshop.start(shell(&workshop, &script)).await.unwrap();
            printed(&process, "begun").await;
            let handles = with(marker);
            assert!(handles.len() >= 2, "{level:?}: they are not seen, so the test would show nothing");
            if is_dropped {
                drop(process);
                let gone = tokio::task::spawn_blocking(move || gone(&handles));
                gone.await.unwrap();
            } else {
                process.kill().await.unwrap();
                gone(&handles);
            }
        }
    }
}

#[tokio::test]
async fn how_a_process_ends_is_told() {
    let env = env();
    for level in LEVELS {
        let workshop = tests(&env, level);
        let mut slow = shell(&workshop, "exec sleep 600");
        slow.seconds_max = Some(1);
        let process = workshop.start(slow).await.unwrap();
        let outcome = process.wait(PATIENCE).await.unwrap().unwrap();
        assert_eq!(outcome.end, End::Limit { limit: Limit::Wall });
        let process = workshop.start(shell(&workshop, "echo out; exit 5")).await.unwrap();
        let outcome = process.wait(PATIENCE).await.unwrap().unwrap();
        assert_eq!((outcome.end, outcome.level), (End::Exited { code: 5 }, Some(level)));
        assert_eq!(process.tail(), b"out\n");
        let missing = Job::new(["loki-no-such-program"], workshop.places.project());
        let process = workshop.start(missing).await.unwrap();
        let outcome = process.wait(PATIENCE).await.unwrap().unwrap();
        assert!(matches!(outcome.end, End::NotStarted { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_command_has_no_hold_on_the_line_between_loki_and_its_helper() {
    // What it has open, and what it can get of its supervisor: with namespaces, the first process.
    const LOOK: &str = "import os
for name in sorted(os.listdir('/proc/self/fd')):
    try:
        print(name, os.readlink('/proc/self/fd/' + name).split(':')[0])
    except FileNotFoundError:
        pass
for path in ('/proc/1/fd', '/proc/%d/fd' % os.getppid()):
    try:
        print([os.readlink(path + '/' + name) for name in os.listdir(path)])
    except OSError as error:
        print('refused')
";
    let env = env();
    for level in LEVELS {
        let workshop = tests(&env, level);
        let process = workshop.start(python(&workshop, LOOK)).await.unwrap();
        process.wait(PATIENCE).await.unwrap().unwrap();
        let text = process.printed().stdout.text();
        assert_eq!(text, "0 pipe\n1 pipe\n2 pipe\nrefused\nrefused\n", "{level:?}");
    }
}
