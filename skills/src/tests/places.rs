//! Skills in folders: what is found, what counts, what is refused.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{sound, write};
use crate::{
    BUILTIN, Bundle, Catalog, Existing, FILES_MAX, Origin, Root, SKILLS_MAX, SkillError, State, check,
    install,
};

fn root(base: &Path, origin: Origin, below: &'static str) -> Root {
    Root { origin, base: base.to_owned(), below }
}

fn discover(base: &Path) -> Catalog {
    Catalog::discover(&[root(base, Origin::Project, "skills")], &[])
}

fn why(catalog: &Catalog, name: &str) -> String {
    let found = catalog.all().iter().find(|skill| skill.name == name);
    match &found.unwrap_or_else(|| panic!("{name} is not in {catalog:?}")).state {
        State::Refused { why } => why.clone(),
        state => panic!("{name}: {state:?}"),
    }
}

#[test]
fn what_comes_first_counts_and_what_it_hides_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (project, home) = (dir.path().join("p"), dir.path().join("h"));
    write(&project, ".loki/skills/a/SKILL.md", sound("a"));
    write(&project, ".claude/skills/a/SKILL.md", sound("a"));
    write(&project, ".claude/skills/forge/SKILL.md", sound("forge"));
    write(&home, ".loki/skills/a/SKILL.md", sound("a"));
    write(&home, ".loki/skills/b/SKILL.md", sound("b"));
    let roots = [
        root(&project, Origin::Project, ".loki/skills"),
        root(&project, Origin::Project, ".claude/skills"),
        root(&project, Origin::Project, ".agents/skills"),
        root(&home, Origin::Home, ".loki/skills"),
    ];
    let catalog = Catalog::discover(&roots, &BUILTIN[..2]);
    let shown: Vec<(&str, &str, bool)> = catalog
        .all()
        .iter()
        .map(|skill| (skill.name.as_str(), skill.place.as_str(), skill.state == State::Active))
        .collect();
    assert_eq!(
        shown,
        [
            ("a", ".loki/skills/a", true),
            ("a", ".claude/skills/a", false),
            ("forge", ".claude/skills/forge", true),
            ("a", "~/.loki/skills/a", false),
            ("b", "~/.loki/skills/b", true),
            ("forge", "built in", false),
            ("forge-database", "built in", true),
        ]
    );
    let hidden = &catalog.all()[3].state;
    assert_eq!(*hidden, State::Shadowed { by: ".loki/skills/a".into() });
    assert_eq!(catalog.open("a").unwrap().place, ".loki/skills/a");
    assert_eq!(catalog.open("forge").unwrap().origin, Origin::Project);
}

#[test]
fn a_refused_one_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "one/forge/SKILL.md", "no frontmatter");
    let catalog = Catalog::discover(&[root(dir.path(), Origin::Project, "one")], &BUILTIN);
    assert!(why(&catalog, "forge").contains("does not begin"));
    assert_eq!(catalog.open("forge").unwrap().origin, Origin::Builtin);
}

#[test]
fn files_come_one_by_one_and_none_from_outside() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "skills/a/SKILL.md", sound("a"));
    write(dir.path(), "skills/a/references/x.md", "known");
    write(dir.path(), "skills/secret", "hidden");
    write(dir.path(), "secret", "hidden");
    let catalog = discover(dir.path());
    let (entry, bytes) = catalog.file("a", "./references/x.md").unwrap();
    assert_eq!((entry.path.as_str(), bytes.as_slice()), ("references/x.md", &b"known"[..]));
    assert_eq!(entry, catalog.open("a").unwrap().files[0]);
    let absolute = dir.path().join("secret").display().to_string();
    for path in [
        "../secret",
        "references/../../secret",
        &absolute,
        "",
        ".",
        "..",
        "references",
        "a\0",
        "none",
        "//secret",
    ] {
        assert!(matches!(catalog.file("a", path), Err(SkillError::File { .. })), "{path}");
    }
    assert!(matches!(catalog.file("../a", "SKILL.md"), Err(SkillError::Unknown { .. })));
}

#[test]
fn links_are_refused_wherever_they_are() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "outside/a/SKILL.md", sound("a"));
    write(dir.path(), "secret", "hidden");
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("skills/b/references")).unwrap();
    symlink(at("outside/a"), at("skills/a")).unwrap();
    symlink(at("outside/a/SKILL.md"), at("skills/b/SKILL.md")).unwrap();
    write(dir.path(), "skills/c/SKILL.md", sound("c"));
    symlink(at("secret"), at("skills/c/leak")).unwrap();
    let catalog = discover(dir.path());
    for name in ["a", "b"] {
        assert!(why(&catalog, name).contains("symbolic link"), "{name}");
    }
    let refused = catalog.open("c").unwrap_err().to_string();
    assert!(refused.contains("`leak` is a symbolic link"), "{refused}");
    let refused = catalog.file("c", "leak").unwrap_err().to_string();
    assert!(refused.contains("symbolic link"), "{refused}");
    // And so is the place itself.
    symlink(at("outside"), at("linked")).unwrap();
    let catalog = Catalog::discover(&[root(dir.path(), Origin::Project, "linked")], &[]);
    assert_eq!(catalog.active().count(), 0, "{catalog:?}");
    // Without the link it is a skill like any other.
    fs::remove_file(at("skills/c/leak")).unwrap();
    assert!(discover(dir.path()).open("c").is_ok());
}

#[test]
fn what_is_too_much_or_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let big = sound("big") + &"x".repeat(128 * 1024);
    write(dir.path(), "skills/big/SKILL.md", big);
    write(dir.path(), "skills/utf16/SKILL.md", b"\xff\xfe-\0-\0");
    write(dir.path(), "skills/other/SKILL.md", sound("another"));
    write(dir.path(), "skills/bad\u{1b}[2J/SKILL.md", "x");
    write(dir.path(), "skills/many/SKILL.md", sound("many"));
    for n in 0..FILES_MAX {
        write(dir.path(), &format!("skills/many/assets/{n}"), "");
    }
    write(dir.path(), "skills/deep/SKILL.md", sound("deep"));
    write(dir.path(), &format!("skills/deep/{}x", "d/".repeat(9)), "");
    write(dir.path(), "skills/not-one/README.md", "x");
    write(dir.path(), "skills/pipe/SKILL.md", sound("pipe"));
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("skills/pipe/p"), 0o600.into()).unwrap();
    let catalog = discover(dir.path());
    for (name, expected) in [
        ("big", "more than 131072 bytes"),
        ("utf16", "UTF-16"),
        ("other", "`another`"),
        ("bad\\u{1b}[2J", "does not begin"),
    ] {
        assert!(why(&catalog, name).contains(expected), "{name}: {}", why(&catalog, name));
    }
    assert!(catalog.all().iter().all(|skill| skill.name != "not-one"));
    for (name, expected) in
        [("many", "more than 500 files"), ("deep", "folders deep"), ("pipe", "no regular file")]
    {
        let refused = catalog.open(name).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_place_with_very_many_is_cut_off_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..=SKILLS_MAX {
        write(dir.path(), &format!("skills/s{n}/SKILL.md"), sound(&format!("s{n}")));
    }
    let catalog = discover(dir.path());
    assert_eq!(catalog.active().count(), SKILLS_MAX);
    assert!(
        matches!(&catalog.all().last().unwrap().state, State::Refused { why } if why.contains("only its first"))
    );
}

#[test]
fn the_hash_is_over_every_file_its_name_and_whether_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "skills/a/SKILL.md", sound("a"));
    write(dir.path(), "skills/a/scripts/x.sh", "echo");
    let catalog = discover(dir.path());
    let first = catalog.open("a").unwrap().hash;
    assert_eq!(catalog.open("a").unwrap().hash, first);
    write(dir.path(), "skills/a/.git/config", "not part of it");
    assert_eq!(catalog.open("a").unwrap().hash, first);
    let script = dir.path().join("skills/a/scripts/x.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let second = catalog.open("a").unwrap().hash;
    fs::rename(&script, dir.path().join("skills/a/scripts/y.sh")).unwrap();
    let third = catalog.open("a").unwrap().hash;
    assert!(first != second && second != third && first != third);
}

#[test]
fn an_installed_skill_is_whole_and_covers_nothing_unasked() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "from/a/SKILL.md", sound("a"));
    write(dir.path(), "from/a/scripts/x.sh", "echo");
    let script = dir.path().join("from/a/scripts/x.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let (from, to) = (dir.path().join("from/a"), dir.path().join("to/skills"));
    let bundle = Bundle::of_source(&from, None).unwrap();
    let installed = install(&bundle, &to, Existing::Keep).unwrap();
    assert_eq!((installed.name.as_str(), installed.files, installed.replaced), ("a", 2, false));
    let mode = fs::metadata(to.join("a/scripts/x.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    write(&to, "a/mine.txt", "mine");
    assert!(matches!(install(&bundle, &to, Existing::Keep), Err(SkillError::Exists { .. })));
    assert!(to.join("a/mine.txt").exists());
    let again = install(&bundle, &to, Existing::Replace).unwrap();
    assert_eq!((again.hash.as_str(), again.replaced), (installed.hash.as_str(), true));
    assert!(!to.join("a/mine.txt").exists());
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1, "nothing is left beside it");
    // A link in the place of a skill is replaced, not followed.
    fs::remove_dir_all(to.join("a")).unwrap();
    symlink(&from, to.join("a")).unwrap();
    assert!(matches!(install(&bundle, &to, Existing::Keep), Err(SkillError::Exists { .. })));
    install(&bundle, &to, Existing::Replace).unwrap();
    assert!(to.join("a").symlink_metadata().unwrap().is_dir() && from.join("SKILL.md").exists());
}

#[test]
fn what_cannot_be_installed_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "bad/SKILL.md", "---\nname: Bad\ndescription: x\n---\n");
    write(dir.path(), "none/README.md", "x");
    let to = dir.path().join("to");
    let bundle = Bundle::of_source(&dir.path().join("bad"), None).unwrap();
    assert!(matches!(install(&bundle, &to, Existing::Keep), Err(SkillError::Source { .. })));
    assert!(!to.exists());
    for path in ["none", "none/README.md", "nowhere"] {
        let refused = Bundle::of_source(&dir.path().join(path), None).unwrap_err();
        assert!(
            matches!(refused, SkillError::Source { .. } | SkillError::Read { .. }),
            "{path}: {refused:?}"
        );
    }
    // A folder that is in the way of the new one.
    write(&to, "file", "x");
    write(dir.path(), "good/SKILL.md", sound("good"));
    let bundle = Bundle::of_source(&dir.path().join("good"), None).unwrap();
    assert!(matches!(install(&bundle, &to.join("file"), Existing::Keep), Err(SkillError::Write { .. })));
}

#[test]
fn a_check_tells_errors_from_advice() {
    let dir = tempfile::tempdir().unwrap();
    let text = "---\nname: a\ndescription: b\nmodel: x\nallowed-tools: Read WebFetch\n---\nSee [x](references/x.md).\u{202e}\n";
    write(dir.path(), "a/SKILL.md", text);
    let found = check(&dir.path().join("a"), &["read_file"]);
    assert_eq!(found.errors, ["`model` is no field of the specification"]);
    assert_eq!(
        found.warnings,
        [
            "line 7 holds \\u{202e}, which nobody sees; it is spelled out where it is shown",
            "`WebFetch` in `allowed-tools` allows nothing here",
            "its text leads to `references/x.md`, which is not there",
        ]
    );
    write(dir.path(), "b/SKILL.md", sound("a"));
    assert_eq!(check(&dir.path().join("b"), &[]).errors, ["its folder is not called `a`"]);
    assert_eq!(check(&dir.path().join("c"), &[]).errors.len(), 1);
    write(dir.path(), "fine/SKILL.md", sound("fine"));
    assert_eq!(check(&dir.path().join("fine"), &[]), crate::Check::default());
}
