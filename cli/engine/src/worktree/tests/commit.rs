//! Commits on the user's branch.

use super::*;

/// A repository with an identity and a commit, and a snapshot of it.
fn committed() -> (Project, String) {
    let project = Project::new();
    git(project.root(), &["init", "-q"]);
    git(project.root(), &["config", "user.name", "Jo"]);
    git(project.root(), &["config", "user.email", "jo@example.com"]);
    project.write(".gitignore", ".loki/\n");
    for path in ["a.txt", "b.txt", "gone.txt", "theirs.txt", "both.txt"] {
        project.write(path, "one\n");
    }
    git(project.root(), &["add", "-A"]);
    git(project.root(), &["commit", "-q", "-m", "first"]);
    project.write("theirs.txt", "staged by the user\n");
    git(project.root(), &["add", "theirs.txt"]);
    let base = project.worktree().snapshot(&run(), 1, 0).unwrap().commit;
    (project, base)
}

fn commit(project: &Project, base: &str) -> Result<Option<Committed>, WorktreeError> {
    project.worktree().commit(base, &BTreeSet::new(), "loki: iteration 1", None, 1_700_000_000_000)
}

fn refused(project: &Project, base: &str) -> String {
    let before = git(project.root(), &["for-each-ref"]);
    let index = fs::read(project.root().join(".git/index")).ok();
    let error = commit(project, base).unwrap_err().to_string();
    assert_eq!(git(project.root(), &["for-each-ref"]), before);
    assert_eq!(fs::read(project.root().join(".git/index")).ok(), index);
    error
}

#[test]
fn what_changed_is_committed_and_what_is_staged_stays_staged() {
    let (project, base) = committed();
    project.write("a.txt", "two\n");
    project.write("new/run.sh", "#!/bin/sh\n");
    fs::set_permissions(project.root().join("new/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(project.root().join("gone.txt")).unwrap();
    project.write("b.txt", "a person's edit\n");
    let done = project
        .worktree()
        .commit(
            &base,
            &BTreeSet::from(["b.txt".to_owned()]),
            "loki: iteration 1\n\nDone.\n",
            Some("loki <loki@localhost>\nInjected: yes"),
            1_700_000_000_000,
        )
        .unwrap()
        .unwrap();
    assert_eq!(done.paths, ["a.txt", "gone.txt", "new/run.sh"]);
    assert!(done.left_out.is_empty());
    let root = project.root();
    assert_eq!(git(root, &["rev-parse", "main"]), done.commit);
    assert_eq!(git(root, &["log", "--format=%an <%ae> %cn %at", "-1"]), "Jo <jo@example.com> Jo 1700000000");
    let message = git(root, &["log", "--format=%B", "-1"]);
    let expected = "loki: iteration 1\n\nDone.\n\nCo-authored-by: loki <loki@localhost>Injected: yes";
    assert_eq!(message.trim_end(), expected);
    let files = git(root, &["diff-tree", "-r", "--name-status", "HEAD~1", "HEAD"]);
    assert_eq!(files, "M\ta.txt\nD\tgone.txt\nA\tnew/run.sh");
    assert!(git(root, &["ls-tree", "HEAD", "new/run.sh"]).starts_with("100755"));
    // Looked at without a refresh first: the index knows what the files are like.
    assert_eq!(git(root, &["diff-files", "--name-only"]), "b.txt");
    assert_eq!(git(root, &["status", "--porcelain"]), " M b.txt\nM  theirs.txt");
    assert!(git(root, &["reflog", "-1"]).contains("commit: loki: iteration 1"));
    assert!(!root.join(".git/index.lock").exists());
    git(root, &["fsck", "--strict"]);
    let again =
        project.worktree().commit(&base, &BTreeSet::from(["b.txt".to_owned()]), "m", None, 0).unwrap();
    assert_eq!(again, None, "nothing is left to commit");
}

#[test]
fn what_the_user_staged_in_another_state_is_left_out() {
    let (project, base) = committed();
    project.write("both.txt", "staged by the user\n");
    git(project.root(), &["add", "both.txt"]);
    project.write("both.txt", "and changed again\n");
    assert!(refused(&project, &base).contains("both.txt"));
    project.write("a.txt", "two\n");
    let done = commit(&project, &base).unwrap().unwrap();
    assert_eq!(done.paths, ["a.txt"]);
    assert_eq!(done.left_out, ["both.txt"]);
    assert_eq!(git(project.root(), &["status", "--porcelain"]), "MM both.txt\nM  theirs.txt");
}

#[test]
fn what_is_staged_as_it_is_now_is_committed() {
    let (project, base) = committed();
    project.write("a.txt", "two\n");
    project.write("new.txt", "new\n");
    git(project.root(), &["add", "a.txt"]);
    git(project.root(), &["add", "-N", "new.txt"]);
    assert_eq!(commit(&project, &base).unwrap().unwrap().paths, ["a.txt", "new.txt"]);
    assert_eq!(git(project.root(), &["status", "--porcelain"]), "M  theirs.txt");
}

#[test]
fn nothing_changed_is_no_commit() {
    let (project, base) = committed();
    assert_eq!(commit(&project, &base).unwrap(), None);
}

#[test]
fn the_first_commit_of_a_branch() {
    let project = Project::new();
    git(project.root(), &["init", "-q"]);
    git(project.root(), &["config", "user.name", "Jo"]);
    git(project.root(), &["config", "user.email", "jo@example.com"]);
    let base = project.worktree().snapshot(&run(), 1, 0).unwrap().commit;
    project.write("a.txt", "one\n");
    let done = commit(&project, &base).unwrap().unwrap();
    assert_eq!(git(project.root(), &["rev-list", "--all", "--not", "--glob=refs/loki"]), done.commit);
    assert_eq!(git(project.root(), &["ls-tree", "--name-only", "HEAD"]), "a.txt");
}

#[test]
fn no_hook_runs_and_nothing_is_signed() {
    let (project, base) = committed();
    let ran = project.root().join(".git/ran");
    for hook in ["pre-commit", "post-commit", "reference-transaction", "post-index-change", "commit-msg"] {
        let path = project.root().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    git(project.root(), &["config", "commit.gpgSign", "true"]);
    drop(fs::remove_file(&ran));
    project.write("a.txt", "two\n");
    let done = commit(&project, &base).unwrap().unwrap();
    assert!(!ran.exists());
    assert!(!git(project.root(), &["cat-file", "-p", &done.commit]).contains("gpgsig"));
}

#[test]
fn line_ends_are_kept_as_attributes_ask_and_programs_are_not_run() {
    let (project, _) = committed();
    git(project.root(), &["config", "filter.lfs.clean", "touch ran; cat"]);
    project.write(".gitattributes", "*.bin filter=lfs\n*.txt text\n");
    let base = project.worktree().snapshot(&run(), 2, 0).unwrap().commit;
    project.write("dos.txt", "one\r\ntwo\r\n");
    project.write("large.bin", "content");
    let done = commit(&project, &base).unwrap().unwrap();
    assert_eq!(done.paths, ["dos.txt"]);
    assert_eq!(done.left_out, ["large.bin"]);
    assert_eq!(git(project.root(), &["cat-file", "-s", "HEAD:dos.txt"]), "8");
    assert_eq!(project.files()["dos.txt"], "one\r\ntwo\r\n");
    assert!(!project.root().join("ran").exists());
    assert!(!git(project.root(), &["status", "--porcelain"]).contains("dos.txt"));
}

#[test]
fn files_of_repositories_inside_are_theirs() {
    let (project, base) = committed();
    project.write("inner/a.txt", "one\n");
    git(&project.root().join("inner"), &["init", "-q"]);
    assert_eq!(commit(&project, &base).unwrap(), None);
    project.write("a.txt", "two\n");
    assert_eq!(commit(&project, &base).unwrap().unwrap().paths, ["a.txt"]);
}

#[test]
fn a_file_that_becomes_a_folder() {
    let (project, base) = committed();
    fs::remove_file(project.root().join("a.txt")).unwrap();
    project.write("a.txt/inside", "new\n");
    fs::remove_file(project.root().join("theirs.txt")).unwrap();
    project.write("theirs.txt/inside", "new\n");
    let done = commit(&project, &base).unwrap().unwrap();
    assert_eq!(done.paths, ["a.txt", "a.txt/inside"]);
    assert_eq!(done.left_out, ["theirs.txt", "theirs.txt/inside"]);
    git(project.root(), &["fsck", "--strict"]);
}

#[test]
fn states_that_are_not_committed_to() {
    let (project, base) = committed();
    project.write("a.txt", "two\n");
    let root = project.root();
    let head = git(root, &["rev-parse", "HEAD"]);
    fs::write(root.join(".git/MERGE_HEAD"), format!("{head}\n")).unwrap();
    assert!(refused(&project, &base).contains("in progress"));
    fs::remove_file(root.join(".git/MERGE_HEAD")).unwrap();
    fs::create_dir(root.join(".git/rebase-merge")).unwrap();
    assert!(refused(&project, &base).contains("in progress"));
    fs::remove_dir(root.join(".git/rebase-merge")).unwrap();

    fs::write(root.join(".git/index.lock"), "").unwrap();
    assert!(refused(&project, &base).contains("locked"));
    fs::write(root.join(".git/index.lock"), format!("loki {}\n", u32::MAX)).unwrap();
    fs::write(root.join(".git/HEAD"), format!("{head}\n")).unwrap();
    assert!(refused(&project, &base).contains("detached"));
    fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    assert!(commit(&project, &base).unwrap().is_some(), "a lock of a process of ours that died is no lock");

    let plain = Project::new();
    let base = plain.worktree().snapshot(&run(), 1, 0).unwrap().commit;
    plain.write("a.txt", "one");
    let error = commit(&plain, &base).unwrap_err();
    assert!(error.to_string().contains("no git repository"), "{error}");
}

#[test]
fn a_branch_that_is_a_link_is_not_written_through() {
    let (project, base) = committed();
    let outside = tempfile::tempdir().unwrap();
    let heads = project.root().join(".git/refs/heads");
    fs::rename(&heads, outside.path().join("heads")).unwrap();
    symlink(outside.path().join("heads"), &heads).unwrap();
    project.write("a.txt", "two\n");
    assert!(refused(&project, &base).contains("symbolic link"));
}

#[test]
fn an_added_work_tree_commits_on_its_own_branch() {
    let (project, _) = committed();
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("added");
    git(project.root(), &["worktree", "add", "-q", root.to_str().unwrap()]);
    fs::create_dir(root.join(".loki")).unwrap();
    let worktree = Worktree::new(&root, &root.join(".loki"));
    let base = worktree.snapshot(&run(), 9, 0).unwrap().commit;
    fs::write(root.join("a.txt"), "two\n").unwrap();
    let before = git(project.root(), &["rev-parse", "main"]);
    let done = worktree.commit(&base, &BTreeSet::new(), "m", None, 0).unwrap().unwrap();
    assert_eq!(git(&root, &["rev-parse", "added"]), done.commit);
    assert_eq!(git(project.root(), &["rev-parse", "main"]), before);
    assert_eq!(git(&root, &["status", "--porcelain"]), "");
}
