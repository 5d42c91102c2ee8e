//! What a command uses up ends it, with loki alive and nothing left behind.

use std::fs;
use std::time::{Duration, Instant};

use loki_kit::{Run, TestEnv};

use crate::env;

/// How long loki's own processes may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A small policy, so that every limit is near.
fn limited(limits: &str) -> TestEnv {
    let env = env();
    env.write("small.toml", format!("version = 1\n[limits]\n{limits}\n"));
    env
}

fn run(env: &TestEnv, script: &str) -> Run {
    env.loki(&["--json", "sandbox", "run", "--policy", "small.toml", "--", "bash", "-c", script])
}

/// Runs `script` and expects that this limit ended it, and nothing of it is left.
#[track_caller]
fn ends_by(limits: &str, limit: &str, script: &str) -> serde_json::Value {
    let env = limited(limits);
    let marker = format!("loki-limit-{limit}-{}", std::process::id());
    let report = run(&env, &format!(": {marker}; {script}")).expect_code(20).json();
    assert_eq!(report["end"]["how"], "limit", "{report:#}");
    assert_eq!(report["end"]["limit"], limit, "{report:#}");
    nothing_is_left(&marker);
    report
}

/// Expects that no process mentions `marker` on its command line.
///
/// The command's own must be gone. The copy of loki that confined it has said its last word and is not
/// waited for: that one may take until [`PATIENCE`] to end.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "real processes end by the real clock")]
fn nothing_is_left(marker: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = running(marker);
        let (lokis, commands): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|line| line.contains("\0sandbox\0run\0"));
        assert_eq!(commands, Vec::<String>::new(), "what the command started");
        if lokis.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there after {PATIENCE:?}: {lokis:?}");
        std::thread::yield_now();
    }
}

/// Command lines of processes that mention `marker`.
fn running(marker: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| line.contains(marker))
        .collect()
}

#[test]
fn an_endless_loop() {
    ends_by("wall_seconds_max = 1", "wall", "while :; do :; done");
}

#[test]
fn processor_time_of_all_processes_together() {
    let loops = "for i in 1 2 3 4; do (while :; do :; done) & done; wait";
    let report = ends_by("cpu_seconds_max = 1\nwall_seconds_max = 60", "cpu", loops);
    assert!(report["usage"]["cpu_ms"].as_u64().unwrap() >= 1_000, "{report:#}");
}

#[test]
fn a_fork_bomb() {
    let report = ends_by(
        "processes_max = 64\nwall_seconds_max = 60",
        "processes",
        "f() { f | f & }; f; wait; sleep 60",
    );
    assert!(report["usage"]["processes_peak"].as_u64().unwrap() >= 64, "{report:#}");
}

#[test]
fn memory_of_all_processes_together() {
    // Each is below the limit by itself.
    let hogs = "for i in 1 2 3 4; do head -c 100000000 /dev/zero | tail -c 100000000 | (sleep 60; cat) >/dev/null & done; wait";
    ends_by("memory_bytes_max = 268435456\nwall_seconds_max = 60", "memory", hogs);
}

#[test]
fn one_file_that_grows_too_large() {
    ends_by(
        "file_bytes_max = 1048576",
        "written",
        "exec dd if=/dev/zero of=big bs=65536 count=1000 status=none",
    );
}

#[test]
fn many_files_that_grow_too_large_together() {
    let many = "for i in $(seq 1000); do dd if=/dev/zero of=f$i bs=1000000 count=8 status=none; done";
    ends_by("written_bytes_max = 67108864\nwall_seconds_max = 60", "written", many);
}

#[test]
fn a_gigabyte_of_output() {
    let report = ends_by("output_bytes_max = 1000000", "output", "head -c 1000000000 /dev/zero");
    assert_eq!(report["stdout"].as_str().unwrap().len(), 1_000_000);
}

#[test]
fn what_outlives_the_command_is_ended_with_it() {
    let env = limited("wall_seconds_max = 60");
    let marker = format!("loki-daemon-{}", std::process::id());
    let daemon = format!("(setsid bash -c 'sleep 600; : {marker}' >/dev/null 2>&1 &) ; echo done");
    let report = run(&env, &daemon).expect_code(0).json();
    assert_eq!(report["stdout"], "done\n");
    assert!(report["usage"]["left_over"].as_u64().unwrap() >= 1, "{report:#}");
    nothing_is_left(&marker);
}

#[test]
fn usage_is_told() {
    let env = limited("wall_seconds_max = 60");
    let script = "head -c 3000000 /dev/zero > three; head -c 50000000 /dev/zero | tail -c 50000000 | wc -c";
    let report = run(&env, script).expect_code(0).json();
    let usage = |key: &str| report["usage"][key].as_u64().unwrap();
    assert!(usage("memory_bytes_peak") > 40_000_000, "{report:#}");
    assert!((3_000_000..4_000_000).contains(&usage("written_bytes")), "{report:#}");
    assert_eq!(usage("output_bytes"), 9, "{report:#}");
    assert!(usage("wall_ms") >= 1 && usage("cpu_ms") >= 1, "{report:#}");
}

/// On kernels before 6.14 root could write the machine's own highest process number from inside.
#[test]
fn the_machines_own_limits_stay() {
    let machine = || {
        ["pid_max", "threads-max", "shmall"]
            .map(|name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap())
    };
    let before = machine();
    run(&limited("processes_max = 64"), "cat /proc/sys/kernel/pid_max").expect_code(0);
    assert_eq!(machine(), before);
}
