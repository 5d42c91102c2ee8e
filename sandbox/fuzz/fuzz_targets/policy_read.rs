//! Feeds anything at all to the reader of policies, and holds what it accepts to what policies promise.
//!
//! The input is a user's file, then a NUL, then a project's file; either may be missing. With `cargo install
//! cargo-fuzz`, from this folder's parent (`sandbox/fuzz`):
//!
//! ```text
//! cargo +nightly fuzz run policy_read corpus/policy_read seeds -- -dict=policy.dict -max_len=8192
//! ```
//!
//! With a stable toolchain, without the address sanitizer (nothing here is `unsafe`):
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none policy_read corpus/policy_read seeds -- -dict=policy.dict -max_len=8192
//! ```
//!
//! `-max_total_time=300` ends it after five minutes. What it finds is kept in `artifacts`; it becomes a test beside
//! the others in `sandbox/src/policy/tests`.

#![no_main]

use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use loki_sandbox::policy::{Access, BOUNDS, Denied, Document, Origin, Places, Policy, Preset, layered};

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let user = parts.next().and_then(|bytes| read("user.toml", bytes));
    let project = parts.next().and_then(|bytes| read("project.toml", bytes));
    if user.is_none() && project.is_none() {
        return;
    }
    let before =
        layered(Preset::Build, user.as_ref(), None).expect("nothing refuses a user's file that can be read");
    let after = match layered(Preset::Build, user.as_ref(), project.as_ref()) {
        Ok(after) => after,
        Err(error) => {
            assert!(error.position().is_some() && error.hint().is_some());
            return;
        }
    };
    for places in [
        places("/home/u/app", Some("/home/u")),
        places("/srv/app", Some("/home/u")),
        places("/srv/app", None),
    ] {
        files_only_narrow(&after, &before, &places);
        suggestions_are_readable(&after, &places);
    }
    hosts_only_narrow(&after, &before);
    assert!(after.environment == before.environment && after.secrets == before.secrets);
    assert!(BOUNDS.iter().all(|bound| bound.of(&after.limits) <= bound.of(&before.limits)));
    assert!(!after.explain().to_string().contains('\u{1b}'), "an explanation steers the terminal");
    assert_eq!(after.digest().len(), 64);
});

fn read(file: &str, bytes: &[u8]) -> Option<Document> {
    match Document::read(file, bytes) {
        Ok(document) => Some(document),
        Err(error) => {
            let shown = format!("{error} {}", error.hint().unwrap_or_default());
            assert!(!shown.contains('\u{1b}'), "an error steers the terminal");
            None
        }
    }
}

fn places(project: &str, home: Option<&str>) -> Places {
    let own = |name: &str| PathBuf::from(project).join(".loki/sandbox").join(name);
    Places::new(project.into(), home.map(PathBuf::from), own("home"), own("tmp")).expect("these are sound")
}

fn files_only_narrow(after: &Policy, before: &Policy, places: &Places) {
    let expanded = after.expand(places);
    let (now, then) = (after.files_at(places), before.files_at(places));
    // The presets' own places are those of the unit tests, and many.
    let given = after.files.iter().filter(|rule| rule.origin != Origin::Preset).take(64);
    for path in given.filter_map(|rule| places.locate(&rule.path)) {
        for path in [path.join("x"), path] {
            let (now, then) = (now.file(&path).0, then.file(&path).0);
            assert!(!now.reads() || then.reads(), "{} can be read", path.display());
            assert!(!now.writes() || then.writes(), "{} can be written", path.display());
            let listed = expanded.iter().filter(|(at, _)| path.starts_with(at));
            let innermost = listed.max_by_key(|(at, _)| at.components().count());
            assert_eq!(innermost.map_or(Access::Hide, |(_, rule)| rule.access), now, "{}", path.display());
        }
    }
    for own in [places.own_home(), places.own_temporary()] {
        assert!(now.file(&own.join("x")).0.writes());
    }
    // No file opens these, whatever it says.
    for hidden in ["/etc/shadow", "/etc/ssl/private/x", "/run/docker.sock"].map(Path::new) {
        assert!(!then.file(hidden).0.reads(), "{} can be read", hidden.display());
    }
}

fn hosts_only_narrow(after: &Policy, before: &Policy) {
    let rules = after.network.iter().chain(&before.network).take(400);
    for (host, port) in
        rules.flat_map(|rule| rule.ports.iter().map(|port| (rule.host.replacen("*.", "x.", 1), *port)))
    {
        if let Some(now) = after.host(&host, port) {
            let then = before.host(&host, port).expect("a project opened a host");
            assert!(
                now.private == then.private && now.headers == then.headers,
                "{host}:{port} has another rule"
            );
        }
    }
    assert!(after.host("169.254.169.254", 80).is_none());
}

fn suggestions_are_readable(policy: &Policy, places: &Places) {
    let paths = policy.files.iter().rev().take(2).filter_map(|rule| places.locate(&rule.path));
    for path in paths {
        let denied = Denied::File { path: path.join("a \"name\""), wanted: Access::Write };
        if let Some(rule) = policy.advice(places, &denied).rule {
            assert!(Document::read("advice", format!("version = 1\n{rule}").as_bytes()).is_ok(), "{rule}");
        }
    }
}
