//! However loki or its command ends, nothing is left running.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use loki_kit::TestEnv;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::levels::command_without_namespaces;
use crate::env;

/// After this a process that should have gone is taken to stay.
const GONE_WITHIN: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// A confined command that has begun, with children and a grandchild of a session of its own.
fn begun(env: &TestEnv, marker: &str) -> Child {
    let script = format!("sleep 600 & setsid sleep 601 & echo begun; : {marker}; wait");
    started(&mut env.command(&["sandbox", "run", "--", "bash", "-c", &script]), marker)
}

/// Starts loki and waits until its command has said that it has begun.
fn started(command: &mut Command, marker: &str) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("loki starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
    assert_eq!(line, "begun\n");
    assert!(!with(marker).is_empty(), "the command is not seen, so the test would show nothing");
    child
}

/// Processes whose command line mentions `marker`.
fn with(marker: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let mentions = |id: &u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(marker)
    };
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(mentions).collect()
}

/// The helpers whose parent is `loki`, and everything below them.
fn below(loki: u32) -> Vec<u32> {
    let parent = |id: u32| -> Option<u32> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all: Vec<u32> = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut found = vec![loki];
    let mut next = 0;
    while let Some(&id) = found.get(next) {
        found.extend(all.iter().filter(|child| parent(**child) == Some(id)));
        next += 1;
    }
    found.split_off(1)
}

/// Handles of processes, which stay theirs whatever is given their numbers later.
fn handles(processes: &[u32]) -> Vec<OwnedFd> {
    let open = |id: &u32| pidfd_open(Pid::from_raw(id.cast_signed())?, PidfdFlags::empty()).ok();
    processes.iter().filter_map(open).collect()
}

/// Waits until all of them have ended.
#[track_caller]
fn gone(handles: &[OwnedFd]) {
    for handle in handles {
        let mut ended = [PollFd::new(handle, PollFlags::IN)];
        poll(&mut ended, Some(&GONE_WITHIN)).expect("wait for a process");
        assert!(ended[0].revents().contains(PollFlags::IN), "a process is still there");
    }
}

#[test]
fn nothing_is_left_when_loki_is_killed() {
    let env = env();
    let mut child = begun(&env, "loki-killed");
    let processes = handles(&below(child.id()));
    assert!(processes.len() >= 5, "helper, first process, shell and two sleeps");
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    gone(&processes);
}

#[test]
fn nothing_is_left_when_the_helper_is_killed() {
    let env = env();
    let mut child = begun(&env, "loki-helper-killed");
    let processes = below(child.id());
    let helper = processes[0];
    let processes = handles(&processes);
    Command::new("kill").args(["-9", &helper.to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    gone(&processes);
}

#[test]
fn without_namespaces_the_command_ends_with_its_helper() {
    let env = env();
    let arguments =
        ["sandbox", "run", "--sandbox", "degrade", "--", "bash", "-c", "echo begun; : loki-alone; read -r _"];
    let mut command = command_without_namespaces(&env, &arguments);
    let mut child = started(command.stdin(Stdio::piped()), "loki-alone");
    let processes = below(child.id());
    let (helper, handles) = (processes[0], handles(&processes));
    assert!(handles.len() >= 2, "helper and command");
    Command::new("kill").args(["-9", &helper.to_string()]).status().unwrap();
    gone(&handles);
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn asking_loki_to_end_ends_the_command() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let env = env();
        let mut child = begun(&env, "loki-asked");
        let processes = handles(&below(child.id()));
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        gone(&processes);
    }
}

#[test]
fn every_call_is_recorded_with_its_end() {
    let env = env();
    env.loki(&["sandbox", "run", "--", "sh", "-c", "exit 7"]).expect_code(7);
    env.loki(&["sandbox", "run", "--", "no-such-program"]).expect_code(127);
    let text = env.read(".loki/sandbox/calls.jsonl");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[0]["what"]["began"]["command"], serde_json::json!(["sh", "-c", "exit 7"]));
    assert_eq!(lines[0]["what"]["began"]["policy"].as_str().unwrap().len(), 64);
    assert_eq!(lines[1]["call"], lines[0]["call"]);
    assert_eq!(lines[1]["what"]["ended"]["end"], serde_json::json!({"how": "exited", "code": 7}));
    assert_eq!(lines[1]["what"]["ended"]["level"], "isolated");
    assert_eq!(lines[3]["what"]["ended"]["end"]["how"], "not-started");
    // A call whose loki was killed has a beginning and no end.
    let mut child = begun(&env, "loki-recorded");
    child.kill().unwrap();
    child.wait().unwrap();
    let text = env.read(".loki/sandbox/calls.jsonl");
    assert_eq!(text.lines().count(), 5, "{text}");
}
