use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex as Lock;
use std::time::Duration;

use async_trait::async_trait;
use loki_engine::tool::{Case, Judgement, REPORT_BYTES_MAX};
use loki_ledger::event::Verdict;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::confined::{Ended, Place, Ran, Running, Task, Unable};

type Script = dyn Fn(&Place, &Task) -> Result<Ran, Unable> + Send + Sync;

/// Runs nothing: a script says what would have come of a command.
struct FakeHands {
    script: Box<Script>,
    /// How what is started behaves.
    server: Server,
    calls: Lock<Vec<(Place, Task)>>,
}

#[derive(Clone)]
enum Server {
    None,
    Answers(&'static str),
    Silent,
    Ends(Ended),
}

struct FakeRunning {
    server: Server,
    listener: Option<Arc<TcpListener>>,
}

#[async_trait]
impl Hands for Arc<FakeHands> {
    async fn run(&self, place: &Place, task: &Task) -> Result<Ran, Unable> {
        self.calls.lock().unwrap().push((place.clone(), task.clone()));
        assert!(place.project.join(&task.folder).is_dir(), "{task:?}");
        (self.script)(place, task)
    }

    async fn start(&self, place: &Place, task: &Task) -> Result<Box<dyn Running>, Unable> {
        self.calls.lock().unwrap().push((place.clone(), task.clone()));
        if matches!(self.server, Server::None) {
            return Err(Unable("no sandbox".to_owned()));
        }
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        if let Server::Answers(line) = self.server {
            let listener = Arc::clone(&listener);
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    drop(stream.write_all(line.as_bytes()).await);
                }
            });
        }
        Ok(Box::new(FakeRunning { server: self.server.clone(), listener: Some(listener) }))
    }
}

#[async_trait]
impl Running for FakeRunning {
    async fn listening(&self) -> io::Result<Vec<u16>> {
        match (&self.server, &self.listener) {
            (Server::Answers(_), Some(listener)) => Ok(vec![listener.local_addr()?.port()]),
            _ => Ok(Vec::new()),
        }
    }

    async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", port)).await
    }

    async fn wait(&self, timeout: Duration) -> Result<Option<Ended>, Unable> {
        match self.server {
            Server::Ends(end) => Ok(Some(end)),
            _ => {
                tokio::time::sleep(timeout).await;
                Ok(None)
            }
        }
    }

    fn tail(&self) -> String {
        "what it printed".to_owned()
    }

    async fn kill(&self) {}
}

/// A project in a folder, with its gates.
struct Fixture {
    folder: tempfile::TempDir,
    hands: Arc<FakeHands>,
    gates: Vec<Arc<dyn Gate>>,
}

impl Fixture {
    fn new(files: &[(&str, &str)], commands: Commands, script: Box<Script>) -> Fixture {
        Fixture::serving(files, commands, script, Server::None)
    }

    fn serving(files: &[(&str, &str)], commands: Commands, script: Box<Script>, server: Server) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let (root, state) = (folder.path().to_owned(), folder.path().join(".loki"));
        fs::create_dir(&state).unwrap();
        for (path, text) in files {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let hands = Arc::new(FakeHands { script, server, calls: Lock::default() });
        let gates = gates(Bench {
            worktree: Worktree::new(&root, &state),
            state,
            root,
            commands,
            hands: Ok(Arc::new(Arc::clone(&hands))),
            session: None,
        });
        Fixture { folder, hands, gates }
    }

    async fn judge(&self, gate: &str) -> Judgement {
        let gate = self.gates.iter().find(|found| found.id() == gate).unwrap();
        gate.judge(&Case::default()).await
    }

    fn lines(&self) -> Vec<String> {
        self.hands.calls.lock().unwrap().iter().map(|(_, task)| task.command.join(" ")).collect()
    }

    fn copies(&self) -> usize {
        fs::read_dir(self.folder.path().join(".loki/checkout")).map_or(0, Iterator::count)
    }
}

fn ran(end: Ended, stdout: &str) -> Result<Ran, Unable> {
    Ok(Ran { end, stdout: stdout.to_owned(), stderr: String::new(), both: stdout.to_owned(), wall_ms: 7 })
}

fn always(end: Ended, stdout: &'static str) -> Box<Script> {
    Box::new(move |_, _| ran(end, stdout))
}

fn own(test: &str) -> Commands {
    Commands { test: Some(test.to_owned()), ..Commands::default() }
}

const CRATE: &[(&str, &str)] = &[("Cargo.toml", "[package]\nname='a'\n"), ("src/lib.rs", "")];
const GREEN: &str = "running 2 tests\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
    finished in 0.00s\n";
const RED: &str = "running 2 tests\n\nfailures:\n    tests::bad\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; \
    0 measured; 0 filtered out; finished in 0.00s\n";

#[test]
fn gates_are_named_in_order() {
    let fixture = Fixture::new(&[], Commands::default(), always(Ended::Code(0), ""));
    let names: Vec<&str> = fixture.gates.iter().map(|gate| gate.id()).collect();
    assert_eq!(names, PROJECT_GATES);
}

#[tokio::test]
async fn where_nothing_is_recognised_nothing_runs_and_nothing_is_called_tested() {
    let fixture = Fixture::new(&[("README.md", "x")], Commands::default(), always(Ended::Code(0), GREEN));
    for gate in ["build", "lint", "boots", "held-out"] {
        assert_eq!(fixture.judge(gate).await.verdict, Verdict::NotApplicable, "{gate}");
    }
    let tests = fixture.judge("tests").await;
    assert_eq!(tests.verdict, Verdict::Inconclusive);
    assert!(tests.summary.starts_with("no tests were found"), "{}", tests.summary);
    assert_eq!(fixture.lines(), <[&str; 0]>::default());
    assert!(!fixture.folder.path().join(".loki/checkout").exists());
}

#[tokio::test]
async fn where_commands_cannot_be_run_nothing_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (root, state) = (folder.path().to_owned(), folder.path().join(".loki"));
    fs::create_dir(&state).unwrap();
    let setup = |root: &Path| Setup {
        worktree: Worktree::new(root, &state),
        state: state.clone(),
        root: root.to_owned(),
        workshop: Err("the kernel is too old".to_owned()),
        commands: Commands::default(),
    };
    let nothing = project_gates(setup(&root))[0].judge(&Case::default()).await;
    assert_eq!(nothing.verdict, Verdict::NotApplicable);
    fs::write(root.join("go.mod"), "module x").unwrap();
    for gate in &project_gates(setup(&root))[..2] {
        let judged = gate.judge(&Case::default()).await;
        assert_eq!(judged.verdict, Verdict::Inconclusive);
        assert!(judged.summary.contains("the kernel is too old"), "{}", judged.summary);
    }
}

#[tokio::test]
async fn green_tests_pass_and_are_counted() {
    let fixture = Fixture::new(CRATE, Commands::default(), always(Ended::Code(0), GREEN));
    let judged = fixture.judge("tests").await;
    assert_eq!(judged.verdict, Verdict::Pass, "{judged:?}");
    assert_eq!(judged.summary, "cargo: `cargo test --workspace --no-fail-fast`: 2 passed");
    assert_eq!((judged.report.as_str(), judged.failing.len()), ("", 0));
    let worktree = Worktree::new(fixture.folder.path(), &fixture.folder.path().join(".loki"));
    assert_eq!(judged.facts["tree"], worktree.tree().unwrap());
    assert_eq!(judged.facts["exit_code"], 0);
    assert_eq!(judged.facts["command"][1], "test");
    assert_eq!(judged.facts["tests"], serde_json::json!({ "passed": 2, "failed": 0, "skipped": 0 }));
    // In a copy, with a home of the gates' own.
    let calls = fixture.hands.calls.lock().unwrap();
    let state = fixture.folder.path().join(".loki");
    assert!(calls[0].0.project.starts_with(state.join("checkout")));
    assert_eq!(calls[0].0.home, state.join("sandbox/gate-home"));
}

#[tokio::test]
async fn whatever_is_not_a_count_of_passing_tests_is_no_pass() {
    let cases = [
        (Ended::Code(101), RED, Verdict::Fail),
        (Ended::Code(101), GREEN, Verdict::Fail),
        (Ended::Code(0), RED, Verdict::Fail),
        (Ended::Code(0), "", Verdict::Inconclusive),
        (Ended::Code(0), "2 passed", Verdict::Inconclusive),
        (Ended::Code(0), "==== 2 passed in 0.1s ====", Verdict::Inconclusive),
        (Ended::Code(0), "running 2 tests\n", Verdict::Inconclusive),
        (Ended::Code(137), GREEN, Verdict::Fail),
        (Ended::NotStarted, GREEN, Verdict::Inconclusive),
        (Ended::Slow, GREEN, Verdict::Inconclusive),
        (Ended::Limit("memory_bytes_max"), GREEN, Verdict::Inconclusive),
        (Ended::Stopped, GREEN, Verdict::Inconclusive),
    ];
    for (end, stdout, expected) in cases {
        let fixture = Fixture::new(CRATE, Commands::default(), always(end, stdout));
        let judged = fixture.judge("tests").await;
        assert_eq!(judged.verdict, expected, "{end:?} {stdout:?}: {judged:?}");
        assert_eq!(judged.failing.is_empty(), expected != Verdict::Fail, "{judged:?}");
    }
    let unable: Box<Script> = Box::new(|_, _| Err(Unable("it cannot be confined here".to_owned())));
    let judged = Fixture::new(CRATE, Commands::default(), unable).judge("tests").await;
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert!(judged.summary.contains("it cannot be confined here"));
}

#[tokio::test]
async fn what_fails_is_named_and_shown_within_bounds() {
    let script: Box<Script> = Box::new(|_, _| {
        let noise = "n\u{e9}\n".repeat(100_000);
        ran(Ended::Code(101), &format!("{noise}{RED}the last line"))
    });
    let judged = Fixture::new(CRATE, Commands::default(), script).judge("tests").await;
    assert_eq!(judged.failing, ["tests: cargo: tests::bad"]);
    assert!(judged.summary.ends_with("failed: 1 failed, 1 passed"), "{}", judged.summary);
    assert!(judged.report.len() <= REPORT_BYTES_MAX);
    assert!(judged.report.contains("- tests::bad\n") && judged.report.contains("the last line"));
    let script: Box<Script> = Box::new(|_, _| ran(Ended::Code(2), &"x".repeat(1_000_000)));
    let judged = Fixture::new(CRATE, Commands::default(), script).judge("build").await;
    assert_eq!(judged.failing, ["build: cargo: cargo build --workspace"]);
    assert!(judged.report.len() <= REPORT_BYTES_MAX && judged.report.len() > REPORT_BYTES_MAX / 2);
}

/// An edit while the tests run makes what was seen worthless.
#[tokio::test]
async fn a_change_while_judging_makes_a_judgement_stale() {
    let script: Box<Script> = Box::new(|place, _| {
        // The copy is below the project's state.
        let root = place.project.parent().and_then(Path::parent).and_then(Path::parent).unwrap();
        fs::write(root.join("src/lib.rs"), "changed").unwrap();
        ran(Ended::Code(0), GREEN)
    });
    let fixture = Fixture::new(CRATE, Commands::default(), script);
    let judged = fixture.judge("tests").await;
    assert_eq!(judged.verdict, Verdict::Inconclusive, "{judged:?}");
    assert!(judged.summary.contains("changed while they were judged"));
    assert_eq!(fixture.copies(), 0);
}

/// What a command does to its copy is no change of the project.
#[tokio::test]
async fn a_change_of_the_copy_is_no_change_of_the_project() {
    let script: Box<Script> = Box::new(|place, _| {
        fs::write(place.project.join("src/lib.rs"), "changed").unwrap();
        ran(Ended::Code(0), GREEN)
    });
    let fixture = Fixture::new(CRATE, Commands::default(), script);
    assert_eq!(fixture.judge("tests").await.verdict, Verdict::Pass);
    assert_eq!(fs::read_to_string(fixture.folder.path().join("src/lib.rs")).unwrap(), "");
    // Who judges again gets the files as they are.
    let again: Vec<String> = {
        fixture.judge("tests").await;
        let calls = fixture.hands.calls.lock().unwrap();
        calls.iter().map(|(place, _)| place.project.display().to_string()).collect()
    };
    assert_ne!(again[0], again[1]);
}

#[tokio::test]
async fn gates_share_a_copy_and_what_is_installed_in_it_until_the_last_one() {
    let package = r#"{"scripts":{"build":"tsc","test":"jest","lint":"eslint ."},"dependencies":{"a":"1"}}"#;
    let script: Box<Script> = Box::new(|place, task| {
        let mark = place.project.join("installed");
        if task.command[1] == "install" {
            fs::write(&mark, "").unwrap();
        }
        assert!(mark.exists());
        ran(Ended::Code(0), "Test Suites: 1 passed, 1 total\nTests:       3 passed, 3 total\n")
    });
    let fixture = Fixture::new(&[("package.json", package)], Commands::default(), script);
    for gate in ["build", "tests", "lint"] {
        assert_eq!(fixture.judge(gate).await.verdict, Verdict::Pass, "{gate}");
    }
    let expected = ["npm install --no-audit --no-fund", "npm run build", "npm run test", "npm run lint"];
    assert_eq!(fixture.lines(), expected);
    assert_eq!(fixture.copies(), 1);
    fixture.judge("held-out").await;
    assert_eq!(fixture.copies(), 0);
}

#[tokio::test]
async fn what_cannot_be_installed_fails_unless_the_registry_is_away() {
    let files = &[("package.json", r#"{"scripts":{"test":"jest"},"dependencies":{"a":"1"}}"#)];
    let judged = Fixture::new(files, Commands::default(), always(Ended::Code(1), "E404 no such package"));
    let judged = judged.judge("tests").await;
    assert_eq!(judged.verdict, Verdict::Fail);
    assert!(judged.report.contains("E404"), "{}", judged.report);
    let away = Fixture::new(files, Commands::default(), always(Ended::Code(1), "npm error code EAI_AGAIN"));
    assert_eq!(away.judge("tests").await.verdict, Verdict::Inconclusive);
    assert_eq!(away.lines(), ["npm install --no-audit --no-fund"]);
}

/// Build tools that download by themselves; and tests that speak of connections for their own reasons.
#[tokio::test]
async fn an_unreachable_registry_is_told_from_a_failing_test() {
    let away = "Could not resolve host: index.crates.io\n";
    for gate in ["build", "tests"] {
        let judged =
            Fixture::new(CRATE, Commands::default(), always(Ended::Code(101), away)).judge(gate).await;
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{judged:?}");
    }
    let script: Box<Script> = Box::new(|_, _| ran(Ended::Code(101), &format!("connection refused\n{RED}")));
    assert_eq!(Fixture::new(CRATE, Commands::default(), script).judge("tests").await.verdict, Verdict::Fail);
}

#[tokio::test]
async fn the_users_own_command_comes_first() {
    let fixture = Fixture::new(CRATE, own("./all.sh --fast"), always(Ended::Code(0), "1..1\nok 1 - a\n"));
    assert_eq!(fixture.judge("tests").await.verdict, Verdict::Pass);
    assert_eq!(fixture.lines(), ["sh -c ./all.sh --fast"]);
    let missing = Fixture::new(&[], own("nonesuch"), always(Ended::Code(127), ""));
    assert_eq!(missing.judge("tests").await.verdict, Verdict::Inconclusive);
    // A blank setting is none.
    let blank = Fixture::new(&[], own(" "), always(Ended::Code(0), GREEN));
    assert_eq!(blank.judge("tests").await.verdict, Verdict::Inconclusive);
    assert_eq!(blank.lines(), <[&str; 0]>::default());
}

#[tokio::test]
async fn every_part_must_be_green_and_one_without_tests_is_a_concern() {
    let files = &[("api/Cargo.toml", ""), ("web/package.json", "{}"), ("tool/go.mod", "module x")];
    let script: Box<Script> = Box::new(|_, task| match task.folder.as_str() {
        "api" => ran(Ended::Code(0), GREEN),
        _ => ran(Ended::Code(1), "{\"Action\":\"fail\",\"Package\":\"x\"}\n"),
    });
    let judged = Fixture::new(files, Commands::default(), script).judge("tests").await;
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(judged.failing, ["tests: tool (go): x"]);
    assert_eq!(judged.concerns, ["web (node) has no tests"]);
    assert_eq!(judged.facts["exit_code"], 1);
    assert_eq!(judged.facts["runs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_ignored_is_not_judged() {
    let files = &[(".gitignore", "scratch/\n"), ("scratch/go.mod", "module x")];
    let fixture = Fixture::new(files, Commands::default(), always(Ended::Code(0), ""));
    assert_eq!(fixture.judge("build").await.verdict, Verdict::NotApplicable);
    assert_eq!(fixture.judge("tests").await.verdict, Verdict::Inconclusive);
    assert_eq!(fixture.lines(), <[&str; 0]>::default());
}

/// The copy has another name each time; what fails has not.
#[tokio::test]
async fn paths_are_told_as_they_are_in_the_project() {
    let script: Box<Script> = Box::new(|place, _| {
        let copy = place.project.display();
        ran(Ended::Code(1), &format!("1..1\nnot ok 1 - {copy}/a.js\nin {copy}\n"))
    });
    let judged = Fixture::new(&[], own("./all.sh"), script).judge("tests").await;
    assert_eq!(judged.failing, ["tests: project: a.js"]);
    assert!(judged.report.ends_with("in .\n") && !judged.report.contains("checkout"), "{}", judged.report);
}

/// An imitation of a runner's output that comes from a script which runs nothing.
#[tokio::test]
async fn a_script_that_only_prints_a_summary_is_no_test() {
    let package = r#"{"scripts":{"test":"echo '1..1' && echo 'ok 1 - all good'"}}"#;
    let script = always(Ended::Code(0), "1..1\nok 1 - all good\n");
    let judged = Fixture::new(&[("package.json", package)], Commands::default(), script).judge("tests").await;
    assert_eq!(judged.verdict, Verdict::Inconclusive, "{judged:?}");
}

const SERVER: &[(&str, &str)] = &[("package.json", "{}"), ("server.js", "http.createServer(f).listen(80)")];

#[tokio::test]
async fn what_answers_boots() {
    let cases = [
        (Server::Answers("HTTP/1.1 200 OK\r\n\r\n"), Verdict::Pass, false),
        (Server::Answers("HTTP/1.1 404 Not Found\r\n\r\n"), Verdict::Pass, false),
        (Server::Ends(Ended::Code(1)), Verdict::Fail, true),
        (Server::Ends(Ended::Code(0)), Verdict::Fail, true),
        (Server::Ends(Ended::NotStarted), Verdict::Inconclusive, true),
        (Server::None, Verdict::Inconclusive, false),
    ];
    for (server, expected, shows) in cases {
        let fixture = Fixture::serving(SERVER, Commands::default(), always(Ended::Code(0), ""), server);
        let judged = fixture.judge("boots").await;
        assert_eq!(judged.verdict, expected, "{judged:?}");
        // What went on has no exit code.
        assert!(expected != Verdict::Pass || judged.facts.get("exit_code").is_none(), "{judged:?}");
        assert_eq!(judged.report.contains("what it printed"), shows, "{judged:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_errs_or_says_nothing_does_not_boot() {
    for server in
        [Server::Answers("HTTP/1.1 503 No\r\n\r\n"), Server::Answers("SSH-2.0-x\r\n"), Server::Silent]
    {
        let fixture = Fixture::serving(SERVER, Commands::default(), always(Ended::Code(0), ""), server);
        let judged = fixture.judge("boots").await;
        assert_eq!(judged.verdict, Verdict::Fail, "{judged:?}");
    }
}

const CHECKS: &str = "[[check]]\nname = 'Sesame opens'\nrun = './app --magic-word'\nexpect_exit = 3\n\
    [[check]]\nname = 'Thieves stay out'\nrun = './app --thief'\nstdout_contains = 'forty'\n\
    [[check]]\nname = 'Ali is let in'\nrun = './app --ali'\n";

/// Everything of a judgement that whoever is judged may see.
fn told_to_the_provider(judged: &Judgement) -> String {
    let lists = [&judged.gaps, &judged.concerns, &judged.failing].map(|list| list.join("\n"));
    format!("{}\n{}\n{}", judged.summary, judged.report, lists.join("\n"))
}

#[tokio::test]
async fn of_held_out_checks_only_the_number_is_told() {
    let script: Box<Script> = Box::new(|_, task| match task.command[2].as_str() {
        "./app --magic-word" => ran(Ended::Code(3), "open"),
        "./app --thief" => ran(Ended::Code(0), "thirty nine"),
        _ => ran(Ended::Code(0), "come in"),
    });
    let files = &[(".loki/checks.toml", CHECKS), ("app", "")];
    let fixture = Fixture::new(files, Commands::default(), script);
    let judged = fixture.judge("held-out").await;
    assert_eq!((judged.verdict, judged.summary.as_str()), (Verdict::Fail, "2 of 3 held-out checks hold"));
    let told = told_to_the_provider(&judged);
    for secret in ["Sesame", "Thieves", "Ali", "magic", "thief", "forty", "thirty", "open", "app", "expect"] {
        assert!(!told.contains(secret), "`{secret}` is told: {told}");
    }
    assert_eq!((judged.report.as_str(), judged.failing.len()), ("", 1));
    // People see all of it.
    let facts = judged.facts.to_string();
    assert!(facts.contains("Thieves stay out") && facts.contains("thirty nine") && facts.contains("--thief"));
    // The same failure has the same name, and nothing of it is left where another command could find it.
    assert_eq!(fixture.judge("held-out").await.failing, judged.failing);
    assert_eq!(fixture.copies(), 0);
    let calls = fixture.hands.calls.lock().unwrap();
    assert!(calls.iter().all(|(place, _)| place.home.ends_with("sandbox/held-out-home")));
    assert!(calls.iter().all(|(place, _)| place.tmp.ends_with("sandbox/held-out-tmp")));
}

#[tokio::test]
async fn held_out_checks_pass_only_where_all_of_them_hold() {
    let checks = "[[check]]\nname='a'\nrun='one'\n[[check]]\nname='b'\nrun='two'\nstdout_contains='yes'\n";
    let cases = [
        (Ended::Code(0), "yes", Verdict::Pass),
        (Ended::Code(0), "no", Verdict::Fail),
        (Ended::Code(1), "yes", Verdict::Fail),
        (Ended::Slow, "yes", Verdict::Inconclusive),
        (Ended::Code(127), "yes", Verdict::Inconclusive),
    ];
    for (end, stdout, expected) in cases {
        let fixture =
            Fixture::new(&[(".loki/checks.toml", checks)], Commands::default(), always(end, stdout));
        assert_eq!(fixture.judge("held-out").await.verdict, expected, "{end:?} {stdout}");
    }
}

#[tokio::test]
async fn checks_that_cannot_be_read_are_no_pass_and_are_not_quoted() {
    let broken = "[[check]]\nname = 'Sesame'\nrun = 'magic'\nwrong_key = 'thief'\n";
    let fixture =
        Fixture::new(&[(".loki/checks.toml", broken)], Commands::default(), always(Ended::Code(0), ""));
    let judged = fixture.judge("held-out").await;
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    let told = told_to_the_provider(&judged);
    assert!(!told.contains("Sesame") && !told.contains("magic") && !told.contains("wrong_key"), "{told}");
    assert!(judged.facts.to_string().contains("wrong_key"));
    assert_eq!(fixture.lines(), <[&str; 0]>::default());
}
