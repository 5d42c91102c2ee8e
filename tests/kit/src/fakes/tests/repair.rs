//! The repairs: the projects are as they say, and the script comes to its end through anything.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::super::projects::Project;
use super::super::repair::Repair;
use super::super::script::{Call, Reply, Script, Seen, ToolResult};

/// Iterations after which a run would be stuck.
const ITERATIONS_MAX: usize = 12;

/// Runs a project's tests: whether they pass; none where this machine has no such language.
fn tests_pass(project: &Project, folder: &Path) -> Option<bool> {
    let mut words = project.test_command.split(' ');
    let program = match words.next().unwrap() {
        "cargo" => env!("CARGO"),
        other => other,
    };
    let mut command = Command::new(program);
    command
        .args(words)
        .current_dir(folder)
        .env_remove("RUSTFLAGS")
        .env("CARGO_TARGET_DIR", folder.join("target"));
    Some(command.output().ok()?.status.success())
}

#[test]
fn the_tests_of_each_project_fail_until_it_is_repaired() {
    for project in Project::all() {
        let folder = tempfile::tempdir().unwrap();
        project.write(folder.path());
        let target = folder.path().join(project.target);
        let original = std::fs::read_to_string(&target).unwrap();
        assert_eq!(original.matches(project.broken).count(), 1, "{}", project.name);
        for (text, passes) in [(project.broken, false), (project.wrong, false), (project.fixed, true)] {
            std::fs::write(&target, original.replace(project.broken, text)).unwrap();
            let Some(passed) = tests_pass(&project, folder.path()) else {
                eprintln!("{}: not on this machine", project.name);
                break;
            };
            assert_eq!(passed, passes, "{}: {text}", project.name);
            assert_eq!(project.is_repaired(folder.path()), passes);
        }
    }
}

/// A run without a wire: phases in fresh conversations, tools on a text in memory.
struct Run {
    script: Script,
    project: Project,
    text: String,
    requests: usize,
    /// The request at which the run is killed and begins again with its phase.
    killed_at: Option<usize>,
    claims: usize,
    /// Whether a claim is answered with success, as where it is only looked at later.
    marks_failures: bool,
}

impl Run {
    fn new(project: Project, repair: Repair) -> Run {
        let original = project.files.iter().find(|(name, _)| *name == project.target).unwrap().1;
        Run {
            script: repair.script(),
            project,
            text: original.to_owned(),
            requests: 0,
            killed_at: None,
            claims: 0,
            marks_failures: true,
        }
    }

    fn is_repaired(&self) -> bool {
        self.text.contains(self.project.fixed)
    }

    /// Iterations until a claim holds.
    fn iterations(&mut self) -> Option<usize> {
        (1..=ITERATIONS_MAX).find(|_| {
            self.phase(&["plan", "read_file"]);
            self.phase(&["read_file", "edit_file", "run_command", "finish"]) && self.is_repaired()
        })
    }

    /// Whether the phase ended with a claim.
    fn phase(&mut self, tools: &[&str]) -> bool {
        let mut seen =
            Seen { tools: tools.iter().map(|tool| (*tool).to_owned()).collect(), ..Seen::default() };
        let mut nudged = false;
        loop {
            self.requests += 1;
            assert!(self.requests < 300, "the script goes round in circles");
            let reply = self.script.decide(&seen).unwrap();
            if self.killed_at == Some(self.requests) {
                seen.results.clear();
                continue;
            }
            if reply.http.is_some() || reply.error.is_some() || reply.delivery.cut.is_some() {
                continue;
            }
            if reply.calls.is_empty() {
                // An empty turn gets one nudge.
                if !reply.text.is_empty() || nudged {
                    return false;
                }
                nudged = true;
            }
            for call in &reply.calls {
                let (failed, output) = self.carry_out(call);
                let input = serde_json::from_str(&call.arguments).unwrap_or(Value::Null);
                let failed = self.marks_failures.then_some(failed);
                seen.results.push(ToolResult {
                    id: String::new(),
                    tool: call.tool.clone(),
                    input,
                    failed,
                    output,
                });
                if call.tool == "finish" {
                    self.claims += 1;
                    return true;
                }
            }
        }
    }

    fn carry_out(&mut self, call: &Call) -> (bool, String) {
        let Ok(input) = serde_json::from_str::<Value>(&call.arguments) else {
            return (true, "the input is no JSON".to_owned());
        };
        match call.tool.as_str() {
            "read_file" => (false, self.text.clone()),
            "edit_file" => {
                let (old, new) = (input["old"].as_str().unwrap(), input["new"].as_str().unwrap());
                assert!(self.text.contains(old), "an edit of what is not there: {old}");
                self.text = self.text.replace(old, new);
                (false, "edited".to_owned())
            }
            "run_command" => {
                assert_eq!(input, json!({"command": self.project.test_command}));
                (!self.is_repaired(), "ran".to_owned())
            }
            _ => (false, "noted".to_owned()),
        }
    }
}

#[test]
fn a_repair_lies_once_and_then_does_it() {
    for project in Project::all() {
        let mut run = Run::new(project, Repair::new(project, Path::new("/nowhere")));
        assert_eq!(run.iterations(), Some(2));
        assert_eq!(run.claims, 2);
        let mut honest = Run::new(project, Repair::new(project, Path::new("/nowhere")).honest());
        assert_eq!((honest.iterations(), honest.claims), (Some(1), 1));
    }
}

#[test]
fn every_fault_together_does_not_stop_it() {
    for marks_failures in [true, false] {
        let project = Project::rust();
        let mut run = Run::new(project, Repair::new(project, Path::new("/nowhere")).with_every_fault());
        run.marks_failures = marks_failures;
        let iterations = run.iterations();
        assert!(iterations.is_some_and(|iterations| (2..5).contains(&iterations)), "{iterations:?}");
        assert!(run.claims >= 2);
    }
}

#[test]
fn killed_at_any_request_it_comes_to_its_end() {
    let project = Project::node();
    let repair = || Repair::new(project, Path::new("/nowhere")).with_every_fault();
    let mut whole = Run::new(project, repair());
    assert!(whole.iterations().is_some());
    for killed_at in 1..=whole.requests {
        let mut run = Run::new(project, repair());
        run.killed_at = Some(killed_at);
        assert!(run.iterations().is_some(), "killed at {killed_at}");
    }
}

#[test]
fn agents_get_calls_of_their_own_tools() {
    let project = Project::python();
    let offers = |tools: &[&str]| Seen {
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        ..Seen::default()
    };
    let first = |tools: &[&str]| -> Reply {
        Repair::new(project, Path::new("/p")).script().decide(&offers(tools)).unwrap()
    };
    let call = |reply: &Reply| (reply.calls[0].tool.clone(), reply.calls[0].arguments.clone());
    let (tool, arguments) = call(&first(&["Read", "Edit", "Bash"]));
    assert_eq!((tool.as_str(), arguments.as_str()), ("Read", "{\"file_path\":\"/p/prices.py\"}"));
    let (tool, arguments) = call(&first(&["exec_command", "update_plan"]));
    assert_eq!((tool.as_str(), arguments.as_str()), ("exec_command", "{\"cmd\":\"cat prices.py\"}"));
    assert!(first(&[]).calls.is_empty());
}
