use std::path::Path;

use super::*;
use crate::policy::{Access, Origin, Policy, Preset, layered};

fn policy() -> Policy {
    let user = document(
        &[
            file_rule("~/.cache/pip", "write"),
            host_rule(
                "api.example.com",
                "ports = [8443]\nprivate = true\nheaders = { authorization = 'secret:S' }",
            ),
            "[[secrets]]\nname='S'\nvariable='S_TOKEN'\nreason='signs requests'\n".to_owned(),
            "[[environment]]\nname='MODE'\nvalue='strict'\nreason='tests look at it'\n".to_owned(),
            "[limits]\nwall_seconds_max = 99\n".to_owned(),
        ]
        .concat(),
    );
    layered(Preset::Test, Some(&user), Some(&document(&file_rule("docs", "protect")))).unwrap()
}

#[test]
fn everything_is_said_once_with_reason_and_origin() {
    let policy = policy();
    let explained = policy.explain();
    let titles: Vec<&str> = explained.topics.iter().map(|topic| topic.title).collect();
    assert_eq!(titles, ["files", "network", "environment", "secrets", "limits"]);
    let about = |index: usize| explained.topics[index].statements.iter().flat_map(|said| &said.about).count();
    assert_eq!(about(0), policy.files.len());
    assert_eq!(about(2), policy.environment.len());
    for said in explained.topics.iter().flat_map(|topic| &topic.statements) {
        assert!(!said.reason.is_empty() && !said.about.is_empty());
    }
    let text = explained.to_string();
    for line in [
        "preset test",
        "  write .: the project is what the command works on (built in)",
        "  write ~/.cache/pip: r (your policy)",
        "  protect docs: r (the project's policy)",
        "  reach api.example.com on 8443, on private addresses too, setting authorization: r (your policy)",
        "  set MODE=strict: tests look at it (your policy)",
        "  put into requests S from $S_TOKEN: signs requests (your policy)",
        "  at most 99 seconds of time: `wall_seconds_max` (a policy's file)",
        "  at most 4800 seconds of processor time: `cpu_seconds_max` (built in)",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("secret:S"), "values of headers are not shown");
}

#[test]
fn a_file_is_explained_by_its_rule() {
    let policy = policy();
    let ask = |path: &str, wanted: Access| policy.explain_file(&places(), Path::new(path), wanted);
    let answer = ask("/usr/bin/git", Access::Read);
    assert!(answer.allowed && answer.rule.is_none());
    assert_eq!(
        answer.words,
        "`/usr/bin/git` can be read but not written for the command: programs and libraries of the machine (`/usr`, built in)."
    );
    let answer = ask("/home/u/data/x", Access::Write);
    assert!(
        !answer.allowed && answer.words.ends_with("To allow it, put into your policy file:"),
        "{}",
        answer.words
    );
    let lines = "[[files]]\npath = \"~/data/x\"\naccess = \"write\"\nreason = \"why the command needs it\"\n";
    assert_eq!(answer.rule.as_deref(), Some(lines));
    let answer = ask("/home/u/work/app/docs/x", Access::Write);
    assert!(answer.rule.is_none() && answer.words.contains("only the project's policy gives back"));
    let answer = ask("/etc/shadow", Access::Read);
    assert!(answer.rule.is_none() && answer.words.contains("No policy can change that"), "{}", answer.words);
    let answer = ask("/home/u/work/app/.git/hooks/pre-commit", Access::Write);
    assert!(answer.rule.is_none() && answer.words.contains("No policy can change that"), "{}", answer.words);
    assert!(ask("/home/u/.cache/pip", Access::Write).allowed);
}

#[test]
fn a_rule_of_the_users_own_is_to_be_changed_and_not_doubled() {
    let user = document(&file_rule("~/data", "read"));
    let policy = layered(Preset::Test, Some(&user), None).unwrap();
    let answer = policy.explain_file(&places(), Path::new("/home/u/data"), Access::Write);
    assert!(answer.words.ends_with("Change that rule in your policy file to:"), "{}", answer.words);
}

#[test]
fn a_host_is_explained_by_its_rule() {
    let policy = policy();
    let answer = policy.explain_host("api.example.com", 8443);
    assert!(answer.allowed && answer.words.contains("your policy"), "{}", answer.words);
    let answer = policy.explain_host("*", 443);
    assert!(answer.rule.is_none() && answer.words.contains("No policy"), "{}", answer.words);
    assert!(policy.explain_host("169.254.169.254", 80).rule.is_none());
    assert_eq!(
        policy.explain_host("Example.com", 443).rule.as_deref(),
        Some("[[network]]\nhost = \"example.com\"\nreason = \"what the command gets there\"\n")
    );
}

/// What is suggested is accepted, and allows what was asked for.
#[test]
fn suggestions_work() {
    let before = Preset::Test.policy();
    let after = |rule: &Option<String>| {
        layered(Preset::Test, Some(&document(rule.as_ref().expect("a rule is suggested"))), None).unwrap()
    };
    for path in [
        "/home/u/data",
        "/home/u/work/app/.vscode/x",
        "/home/u/work/app/@x \"q\" \\",
        "/srv/x",
        "/home/u/work/app/.envrc",
    ] {
        for wanted in [Access::Read, Access::Write] {
            let answer = before.explain_file(&places(), Path::new(path), wanted);
            if !answer.allowed {
                let access = after(&answer.rule).file(&places(), Path::new(path)).0;
                assert!(access >= wanted, "{path}");
            }
        }
    }
    for (host, port) in [
        ("example.com", 443),
        ("API.example.com.", 80),
        ("127.0.0.1", 5432),
        ("[::1]", 443),
        ("localhost", 1),
    ] {
        let answer = before.explain_host(host, port);
        assert!(
            after(&answer.rule).host(host, port).is_some_and(|rule| rule.origin == Origin::User),
            "{host}"
        );
    }
}
