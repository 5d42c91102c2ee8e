//! Repositories that mean harm: nothing runs, nothing outside is read or written, every byte comes back.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

/// Changes every file, goes back, and expects each to be what it was to the byte.
fn comes_back(project: &Project, files: &[(&[u8], &[u8])]) {
    let place = |path: &[u8]| project.root().join(std::ffi::OsString::from_vec(path.to_vec()));
    for (path, content) in files {
        fs::create_dir_all(place(path).parent().unwrap()).unwrap();
        fs::write(place(path), content).unwrap();
    }
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    for (path, _) in files {
        fs::write(place(path), "changed").unwrap();
    }
    worktree.restore(&kept.commit).unwrap();
    for (path, content) in files {
        assert!(fs::read(place(path)).unwrap() == *content, "{}", place(path).display());
    }
    assert_eq!(worktree.tree().unwrap(), kept.tree);
}

fn pipe(at: &Path) {
    mknodat(CWD, at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// A repository whose settings run `program` wherever settings can.
fn armed(project: &Project, program: &str) {
    Repository::init(project.root()).unwrap();
    project.write("hooks/pre-commit", "#!/bin/sh\ntouch ran-hook\n");
    project.write("hooks/reference-transaction", "#!/bin/sh\ntouch ran-hook\n");
    for hook in ["hooks/pre-commit", "hooks/reference-transaction"] {
        fs::set_permissions(project.root().join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let settings = format!(
        "[core]\n\tbare = false\n\thooksPath = {root}/hooks\n\tfsmonitor = {program}\n\tautocrlf = true\n\
         [filter \"evil\"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n\trequired = true\n\
         [diff \"evil\"]\n\ttextconv = {program}\n\tcommand = {program}\n\
         [commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {program}\n",
        root = project.root().display(),
    );
    project.write(".git/config", &settings);
    project.write(".gitattributes", "*.evil filter=evil diff=evil\n*.id ident\n*.txt text eol=crlf\n");
}

#[test]
fn settings_run_nothing_and_change_no_byte() {
    let project = Project::new();
    let mark = tempfile::tempdir().unwrap();
    let program = mark.path().join("run");
    fs::write(&program, format!("#!/bin/sh\ntouch {}/ran\ncat\n", mark.path().display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    armed(&project, program.to_str().unwrap());
    comes_back(
        &project,
        &[
            (b"a.evil", b"plain"),
            (b"b.id", b"$Id$ and $Id: 0123 $\n"),
            (b"unix.txt", b"one\ntwo\n"),
            (b"dos.txt", b"one\r\ntwo\r\n"),
            (b"mixed", b"one\r\ntwo\nthree\r"),
        ],
    );
    project.worktree().difference(&project.worktree().kept(&run()).unwrap()[0].1).unwrap();
    project.worktree().checkout(&mark.path().join("copy")).unwrap();
    assert!(!mark.path().join("ran").exists());
    assert!(!project.root().join("ran-hook").exists());
}

#[test]
fn a_work_tree_that_settings_name_elsewhere_is_not_touched() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("a.txt"), "not the project's").unwrap();
    let project = Project::new();
    Repository::init(project.root()).unwrap();
    project.write(".git/config", &format!("[core]\n\tworktree = {}\n", outside.path().display()));
    comes_back(&project, &[(b"a.txt", b"the project's")]);
    assert_eq!(fs::read_to_string(outside.path().join("a.txt")).unwrap(), "not the project's");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn files_that_settings_name_are_not_opened() {
    let project = Project::new();
    Repository::init(project.root()).unwrap();
    // Whoever opened one of these would wait forever.
    let trap = project.root().join(".git/trap");
    pipe(&trap);
    let trap = trap.display();
    let settings = format!(
        "[include]\n\tpath = {trap}\n[includeIf \"gitdir:/**\"]\n\tpath = {trap}\n\
         [core]\n\texcludesFile = {trap}\n\tattributesFile = {trap}\n[user]\n\tname = A\n\temail = a@b\n"
    );
    project.write(".git/config", &settings);
    pipe(&project.root().join(".git/info/attributes"));
    fs::remove_file(project.root().join(".git/info/exclude")).ok();
    pipe(&project.root().join(".git/info/exclude"));
    comes_back(&project, &[(b"a.txt", b"one")]);
    assert_eq!(identity(project.root()), Some(("A".to_owned(), "a@b".to_owned())));
    let base = project.worktree().kept(&run()).unwrap()[0].1.clone();
    project.write("a.txt", "two");
    let error = project.worktree().commit(&base, &BTreeSet::new(), "m", None, 0).unwrap_err();
    assert!(error.to_string().contains("include other files"), "{error}");
}

#[test]
fn settings_that_are_pipes_or_links_are_not_read() {
    let project = Project::new();
    Repository::init(project.root()).unwrap();
    fs::remove_file(project.root().join(".git/config")).unwrap();
    pipe(&project.root().join(".git/config"));
    pipe(&project.root().join(".gitignore"));
    pipe(&project.root().join(".gitattributes"));
    comes_back(&project, &[(b"a.txt", b"one")]);
    assert_eq!(identity(project.root()).map(|(name, _)| name).filter(|name| name == "x"), None);
}

#[test]
fn a_git_folder_that_is_a_link_is_neither_read_nor_written() {
    let outside = tempfile::tempdir().unwrap();
    git(outside.path(), &["init", "-q"]);
    let real = outside.path().join(".git");
    let before = listing(&real);
    let project = Project::new();
    symlink(&real, project.root().join(".git")).unwrap();
    comes_back(&project, &[(b"a.txt", b"one")]);
    assert_eq!(listing(&real), before);
    assert!(fs::read_link(project.root().join(".git")).is_ok());

    let pointing = Project::new();
    fs::write(pointing.root().join(".git"), format!("gitdir: {}\n", real.display())).unwrap();
    comes_back(&pointing, &[(b"a.txt", b"one")]);
    assert_eq!(listing(&real), before);
}

#[test]
fn folders_of_git_that_are_links_are_not_written_through() {
    for folder in ["objects", "refs", "refs/loki", "objects/ab", "refs/loki/r1"] {
        let outside = tempfile::tempdir().unwrap();
        let project = Project::new();
        Repository::init(project.root()).unwrap();
        let place = project.root().join(".git").join(folder);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        drop(fs::remove_dir_all(&place));
        symlink(outside.path(), &place).unwrap();
        comes_back(&project, &[(b"a.txt", b"one")]);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{folder}");
    }
}

#[test]
fn a_state_folder_that_is_a_link_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    symlink(outside.path(), place.path().join(".loki")).unwrap();
    let worktree = Worktree::new(place.path(), &place.path().join(".loki"));
    let error = worktree.snapshot(&run(), 1, 0).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn odd_names_come_back() {
    let project = Project::new();
    comes_back(
        &project,
        &[
            (b"-rf", b"one"),
            (b"--help", b"one"),
            (b"bad-\xff\xfe-name", b"one"),
            (b"\xc3\x28/inside\xff", b"two"),
            (b"new\nline\ttab", b"three"),
            (b" ", b"four"),
            (b"back\\slash", b"five"),
            (b".GIT/config", b"six"),
            (b"git~1/x", b"seven"),
            (b"sub/.git ", b"eight"),
        ],
    );
}

#[test]
fn links_with_odd_targets_come_back() {
    let project = Project::new();
    let target = std::ffi::OsString::from_vec(b"/no/\xff/where".to_vec());
    symlink(&target, project.root().join("link")).unwrap();
    let kept = project.worktree().snapshot(&run(), 1, 0).unwrap();
    fs::remove_file(project.root().join("link")).unwrap();
    project.worktree().restore(&kept.commit).unwrap();
    assert_eq!(fs::read_link(project.root().join("link")).unwrap(), Path::new(&target));
}

#[test]
fn a_large_line_comes_back() {
    let project = Project::new();
    let line = vec![b'x'; 100 * 1024 * 1024];
    let path = project.root().join("line.json");
    fs::write(&path, &line).unwrap();
    let kept = project.worktree().snapshot(&run(), 1, 0).unwrap();
    fs::write(&path, "changed").unwrap();
    project.worktree().restore(&kept.commit).unwrap();
    assert!(fs::read(&path).unwrap() == line);
}

#[test]
fn pipes_and_sockets_are_left_out() {
    let project = Project::new();
    project.write("a.txt", "one");
    let bare = project.worktree().tree().unwrap();
    pipe(&project.root().join("pipe"));
    fs::create_dir(project.root().join("run")).unwrap();
    let _listener = UnixListener::bind(project.root().join("run/socket")).unwrap();
    assert_eq!(project.worktree().tree().unwrap(), bare);
    let kept = project.worktree().snapshot(&run(), 1, 0).unwrap();
    // One that stands where a file was makes way.
    fs::remove_file(project.root().join("a.txt")).unwrap();
    pipe(&project.root().join("a.txt"));
    project.worktree().restore(&kept.commit).unwrap();
    assert_eq!(fs::read_to_string(project.root().join("a.txt")).unwrap(), "one");
    assert!(fs::symlink_metadata(project.root().join("run/socket")).is_ok());
    let place = tempfile::tempdir().unwrap();
    project.worktree().checkout(place.path()).unwrap();
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn deep_folders_come_back_and_deeper_ones_are_refused() {
    let project = Project::new();
    let deep = ["d"; 250].join("/") + "/file";
    comes_back(&project, &[(deep.as_bytes(), b"one")]);
    project.write(&(["d"; 260].join("/") + "/file"), "too deep");
    let error = project.worktree().tree().unwrap_err();
    assert!(matches!(error, WorktreeError::TooMuch { .. }), "{error}");
}

#[test]
fn a_link_to_a_folder_is_not_walked() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "not the project's").unwrap();
    let project = Project::new();
    symlink(outside.path(), project.root().join("out")).unwrap();
    let worktree = project.worktree();
    let kept = worktree.snapshot(&run(), 1, 0).unwrap();
    fs::remove_file(project.root().join("out")).unwrap();
    let changes = worktree.changes(&kept.commit, None, 1000).unwrap();
    let paths: Vec<&Path> = changes.iter().map(|change| change.path.as_path()).collect();
    assert_eq!(paths, [Path::new("out")]);
    assert!(changes[0].before.as_ref().unwrap().content.is_none());
}

#[test]
fn two_snapshots_are_compared_whatever_the_files_are_now() {
    let project = Project::new();
    let worktree = project.worktree();
    project.write("a.txt", "one");
    let first = worktree.snapshot(&run(), 1, 0).unwrap();
    project.write("a.txt", "two");
    let second = worktree.snapshot(&run(), 2, 0).unwrap();
    project.write("a.txt", "three");
    project.write("b.txt", "new");
    let changes = worktree.changes(&first.commit, Some(&second.commit), 1000).unwrap();
    let side = |side: &Option<Side>| side.as_ref().and_then(|side| side.content.clone()).unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((side(&changes[0].before), side(&changes[0].after)), (b"one".to_vec(), b"two".to_vec()));
    worktree.changes(&first.commit, Some(&"0".repeat(40)), 1000).unwrap_err();
}

#[test]
fn who_may_read_a_file_stays_so() {
    let project = Project::new();
    project.write("secret.txt", "one");
    let path = project.root().join("secret.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = project.worktree().snapshot(&run(), 1, 0).unwrap();
    fs::write(&path, "two").unwrap();
    project.worktree().restore(&kept.commit).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Every file below a folder, with its size.
fn listing(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path(), meta.len());
        }
    }
    found
}
