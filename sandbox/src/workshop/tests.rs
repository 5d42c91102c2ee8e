//! Jobs without confinement, which needs no helper; what confinement adds is tested with the built program.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::outcome::{End, Limit};
use crate::policy::{Document, Preset};

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workshop whose commands are held by nothing, and the folder of its project.
fn workshop() -> (tempfile::TempDir, Workshop) {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    let (project, home) = (top.join("project"), top.join("user"));
    for folder in [&project, &home] {
        std::fs::create_dir(folder).unwrap();
    }
    let own = project.join(".loki/sandbox");
    let log = AuditLog::open(&own.join("calls.jsonl")).unwrap();
    let places = Places::new(project, Some(home), own.join("home"), own.join("tmp")).unwrap();
    let variables = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("API_KEY", "s3cr3t-s3cr3t")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let workshop = Workshop {
        policy: Arc::new(Preset::Test.policy()),
        places,
        variables: Arc::new(BTreeMap::from(variables)),
        secrets: Arc::new(BTreeMap::new()),
        upstream_proxy: None,
        ca_bundle: None,
        mode: Mode::Off,
        least: Level::Isolated,
        support: Support::at_first_sight(),
        helper: None,
        log: Arc::new(log),
        now_ms: Arc::new(|| 1_700_000_000_000),
    };
    (dir, workshop)
}

fn shell(workshop: &Workshop, script: &str) -> Job {
    Job::new(["sh", "-c", script], workshop.places.project())
}

#[tokio::test]
async fn a_job_s_streams_are_kept_apart_and_together() {
    let (_dir, workshop) = workshop();
    let mut job = shell(&workshop, "cat; echo $NAME >&2; exit 3");
    job.stdin = b"given\n".to_vec();
    job.variables.insert("NAME".to_owned(), "value".to_owned());
    let done = workshop.run(job).await.unwrap();
    assert_eq!(done.outcome.end, End::Exited { code: 3 });
    assert_eq!((done.stdout.text(), done.stderr.text()), ("given\n".to_owned(), "value\n".to_owned()));
    assert_eq!(done.both.bytes(), 12);
    assert_eq!(done.outcome.usage.output_bytes, 12);
}

#[tokio::test]
async fn the_bound_of_a_job_leaves_out_and_that_of_the_policy_ends() {
    let (_dir, workshop) = workshop();
    let mut job = shell(&workshop, "head -c 5000000 /dev/zero; echo end");
    job.output_bytes_max = 100;
    let done = workshop.run(job.clone()).await.unwrap();
    assert_eq!((&done.outcome.end, done.stdout.bytes()), (&End::Exited { code: 0 }, 5_000_004));
    assert_eq!(done.stdout.left_out(), 5_000_004 - 100);
    assert!(done.stdout.tail().ends_with(b"\0end\n"));
    let mut policy = workshop.policy.as_ref().clone();
    policy.limits.output_bytes_max = 1_000;
    let done = workshop.with_policy(policy).run(job).await.unwrap();
    assert_eq!(done.outcome.end, End::Limit { limit: Limit::Output });
    assert_eq!(done.stdout.bytes(), 1_000);
}

#[tokio::test]
async fn seconds_only_tighten() {
    let (_dir, workshop) = workshop();
    let mut job = shell(&workshop, "exec sleep 600");
    job.seconds_max = Some(0);
    assert_eq!(workshop.run(job.clone()).await.unwrap().outcome.end, End::Limit { limit: Limit::Wall });
    job.seconds_max = Some(u64::MAX);
    assert_eq!(rights::of(&workshop, &job).unwrap().policy.limits, workshop.policy.limits);
}

#[tokio::test]
async fn a_process_is_looked_at_waited_for_and_ended() {
    let (_dir, workshop) = workshop();
    // A child that would hold the streams open.
    let process = workshop.start(shell(&workshop, "sleep 600 & echo $!; wait")).await.unwrap();
    while !process.tail().ends_with(b"\n") {
        assert_eq!(process.wait(Duration::from_millis(1)).await.unwrap(), None);
    }
    assert_eq!(process.level(), None);
    let child = String::from_utf8(process.tail()).unwrap().trim().parse().unwrap();
    let child = pidfd_open(Pid::from_raw(child).unwrap(), PidfdFlags::empty()).unwrap();
    let killed = process.kill().await.unwrap();
    assert_eq!(killed.end, End::Stopped);
    let mut gone = [PollFd::new(&child, PollFlags::IN)];
    poll(&mut gone, Some(&Timespec { tv_sec: 20, tv_nsec: 0 })).unwrap();
    assert!(gone[0].revents().contains(PollFlags::IN), "its child is still there");
    assert_eq!(process.wait(PATIENCE).await.unwrap(), Some(killed.clone()));
    assert_eq!(process.kill().await.unwrap(), killed, "it stays as it was");

    let process = workshop.start(shell(&workshop, "exit 4")).await.unwrap();
    let ended = process.wait(PATIENCE).await.unwrap().unwrap();
    assert_eq!(ended.end, End::Exited { code: 4 });
    assert_eq!(process.kill().await.unwrap().end, End::Exited { code: 4 });
}

#[tokio::test]
async fn a_process_that_is_dropped_ends_and_is_recorded() {
    let (_dir, workshop) = workshop();
    let process = workshop.start(shell(&workshop, "read -r _ || sleep 600")).await.unwrap();
    drop(process);
    let run = workshop.run(shell(&workshop, "sleep 600"));
    tokio::time::timeout(Duration::from_millis(1), run).await.unwrap_err();
    let ends = async {
        loop {
            let lines = workshop.log.verify().unwrap();
            let ended = lines.iter().filter(|line| matches!(line.what, What::Ended { .. })).count();
            if ended == 2 {
                return lines;
            }
            tokio::task::yield_now().await;
        }
    };
    let lines = tokio::time::timeout(PATIENCE, ends).await.unwrap();
    let calls: BTreeSet<&str> = lines.iter().map(|line| line.call.as_str()).collect();
    assert_eq!((lines.len(), calls.len()), (4, 2), "{lines:?}");
    for line in &lines {
        match &line.what {
            What::Ended { end, .. } => assert_eq!(*end, End::Stopped),
            What::Began { command, .. } => assert_eq!(command[0], "sh"),
            What::Refused { reason } => panic!("{reason}"),
        }
    }
}

#[tokio::test]
async fn a_port_is_found_and_only_its_own_is_connected_to() {
    const SERVER: &str = "import socket
s = socket.create_server(('127.0.0.1', 0))
c, _ = s.accept()
c.sendall(c.recv(4))
";
    let (_dir, workshop) = workshop();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let job = Job::new(["python3", "-c", SERVER], workshop.places.project());
    let process = workshop.start(job).await.unwrap();
    let port = loop {
        if let [port] = process.listening().await.unwrap()[..] {
            break port;
        }
        let ended = process.wait(Duration::from_millis(1)).await.unwrap();
        assert_eq!(ended, None, "{}", process.printed().both.text());
    };
    let mut stream = process.connect(port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"ping");
    let others = other.local_addr().unwrap().port();
    let refused = process.connect(others).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn what_is_asked_for_and_cannot_be_had_is_refused_and_recorded() {
    let (dir, workshop) = workshop();
    let document = "version = 1\n[[network]]\nhost = \"api.example.com\"\nreason = \"model\"\n\
                    headers = { x-api-key = \"secret:MODEL\" }\n\
                    [[secrets]]\nname = \"MODEL\"\nvariable = \"API_KEY\"\nreason = \"model\"\n";
    let workshop = workshop.with_document(&Document::read("test", document.as_bytes()).unwrap());
    let job = shell(&workshop, "true");
    let named = |name: &str, value: &str| Job {
        variables: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        ..job.clone()
    };
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let read = |path: &str| Job { read: vec![PathBuf::from(path)], ..job.clone() };
    let jobs = [
        (named("API_KEY", "Bearer s3cr3t-s3cr3t"), "API_KEY"),
        (named("A=B", ""), "A=B"),
        (named("A", "\0"), "`A`"),
        (read("/etc/shadow"), "/etc/shadow"),
        (read("/no/such/file"), "/no/such/file"),
        (read("relative"), "relative"),
        (Job { programs: vec![workshop.places.project().join(".loki")], ..job.clone() }, ".loki"),
        (Job { read: vec![PathBuf::from("/usr"); 65], ..job.clone() }, "64"),
        (Job { door: Some(file), ..job.clone() }, "no Unix socket"),
    ];
    for (job, expected) in &jobs {
        let refused = workshop.run(job.clone()).await.unwrap_err();
        let CallError::Job(why) = &refused else { panic!("{refused:?}") };
        let text = why.to_string();
        assert!(text.contains(expected) && !text.contains("s3cr3t"), "{text}");
        assert!(!format!("{refused:?} {workshop:?}").contains("s3cr3t"));
    }
    let lines = workshop.log.verify().unwrap();
    let refused = lines.iter().filter(|line| matches!(line.what, What::Refused { .. })).count();
    assert_eq!((lines.len(), refused), (2 * jobs.len(), jobs.len()));
    // The control: a placeholder is no secret.
    workshop.run(named("API_KEY", "placeholder")).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_is_too_weak_says_so_when_a_process_is_started() {
    let (_dir, mut workshop) = workshop();
    workshop.mode = Mode::Require;
    workshop.support.seccomp = false;
    let refused = workshop.start(shell(&workshop, "true")).await.unwrap_err();
    assert!(matches!(refused, CallError::TooWeak(_)), "{refused:?}");
}

#[tokio::test]
async fn elsewhere_has_folders_of_its_own() {
    let (dir, workshop) = workshop();
    let top = dir.path().canonicalize().unwrap();
    std::fs::create_dir(top.join("checkout")).unwrap();
    let there = workshop.elsewhere(&top.join("checkout"), &top.join("gate/home"), &top.join("gate/tmp"));
    let there = there.unwrap();
    assert_eq!(there.places.project(), top.join("checkout"));
    assert!(top.join("gate/home").is_dir() && top.join("gate/tmp").is_dir());
    assert_eq!(there.policy, workshop.policy);
    let refused = workshop.elsewhere(&top.join("missing"), &top.join("h"), &top.join("t")).unwrap_err();
    assert!(refused.to_string().contains("missing"), "{refused}");
    workshop.elsewhere(Path::new("/"), &top.join("h"), &top.join("t")).unwrap_err();
}
