//! A clean checkout of the work tree.

use super::*;

fn into(place: &tempfile::TempDir) -> PathBuf {
    place.path().join("made/anew")
}

#[test]
fn holds_what_a_snapshot_would() {
    let (project, _repository) = Project::in_git();
    project.write("tracked.txt", "changed");
    project.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(project.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("tracked.txt", project.root().join("link")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let tree = project.worktree().checkout(&into(&place)).unwrap();
    assert_eq!(tree, project.worktree().tree().unwrap());
    let mut expected = project.files();
    assert!(expected.remove("build/out").is_some());
    let copy = Project { dir: place };
    let found: BTreeMap<String, String> = copy
        .files()
        .into_iter()
        .map(|(path, content)| (path.strip_prefix("made/anew/").unwrap().to_owned(), content))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_folder_that_is_not_empty_is_refused() {
    let project = Project::new();
    project.write("a.txt", "one");
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("there"), "mine").unwrap();
    project.worktree().checkout(place.path()).unwrap_err();
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let link = place.path().join("link");
    let empty = tempfile::tempdir().unwrap();
    symlink(empty.path(), &link).unwrap();
    project.worktree().checkout(&link).unwrap_err();
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn links_that_lead_out_are_left_out() {
    let project = Project::new();
    project.write("deep/er/file", "one");
    let leads_out = [
        ("absolute", "/etc/passwd"),
        ("own", project.root().to_str().unwrap()),
        ("above", "../secret"),
        ("deep/far", "../../secret"),
        ("by-a-link", "deep/er/up/../../secret"),
        ("by-nothing", "absent/../../secret"),
        ("round", "round"),
    ];
    let stays = [("deep/er/up", "../.."), ("inside", "deep/../deep/er/file"), ("dangling", "absent/file")];
    for (path, target) in leads_out.iter().chain(&stays) {
        symlink(target, project.root().join(path)).unwrap();
    }
    let place = tempfile::tempdir().unwrap();
    project.worktree().checkout(&into(&place)).unwrap();
    for (path, _) in leads_out {
        assert!(fs::symlink_metadata(into(&place).join(path)).is_err(), "{path}");
    }
    for (path, target) in stays {
        assert_eq!(fs::read_link(into(&place).join(path)).unwrap(), Path::new(target), "{path}");
    }
    // A snapshot has them all.
    let kept = project.worktree().snapshot(&run(), 1, 0).unwrap();
    fs::remove_file(project.root().join("absolute")).unwrap();
    project.worktree().restore(&kept.commit).unwrap();
    assert_eq!(fs::read_link(project.root().join("absolute")).unwrap(), Path::new("/etc/passwd"));
}
