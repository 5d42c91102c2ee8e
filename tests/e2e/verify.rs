//! `loki verify` on changes that somebody else made.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use loki_kit::TestEnv;
use loki_kit::fakes::projects::Project;
use serde_json::Value;

use crate::env;

/// A repository with the project committed as it is.
#[expect(clippy::disallowed_methods, reason = "the tests' own toolchain is where their environment says")]
fn repository(project: Project) -> TestEnv {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let env = env().with_variable("PATH", &variable("PATH")).with_variable("HOME", &variable("HOME"));
    project.write(env.root());
    git(&env, &["init", "-q", "-b", "main"]);
    commit(&env, "as it was");
    env
}

fn git(env: &TestEnv, arguments: &[&str]) {
    let identity = ["-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false"];
    let run = Command::new("git").args(identity).args(arguments).current_dir(env.root()).output().unwrap();
    assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
}

fn commit(env: &TestEnv, message: &str) {
    git(env, &["add", "-A"]);
    git(env, &["commit", "-qm", message]);
}

fn repair(env: &TestEnv, project: Project) {
    env.write(project.target, env.read(project.target).replace(project.broken, project.fixed));
}

/// The project's own files.
fn files(env: &TestEnv) -> Vec<String> {
    let own = |file: &String| !file.starts_with(".loki/") && !file.starts_with(".git/");
    env.tree().into_iter().filter(own).collect()
}

fn verdict(report: &Value, gate: &str) -> String {
    let gates = report["gates"].as_array().unwrap();
    let gate =
        gates.iter().find(|judged| judged["gate"] == gate).unwrap_or_else(|| panic!("{gate}: {report}"));
    gate["verdict"].as_str().unwrap().to_owned()
}

fn verify(env: &TestEnv, code: i32, more: &[&str]) -> Value {
    env.loki(&[&["verify", "--json"], more].concat()).expect_code(code).json()
}

#[test]
fn a_repair_is_verified_and_the_tree_stays_as_it_was() {
    for project in [Project::python(), Project::node()] {
        let env = repository(project);
        repair(&env, project);
        let before = files(&env);
        let report = verify(&env, 0, &[]);
        assert_eq!(report["verdict"], "verified", "{report}");
        assert_eq!(verdict(&report, "tests"), "pass");
        assert_eq!(before, files(&env), "nothing is left in the work tree");
    }
}

#[test]
fn what_fails_blocks_and_says_which_test() {
    let project = Project::python();
    let env = repository(project);
    env.write("note.txt", "a change that helps nothing\n");
    let report = verify(&env, 2, &[]);
    assert_eq!(verdict(&report, "tests"), "fail");
    let text = env.loki(&["verify"]).expect_code(2).stdout;
    assert!(text.contains("FAIL tests") && text.contains("discount"), "{text}");
    assert!(text.ends_with("must not be taken over like this.\n"), "{text}");
}

#[test]
fn a_test_made_to_pass_by_skipping_it_blocks() {
    let project = Project::python();
    let env = repository(project);
    let test = env.read("test_prices.py");
    let at = test.find("    def test_takes").unwrap_or_else(|| test.rfind("    def test_").unwrap());
    env.write("test_prices.py", format!("{}    @unittest.skip(\"later\")\n{}", &test[..at], &test[at..]));
    let report = verify(&env, 2, &[]);
    assert_eq!(verdict(&report, "test-integrity"), "fail", "{report}");
}

#[test]
fn a_leaked_key_blocks_and_is_not_shown() {
    let project = Project::python();
    let env = repository(project);
    repair(&env, project);
    let key = ["sk_live_", "51Hq9xKd82LmQp4TvBz7WcRy"].concat();
    env.write("settings.py", format!("TOKEN = \"{key}\"\n"));
    let run = env.loki(&["verify", "--json", "--gate", "secrets"]);
    let report = run.expect_code(2);
    assert_eq!(verdict(&report.json(), "secrets"), "fail");
    assert!(!report.stdout.contains(&key[12..]), "{}", report.stdout);
}

#[test]
fn one_verification_at_a_time_has_the_gates_home() {
    let project = Project::python();
    let env = repository(project);
    repair(&env, project);
    verify(&env, 0, &["--gate", "diff"]);
    let lock =
        loki_store::ProcessLock::acquire(&env.path(".loki/verify.lock"), &loki_store::SystemClock).unwrap();
    let report = verify(&env, 3, &[]);
    assert!(report["why"].as_str().unwrap().starts_with("another verification is at work"), "{report}");
    drop(lock);
    verify(&env, 0, &["--gate", "diff"]);
}

#[test]
fn a_base_is_a_commit_branch_or_tag_and_a_wrong_one_cannot_be_checked() {
    let project = Project::python();
    let env = repository(project);
    git(&env, &["tag", "v1"]);
    repair(&env, project);
    commit(&env, "repaired");
    assert_eq!(verify(&env, 3, &["--gate", "tests", "--base", "nowhere"])["verdict"], "could_not_check");
    for base in ["v1", "HEAD~1", "main~1"] {
        let report = verify(&env, 0, &["--base", base]);
        assert_eq!(verdict(&report, "diff"), "pass", "{base}");
    }
    let bare = crate::env();
    assert_eq!(verify(&bare, 3, &[])["verdict"], "could_not_check");
    env.loki(&["verify", "--gate", "tsets"]).expect_code(2);
}
