//! The dashboard in a real terminal: `tmux` presses the keys and reads the screen.

mod pictures;
mod terminal;

use std::process::Command;
use std::sync::Arc;

use loki_kit::http::Request;
use loki_kit::{TestEnv, rusqlite};
use loki_ledger::event::Event;
use loki_ledger::{Ledger, Reader};
use loki_store::SystemClock;
use terminal::{Terminal, until};

use crate::env as loki;
use crate::run::{DOCUMENT, schema};

/// A project with a document.
fn project() -> TestEnv {
    let env = loki();
    env.write("PRD.md", DOCUMENT);
    env
}

/// A run on a dashboard, which a file holds back.
fn paused() -> (TestEnv, Terminal) {
    let env = project();
    env.write(".loki/PAUSE", "");
    let terminal = Terminal::open(&env, &["start", "PRD.md"], (120, 40));
    terminal.until("it pauses", |screen| screen.contains("loki  paused"));
    (env, terminal)
}

/// A run that has ended, on a dashboard.
fn finished() -> (TestEnv, Terminal) {
    finished_with(DOCUMENT, (120, 40))
}

fn finished_with(document: &str, size: (u16, u16)) -> (TestEnv, Terminal) {
    let env = loki();
    env.write("PRD.md", document);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let terminal = Terminal::open(&env, &["tui"], size);
    terminal.until("it is seen", |screen| screen.contains("loki  verified with gaps"));
    (env, terminal)
}

/// A project with data whose document has lost a column of it.
fn project_that_loses_a_column() -> TestEnv {
    let env = project();
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let database = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).expect("a database");
    let rows = "insert into users (email) values ('ada@example.org');
        insert into recipes (user_id, title, body) select id, 'Soup', 'Boil.' from users";
    database.execute_batch(rows).expect("rows");
    drop(database);
    let drop_body = "migration: drop_body\nchanges:\n  - drop_column: {table: recipes, column: body}\n";
    env.write("forge/migrations/0002_drop_body.yaml", drop_body);
    env.write("PRD.md", DOCUMENT.replace("| body | text | |\n", ""));
    env
}

#[test]
fn a_run_is_watched_from_its_start_to_its_receipt() {
    let env = project();
    let terminal = Terminal::open(&env, &["start", "PRD.md"], (120, 40));
    terminal.until("it ends", |screen| screen.contains("loki  verified with gaps"));
    for (key, told) in
        [("1", "Checklist"), ("3", "forge"), ("4", "recipes"), ("5", "By model"), ("7", "receipt written")]
    {
        terminal.keys(&[key]);
        terminal.until(told, |screen| screen.contains(told));
    }
    terminal.keys(&["q"]);
    terminal
        .until("it ends as the run did", |screen| screen.contains("Receipt: ") && screen.contains("EXIT 10"));
    env.loki(&["verify", "--receipt"]).expect_code(0);
}

#[test]
fn a_run_is_guided_while_it_is_paused_and_goes_on() {
    let (env, terminal) = paused();
    terminal.keys(&["s"]);
    terminal.text("Recipes are short.");
    terminal.keys(&["Enter"]);
    terminal.until("it arrives", |screen| {
        screen.contains("guidance \"Recipes are short.\" was taken by iteration")
    });
    terminal.keys(&["p"]);
    terminal.until("it ends", |screen| screen.contains("loki  verified with gaps"));
    let prompt = env.loki(&["prompt", "--iteration", "1"]).expect_code(0).stdout;
    assert!(prompt.contains("Recipes are short."), "{prompt}");
}

#[test]
fn a_run_that_goes_on_elsewhere_is_paused_and_stopped() {
    let (env, first) = paused();
    let second = Terminal::open(&env, &["tui"], (80, 24));
    second.until("it is seen", |screen| screen.contains("loki  paused"));
    first.keys(&["q"]);
    first.until("it goes on without this one", |screen| {
        screen.contains("goes on in process") && screen.contains("EXIT 0")
    });
    second.keys(&["S", "y"]);
    second.until("it stops", |screen| screen.contains("stopped on request"));
    env.loki(&["ledger", "verify"]).expect_code(0);
}

#[test]
fn the_run_goes_on_when_its_terminal_is_closed() {
    let (env, terminal) = paused();
    drop(terminal);
    let why = env.loki(&["why"]).expect_code(0);
    assert!(why.stdout.contains("has it, paused"), "{why:?}");
    env.loki(&["resume"]).expect_code(0);
    until("it ends", || {
        let status = env.loki(&["status", "--json"]).expect_code(0);
        (status.json()["state"] == "verified with gaps").then_some(())
    });
}

#[test]
fn a_destructive_migration_is_read_and_approved() {
    let env = project_that_loses_a_column();
    let terminal = Terminal::open(&env, &["start", "PRD.md"], (120, 60));
    terminal.until("it waits", |screen| screen.contains("loki  waiting"));
    terminal.keys(&["2"]);
    terminal.until("it is shown", |screen| {
        ["needs you", "- body", "recipes table changes", "drop_body"].iter().all(|told| screen.contains(told))
    });
    terminal.keys(&["a"]);
    terminal.text("nobody reads it");
    terminal.keys(&["Enter"]);
    terminal.until("it ends", |screen| screen.contains("loki  verified with gaps"));
    assert!(!schema(&env).iter().any(|line| line.starts_with("table recipes") && line.contains("body")));
    let told = env.loki(&["watch"]).expect_code(10).stdout;
    assert!(told.contains("approves") && told.contains("nobody reads it"), "{told}");
}

#[test]
fn files_are_put_back_from_the_screen() {
    let (env, terminal) = finished();
    assert!(env.has("forge/migrations/0001_initial_schema.yaml"));
    terminal.keys(&["R", "y"]);
    terminal.until("they are put back", |screen| screen.contains("files put back"));
    assert!(!env.has("forge/migrations/0001_initial_schema.yaml"));
}

#[test]
fn the_log_is_searched_and_the_past_is_replayed() {
    let (_env, terminal) = finished();
    terminal.keys(&["7", "/"]);
    terminal.text("GATE forge");
    terminal.keys(&["Enter"]);
    terminal.until("it is filtered", |screen| screen.contains("with \"GATE forge\": "));
    terminal.keys(&["1", "["]);
    terminal.until("the past is shown", |screen| screen.contains("replay "));
    terminal.keys(&["Home"]);
    terminal.until("the beginning is shown", |screen| {
        screen.contains(" event 1 of ") && screen.contains("not stopped yet")
    });
    terminal.keys(&["Escape"]);
    terminal.until("now is shown", |screen| {
        screen.contains("loki  verified with gaps") && !screen.contains("replay ")
    });
}

#[test]
fn a_storm_of_sizes_leaves_a_whole_screen() {
    let (_env, terminal) = finished();
    for step in 0..40u16 {
        terminal.resize((40 + step * 37 % 200, 10 + step * 13 % 60));
    }
    terminal.resize((100, 30));
    terminal.keys(&["5"]);
    terminal.until("it is drawn", |screen| {
        let last = screen.lines().last().unwrap_or_default();
        screen.starts_with("loki  verified")
            && screen.contains("By iteration")
            && last.starts_with("j k scroll")
    });
}

#[test]
fn the_terminal_is_given_back_after_signals() {
    for (signal, code) in [("-TERM", 143), ("-HUP", 143), ("-INT", 130)] {
        let (_env, terminal) = finished();
        let kill = Command::new("kill").args([signal, &terminal.program().to_string()]).status();
        assert!(kill.expect("kill").success());
        terminal.until("it ends", |screen| screen.contains(&format!("EXIT {code}")));
        let screen = terminal.until("the terminal says how it is", |screen| screen.contains("echo"));
        let says = |word: &str| screen.lines().any(|line| line.trim() == word);
        assert!(says("icanon") && !says("-icanon") && !says("-echo"), "{signal}: {screen}");
        assert!(!screen.contains("loki  verified"), "{signal}: the other screen is shown again: {screen}");
    }
}

#[test]
fn it_is_suspended_and_comes_back() {
    let env = project();
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let terminal = Terminal::shell(&env, (100, 30));
    terminal.text(&terminal::line(&env, &["tui"]));
    terminal.keys(&["Enter"]);
    terminal.until("it is seen", |screen| screen.starts_with("loki  verified with gaps"));
    terminal.keys(&["C-z"]);
    terminal.until("it is suspended", |screen| screen.contains("Stopped"));
    terminal.text("fg");
    terminal.keys(&["Enter"]);
    terminal.until("it is back", |screen| screen.starts_with("loki  verified with gaps"));
    terminal.keys(&["q"]);
    terminal.until("it is left", |screen| !screen.starts_with("loki  verified"));
}

#[test]
fn a_storm_of_events_leaves_the_keys_alive() {
    let (env, terminal) = finished();
    let state = env.path(".loki");
    let ledger = Ledger::open(&state, Arc::new(SystemClock)).unwrap();
    let run = ledger.reader().runs().unwrap().remove(0).id;
    let before = ledger.reader().head(&run).unwrap().seq;
    // Drivers that come, each a line of the log.
    let storm: u32 = 20_000;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for pid in 1..=storm {
                ledger.append(&run, Event::Attached { pid, attended: true }).unwrap();
            }
        });
        for (key, told) in
            [("7", "drives, a person can answer"), ("5", "By model"), ("3", "served"), ("1", "Checklist")]
        {
            terminal.keys(&[key]);
            terminal.until(told, |screen| screen.contains(told));
        }
        assert!(!writer.is_finished(), "the keys were seen while it blew");
    });
    let last = before + u64::from(storm);
    terminal.until("all of it is seen", |screen| screen.contains(&format!("event {last}")));
    assert_eq!(Reader::open(&state).unwrap().verify(&run).unwrap().events, last);
}

#[test]
fn changes_of_one_iteration_are_seen_alone() {
    let (env, terminal) = finished();
    env.write("later.txt", "by a person\n");
    terminal.keys(&["8"]);
    terminal.until("the run's, and what came after it", |screen| {
        screen.contains("Files changed by the run: 2") && screen.contains("later.txt")
    });
    terminal.keys(&["v"]);
    terminal.until("those of the iteration", |screen| screen.contains("Files changed by iteration 1"));
    terminal.keys(&["R"]);
    terminal.until("it is asked for", |screen| screen.contains("taken in iteration 1"));
}

#[test]
fn requests_to_the_backend_are_seen() {
    let (env, terminal) = finished_with(DOCUMENT, (120, 80));
    terminal.keys(&["4"]);
    terminal.until("none are known", |screen| screen.contains("Recent requests: unknown"));
    let serving = crate::forge::serve(&env);
    let asked = Request::get("/rest/v1/recipes?title=eq.xyzzy");
    let answer = loki_kit::http::Connection::open(serving.port()).unwrap().ask(&asked).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let screen = terminal.until("it is seen", |screen| screen.contains("200 GET    /rest/v1/recipes "));
    assert!(!screen.contains("xyzzy"), "{screen}");
    assert!(screen.contains("approved by council"), "{screen}");
}

#[test]
fn a_terminal_that_answers_no_questions_is_drawn_on() {
    let env = project();
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    // Reads what the program writes until it has drawn, and never writes anything but the key that leaves.
    let silent = "import os, pty, signal, sys
signal.alarm(90)
pid, terminal = pty.fork()
if pid == 0: os.execvp('sh', ['sh', '-c', sys.argv[1]])
seen = b''
while b'Checklist' not in seen: seen += os.read(terminal, 65536)
os.write(terminal, b'q')
try:
    while True: os.read(terminal, 65536)
except OSError: pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    let loki = format!("stty rows 40 columns 120; exec {}", terminal::line(&env, &["tui"]));
    let ran = Command::new("python3").args(["-c", silent, &loki]).current_dir(env.root()).output().unwrap();
    let said = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(said.0.trim(), "0", "{}", said.1);
}

#[test]
fn what_a_document_is_called_is_shown_and_not_obeyed() {
    let env = loki();
    let name = "PRD\u{1b}]0;spoof\u{7}\u{1b}[2J.md";
    env.write(name, DOCUMENT);
    env.loki(&["start", name, "--headless"]).expect_code(10);
    let terminal = Terminal::open(&env, &["tui"], (120, 40));
    terminal.until("it is seen", |screen| screen.contains("PRD^[]0;spoof^G^[[2J.md"));
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let env = project();
    let refused = env.loki(&["tui"]).expect_code(2);
    assert!(refused.stderr.contains("`loki watch`"), "{}", refused.stderr);
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let watched = env.loki(&["watch"]).expect_code(10);
    assert!(watched.stdout.contains("gate forge: "), "{}", watched.stdout);
    let last: u64 = watched.stdout.lines().count() as u64;
    let rest = env.loki(&["watch", "--after", &(last - 1).to_string()]).expect_code(10);
    assert_eq!(rest.stdout.lines().count(), 1, "{}", rest.stdout);
    let events = env.loki(&["watch", "--json"]).expect_code(10).events();
    assert_eq!(events.len() as u64, last);
    assert_eq!(events[0]["event"]["type"], "run_started");
}

#[test]
fn runs_of_other_projects_are_listed_and_opened() {
    let (one, other) = (project(), project());
    let state = tempfile_state(&one);
    let (one, other) =
        (one.with_variable("XDG_STATE_HOME", &state), other.with_variable("XDG_STATE_HOME", &state));
    for env in [&one, &other] {
        env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    }
    let terminal = Terminal::open(&one, &["tui"], (120, 40));
    terminal.keys(&["9"]);
    let root = other.root().canonicalize().unwrap().display().to_string();
    terminal
        .until("both are listed", |screen| screen.contains("Runs of 2 projects") && screen.contains(&root));
    terminal.keys(&["G", "Enter"]);
    terminal.until("the other is opened", |screen| {
        screen.contains("Checklist") && screen.contains("loki  verified")
    });
}

/// A state folder that two projects share.
fn tempfile_state(env: &TestEnv) -> String {
    env.home().join("state").display().to_string()
}
