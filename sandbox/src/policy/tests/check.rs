use std::path::Path;

use super::*;
use crate::policy::{Access, PlacesError, Policy, Preset, layered};

fn with_user(text: &str) -> Policy {
    layered(Preset::Build, Some(&document(text)), None).unwrap()
}

#[test]
fn the_innermost_rule_decides() {
    let policy = with_user(
        &[file_rule("~/.cargo", "write"), file_rule("a", "hide"), file_rule("a/b", "read")].concat(),
    );
    let at = |path: &str| policy.file(&places(), Path::new(path)).0;
    assert_eq!(at("/home/u/.cargo/registry"), Access::Write);
    assert_eq!(at("/home/u/.cargo/credentials.toml"), Access::Hide, "the preset's rule is further in");
    assert_eq!(at("/home/u/work/app/a/c"), Access::Hide);
    assert_eq!(at("/home/u/work/app/a/b/c"), Access::Read);
    assert_eq!(at("/home/u/work/app/ab"), Access::Write, "names are compared part by part");
}

#[test]
fn for_one_place_the_later_layer_decides_then_the_stricter() {
    let policy = with_user(&file_rule(".vscode", "write"));
    assert_eq!(policy.file(&places(), Path::new("/home/u/work/app/.vscode/x")).0, Access::Write);
    let both = [file_rule("~/data", "write"), file_rule("/home/u/data", "hide")].concat();
    let policy = with_user(&both);
    let (access, rule) = policy.file(&places(), Path::new("/home/u/data"));
    assert_eq!((access, rule.unwrap().path.as_str()), (Access::Hide, "/home/u/data"));
}

#[test]
fn rules_for_a_home_need_one() {
    let policy = Preset::Build.policy();
    let homeless = places_with("/srv/app", None);
    assert!(policy.expand(&homeless).iter().all(|(_, rule)| !rule.path.starts_with('~')));
    assert!(policy.expand(&places()).iter().any(|(_, rule)| rule.path.starts_with('~')));
    assert_eq!(policy.file(&homeless, Path::new("/home/u/.cargo/bin/cargo")), (Access::Hide, None));
}

#[test]
fn a_project_that_holds_home_or_system_is_refused() {
    let new = |project: &str, home: Option<&str>| {
        Places::new(project.into(), home.map(PathBuf::from), "/var/lib/h".into(), "/var/lib/t".into())
    };
    for project in ["/", "/home", "/home/u", "/etc", "/usr", "/dev", "/proc", "/nix"] {
        let error = new(project, Some("/home/u")).unwrap_err();
        assert!(matches!(error, PlacesError::TooWide { .. }), "{project}: {error}");
    }
    for project in ["app", "/srv/../etc", ""] {
        let error = new(project, Some("/home/u")).unwrap_err();
        assert!(matches!(error, PlacesError::NotPlain { what: "project", .. }), "{project}: {error}");
    }
    assert!(new("/srv/app", Some("home")).is_err());
    for project in ["/home/u/app", "/usr/src/app", "/app", "/root/app", "/opt/app"] {
        new(project, Some("/home/u")).unwrap();
    }
}

#[test]
fn a_path_with_dots_is_nowhere() {
    let policy = Preset::Build.policy();
    assert_eq!(policy.file(&places(), Path::new("/home/u/work/app/../../.ssh")), (Access::Hide, None));
    assert_eq!(policy.file(&places(), Path::new("src")), (Access::Hide, None));
}

#[test]
fn the_sandboxs_own_folders_stay_writable_wherever_they_are() {
    let own = PathBuf::from("/srv/app/.loki/sandbox/home");
    let places =
        Places::new("/srv/app".into(), None, own.clone(), "/srv/app/.loki/sandbox/tmp".into()).unwrap();
    let project = document(&[file_rule(".", "read")].concat());
    let policy = layered(Preset::Build, None, Some(&project)).unwrap();
    let at = |path: &str| policy.file(&places, Path::new(path)).0;
    assert_eq!(at("/srv/app/src"), Access::Read);
    assert_eq!(at("/srv/app/.loki/loki.db"), Access::Hide);
    assert_eq!(at("/srv/app/.loki/sandbox/home/.cargo"), Access::Write);
}

#[test]
fn hosts_are_asked_in_any_writing() {
    let policy = with_user(
        &[
            host_rule("*.example.com", "ports = [443, 8443]"),
            host_rule("api.example.com", "headers = { x = 'v' }"),
            host_rule("2001:db8::1", ""),
            host_rule("127.0.0.1", "private = true\nports = [5432]"),
        ]
        .concat(),
    );
    let rule = |name: &str, port: u16| policy.host(name, port).map(|rule| rule.host.as_str());
    assert_eq!(rule("api.example.com", 443), Some("api.example.com"), "the narrower stands first");
    assert_eq!(rule("api.example.com", 8443), Some("*.example.com"));
    assert_eq!(rule("API.Example.com.", 443), Some("api.example.com"));
    assert_eq!(rule("a.b.example.com", 443), Some("*.example.com"));
    assert_eq!(rule("example.com", 443), None);
    assert_eq!(rule("evilexample.com", 443), None);
    assert_eq!(rule(".example.com", 443), None);
    assert_eq!(rule("[2001:DB8:0::1]", 443), Some("2001:db8::1"));
    assert_eq!(rule("::ffff:127.0.0.1", 5432), Some("127.0.0.1"));
    assert_eq!(rule("127.1", 5432), None);
    assert_eq!(rule("127.0.0.1", 5433), None);
}
