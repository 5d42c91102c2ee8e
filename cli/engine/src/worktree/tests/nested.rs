//! Work trees of every kind: repositories inside, added work trees, odd git folders, rules that change.

use super::super::scan::{Limits, scan};
use super::*;

/// A repository with one commit of one file.
fn repository(at: &Path, file: &str) {
    fs::create_dir_all(at).unwrap();
    git(at, &["init", "-q"]);
    fs::write(at.join(file), "one").unwrap();
    git(at, &["add", "-A"]);
    git(at, &["commit", "-q", "-m", "first"]);
}

/// What git says of a repository that snapshots and rollbacks must leave alone.
fn git_state(at: &Path) -> (String, String, Vec<u8>) {
    let index = git(at, &["rev-parse", "--path-format=absolute", "--git-path", "index"]);
    (git(at, &["rev-parse", "HEAD"]), git(at, &["stash", "list"]), fs::read(index).unwrap())
}

#[test]
fn a_repository_inside_is_part_of_a_snapshot() {
    let project = Project::new();
    repository(project.root(), "outer.txt");
    let inner = project.root().join("vendor/inner");
    repository(&inner, "kept.log");
    project.write("vendor/inner/.gitignore", "*.log\n/made/\n");
    project.write("vendor/inner/made/out", "ignored there");
    project.write("vendor/inner/new.txt", "untracked there");
    let before = (git_state(project.root()), git_state(&inner));
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    assert_eq!(worktree.tree().unwrap(), kept.tree, "the hash is stable");
    project.write("vendor/inner/kept.log", "changed although ignored: it is tracked");
    project.write("vendor/inner/new.txt", "changed");
    project.write("vendor/inner/more/file", "new");
    project.write("vendor/inner/made/out", "changed");
    assert_ne!(worktree.tree().unwrap(), kept.tree);
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(worktree.tree().unwrap(), kept.tree);
    let files = project.files();
    assert_eq!(files["vendor/inner/kept.log"], "one");
    assert_eq!(files["vendor/inner/new.txt"], "untracked there");
    assert_eq!(files["vendor/inner/made/out"], "changed", "ignored files stay");
    assert!(!files.contains_key("vendor/inner/more/file"));
    assert_eq!((git_state(project.root()), git_state(&inner)), before);
}

#[test]
fn a_submodule_is_part_of_a_snapshot_even_where_it_is_ignored() {
    let source = tempfile::tempdir().unwrap();
    repository(source.path(), "lib.txt");
    let project = Project::new();
    repository(project.root(), "outer.txt");
    git(project.root(), &["submodule", "add", "-q", source.path().to_str().unwrap(), "sub"]);
    git(project.root(), &["commit", "-q", "-m", "submodule"]);
    project.write(".gitignore", "sub\n");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    let link = fs::read(project.root().join("sub/.git")).unwrap();
    project.write("sub/lib.txt", "changed");
    assert_eq!(worktree.difference(&kept.commit).unwrap().paths, ["sub/lib.txt"]);
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(project.files()["sub/lib.txt"], "one");
    assert_eq!(fs::read(project.root().join("sub/.git")).unwrap(), link);
    assert_eq!(git(&project.root().join("sub"), &["status", "--porcelain"]), "");
}

#[test]
fn the_submodule_itself_can_be_the_project() {
    let source = tempfile::tempdir().unwrap();
    repository(source.path(), "lib.txt");
    let outer = tempfile::tempdir().unwrap();
    repository(outer.path(), "outer.txt");
    git(outer.path(), &["submodule", "add", "-q", source.path().to_str().unwrap(), "sub"]);
    let root = outer.path().join("sub");
    fs::create_dir(root.join(".loki")).unwrap();
    let kept = Worktree::new(&root, &root.join(".loki")).snapshot(&run(), 1, 0).unwrap();
    assert_eq!(git(&root, &["rev-parse", "refs/loki/r1/1"]), kept.commit);
}

#[test]
fn too_much_inside_is_named() {
    let project = Project::new();
    project.write("inner/a.txt", "12345");
    project.write("inner/b.txt", "12345");
    git(&project.root().join("inner"), &["init", "-q"]);
    let least = |nested_files_max, nested_bytes_max| Limits {
        nested_files_max,
        nested_bytes_max,
        ..Limits::SNAPSHOT
    };
    for limits in [least(1, 100), least(10, 9)] {
        let error = scan(project.root(), Some(Path::new(".loki")), limits).unwrap_err();
        assert!(matches!(&error, WorktreeError::TooMuch { path, .. } if path == "inner"), "{error}");
    }
    assert_eq!(scan(project.root(), Some(Path::new(".loki")), least(2, 10)).unwrap().entries.len(), 2);
}

#[test]
fn an_added_work_tree_keeps_its_snapshots_in_the_repository() {
    let place = tempfile::tempdir().unwrap();
    let main = place.path().join("main");
    repository(&main, "a.txt");
    git(&main, &["worktree", "add", "-q", "../added"]);
    let root = place.path().join("added");
    fs::create_dir(root.join(".loki")).unwrap();
    let before = (git_state(&main), git_state(&root));
    let worktree = Worktree::new(&root, &root.join(".loki"));
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    fs::write(root.join("a.txt"), "two").unwrap();
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "one");
    assert_eq!(git(&main, &["rev-parse", "refs/loki/r1/1"]), kept.commit);
    assert_eq!((git_state(&main), git_state(&root)), before);
}

#[test]
fn a_detached_head_stays_where_it_is() {
    let project = Project::new();
    repository(project.root(), "a.txt");
    git(project.root(), &["checkout", "-q", "--detach"]);
    let before = git_state(project.root());
    let kept = project.worktree().snapshot(&run(), 1, 0).unwrap();
    project.write("a.txt", "two");
    project.worktree().restore(&kept.commit).unwrap();
    assert_eq!(project.files()["a.txt"], "one");
    assert_eq!(git_state(project.root()), before);
}

#[test]
fn what_is_no_work_tree_is_refused() {
    let place = tempfile::tempdir().unwrap();
    git(place.path(), &["init", "-q", "--bare"]);
    fs::create_dir(place.path().join(".loki")).unwrap();
    let worktree = Worktree::new(place.path(), &place.path().join(".loki"));
    let error = worktree.snapshot(&run(), 1, 0).unwrap_err();
    assert!(error.to_string().contains("without a work tree"), "{error}");

    let project = Project::new();
    repository(project.root(), "a.txt");
    git(project.root(), &["config", "core.bare", "true"]);
    let error = project.worktree().tree().unwrap_err();
    assert!(error.to_string().contains("core.bare"), "{error}");
}

#[test]
fn a_project_that_becomes_a_repository_keeps_its_snapshots() {
    let project = Project::new();
    project.write("a/b.txt", "one");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    git(project.root(), &["init", "-q"]);
    project.write("a/b.txt", "two");
    assert!(worktree.holds(&kept.commit));
    let later = worktree.snapshot(&run(), 2, 0).unwrap();
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(project.files()["a/b.txt"], "one");
    let all = worktree.kept(&run()).unwrap();
    assert_eq!(all, [(1, kept.commit), (2, later.commit)]);
    worktree.snapshot(&run(), 3, 0).unwrap();
    git(project.root(), &["fsck", "--strict"]);
}

#[test]
fn what_a_snapshot_ignored_is_not_removed_by_going_back_to_it() {
    let project = Project::new();
    project.write(".gitignore", "secret.env\n/made/\n");
    project.write("secret.env", "a person's");
    project.write("made/deep/out", "a person's");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    project.write(".gitignore", "");
    project.write("new.txt", "the run's");
    worktree.restore(&kept.commit).unwrap();
    let files = project.files();
    assert_eq!(files["secret.env"], "a person's");
    assert_eq!(files["made/deep/out"], "a person's");
    assert!(!files.contains_key("new.txt"));
}

#[test]
fn what_a_restore_overwrites_is_kept_although_it_is_ignored_by_now() {
    let project = Project::new();
    project.write("notes.txt", "one");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    project.write(".gitignore", "notes.txt\n");
    project.write("notes.txt", "two");
    let undo = worktree.snapshot_named(&run(), "before-undo", 0, Some(&kept.commit)).unwrap();
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(project.files()["notes.txt"], "one");
    worktree.restore(&undo.commit).unwrap();
    assert_eq!(project.files()["notes.txt"], "two");
    assert_eq!(worktree.kept(&run()).unwrap().len(), 1, "named ones have no number");
    for name in ["", "1", "a/b", "..", "a.lock", "-a", &"a".repeat(65)] {
        worktree.snapshot_named(&run(), name, 0, None).unwrap_err();
    }
}

#[test]
fn ignored_is_what_git_says_is_ignored() {
    let project = Project::new();
    repository(project.root(), "a.txt");
    let lists = "*.log\n!keep.log\n/top\nfolder/\n**/any/x\na/**/z\nsp\\ ace\n\\#hash\n[ab].c\nmid/dle\n*.d/\n!deep/in.d/\n";
    project.write(".gitignore", lists);
    project.write("sub/.gitignore", "!x.log\n/only\n*.tmp\n");
    project.write(".git/info/exclude", "excluded\n");
    for path in [
        "x.log",
        "keep.log",
        "top/f",
        "sub/top",
        "folder/f",
        "sub/folder",
        "q/any/x",
        "a/b/c/z",
        "a/z",
        "sp ace",
        "#hash",
        "a.c",
        "c.c",
        "mid/dle",
        "sub/mid/dle",
        "in.d/f",
        "deep/in.d/f",
        "sub/x.log",
        "sub/only",
        "sub/deeper/only",
        "sub/y.tmp",
        "excluded",
        "sub/excluded/f",
        "sub/deeper/x.log",
    ] {
        project.write(path, "x");
    }
    let found = scan(project.root(), Some(Path::new(".loki")), Limits::SNAPSHOT).unwrap();
    let found: Vec<String> =
        found.entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect();
    let listed = git(project.root(), &["ls-files", "--cached", "--others", "--exclude-standard"]);
    let mut expected: Vec<&str> = listed.lines().collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
