use super::*;
use crate::policy::{Access, BOUNDS, Denied, Preset, layered};

fn words(denied: &Denied) -> String {
    Preset::Build.policy().advice(&places(), denied).words
}

#[test]
fn what_a_rule_can_allow_comes_with_the_rule() {
    let policy = Preset::Build.policy();
    let rule = |denied: Denied| policy.advice(&places(), &denied).rule.unwrap_or_default();
    let file = rule(Denied::File { path: "/home/u/data".into(), wanted: Access::Read });
    assert!(file.contains("path = \"~/data\"\naccess = \"read\""), "{file}");
    assert!(rule(Denied::Host { host: "example.com".to_owned(), port: 80 }).contains("ports = [80]"));
    assert!(
        rule(Denied::PrivateAddress { host: "db.example.com".to_owned(), port: 443 })
            .contains("private = true")
    );
    for bound in &BOUNDS {
        let value = bound.of(&policy.limits);
        let lines = rule(Denied::Limit { name: bound.name.to_owned(), value });
        let raised = layered(Preset::Build, Some(&document(&lines)), None).unwrap();
        assert!(bound.of(&raised.limits) > value, "{lines}");
        let most = policy.advice(&places(), &Denied::Limit { name: bound.name.to_owned(), value: bound.max });
        assert!(most.rule.is_none() && most.words.ends_with("No policy allows more."), "{}", most.words);
    }
}

#[test]
fn what_no_rule_can_allow_says_so() {
    let policy = Preset::Build.policy();
    for name in ["ptrace", "mount", "bpf", "io_uring_setup", "unshare", "something_new", "x\u{1b}[2J"] {
        let advice = policy.advice(&places(), &Denied::Syscall { name: name.to_owned() });
        assert!(advice.rule.is_none() && advice.words.ends_with("No policy allows it."), "{}", advice.words);
        assert!(!advice.words.contains('\u{1b}'));
    }
    let odd = Denied::File { path: "/srv/x\u{1b}[2J".into(), wanted: Access::Read };
    let advice = policy.advice(&places(), &odd);
    assert!(advice.rule.is_none() && !advice.words.contains('\u{1b}'), "{}", advice.words);
    let socket = Denied::UnixSocket { path: "/run/user/1000/bus".into() };
    assert!(policy.advice(&places(), &socket).rule.is_none());
    let shadow = Denied::File { path: "/etc/shadow".into(), wanted: Access::Read };
    assert!(policy.advice(&places(), &shadow).rule.is_none());
    let metadata = Denied::PrivateAddress { host: "169.254.169.254".to_owned(), port: 80 };
    assert!(policy.advice(&places(), &metadata).rule.is_none());
}

#[test]
fn a_refusal_that_was_not_the_policys_is_told_apart() {
    let allowed = words(&Denied::File { path: "/usr/bin/git".into(), wanted: Access::Read });
    assert!(allowed.ends_with("The refusal came from the file's own permissions."), "{allowed}");
    let allowed = words(&Denied::Host { host: "pypi.org".to_owned(), port: 443 });
    assert!(allowed.ends_with("The refusal came from the network or from the host."), "{allowed}");
}
