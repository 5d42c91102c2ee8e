//! Snapshots of folders with and without a repository, and what they must leave alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process;

use git2::{IndexAddOption, Repository, Signature, StatusOptions};

use super::*;

mod checkout;
mod commit;
mod hostile;
mod nested;

struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(project.root().join(".loki")).unwrap();
        fs::write(project.root().join(".loki/.gitignore"), "*\n").unwrap();
        project
    }

    /// A project in a repository with a commit, a staged file and an untracked one.
    fn in_git() -> (Self, Repository) {
        let project = Self::new();
        let repository = Repository::init(project.root()).unwrap();
        project.write("tracked.txt", "one");
        project.write("forced.log", "kept although ignored");
        project.write(".gitignore", "*.log\nbuild/\n");
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.add_path(Path::new("forced.log")).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::now("a", "a@b").unwrap();
        repository.commit(Some("HEAD"), &who, &who, "first", &tree, &[]).unwrap();
        project.write("staged.txt", "staged");
        index.add_path(Path::new("staged.txt")).unwrap();
        index.write().unwrap();
        project.write("untracked.txt", "untracked");
        project.write("build/out", "ignored");
        drop(tree);
        (project, repository)
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn worktree(&self) -> Worktree {
        Worktree::new(self.root(), &self.root().join(".loki"))
    }

    fn write(&self, path: &str, content: &str) {
        let full = self.root().join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, content).unwrap();
    }

    /// Every file but those of git and of loki, with its content or its link's target.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.root()).unwrap().to_string_lossy().into_owned();
                if path.ends_with(".git") || name == ".loki" {
                    continue;
                }
                let meta = fs::symlink_metadata(&path).unwrap();
                if meta.is_symlink() {
                    found.insert(name, format!("-> {}", fs::read_link(&path).unwrap().display()));
                } else if meta.is_dir() {
                    folders.push(path);
                } else {
                    let mode = if meta.permissions().mode() & 0o111 != 0 { "x " } else { "" };
                    found.insert(name, format!("{mode}{}", fs::read_to_string(&path).unwrap()));
                }
            }
        }
        found
    }
}

/// Runs git in a folder, with settings that depend on nobody's.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = process::Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b")])
        .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@b")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn run() -> RunId {
    RunId::parse("r1").unwrap()
}

/// Changes files in every way there is, restores, and expects the files of before.
fn round_trip(project: &Project) {
    let worktree = project.worktree();
    symlink("tracked.txt", project.root().join("link")).unwrap();
    project.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(project.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    project.write("a/b/c.txt", "deep");
    project.write("turns", "a file, later a folder");
    let before = project.files();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();

    project.write("tracked.txt", "changed");
    project.write("new/file.txt", "new");
    fs::remove_file(project.root().join("link")).unwrap();
    fs::remove_dir_all(project.root().join("a")).unwrap();
    project.write("a", "a folder, now a file");
    fs::remove_file(project.root().join("turns")).unwrap();
    project.write("turns/inside", "now a folder");
    fs::set_permissions(project.root().join("run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    let changed = project.files();
    assert_ne!(worktree.tree().unwrap(), kept.tree);
    let undo = worktree.snapshot(&run(), 2, 0).unwrap();

    worktree.restore(&kept.commit).unwrap();
    assert_eq!(project.files(), before);
    assert_eq!(worktree.tree().unwrap(), kept.tree);
    worktree.restore(&undo.commit).unwrap();
    assert_eq!(project.files(), changed, "a rollback can be undone");
    assert_eq!(worktree.restore(&undo.commit).unwrap(), 0, "nothing is left to do");
    let numbers: Vec<u64> = worktree.kept(&run()).unwrap().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_folder_without_a_repository() {
    let project = Project::new();
    project.write("tracked.txt", "one");
    round_trip(&project);
    assert!(!project.root().join(".git").exists());
}

#[test]
fn a_repository_keeps_its_index_branches_and_ignored_files() {
    let (project, repository) = Project::in_git();
    let index = fs::read(project.root().join(".git/index")).unwrap();
    let head = fs::read_to_string(project.root().join(".git/HEAD")).unwrap();
    let commit = repository.head().unwrap().target();
    round_trip(&project);
    assert_eq!(fs::read(project.root().join(".git/index")).unwrap(), index);
    assert_eq!(fs::read_to_string(project.root().join(".git/HEAD")).unwrap(), head);
    assert_eq!(repository.head().unwrap().target(), commit);
    assert_eq!(repository.branches(None).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(project.root().join("build/out")).unwrap(), "ignored");
    let mut options = StatusOptions::new();
    options.include_untracked(true);
    let statuses = repository.statuses(Some(&mut options)).unwrap();
    let staged = statuses.iter().find(|status| status.path() == Ok("staged.txt")).unwrap();
    assert!(staged.status().is_index_new(), "what was staged is still staged");
}

#[test]
fn tracked_files_count_although_they_are_ignored() {
    let (project, _repository) = Project::in_git();
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    project.write("forced.log", "changed");
    project.write("build/out", "changed");
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(fs::read_to_string(project.root().join("forced.log")).unwrap(), "kept although ignored");
    assert_eq!(
        fs::read_to_string(project.root().join("build/out")).unwrap(),
        "changed",
        "ignored files stay"
    );
}

#[test]
fn a_repository_without_a_commit() {
    let project = Project::new();
    Repository::init(project.root()).unwrap();
    project.write("tracked.txt", "one");
    round_trip(&project);
}

#[test]
fn what_changed_is_named_and_hashed() {
    let project = Project::new();
    project.write("a.txt", "one\n");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    let nothing = worktree.difference(&kept.commit).unwrap();
    assert!(nothing.paths.is_empty());
    project.write("b.txt", "two\n");
    project.write("a.txt", "three\n");
    let first = worktree.difference(&kept.commit).unwrap();
    assert_eq!(first.paths, ["a.txt", "b.txt"]);
    assert_eq!(first, worktree.difference(&kept.commit).unwrap());
    project.write("b.txt", "two!\n");
    assert_ne!(first.sha256, worktree.difference(&kept.commit).unwrap().sha256);
}

#[test]
fn restoring_never_writes_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let project = Project::new();
    project.write("dir/file", "mine");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    fs::remove_dir_all(project.root().join("dir")).unwrap();
    symlink(outside.path(), project.root().join("dir")).unwrap();
    // The link itself is a file of the work tree: it goes, and the folder comes back.
    worktree.restore(&kept.commit).unwrap();
    assert_eq!(fs::read_to_string(project.root().join("dir/file")).unwrap(), "mine");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn an_unknown_snapshot_is_refused_and_a_damaged_index_is_made_anew() {
    let project = Project::new();
    project.write("a.txt", "one");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    worktree.restore("0123456789012345678901234567890123456789").unwrap_err();
    fs::write(project.root().join(".loki/snapshot.index"), "no index").unwrap();
    assert_eq!(worktree.tree().unwrap(), kept.tree);
}

#[test]
fn what_a_dead_process_left_stops_nobody() {
    let project = Project::new();
    project.write("a.txt", "one");
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    let state = project.root().join(".loki");
    fs::write(state.join("snapshot.index.lock"), "").unwrap();
    for pid in [process::id(), u32::MAX] {
        fs::write(state.join(format!("snapshot-{pid}.index")), "half").unwrap();
        fs::write(state.join(format!("snapshot-{pid}.index.lock")), "").unwrap();
    }
    let refs = state.join("snapshots.git/refs/loki/r1");
    fs::write(refs.join("2.lock"), "").unwrap();
    assert_eq!(worktree.snapshot(&run(), 2, 0).unwrap().tree, kept.tree);
    let left: Vec<String> = fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("snapshot-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
