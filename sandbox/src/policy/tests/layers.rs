use std::net::IpAddr;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::{Access, BOUNDS, FileRule, Origin, Policy, PolicyError, Preset, layered};

const PATHS: [&str; 22] = [
    ".",
    "a",
    "a/b",
    "a/b/c",
    "ab",
    ".git",
    ".git/hooks",
    ".vscode",
    ".loki",
    "~",
    "~/work",
    "~/work/app/a",
    "~/.cargo",
    "~/.cargo/credentials.toml",
    "~/.ssh",
    "/home/u/work/app/a",
    "/home/u",
    "/usr",
    "/usr/local/share",
    "/etc/passwd",
    "/srv",
    "/",
];
const HOSTS: [&str; 9] = [
    "example.com",
    "*.example.com",
    "a.example.com",
    "*.a.example.com",
    "b.a.example.com",
    "index.crates.io",
    "*.crates.io",
    "192.0.2.1",
    "github.com",
];
const ASKED: [&str; 11] = [
    "example.com",
    "a.example.com",
    "b.a.example.com",
    "c.b.a.example.com",
    "x.example.com",
    "index.crates.io",
    "static.crates.io",
    "x.crates.io",
    "192.0.2.1",
    "github.com",
    "registry.npmjs.org",
];
const PORTS: [u16; 3] = [443, 80, 8443];

fn project_of(text: &str) -> PolicyError {
    layered(Preset::Build, None, Some(&document(text))).expect_err(text)
}

#[test]
fn the_users_file_widens_and_narrows() {
    let user = document(
        &[
            "network_only = ['index.crates.io', 'static.crates.io']\n",
            &host_rule("example.com", ""),
            &file_rule("~/data", "read"),
        ]
        .concat(),
    );
    let policy = layered(Preset::Build, Some(&user), None).unwrap();
    assert_eq!(policy.file(&places(), Path::new("/home/u/data/x")).0, Access::Read);
    assert!(policy.host("index.crates.io", 443).is_some() && policy.host("example.com", 443).is_some());
    assert!(policy.host("registry.npmjs.org", 443).is_none());
    assert_eq!(layered(Preset::ReadOnly, None, None).unwrap(), Preset::ReadOnly.policy());
}

#[test]
fn a_project_narrows() {
    let user = document(&host_rule("*.example.com", "ports = [80, 443]\nprivate = true"));
    let project = document(
        &[
            "network_only = ['a.example.com:443', 'pypi.org', 'unknown.example']\n[limits]\nwall_seconds_max = 60\n",
            &file_rule(".", "read"),
            &file_rule("src", "write"),
            &file_rule("src/gen", "protect"),
            &file_rule(".env", "hide"),
            &file_rule("~/.rustup", "hide"),
        ]
        .concat(),
    );
    let policy = layered(Preset::Build, Some(&user), Some(&project)).unwrap();
    let at = |path: &str| policy.file(&places(), Path::new(path)).0;
    assert_eq!(at("/home/u/work/app/Cargo.toml"), Access::Read);
    assert_eq!(at("/home/u/work/app/src/main.rs"), Access::Write);
    assert_eq!(at("/home/u/work/app/src/gen/x.rs"), Access::Protect);
    assert_eq!(at("/home/u/work/app/.env"), Access::Hide);
    assert_eq!(at("/home/u/work/app/.loki/x"), Access::Hide);
    assert_eq!(at("/home/u/.rustup/x"), Access::Hide);
    assert!(
        policy.host("a.example.com", 443).is_some_and(|rule| rule.private && rule.origin == Origin::User)
    );
    assert!(policy.host("a.example.com", 80).is_none() && policy.host("b.example.com", 443).is_none());
    assert!(policy.host("pypi.org", 443).is_some() && policy.host("index.crates.io", 443).is_none());
    assert!(policy.host("unknown.example", 443).is_none());
    assert_eq!(policy.limits.wall_seconds_max, 60);
}

#[test]
fn what_is_cut_down_to_the_same_host_stands_there_once() {
    let user = document(
        &[
            host_rule("a.example.com", "headers = { x = 'v' }"),
            host_rule("*.example.com", "ports = [443, 80]"),
        ]
        .concat(),
    );
    let project = document("network_only = ['a.example.com']\n");
    let policy = layered(Preset::Test, Some(&user), Some(&project)).unwrap();
    let left: Vec<(&str, &[u16])> =
        policy.network.iter().map(|rule| (rule.host.as_str(), rule.ports.as_slice())).collect();
    assert_eq!(left, [("a.example.com", &[443][..]), ("a.example.com", &[80][..])]);
    assert!(policy.host("a.example.com", 443).is_some_and(|rule| !rule.headers.is_empty()));
}

#[test]
fn a_project_that_widens_is_refused_and_told_where_to_write_it() {
    for (text, problem) in [
        (file_rule("~/.cache", "read"), "`~/.cache` is not to be read"),
        (file_rule("~/.ssh", "protect"), "`~/.ssh` is not to be read"),
        (file_rule("/srv", "write"), "`/srv` is not to be written"),
        (file_rule("/usr/local/share", "write"), "`/usr/local/share` is not to be written"),
        (file_rule(".vscode/x", "write"), "`.vscode/x` is not to be written"),
        (host_rule("example.com", ""), "this opens `example.com`"),
        (host_rule("index.crates.io", ""), "this opens `index.crates.io`"),
        ("[[environment]]\nname='A'\nreason='r'\n".to_owned(), "this hands out the variable `A`"),
        ("[[secrets]]\nname='A'\nvariable='B'\nreason='r'\n".to_owned(), "this hands out the secret `A`"),
        ("preset = 'network'\n".to_owned(), "the preset `network` is wider than `build`"),
        ("[limits]\nwall_seconds_max = 1801\n".to_owned(), "`wall_seconds_max` is 1800 already"),
    ] {
        let error = project_of(&text);
        assert!(matches!(error, PolicyError::Widens { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert!(error.hint().unwrap().contains("your own policy file"));
        let user = layered(Preset::Build, Some(&document(&text)), None);
        assert!(user.is_ok(), "the user may: {text}");
    }
}

#[test]
fn a_project_chooses_only_a_narrower_preset() {
    let user = document(&host_rule("*.crates.io", "private = true"));
    let project = document("preset = 'test'\n");
    let before = layered(Preset::Build, Some(&user), None).unwrap();
    let policy = layered(Preset::Build, Some(&user), Some(&project)).unwrap();
    assert_eq!(policy.preset, "test");
    assert!(policy.host("pypi.org", 443).is_none());
    assert_eq!(policy.host("x.crates.io", 443), before.host("x.crates.io", 443));
    // The user's wildcard is on private addresses too; the built-in rule that stood before it was not.
    assert_eq!(policy.host("index.crates.io", 443), before.host("index.crates.io", 443));
    assert_eq!(policy.limits, Preset::Test.policy().limits);
    assert!(layered(Preset::ReadOnly, None, Some(&project)).is_err());
}

fn files() -> impl Strategy<Value = String> {
    let rule = (select(&PATHS[..]), select(&["hide", "read", "protect", "write"][..]));
    let rules = proptest::collection::btree_map(select(&PATHS[..]), rule, 0..6);
    rules.prop_map(|rules| rules.into_iter().map(|(path, (_, access))| file_rule(path, access)).collect())
}

fn user() -> impl Strategy<Value = String> {
    let host = (select(&HOSTS[..]), vec(select(&PORTS[..]), 1..3), any::<bool>(), 0..3u8);
    let hosts = vec(host, 0..6).prop_map(|hosts| {
        let rule = |(host, ports, private, header): (&str, Vec<u16>, bool, u8)| {
            host_rule(
                host,
                &format!("ports = {ports:?}\nprivate = {private}\nheaders = {{ x = 'v{header}' }}"),
            )
        };
        hosts.into_iter().map(rule).collect::<String>()
    });
    (preset(), only(), files(), hosts, limits())
        .prop_map(|parts| [parts.0, parts.1, parts.2, parts.3, parts.4].concat())
}

fn project() -> impl Strategy<Value = String> {
    (preset(), only(), files(), limits()).prop_map(|parts| [parts.0, parts.1, parts.2, parts.3].concat())
}

fn preset() -> impl Strategy<Value = String> {
    let names = select(&["read-only", "test", "build", "network"][..]);
    proptest::option::of(names)
        .prop_map(|name| name.map_or(String::new(), |name| format!("preset = '{name}'\n")))
}

fn only() -> impl Strategy<Value = String> {
    let reach = (select(&HOSTS[..]), proptest::option::of(select(&PORTS[..])));
    proptest::option::of(vec(reach, 0..4)).prop_map(|only| {
        let Some(only) = only else { return String::new() };
        let text = |(host, port): &(&str, Option<u16>)| match port {
            Some(port) => format!("'{host}:{port}'"),
            None => format!("'{host}'"),
        };
        format!("network_only = [{}]\n", only.iter().map(text).collect::<Vec<_>>().join(","))
    })
}

fn limits() -> impl Strategy<Value = String> {
    proptest::option::of(1..4000u64)
        .prop_map(|wall| wall.map_or(String::new(), |wall| format!("[limits]\nwall_seconds_max = {wall}\n")))
}

/// Leaves out rules that no file may have.
fn readable(text: &str) -> Option<Document> {
    Document::read("policy.toml", format!("version = 1\n{text}").as_bytes()).ok()
}

fn all_places() -> [Places; 3] {
    [places(), places_with("/srv/app", Some("/home/u")), places_with("/srv/app", None)]
}

fn asked_paths(places: &Places) -> Vec<PathBuf> {
    let named = PATHS.iter().filter_map(|path| places.locate(path));
    let within = |path: PathBuf| [path.join("x"), path.join(".git/hooks/x"), path];
    named.flat_map(within).chain([places.own_home().join("x"), "/home/u/work/app/a/b".into()]).collect()
}

fn assert_narrower(narrow: &Policy, wide: &Policy) -> Result<(), TestCaseError> {
    for places in all_places() {
        let (narrow, wide) = (narrow.files_at(&places), wide.files_at(&places));
        for path in asked_paths(&places) {
            let (now, before) = (narrow.file(&path).0, wide.file(&path).0);
            prop_assert!(!now.reads() || before.reads(), "{} can be read", path.display());
            prop_assert!(!now.writes() || before.writes(), "{} can be written", path.display());
        }
    }
    for (host, port) in ASKED.iter().flat_map(|host| PORTS.map(|port| (*host, port))) {
        if let Some(rule) = narrow.host(host, port) {
            let before = wide.host(host, port);
            prop_assert!(before.is_some(), "{host}:{port} can be reached");
            let Some(before) = before else { continue };
            prop_assert!(
                rule.private == before.private && rule.headers == before.headers,
                "{host}:{port} changed"
            );
        }
    }
    prop_assert!(narrow.environment == wide.environment && narrow.secrets == wide.secrets);
    for bound in &BOUNDS {
        prop_assert!(bound.of(&narrow.limits) <= bound.of(&wide.limits), "{}", bound.name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a project's file says: it is refused, or allows nothing that the user's layers do not.
    #[test]
    fn a_project_only_narrows(user in user(), project in project()) {
        let (Some(user), Some(project)) = (readable(&user), readable(&project)) else { return Ok(()) };
        let before = layered(Preset::Build, Some(&user), None).unwrap();
        let Ok(after) = layered(Preset::Build, Some(&user), Some(&project)) else { return Ok(()) };
        assert_narrower(&after, &before)?;
    }

    /// The same for rules for files alone, and without the refusals before: what a project says only takes away.
    #[test]
    fn a_projects_rules_for_files_only_take_away(
        rules in vec((select(&PATHS[..]), select(&[Access::Hide, Access::Read, Access::Protect, Access::Write][..])), 0..8),
    ) {
        let before = Preset::Build.policy();
        let mut after = before.clone();
        after.files.extend(rules.into_iter().map(|(path, access)| FileRule {
            path: path.to_owned(), access, reason: "r".to_owned(), origin: Origin::Project,
        }));
        assert_narrower(&after, &before)?;
    }

    /// The list for the confinement says the same as the question about one file.
    #[test]
    fn the_list_of_places_says_what_the_question_says(user in user(), project in project()) {
        let (user, project) = (readable(&user), readable(&project));
        let Ok(policy) = layered(Preset::Build, user.as_ref(), project.as_ref()) else { return Ok(()) };
        for places in all_places() {
            let (list, files) = (policy.expand(&places), policy.files_at(&places));
            for path in asked_paths(&places) {
                let innermost = list.iter().filter(|(at, _)| path.starts_with(at)).max_by_key(|(at, _)| at.components().count());
                let listed = innermost.map_or(Access::Hide, |(_, rule)| rule.access);
                prop_assert_eq!(listed, files.file(&path).0, "{}", path.display());
            }
        }
    }

    /// Anything at all is read or refused, and a refusal is in the file.
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\\n\u{e4}]{0,200}") {
        if let Err(error) = Document::read("p", text.as_bytes()) {
            let at = error.position().cloned().unwrap();
            prop_assert!(at.line <= text.lines().count().max(1) + 1 && at.column >= 1, "{at}");
        }
    }
}

#[test]
fn metadata_addresses_are_known_in_any_writing() {
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"] {
        assert!(crate::policy::is_metadata_address(address.parse::<IpAddr>().unwrap()), "{address}");
    }
    assert!(!crate::policy::is_metadata_address(IpAddr::from([169, 254, 169, 253])));
}
