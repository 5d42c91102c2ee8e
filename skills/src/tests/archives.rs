//! Skills in archives, sound and hostile.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;

use super::sound;
use crate::{Bundle, Existing, SkillError, install};

type Files<'a> = &'a [(&'a str, &'a [u8])];

/// A header and bytes, as they are: names are not looked at.
fn raw(archive: &mut tar::Builder<GzEncoder<Vec<u8>>>, name: &str, kind: tar::EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(bytes.len() as u64);
    if kind == tar::EntryType::Symlink {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    archive.append(&header, bytes).unwrap();
}

fn tar_gz(dir: &Path, entries: &[(&str, tar::EntryType, &[u8])]) -> PathBuf {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, bytes) in entries {
        raw(&mut archive, name, *kind, bytes);
    }
    let path = dir.join("x.tar.gz");
    fs::write(&path, archive.into_inner().unwrap().finish().unwrap()).unwrap();
    path
}

fn zipped(dir: &Path, files: Files<'_>) -> PathBuf {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default().unix_permissions(0o644)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    let path = dir.join("x.zip");
    fs::write(&path, archive.finish().unwrap().into_inner()).unwrap();
    path
}

fn refusal(path: &Path, named: Option<&str>) -> String {
    match Bundle::of_source(path, named) {
        Err(SkillError::Source { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_skill_comes_out_of_either_kind_of_archive() {
    let dir = tempfile::tempdir().unwrap();
    let text = sound("a");
    let file = tar::EntryType::Regular;
    let tar = tar_gz(
        dir.path(),
        &[
            ("repo-main/README.md", file, b"x"),
            ("repo-main/a/SKILL.md", file, text.as_bytes()),
            ("repo-main/a/scripts/x.sh", file, b"echo"),
        ],
    );
    let zip = zipped(dir.path(), &[("a/SKILL.md", text.as_bytes()), ("a/scripts/x.sh", b"echo")]);
    for (n, path) in [tar, zip].iter().enumerate() {
        let bundle = Bundle::of_source(path, None).unwrap();
        let to = dir.path().join(format!("to{n}"));
        let installed = install(&bundle, &to, Existing::Keep).unwrap();
        assert_eq!((installed.name.as_str(), installed.files), ("a", 2));
        assert_eq!(fs::read(to.join("a/scripts/x.sh")).unwrap(), b"echo");
    }
}

#[test]
fn of_several_skills_one_must_be_named() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (sound("a"), sound("b"));
    let path = zipped(dir.path(), &[("s/a/SKILL.md", a.as_bytes()), ("s/b/SKILL.md", b.as_bytes())]);
    assert!(refusal(&path, None).contains("several skills in it (s/a/, s/b/)"));
    assert!(refusal(&path, Some("c")).contains("no skill `c`"));
    assert!(Bundle::of_source(&path, Some("b")).is_ok());
}

#[test]
fn nothing_leads_out_of_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let text = sound("a");
    let file = tar::EntryType::Regular;
    for name in ["../evil", "/etc/evil", "a/../../evil", "a\\evil"] {
        let tar = tar_gz(dir.path(), &[("a/SKILL.md", file, text.as_bytes()), (name, file, b"x")]);
        assert!(refusal(&tar, None).contains("leads out of it"), "{name}");
        let zip = zipped(dir.path(), &[("a/SKILL.md", text.as_bytes()), (name, b"x")]);
        assert!(refusal(&zip, None).contains("leads out of it"), "{name}");
    }
    let skill = ("a/SKILL.md", file, text.as_bytes());
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Char, tar::EntryType::Fifo] {
        let inside = tar_gz(dir.path(), &[skill, ("a/link", kind, b"")]);
        assert!(refusal(&inside, None).contains("is a link or a device"), "{kind:?}");
        let beside = tar_gz(dir.path(), &[skill, ("b/link", kind, b"")]);
        assert!(Bundle::of_source(&beside, None).is_ok(), "{kind:?}");
    }
}

#[test]
fn bombs_doubles_and_rubbish_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = sound("a");
    let file = tar::EntryType::Regular;
    let twice = tar_gz(dir.path(), &[("a/SKILL.md", file, text.as_bytes()), ("./a/SKILL.md", file, b"x")]);
    assert!(refusal(&twice, None).contains("in it twice"));
    let zeros = vec![0; 66 << 20];
    let bomb = zipped(dir.path(), &[("a/SKILL.md", text.as_bytes()), ("b/zeros", &zeros)]);
    assert!(bomb.metadata().unwrap().len() < 1 << 20);
    assert!(refusal(&bomb, None).contains("bytes come out of it"));
    let bomb = tar_gz(dir.path(), &[("a/SKILL.md", file, text.as_bytes()), ("b/zeros", file, &zeros)]);
    refusal(&bomb, None);
    let large = vec![0; 5 << 20];
    let large = tar_gz(dir.path(), &[("a/SKILL.md", file, text.as_bytes()), ("a/large", file, &large)]);
    assert!(refusal(&large, None).contains("`large`: it has more than"));
    for bytes in [&b"PK\x03\x04rubbish"[..], b"\x1f\x8b\x08rubbish", b"", b"#!/bin/sh"] {
        let path = dir.path().join("rubbish");
        fs::write(&path, bytes).unwrap();
        refusal(&path, None);
    }
}
