//! What holds for every command: streams, exit codes, JSON errors, broken pipes.

use std::process::Stdio;

use super::env;

#[test]
fn the_version_is_one_line() {
    let env = env();
    for flag in ["--version", "-V"] {
        let run = env.loki(&[flag]).expect_code(0);
        assert_eq!(run.stdout, format!("loki {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn help_is_a_result_and_a_wrong_argument_is_not() {
    let env = env();
    let help = env.loki(&["--help"]).expect_code(0);
    assert!(help.stdout.ends_with("143  ended by SIGTERM\n"), "{}", help.stdout);
    assert_eq!(help.stderr, "");
    let wrong = env.loki(&["doctr"]).expect_code(2);
    assert_eq!(wrong.stdout, "");
    assert!(wrong.stderr.starts_with("error: unrecognized subcommand 'doctr'\n"), "{}", wrong.stderr);
    let nothing = env.loki(&[]).expect_code(2);
    assert_eq!(nothing.stdout, "");
}

#[test]
fn with_json_an_error_is_one_json_line_on_stderr() {
    let env = env();
    for arguments in [&["doctor", "--json", "--nonsense"][..], &["config", "get", "run.nonsense", "--json"]] {
        let run = env.loki(arguments).expect_code(2);
        let error: serde_json::Value = serde_json::from_str(&run.stderr).expect("one JSON object");
        assert_eq!(error["error"]["exit_code"], 2);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn nothing_is_coloured_where_there_is_no_terminal() {
    let run = env().loki(&["doctor"]).expect_code(0);
    assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{}", run.stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = env();
    let mut command = env.command(&["completions", "bash"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("loki starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("loki ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_full_disk_under_the_output_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let ended = env().command(&["completions", "bash"]).stdout(full).output().expect("loki ends");
    assert_eq!(ended.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(stderr.starts_with("error: failed to write the output\n  No space left on device"), "{stderr}");
}

#[test]
fn looking_writes_nothing() {
    let env = env();
    for arguments in [&["doctor"][..], &["config", "show"], &["config", "path"], &["completions", "zsh"]] {
        env.loki(arguments).expect_code(0);
    }
    assert_eq!(env.tree(), Vec::<String>::new());
}
