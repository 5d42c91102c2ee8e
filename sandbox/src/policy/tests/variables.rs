use super::*;
use crate::policy::{Preset, holds_credentials, layered, looks_secret};

#[test]
fn a_command_gets_what_rules_name() {
    let policy = layered(
        Preset::Build,
        Some(&document(
            "[[environment]]\nname='APP_*'\nreason='r'\n[[environment]]\nname='DB_PASSWORD'\nreason='the test database'\n\
             [[environment]]\nname='CACHE'\nvalue='@home/cache'\nreason='r'\n[[secrets]]\nname='S'\nvariable='APP_S'\nreason='r'\n",
        )),
        None,
    )
    .unwrap();
    let present = [
        ("PATH", "/usr/bin"),
        ("LC_ALL", "C"),
        ("HOME", "/home/u"),
        ("https_proxy", "http://corp:3128"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("SSH_AUTH_SOCK", "/run/x"),
        ("APP_MODE", "a"),
        ("APP_TOKEN", "b"),
        ("APP_S", "c"),
        ("DB_PASSWORD", "d"),
        ("PIP_INDEX_URL", "https://me:pw@pypi.example.com/simple"),
        ("RUSTUP_HOME", "/opt/rustup"),
        ("bad name", "x"),
    ];
    let variables = policy.variables(&places(), present);
    let given = |name: &str| variables.given.get(name).map(String::as_str);
    assert_eq!(given("PATH"), Some("/usr/bin"));
    assert_eq!(given("LC_ALL"), Some("C"));
    assert_eq!(given("APP_MODE"), Some("a"));
    assert_eq!(given("DB_PASSWORD"), Some("d"), "named in full");
    assert_eq!(given("CACHE"), Some("/var/lib/sandbox/home/cache"));
    assert_eq!(given("RUSTUP_HOME"), Some("/opt/rustup"), "what is set comes before what is set otherwise");
    assert_eq!(given("PYENV_ROOT"), Some("/home/u/.pyenv"));
    for kept in [
        "HOME",
        "https_proxy",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "APP_TOKEN",
        "APP_S",
        "PIP_INDEX_URL",
        "bad name",
    ] {
        assert_eq!(given(kept), None, "{kept}");
    }
    let withheld: Vec<&str> = variables.withheld.iter().map(|held| held.name.as_str()).collect();
    assert_eq!(withheld, ["APP_S", "APP_TOKEN", "PIP_INDEX_URL"]);
}

#[test]
fn a_prefix_never_reaches_what_the_sandbox_sets() {
    let policy =
        layered(Preset::Test, Some(&document("[[environment]]\nname='H*'\nreason='r'\n")), None).unwrap();
    let given = policy.variables(&places(), [("HOME", "/x"), ("HTTP_PROXY", "x"), ("HARD", "1")]).given;
    assert!(given.contains_key("HARD") && !given.contains_key("HOME") && !given.contains_key("HTTP_PROXY"));
}

#[test]
fn without_a_home_nothing_points_into_one() {
    let variables = Preset::Build.policy().variables(&places_with("/srv/app", None), []);
    assert!(!variables.given.contains_key("RUSTUP_HOME"));
    assert!(variables.given.contains_key("GRADLE_USER_HOME"));
}

#[test]
fn secrets_are_told_by_their_looks() {
    for secret in [
        "GITHUB_TOKEN",
        "npm_config__authToken",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWORD",
        "OPENAI_API_KEY",
        "SIGNING_KEY",
        "GH_PAT",
    ] {
        assert!(looks_secret(secret), "{secret}");
    }
    for plain in ["GIT_AUTHOR_NAME", "PATH", "KEYBOARD", "LC_ALL", "PATTERN"] {
        assert!(!looks_secret(plain), "{plain}");
    }
    for value in ["https://me:pw@h/", "https://token@h", "a,https://b,direct|http://x@y", "socks5://a:b@c:1"]
    {
        assert!(holds_credentials(value), "{value}");
    }
    for value in ["https://h/@scope/x", "git@github.com:a/b", "me@example.com", "https://h?x=a@b", "--opt"] {
        assert!(!holds_credentials(value), "{value}");
    }
}
