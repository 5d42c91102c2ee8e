//! Machines that offer less, made for real: no namespaces, no Landlock, an older Landlock, a sandbox
//! already around loki.

use std::process::Command;

use loki_kit::{Run, TestEnv};

use crate::env;

/// Takes the right to make namespaces from whatever runs in it, as container engines do.
const WITHOUT_NAMESPACES: &str = "echo 0 > /proc/sys/user/max_user_namespaces && \
    exec setpriv --bounding-set=-all --inh-caps=-all -- \"$@\"";

/// Runs loki where no namespaces can be made.
fn without_namespaces(env: &TestEnv, arguments: &[&str]) -> Run {
    let output = command_without_namespaces(env, arguments).output().expect("unshare runs");
    Run::of(arguments, &output)
}

/// The same, not started yet. It becomes loki: there is no process in between.
pub(super) fn command_without_namespaces(env: &TestEnv, arguments: &[&str]) -> Command {
    let loki = env.command(arguments);
    let mut outer = Command::new("unshare");
    outer.args(["--user", "--map-root-user", "sh", "-c", WITHOUT_NAMESPACES, "sh"]);
    outer.arg(loki.get_program()).args(loki.get_args());
    outer.current_dir(env.root()).env_clear();
    outer.envs(loki.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

#[test]
fn a_machine_that_has_everything_says_so() {
    let env = env();
    let report = env.loki(&["--json", "sandbox", "diagnose"]).expect_code(0).json();
    assert_eq!(report["used"], "isolated", "{report:#}");
    assert_eq!(report["support"]["namespaces"], serde_json::Value::Null);
    assert!(!env.has(".loki"), "looking changes nothing");
}

#[test]
fn without_namespaces_nothing_runs_until_that_is_accepted() {
    let env = env();
    let report = without_namespaces(&env, &["--json", "sandbox", "diagnose"]).expect_code(1).json();
    assert_eq!((&report["strongest"], &report["refused"]), (&"landlock".into(), &true.into()));
    let refused = without_namespaces(&env, &["sandbox", "run", "--", "touch", "ran"]).expect_code(2);
    assert!(refused.stderr.contains("`--sandbox degrade`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("namespaces cannot be made"), "{}", refused.stderr);
    assert!(!env.has("ran"));
    for accepted in [&["--sandbox", "degrade"][..], &["--level", "landlock"]] {
        let arguments = [&["--json", "sandbox", "run"], accepted, &["--", "echo", "ran"]].concat();
        let report = without_namespaces(&env, &arguments).expect_code(0).json();
        assert_eq!((&report["level"], &report["stdout"]), (&"landlock".into(), &"ran\n".into()));
    }
}

#[test]
fn without_landlock_namespaces_hold_where_that_is_accepted() {
    let env = env();
    let arguments = ["sandbox", "run", "--landlock-max", "0"];
    let refused = env.loki(&[&arguments[..], &["--", "true"]].concat()).expect_code(2);
    assert!(refused.stderr.contains("no Landlock"), "{}", refused.stderr);
    let script = "! cat /etc/shadow 2>/dev/null && ! ls /root/.ssh 2>/dev/null && ! touch /usr/x 2>/dev/null && \
                  ! sh -c 'echo x > /proc/sys/kernel/domainname' 2>/dev/null && echo held";
    let confined =
        [&["--json"], &arguments[..], &["--sandbox", "degrade", "--", "sh", "-c", script]].concat();
    let report = env.loki(&confined).expect_code(0).json();
    assert_eq!((&report["level"], &report["stdout"]), (&"namespaces".into(), &"held\n".into()));
}

#[test]
fn an_older_landlock_is_enough_or_is_named() {
    let env = env();
    for version in ["3", "4", "5", "6"] {
        let arguments = ["--json", "sandbox", "run", "--landlock-max", version, "--", "true"];
        assert_eq!(env.loki(&arguments).expect_code(0).json()["level"], "isolated", "version {version}");
    }
    let arguments = ["sandbox", "run", "--landlock-max", "2", "--", "true"];
    let refused = env.loki(&arguments).expect_code(2);
    assert!(refused.stderr.contains("Landlock has version 2"), "{}", refused.stderr);
}

#[test]
fn where_neither_is_there_only_off_runs_anything() {
    let env = env();
    let refused = without_namespaces(
        &env,
        &["sandbox", "run", "--sandbox", "degrade", "--landlock-max", "0", "--", "true"],
    );
    let refused = refused.expect_code(2);
    assert!(refused.stderr.contains("`--sandbox off`"), "{}", refused.stderr);
    let off = ["--json", "sandbox", "run", "--sandbox", "off", "--", "sh", "-c", "echo $HOME; exit 4"];
    let report = without_namespaces(&env, &off).expect_code(4).json();
    assert_eq!(report["level"], serde_json::Value::Null);
    assert_eq!(report["stdout"], format!("{}\n", env.home().display()));
}

#[test]
fn the_weakest_level_still_lets_work_be_done() {
    let env = env();
    env.write("src/a.txt", "one\n");
    env.write(
        "Makefile",
        "all:\n\tcp src/a.txt src/b.txt\n\tchmod 640 src/b.txt\n\ttouch -d 2001-01-01 src/b.txt\n",
    );
    let script = "make -s && mkdir src/new && echo two > src/new/c.txt && mv src/new/c.txt src/ && \
                  echo x > ~/cache && echo y > $TMPDIR/f && cat src/b.txt";
    let arguments = ["sandbox", "run", "--sandbox", "degrade", "--", "sh", "-euc", script];
    let run = without_namespaces(&env, &arguments).expect_code(0);
    assert_eq!(run.stdout, "one\n");
    assert_eq!(env.read("src/c.txt"), "two\n");
}

#[test]
fn the_weakest_level_guards_what_landlock_does_not() {
    let env = env();
    env.write("src/a.txt", "");
    std::fs::create_dir_all(env.path(".git/hooks")).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let path = outside.path().display();
    let script = format!(
        "! chmod 777 {path} 2>/dev/null; ! touch -d 2001-01-01 {path} 2>/dev/null; ! cat {path} 2>/dev/null; \
         ! cat .loki/.gitignore 2>/dev/null; ! touch .git/hooks/pre-commit 2>/dev/null; ! touch top 2>/dev/null; \
         ! (exec 3<>/dev/tcp/127.0.0.1/22) 2>/dev/null; ! kill -0 {} 2>/dev/null; ! chmod u+s src/a.txt 2>/dev/null; echo held",
        std::process::id()
    );
    let arguments = ["--json", "sandbox", "run", "--sandbox", "degrade", "--", "bash", "-euc", &script];
    let report = without_namespaces(&env, &arguments).expect_code(0).json();
    assert_eq!(report["stdout"], "held\n", "{report:#}");
    let denied: Vec<&str> =
        report["denials"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert!(denied.contains(&"metadata"), "{report:#}");
}

#[test]
fn a_fork_bomb_at_the_weakest_level_ends_too() {
    let env = env();
    env.write("small.toml", "version = 1\n[limits]\nprocesses_max = 64\nwall_seconds_max = 30\n");
    let bomb = "f() { f | f & }; f; wait; sleep 60";
    let arguments = [
        "--json",
        "sandbox",
        "run",
        "--sandbox",
        "degrade",
        "--policy",
        "small.toml",
        "--",
        "bash",
        "-c",
        bomb,
    ];
    let report = without_namespaces(&env, &arguments).expect_code(20).json();
    assert_eq!(report["end"]["how"], "limit", "{report:#}");
}

#[test]
fn a_sandbox_in_a_sandbox_says_why_not() {
    let env = env();
    let loki = env.command(&[]).get_program().to_str().unwrap().to_owned();
    std::fs::copy(loki, env.path("loki")).unwrap();
    let inner = [
        "sandbox",
        "run",
        "--",
        "./loki",
        "sandbox",
        "run",
        "--sandbox",
        "degrade",
        "--project",
        "/tmp/x",
        "--",
    ];
    std::fs::create_dir_all(env.path(".loki/sandbox/tmp/x")).unwrap();
    let run = env.loki(&[&inner[..], &["true"]].concat()).expect_code(2);
    assert!(run.stderr.contains("another sandbox around loki"), "{}", run.stderr);
}
