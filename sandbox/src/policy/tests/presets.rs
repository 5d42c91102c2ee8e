use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::policy::{Access, BOUNDS, Policy, Preset, VariableRule, looks_secret};

fn at(policy: &Policy, path: &str) -> Access {
    policy.file(&places(), Path::new(path)).0
}

#[test]
fn each_preset_is_no_wider_than_the_next() {
    for pair in Preset::ALL.windows(2) {
        let (narrow, wide) = (pair[0].policy(), pair[1].policy());
        let paths = |policy: &Policy| policy.files.iter().map(|rule| rule.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&narrow), paths(&wide), "{}: a user's rules would not stay in order", narrow.preset);
        for (narrow, wide) in narrow.files.iter().zip(&wide.files) {
            assert!(narrow.access <= wide.access, "{}", narrow.path);
        }
        assert!(narrow.network.iter().all(|rule| wide.network.contains(rule)));
        assert_eq!(narrow.environment, wide.environment);
        for bound in &BOUNDS {
            assert!(bound.of(&narrow.limits) <= bound.of(&wide.limits), "{}", bound.name);
        }
    }
}

#[test]
fn every_rule_is_sound_and_has_a_reason() {
    for preset in Preset::ALL {
        let policy = preset.policy();
        let mut seen = BTreeSet::new();
        for rule in &policy.files {
            assert!(seen.insert(&rule.path), "{} stands twice", rule.path);
            assert!(!rule.reason.is_empty(), "{}", rule.path);
            if !rule.path.starts_with('@') {
                assert_eq!(crate::policy::paths::normalized(&rule.path).as_ref(), Ok(&rule.path));
            }
        }
        for rule in &policy.network {
            assert_eq!(crate::policy::hosts::normalized(&rule.host).as_ref(), Ok(&rule.host));
            assert!(
                !rule.host.starts_with("*.")
                    && rule.ports == [443]
                    && !rule.private
                    && rule.headers.is_empty()
            );
            assert!(!rule.reason.is_empty(), "{}", rule.host);
        }
        for VariableRule { name, reason, .. } in &policy.environment {
            assert_eq!(crate::policy::variables::sound_name(name), Ok(()));
            assert!(!looks_secret(name) && !reason.is_empty(), "{name}");
        }
        for bound in &BOUNDS {
            assert!((bound.min..=bound.max).contains(&bound.of(&policy.limits)), "{}", bound.name);
        }
        assert!(policy.secrets.is_empty());
        assert_eq!(Preset::named(preset.name()), Some(preset));
    }
}

#[test]
fn keys_and_passwords_are_not_there() {
    let policy = Preset::Network.policy();
    for hidden in [
        "/etc",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssl/private/server.key",
        "/etc/pki/tls/private/localhost.key",
        "/etc/kubernetes/admin.conf",
        "/etc/krb5.keytab",
        "/etc/machine-id",
        "/etc/default/service",
        "/usr/local/etc/service.conf",
        "/proc/kcore",
        "/proc/sysrq-trigger",
        "/dev/sda",
        "/dev/mem",
        "/run/docker.sock",
        "/run/systemd/resolve/io.systemd.Resolve",
        "/sys/fs/cgroup",
        "/var/lib/service",
        "/root/.ssh/id_ed25519",
        "/home/u",
        "/home/u/.ssh/id_ed25519",
        "/home/u/.cargo/credentials.toml",
        "/home/u/.cargo/registry",
        "/home/u/.npmrc",
        "/home/u/.netrc",
        "/home/u/.gitconfig",
        "/home/u/.git-credentials",
        "/home/u/.config/pip/pip.conf",
        "/home/u/.config/loki/config.toml",
        "/home/u/.local/share/uv/credentials",
        "/home/u/.aws/credentials",
        "/home/u/.bashrc",
        "/home/u/work/other/src/main.rs",
        "/home/u/work/app/.loki/loki.db",
        "/home/other",
        "/",
    ] {
        assert_eq!(at(&policy, hidden), Access::Hide, "{hidden}");
    }
}

#[test]
fn toolchains_and_the_project_are_there() {
    let policy = Preset::Build.policy();
    for readable in [
        "/usr/bin/git",
        "/lib64/ld-linux-x86-64.so.2",
        "/etc/ld.so.cache",
        "/etc/passwd",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/java-17-openjdk/security/java.security",
        "/nix/store/x/bin/sh",
        "/proc/self/status",
        "/sys/devices/system/cpu/online",
        "/home/u/.cargo/bin/cargo",
        "/home/u/.cargo/config.toml",
        "/home/u/.rustup/toolchains/stable/bin/rustc",
        "/home/u/.nvm/versions/node/v22/bin/node",
        "/home/u/.local/bin/uv",
        "/home/u/sdk/go1.25/bin/go",
    ] {
        assert_eq!(at(&policy, readable), Access::Read, "{readable}");
    }
    for writable in [
        "/dev/null",
        "/dev/tty",
        "/dev/shm/x",
        "/var/lib/sandbox/home/.cargo/registry",
        "/var/lib/sandbox/tmp/x",
        "/home/u/work/app",
        "/home/u/work/app/src/main.rs",
        "/home/u/work/app/.git/index",
        "/home/u/work/app/.github/workflows/ci.yml",
        "/home/u/work/app/sub/.vscode/settings.json",
    ] {
        assert_eq!(at(&policy, writable), Access::Write, "{writable}");
    }
    for kept in [
        ".git/hooks/pre-commit",
        ".git/config",
        ".vscode/tasks.json",
        ".envrc",
        ".husky/_/h",
        ".claude/x",
        ".mcp.json",
    ] {
        assert_eq!(at(&policy, &format!("/home/u/work/app/{kept}")), Access::Protect, "{kept}");
    }
}

#[test]
fn read_only_changes_nothing_but_the_sandboxs_own() {
    let policy = Preset::ReadOnly.policy();
    assert_eq!(at(&policy, "/home/u/work/app/src"), Access::Read);
    for (path, rule) in policy.expand(&places()).into_iter().filter(|(_, rule)| rule.access.writes()) {
        assert!(path.starts_with("/dev") || path.starts_with("/var/lib/sandbox"), "{}", rule.path);
    }
}

#[test]
fn the_network_is_open_only_where_the_preset_says_so() {
    let [read_only, test, build, network] = Preset::ALL.map(Preset::policy);
    for host in ["index.crates.io", "registry.npmjs.org", "pypi.org", "proxy.golang.org", "repo1.maven.org"] {
        assert!(read_only.host(host, 443).is_none() && test.host(host, 443).is_none(), "{host}");
        assert!(build.host(host, 443).is_some() && network.host(host, 443).is_some(), "{host}");
        assert!(network.host(host, 80).is_none(), "{host}");
    }
    assert!(build.host("github.com", 443).is_none() && network.host("github.com", 443).is_some());
    assert!(network.host("example.com", 443).is_none());
}
