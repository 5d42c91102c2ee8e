//! Every way out that sandboxes are known to leave open, tried from inside.
//!
//! Each case is tried twice: without the sandbox, where it must succeed, or it would prove nothing; and inside,
//! where it must be denied and leave nothing changed outside. The cases and the program that tries them are in
//! `tests/probe`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use loki_probe::{Confinement, Finding, Suite, User, all_cases, try_all};

/// Cases that are let through on purpose at every level, each with the reason.
const LET_THROUGH: [(&str, &str); 1] =
    [("git-nested-hook", "a repository within the project is source like the rest: a command may clone one")];

/// The same where no namespaces can be had.
const LET_THROUGH_SHARED: [(&str, &str); 2] = [
    (
        "loki-list",
        "programs have to see names at the top of the project, and Landlock tells no folder from those in it",
    ),
    ("proc-cmdline", "`/proc` is everybody's"),
];

/// Fewer proven cases than these, and something is wrong with the machine or the tests.
const PROVEN_MIN: usize = 200;

/// What is around loki.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Machine {
    Whole,
    WithoutNamespaces,
}

#[test]
fn nothing_gets_out_for_whoever_runs_the_tests() {
    let user = User::all().into_iter().find(|user| !user.switch).expect("somebody runs the tests");
    hold(user, Machine::Whole);
}

#[test]
fn nothing_gets_out_for_an_ordinary_user() {
    // Whoever is not root is one, and has been tried above.
    if let Some(user) = User::all().into_iter().find(|user| user.switch) {
        hold(user, Machine::Whole);
    }
}

#[test]
fn nothing_gets_out_without_namespaces() {
    let user = User::all().into_iter().next_back().expect("somebody runs the tests");
    hold(user, Machine::WithoutNamespaces);
}

/// Tries every case as `user`, and fails with all that is not as it should be.
fn hold(user: User, machine: Machine) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let probe = probe();
    let suite = Suite::new(folder.path(), &probe, user).expect("a place for worlds");
    let (loki, launcher) = (folder.path().join("loki"), folder.path().join("launcher"));
    place(Path::new(env!("CARGO_BIN_EXE_loki")), &loki);
    place(&probe, &launcher);
    let mut words = match machine {
        Machine::Whole => Vec::new(),
        Machine::WithoutNamespaces => words_of(&format!("{} launch --no-namespaces --", launcher.display())),
    };
    words.extend(words_of(&format!(
        "{} --project {{project}} sandbox run --sandbox degrade --",
        loki.display()
    )));
    let reports = try_all(&suite, &all_cases(), &Confinement { words });
    let shared = if machine == Machine::WithoutNamespaces { &LET_THROUGH_SHARED[..] } else { &[] };
    let mut wrong = String::new();
    let mut proven = 0;
    for report in &reports {
        let allowed = LET_THROUGH.iter().chain(shared).any(|(name, _)| *name == report.name);
        let complaint = match &report.finding {
            Finding::Held(_) if allowed => "is said to be let through, and is not".to_owned(),
            Finding::Escape(how) if !allowed => format!("got out: {how}"),
            Finding::Broken(why) => format!("proves nothing: {why}"),
            Finding::Held(_) | Finding::Escape(_) => {
                proven += 1;
                continue;
            }
            Finding::DeniedAnyway(_) | Finding::Untestable(_) => continue,
        };
        writeln!(wrong, "{}: {complaint}", report.name).expect("text grows");
    }
    assert!(wrong.is_empty(), "as user {}:\n{wrong}", user.uid);
    assert!(proven >= PROVEN_MIN, "only {proven} of {} cases prove anything", reports.len());
}

fn words_of(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// The program that tries them, built as the tests were.
fn probe() -> PathBuf {
    let loki = Path::new(env!("CARGO_BIN_EXE_loki"));
    let profile = loki.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let profile = profile.filter(|name| *name != "debug").unwrap_or("dev");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--locked", "--package", "loki-probe", "--bin", "loki-probe"])
        .args(["--profile", profile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo, which built this test");
    assert!(output.status.success(), "build the probe: {}", String::from_utf8_lossy(&output.stderr));
    loki.with_file_name("loki-probe")
}

/// A second name is enough where the file system allows one.
fn place(from: &Path, to: &Path) {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop)).expect("a copy of the program");
}
