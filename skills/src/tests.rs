//! Skills as strangers make them, and as they are meant.

mod archives;
mod frontmatter;
mod places;

use std::fs;
use std::path::Path;

use crate::{BUILTIN, Catalog, Origin, SKILL_FILE, State, check_text, is_name};

/// A sound `SKILL.md`.
pub(super) fn sound(name: &str) -> String {
    format!("---\nname: {name}\ndescription: Does things. Use it for things.\n---\n\n# Things\n\nDo them.\n")
}

/// Writes a file below a folder, with the folders it needs.
pub(super) fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn every_folder_beside_the_crate_is_built_in_and_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<String> = folders
        .filter(|path| path.join(SKILL_FILE).is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    folders.sort();
    let mut names: Vec<&str> = BUILTIN.iter().map(|skill| skill.name).collect();
    names.sort_unstable();
    assert_eq!(folders, names);
    for skill in &BUILTIN {
        let check = check_text(skill.text, &["run_command"]);
        assert!(check.errors.is_empty() && check.warnings.is_empty(), "{}: {check:?}", skill.name);
        assert!(skill.text.len() < 6000, "{} is long", skill.name);
    }
}

#[test]
fn the_library_is_listed_in_little_space() {
    let catalog = Catalog::of_library();
    assert!(catalog.all().iter().all(|skill| skill.state == State::Active), "{:?}", catalog.all());
    let bytes: usize = catalog.active().map(|skill| skill.name.len() + skill.description.len()).sum();
    assert!(bytes < 2200, "{bytes} bytes are part of every prompt");
    let package = catalog.open("forge-database").unwrap();
    assert_eq!((package.origin, package.files.len(), package.hash.len()), (Origin::Builtin, 0, 64));
    assert!(!package.text.starts_with("---"));
    assert!(catalog.file("forge-database", "references/x.md").is_err());
}

#[test]
fn names_are_plain() {
    for name in ["a", "pdf-processing", "x2", "2d", &"a".repeat(64)] {
        assert!(is_name(name), "{name}");
    }
    for name in ["", "-a", "a-", "a--b", "A", "a_b", "a b", "ä", "а", "a/b", "..", &"a".repeat(65)] {
        assert!(!is_name(name), "{name}");
    }
}
