//! Commands with nothing that confines them; what confinement adds is tested with the built program.

use std::collections::BTreeMap;
use std::path::Path;

use loki_sandbox::audit::AuditLog;
use loki_sandbox::policy::{Places, Preset};
use loki_sandbox::workshop::Kept;
use loki_sandbox::{Denial, DenialKind, End, Level, Limit, Mode, Outcome, Support, Usage};
use serde_json::json;
use tempfile::TempDir;

use super::ending::ending;
use super::output::{plain, shown_since};
use super::*;

struct Bench {
    folder: TempDir,
    processes: Processes,
    tools: Vec<Arc<dyn Tool>>,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let workshop = Arc::new(workshop(folder.path()));
        let project = Project::open(folder.path()).unwrap();
        let processes = Processes::default();
        let tools = crate::tools(&project, Some(&workshop), &processes);
        Bench { folder, processes, tools }
    }

    async fn call(&self, name: &str, input: Value) -> Result<(String, String), ToolError> {
        let tool = self.tools.iter().find(|tool| tool.spec().name == name).unwrap();
        match tool.call(&input, None).await? {
            Answer::Done { summary, output } => Ok((summary, output)),
            Answer::Review(_) => panic!("nothing is proposed"),
        }
    }

    async fn output(&self, name: &str, input: Value) -> String {
        self.call(name, input).await.unwrap().1
    }

    async fn error(&self, name: &str, input: Value) -> ToolError {
        self.call(name, input).await.unwrap_err()
    }
}

fn workshop(folder: &Path) -> Workshop {
    let project = folder.canonicalize().unwrap();
    let own = project.join(".loki/sandbox");
    let log = AuditLog::open(&own.join("calls.jsonl")).unwrap();
    Workshop {
        policy: Arc::new(Preset::Test.policy()),
        places: Places::new(project, None, own.join("home"), own.join("tmp")).unwrap(),
        variables: Arc::new(BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())])),
        secrets: Arc::new(BTreeMap::new()),
        upstream_proxy: None,
        ca_bundle: None,
        mode: Mode::Off,
        least: Level::Landlock,
        support: Support::at_first_sight(),
        helper: None,
        log: Arc::new(log),
        now_ms: Arc::new(|| 1_700_000_000_000),
    }
}

/// Without the time, which is another each time.
fn untimed(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some((before, _)) = lines[0].split_once(" after ") {
        lines[0] = before.to_owned();
    }
    lines.join("\n")
}

#[tokio::test]
async fn tools_say_what_they_are() {
    let bench = Bench::new();
    let commands: Vec<_> = bench.tools.iter().skip(5).collect();
    let names: Vec<String> = commands.iter().map(|tool| tool.spec().name).collect();
    assert_eq!(names, ["run_command", "start_process", "wait_process", "probe_process", "kill_process"]);
    for tool in commands {
        let spec = tool.spec();
        assert!(
            tool.is_for_the_workspace() && !tool.reads_only() && spec.description.len() < 400,
            "{}",
            spec.name
        );
        let starts = ["run_command", "start_process"].contains(&spec.name.as_str());
        assert_eq!(tool.recovery(), if starts { Recovery::Report } else { Recovery::Repeat });
        assert_eq!(bench.error(&spec.name, json!({"nonsense": 1})).await.code, "bad_input", "{}", spec.name);
    }
    let limit = &bench.tools[5].spec().input_schema["properties"]["seconds_max"]["maximum"];
    assert_eq!(*limit, json!(Preset::Test.policy().limits.wall_seconds_max));
}

#[tokio::test]
async fn a_command_is_run_and_its_end_is_told() {
    let bench = Bench::new();
    let printed =
        bench.output("run_command", json!({"command": "echo out; echo err >&2; cat", "stdin": "in\n"})).await;
    let mut lines: Vec<&str> = printed.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "in", "out"]);
    assert_eq!(
        untimed(&bench.output("run_command", json!({"command": "true"})).await),
        "exit code 0\n[it printed nothing]"
    );
    let failed = bench.error("run_command", json!({"command": "echo no; exit 3"})).await;
    assert_eq!((failed.code.as_str(), untimed(&failed.message).as_str()), ("exit_code", "exit code 3\nno"));
    let killed = bench.error("run_command", json!({"command": "kill -9 $$"})).await;
    assert_eq!(
        (killed.code.as_str(), untimed(&killed.message).as_str()),
        ("signal", "ended by signal 9 (SIGKILL)\n[it printed nothing]")
    );
    let slow =
        bench.error("run_command", json!({"command": "echo so far; exec sleep 600", "seconds_max": 1})).await;
    assert_eq!(slow.code, "limit");
    assert!(
        slow.message.contains("so far\n[it had 1 seconds; `seconds_max` may be up to 600"),
        "{}",
        slow.message
    );
    std::fs::create_dir(bench.folder.path().join("sub")).unwrap();
    let inside = bench.output("run_command", json!({"command": "pwd", "folder": "sub"})).await;
    assert!(inside.trim_end().ends_with("/sub"), "{inside}");
}

#[tokio::test]
async fn what_a_command_prints_is_bounded() {
    let bench = Bench::new();
    let many =
        bench.output("run_command", json!({"command": "echo first; yes | head -c 1000000; echo last"})).await;
    assert!(many.len() < output::BYTES_MAX + 200, "{}", many.len());
    assert!(many.contains("first\ny\n") && many.ends_with("last\n") && many.contains(" bytes left out]\n"));
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("/tmp", bench.folder.path().join("link")).unwrap();
    std::fs::write(bench.folder.path().join("file"), "").unwrap();
    for (input, code) in [
        (json!({}), "bad_input"),
        (json!({"command": " "}), "bad_input"),
        (json!({"command": "a\0b"}), "bad_input"),
        (json!({"command": "x".repeat(COMMAND_BYTES_MAX + 1)}), "bad_input"),
        (json!({"command": "true", "seconds_max": 0}), "bad_input"),
        (json!({"command": "true", "seconds_max": 601}), "bad_input"),
        (json!({"command": "true", "folder": "/"}), "bad_path"),
        (json!({"command": "true", "folder": "../x"}), "bad_path"),
        (json!({"command": "true", "folder": "link"}), "link"),
        (json!({"command": "true", "folder": "file"}), "not_a_folder"),
        (json!({"command": "true", "folder": "none"}), "not_found"),
        (json!({"command": "true", "folder": ".loki"}), "closed"),
    ] {
        let short: String = input.to_string().chars().take(80).collect();
        assert_eq!(bench.error("run_command", input).await.code, code, "{short}");
    }
}

/// Where nothing can confine a command, it does not run.
#[tokio::test]
async fn there_is_no_unconfined_fallback() {
    let folder = tempfile::tempdir().unwrap();
    let mut weak = workshop(folder.path());
    weak.mode = Mode::Require;
    weak.support.namespaces = Some("left out".to_owned());
    weak.support.landlock_abi = None;
    let project = Project::open(folder.path()).unwrap();
    let tools = crate::tools(&project, Some(&Arc::new(weak)), &Processes::default());
    for name in ["run_command", "start_process"] {
        let tool = tools.iter().find(|tool| tool.spec().name == name).unwrap();
        let error = tool.call(&json!({"command": "echo x > made"}), None).await.unwrap_err();
        assert_eq!(error.code, "not_run", "{name}");
        assert!(error.message.contains("cannot be confined here: "), "{}", error.message);
    }
    assert!(!folder.path().join("made").exists());
}

#[tokio::test]
async fn a_process_goes_on_until_it_is_ended() {
    let bench = Bench::new();
    let early = bench.error("start_process", json!({"command": "echo oops; exit 2", "name": "web"})).await;
    assert_eq!(early.code, "ended_early");
    assert!(
        early.message.starts_with("`web` ended before it was ready: exit code 2")
            && early.message.contains("\noops\n"),
        "{}",
        early.message
    );
    // A process that has been told to read until its input ends, which never comes, would be ready never:
    // what it does is looked at beside that.
    let reserved = bench.processes.reserve(Some("web")).unwrap();
    let workshop = workshop(bench.folder.path());
    let job = Job::new(["/bin/sh", "-c", "echo begun; exec sleep 600"], bench.folder.path());
    let running = reserved.fill(workshop.start(job).await.unwrap(), 600);
    while running.process.printed().both.bytes() == 0 {
        assert_eq!(running.ended(std::time::Duration::from_millis(5)).await.unwrap(), None);
    }
    let look = json!({"id": "web", "seconds_max": 0});
    let seen = bench.output("wait_process", look.clone()).await;
    assert_eq!(seen, "`web`: goes on, listens on no port\nbegun\n");
    let seen = bench.output("wait_process", look.clone()).await;
    assert_eq!(seen, "`web`: goes on, listens on no port\n[it has printed nothing more]\n");
    assert_eq!(bench.error("probe_process", json!({"id": "web"})).await.code, "no_port");
    let killed = bench.output("kill_process", json!({"id": "web"})).await;
    assert_eq!(killed, "`web`: ended; nothing of it is left\n[it has printed nothing more]\n");
    // Once more is the same as once.
    assert_eq!(bench.output("kill_process", json!({"id": "web"})).await, killed);
    assert!(bench.output("wait_process", look.clone()).await.starts_with("`web`: ended after "));
    assert_eq!(bench.processes.end_all().await, 0);
    assert_eq!(bench.error("wait_process", look).await.code, "no_process");
}

#[tokio::test]
async fn all_processes_are_ended_at_once() {
    let bench = Bench::new();
    let workshop = workshop(bench.folder.path());
    let mut running = Vec::new();
    for _ in 0..processes::RUNNING_MAX {
        let job = Job::new(["/bin/sh", "-c", "exec sleep 600"], bench.folder.path());
        let reserved = bench.processes.reserve(None).unwrap();
        running.push(reserved.fill(workshop.start(job).await.unwrap(), 600));
    }
    assert_eq!(bench.error("start_process", json!({"command": "true"})).await.code, "too_many");
    assert_eq!(bench.processes.end_all().await, processes::RUNNING_MAX);
    for one in &running {
        let outcome = one.process.wait(std::time::Duration::ZERO).await.unwrap();
        assert_eq!(outcome.map(|outcome| outcome.end), Some(End::Stopped));
    }
    assert_eq!(bench.processes.end_all().await, 0);
}

#[test]
fn what_only_a_terminal_understands_is_left_out() {
    for (printed, shown) in [
        ("\x1b[1;31merror\x1b[0m: x\n", "error: x\n"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("a\r\nb\tc\x07\0", "a\nb\tc"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b[", ""),
        ("日本\n", "日本\n"),
    ] {
        assert_eq!(plain(printed), shown, "{printed:?}");
    }
}

#[test]
fn only_what_is_new_is_told() {
    let mut kept = Kept::new(20);
    kept.push(b"0123456789");
    assert_eq!(shown_since(&kept, 0), "0123456789");
    assert_eq!(shown_since(&kept, 4), "456789");
    assert_eq!(shown_since(&kept, 10), "");
    kept.push(b"abcdefghij");
    assert_eq!(shown_since(&kept, 10), "abcdefghij");
    kept.push(b"ABCDE");
    assert_eq!(shown_since(&kept, 20), "ABCDE");
    assert_eq!(shown_since(&kept, 10), "\n[5 bytes left out]\nfghijABCDE");
    assert_eq!(shown_since(&kept, 8), "89\n[5 bytes left out]\nfghijABCDE");
    assert_eq!(shown_since(&kept, 25), "");
}

#[test]
fn an_end_is_put_into_words() {
    let folder = tempfile::tempdir().unwrap();
    let workshop = workshop(folder.path());
    let usage = Usage { wall_ms: 1_234, left_over: 2, ..Usage::default() };
    let denial = |kind, subject: &str, count| Denial { kind, subject: subject.to_owned(), count };
    let denials = vec![
        denial(DenialKind::Host, "example.com:443", 3),
        denial(DenialKind::Syscall, "ptrace", 1),
        denial(DenialKind::Metadata, "/etc/pass\nwd", 1),
    ];
    let of = |end| {
        let outcome = Outcome { end, usage, denials: denials.clone(), level: None };
        ending(&workshop.policy, &workshop.places, &outcome, 120)
    };
    let failed = of(End::Exited { code: 7 });
    assert_eq!((failed.failure, failed.line.as_str()), (Some("exit_code"), "exit code 7 after 1.2 s"));
    assert_eq!(failed.notes.len(), 4);
    assert!(
        failed.notes[0].starts_with("denied: to reach example.com:443 (3 times). "),
        "{:?}",
        failed.notes
    );
    assert!(
        failed.notes[0].contains("\nOnly the user can change the policy, never you; the rule would be:\n[")
    );
    assert!(failed.notes[1].contains("`ptrace`"));
    assert!(failed.notes[2].contains("/etc/pass\\nwd"));
    assert!(failed.notes[3].starts_with("2 processes outlived the command"));
    // What succeeded did not need what it was denied.
    let succeeded = of(End::Exited { code: 0 });
    assert_eq!((succeeded.failure, succeeded.notes.len()), (None, 1));
    let memory = of(End::Limit { limit: Limit::Memory });
    assert_eq!(
        (memory.failure, memory.line.as_str()),
        (Some("limit"), "ended by its limit `memory_bytes_max` after 1.2 s")
    );
    assert!(memory.notes[3].contains("[limits]\nmemory_bytes_max = "), "{:?}", memory.notes);
    assert_eq!(of(End::NotStarted { errno: 2 }).failure, Some("not_started"));
}

mod speaking {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::http::{Request, checked_path, exchange};

    /// Sends a request to somebody who answers with these bytes and closes; returns both sides.
    async fn asked(request: &Request, answer: &[u8]) -> (String, Result<String, String>) {
        let (ours, mut theirs) = duplex(64 << 10);
        let answering = async {
            let mut sent = vec![0; 4_096];
            let count = theirs.read(&mut sent).await.unwrap();
            // Whoever asked may have heard enough.
            let _rest = theirs.write_all(answer).await;
            drop(theirs);
            String::from_utf8_lossy(&sent[..count]).into_owned()
        };
        let (sent, answered) = tokio::join!(answering, exchange(ours, 80, request));
        (sent, answered.map(|answer| answer.text()).map_err(|error| error.to_string()))
    }

    #[tokio::test]
    async fn requests_are_sent_and_answers_read() {
        let path = checked_path("/items?limit=3").unwrap();
        let request = Request::new("POST", path, &[("x-key", "v")], "{}").unwrap();
        let answer = b"HTTP/1.1 201 Created\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let (sent, answered) = asked(&request, answer).await;
        assert!(sent.starts_with("POST /items?limit=3 HTTP/1.1\r\n"), "{sent}");
        assert!(
            sent.contains("x-key: v\r\n")
                && sent.contains("host: localhost:80\r\n")
                && sent.ends_with("\r\n\r\n{}"),
            "{sent}"
        );
        assert_eq!(answered.unwrap(), "HTTP 201 Created\nx: y\ntransfer-encoding: chunked\n\nabcde\n");
        let request = Request::get("/");
        let closes = asked(&request, b"HTTP/1.0 500 Oh\r\n\r\nbody to the end").await.1;
        assert_eq!(closes.unwrap(), "HTTP 500 Internal Server Error\n\nbody to the end\n");
        assert_eq!(
            asked(&request, b"HTTP/1.1 204 No Content\r\n\r\n").await.1.unwrap(),
            "HTTP 204 No Content\n\n[no body]\n"
        );
        let binary = asked(&request, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na\0b").await.1;
        assert!(binary.unwrap().ends_with("\n\n[a binary body of 3 bytes]\n"));
    }

    #[tokio::test]
    async fn a_hostile_server_does_no_harm() {
        let request = Request::get("/");
        for nonsense in
            [&b"no http at all\r\n\r\n"[..], b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"]
        {
            asked(&request, nonsense).await.1.unwrap_err();
        }
        let headers = [&b"HTTP/1.1 200 OK\r\nx: "[..], &vec![b'y'; 1 << 20]].concat();
        asked(&request, &headers).await.1.unwrap_err();
        let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'z'; 16 << 20]].concat();
        let text = asked(&request, &endless).await.1.unwrap();
        assert!(
            text.len() < 40_000 && text.ends_with("[more than 8388608 bytes came; the rest was not read]\n")
        );
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        for path in ["", "x", "http://example.com/", "/a b", "/a\r\nx: y", &"/".repeat(5_000)] {
            assert!(checked_path(path).is_err(), "{path:?}");
        }
        for (name, value) in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d")] {
            assert!(Request::new("GET", "/".to_owned(), &[(name, value)], "").is_err(), "{name:?}");
        }
    }
}
