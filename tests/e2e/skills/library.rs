//! The library: every example at the command line is tried, and the specification's own checker accepts every skill.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use loki_kit::TestEnv;
use loki_kit::examples::{Example, Line, examples};
use loki_kit::packages;

use crate::env;

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../skills").canonicalize().unwrap()
}

fn names() -> Vec<String> {
    let folders = fs::read_dir(library()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = folders
        .filter(|path| path.join("SKILL.md").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 12);
    names
}

fn examples_of(name: &str) -> Vec<Example> {
    examples(&fs::read_to_string(library().join(name).join("SKILL.md")).unwrap())
}

/// Tries the documents and commands of one skill, in order, in one project.
fn try_out(name: &str) {
    let env = env();
    let mut commands = 0;
    for example in examples_of(name) {
        match (example.language.as_str(), example.with.as_str()) {
            ("markdown", file) => env.write(file, &example.body),
            ("sh", "loki") => {
                for line in example.body.lines().filter(|line| !line.trim().is_empty()) {
                    carry_out(&env, name, line);
                    commands += 1;
                }
            }
            (_, _) => {}
        }
    }
    assert!(commands > 0 || name == "forge-database", "{name} has no command to try");
}

fn carry_out(env: &TestEnv, name: &str, line: &str) {
    let Line { stdin, arguments, code, says } = Line::parse(line);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = env.loki_with_stdin(&arguments, stdin);
    let all = format!("{}\n{}", run.stdout, run.stderr);
    assert!(code.is_none() || run.code == code, "{name}: `{line}` ended with {:?}\n{all}", run.code);
    for said in says {
        assert!(all.contains(&said), "{name}: `{line}` does not say {said:?}\n{all}");
    }
}

macro_rules! tried {
    ($($test:ident: $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            try_out($name);
        })*

        #[test]
        fn every_skill_is_tried() {
            let mut tried = vec![$($name),*];
            tried.sort_unstable();
            assert_eq!(tried, names());
        }
    };
}

tried! {
    index: "forge",
    database: "forge-database",
    auth: "forge-auth",
    storage: "forge-storage",
    functions: "forge-functions",
    gateway: "forge-gateway",
    realtime: "forge-realtime",
    schedules: "forge-schedules",
    secrets: "forge-secrets",
    payments: "forge-payments",
    deploy: "forge-deploy",
    debugging: "forge-debugging",
}

/// The migrations of a skill, as files of a project, are applied by a run.
#[test]
fn migrations_of_skills_are_applied_as_files_too() {
    for name in ["forge-database", "forge-functions"] {
        let env = env();
        let migrations = examples_of(name).into_iter().filter(|example| example.with == "migration");
        for (n, example) in migrations.enumerate() {
            let first = example.body.lines().next().unwrap();
            let title = first.strip_prefix("migration: ").unwrap();
            env.write(&format!("forge/migrations/{:04}_{title}.yaml", n + 1), &example.body);
        }
        env.write("PRD.md", "# Pad\n\nA pad for notes.\n");
        let run = env.loki(&["start", "./PRD.md", "--headless"]);
        assert!(matches!(run.code, Some(0 | 10)), "{name}: {:?}\n{}\n{}", run.code, run.stdout, run.stderr);
        assert!(run.stdout.contains("is applied"), "{name}: {}", run.stdout);
    }
}

/// The specification's checker, where it can be had.
fn checker() -> Option<PathBuf> {
    packages::pypi(Path::new(env!("CARGO_TARGET_TMPDIR")), "skills-ref", &["skills-ref==0.1.1"])
}

/// `agentskills validate` of PyPI's `skills-ref`, where it can be had.
#[test]
fn the_specifications_checker_accepts_every_skill() {
    let Some(folder) = checker() else { return };
    for name in names() {
        let mut command = Command::new(folder.join("venv/bin/agentskills"));
        let output = command.arg("validate").arg(library().join(&name)).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
    }
    // And refuses what is none, so that its word counts.
    let env = env();
    env.write("Bad/SKILL.md", "---\nname: Bad\ndescription: x\n---\n");
    let mut command = Command::new(folder.join("venv/bin/agentskills"));
    assert!(!command.arg("validate").arg(env.path("Bad")).output().unwrap().status.success());
}

/// What loki refuses in a skill's beginning, and what the specification's checker does, agree where the
/// specification speaks.
#[test]
fn both_checkers_agree() {
    let Some(folder) = checker() else { return };
    let cases: [(&str, &str, bool); 8] = [
        ("plain", "name: plain\ndescription: x", true),
        (
            "full",
            "name: full\ndescription: x\nlicense: MIT\ncompatibility: git\nallowed-tools: Read\nmetadata:\n  a: b",
            true,
        ),
        ("extra", "name: extra\ndescription: x\nmodel: y", false),
        ("other", "name: another\ndescription: x", false),
        ("double--dash", "name: double--dash\ndescription: x", false),
        ("empty", "name: empty\ndescription: ''", false),
        ("twice", "name: twice\nname: twice\ndescription: x", false),
        ("none", "name: none", false),
    ];
    for (name, front, sound) in cases {
        let env = env();
        env.write(&format!("{name}/SKILL.md"), format!("---\n{front}\n---\n\nText.\n"));
        let ours = env.loki(&["skills", "validate", &format!("./{name}")]);
        assert_eq!(ours.code == Some(0), sound, "{name}: {}", ours.stdout);
        let mut command = Command::new(folder.join("venv/bin/agentskills"));
        let theirs = command.arg("validate").arg(env.path(name)).output().unwrap();
        assert_eq!(theirs.status.success(), sound, "{name}: {}", String::from_utf8_lossy(&theirs.stderr));
    }
}
