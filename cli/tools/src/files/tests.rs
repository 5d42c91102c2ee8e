//! A hostile repository, and commands that race: nothing outside is read or written, nothing hangs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode as FileMode, RenameFlags, mkfifoat, renameat_with};
use tempfile::TempDir;

use super::*;

fn project() -> (TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open(folder.path()).unwrap();
    (folder, project)
}

fn code<T>(result: Result<T, FileError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}

fn read(project: &Project, path: &str) -> &'static str {
    code(project.place(path).and_then(|place| project.read(&place, 100)))
}

fn write(project: &Project, path: &str) -> &'static str {
    code(project.place(path).and_then(|place| project.replace(&place, b"new", Before::Present)))
}

fn walked(project: &Project, start: &str) -> Vec<String> {
    let mut found = Vec::new();
    let start = project.place(start).unwrap();
    project
        .walk(&start, 100, &mut |entry| {
            found.push(shown(&entry.path));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

#[test]
fn links_lead_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let (folder, project) = project();
    let root = folder.path();
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/file"), "inside").unwrap();
    symlink(outside.path(), root.join("out")).unwrap();
    symlink(outside.path().join("secret"), root.join("absolute")).unwrap();
    symlink("../../etc/passwd", root.join("upward")).unwrap();
    symlink("real", root.join("inside")).unwrap();
    symlink("/dev/zero", root.join("zero")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    for path in
        ["out/secret", "absolute", "upward", "inside/file", "zero", "magic/etc/passwd", "dangling", "loop"]
    {
        assert_eq!(read(&project, path), "link", "{path}");
        assert_eq!(write(&project, path), "link", "{path}");
    }
    assert_eq!(write(&project, "out/made/by/us"), "link");
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!((read(&project, "real/file"), write(&project, "real/file")), ("ok", "ok"), "the control");
    assert!(!walked(&project, "").iter().any(|path| path.contains("secret")));
}

#[test]
fn pipes_and_devices_are_not_waited_for() {
    let (folder, project) = project();
    mkfifoat(CWD, folder.path().join("fifo"), FileMode::from_raw_mode(0o644)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    // A file of patterns that would never end.
    fs::create_dir(folder.path().join("deep")).unwrap();
    mkfifoat(CWD, folder.path().join("deep/.gitignore"), FileMode::from_raw_mode(0o644)).unwrap();
    symlink("/dev/zero", folder.path().join(".gitignore")).unwrap();
    for path in ["fifo", "socket"] {
        assert_eq!(read(&project, path), "not_a_file", "{path}");
        assert_eq!(write(&project, path), "not_a_file", "{path}");
    }
    assert_eq!(walked(&project, ""), [".gitignore", "deep", "deep/.gitignore", "fifo", "socket"]);
}

#[test]
fn what_is_closed_stays_closed() {
    let (folder, project) = project();
    fs::create_dir_all(folder.path().join(".git/hooks")).unwrap();
    fs::create_dir_all(folder.path().join("sub/.GIT")).unwrap();
    fs::write(folder.path().join(".git/config"), "x").unwrap();
    let absolute = folder.path().join(".git/config");
    for path in
        [".git/config", ".GIT/config", ".loki/loki.db", ".LOKI/x", "sub/.GIT/x", "./.git/hooks/pre-commit"]
    {
        assert_eq!(read(&project, path), "closed", "{path}");
        assert_eq!(write(&project, path), "closed", "{path}");
    }
    assert_eq!(read(&project, absolute.to_str().unwrap()), "closed");
    // What acts outside of the sandbox by itself is read, and not written.
    for path in [".vscode/tasks.json", ".VSCode/tasks.json", ".envrc", ".husky/pre-commit"] {
        assert_eq!((read(&project, path), write(&project, path)), ("not_found", "closed"), "{path}");
    }
    for path in ["..", "../x", "a/../../x", "/etc/passwd", "a\0"] {
        assert_eq!((read(&project, path), write(&project, path)), ("bad_path", "bad_path"), "{path}");
    }
    assert_eq!((read(&project, ""), write(&project, "")), ("is_a_folder", "is_a_folder"));
    assert_eq!((read(&project, "sub"), write(&project, "sub")), ("is_a_folder", "is_a_folder"));
    assert_eq!(walked(&project, ""), ["sub"]);
    assert_eq!(write(&project, "a\nb"), "bad_path");
    assert_eq!(write(&project, ".github/workflows/ci.yml"), "ok", "the control");
}

/// Whatever the policy keeps from commands, tools keep too.
#[test]
fn the_policy_counts_for_tools() {
    let (folder, project) = project();
    let own = tempfile::tempdir().unwrap();
    let root = project.root().to_owned();
    let places = Places::new(root, None, own.path().join("home"), own.path().join("tmp")).unwrap();
    fs::write(folder.path().join("a"), "x").unwrap();
    let under = |preset: Preset| project.under(&Arc::new(preset.policy()), &places);
    assert_eq!((read(&under(Preset::ReadOnly), "a"), write(&under(Preset::ReadOnly), "a")), ("ok", "closed"));
    assert_eq!((read(&under(Preset::Build), "a"), write(&under(Preset::Build), "a")), ("ok", "ok"));
    assert_eq!(write(&under(Preset::Build), ".vscode/x"), "closed");
    let mut hiding = Preset::Build.policy();
    let rule = hiding.files[0].clone();
    hiding.files.push(loki_sandbox::policy::FileRule { path: "a".to_owned(), access: Access::Hide, ..rule });
    let hiding = project.under(&Arc::new(hiding), &places);
    assert_eq!((read(&hiding, "a"), walked(&hiding, "").len()), ("closed", 0));
}

#[test]
fn a_file_is_replaced_whole_and_keeps_its_mode() {
    let (folder, project) = project();
    let place = project.place("deep/er/run.sh").unwrap();
    project.replace(&place, b"one", Before::Absent).unwrap();
    let path = folder.path().join("deep/er/run.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    // What a killed process left, even if somebody made a trap of it.
    let left = path.with_file_name(leftover(&path));
    symlink("/etc/nothing-that-we-write", &left).unwrap();
    assert_eq!(code(project.replace(&place, b"new", Before::Absent)), "changed_since_read");
    project.replace(&place, b"two", Before::Present).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    // A hard link to elsewhere is left alone: the name is replaced, not the file behind it.
    let other = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    fs::hard_link(&path, other.path().join("shared")).unwrap();
    project.replace(&place, b"three", Before::Present).unwrap();
    assert_eq!(fs::read(other.path().join("shared")).unwrap(), b"two");
    let large = vec![b'x'; FILE_BYTES_MAX + 1];
    assert_eq!(code(project.replace(&place, &large, Before::Present)), "too_large");
    let long = project.place(&"n".repeat(255)).unwrap();
    project.replace(&long, b"x", Before::Absent).unwrap();
}

/// The temporary name of a file, as a killed process would have left it.
fn leftover(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(path.file_name().unwrap().as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!(".{digest}.loki-new")
}

/// A command swaps a folder for a link to the outside, again and again, while files are read and written.
#[test]
fn a_race_for_a_link_is_never_won() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "outside").unwrap();
    let (folder, project) = project();
    let (real, link) = (folder.path().join("swap"), folder.path().join("other"));
    fs::create_dir(&real).unwrap();
    fs::write(real.join("file"), "inside").unwrap();
    symlink(outside.path(), &link).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _ender = Ender(&over);
        let mut met = BTreeSet::new();
        // Both must have been met, or the race would show nothing.
        for turn in 0..200_000 {
            let place = project.place("swap/file").unwrap();
            let found = project.read(&place, 100);
            assert_ne!(found.as_deref().ok(), Some(&b"outside"[..]));
            met.insert(code(found));
            if turn % 64 == 0 {
                let written = project.replace(&place, b"inside", Before::Present);
                assert!(["ok", "link", "not_a_folder"].contains(&code(written)));
            }
            if met.contains("ok") && met.contains("link") && turn > 2_000 {
                break;
            }
        }
        assert!(met.contains("ok") && met.contains("link"), "{met:?}");
    });
    assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"outside");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_walk_is_sorted_and_leaves_out_what_git_ignores() {
    let (folder, project) = project();
    let root = folder.path();
    let files = [
        "b/x.log",
        "b/keep.log",
        "b/deep/y.log",
        "b/.gitignore",
        "target/out",
        "a",
        ".hidden",
        "b/only/z",
        "only/z",
        "excluded",
        "-rf",
    ];
    for file in files {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), "x").unwrap();
    }
    fs::create_dir_all(root.join(".git/info")).unwrap();
    fs::write(root.join(".git/info/exclude"), "excluded\n").unwrap();
    fs::write(root.join(".gitignore"), "*.log\n/target/\n/only/\n").unwrap();
    fs::write(root.join("b/.gitignore"), "!keep.log\n").unwrap();
    fs::write(root.join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
    assert_eq!(
        walked(&project, ""),
        [
            "-rf",
            ".gitignore",
            ".hidden",
            "a",
            "b",
            "b/.gitignore",
            "b/deep",
            "b/keep.log",
            "b/only",
            "b/only/z",
            "bad\\xff"
        ]
    );
    assert_eq!(walked(&project, "target"), ["target/out"], "what is asked for is shown");
    assert_eq!(walked(&project, "b/deep"), [""; 0], "patterns from above count");
    assert_eq!(
        code(project.walk(&project.place("a").unwrap(), 1, &mut |_| ControlFlow::Continue(()))),
        "not_a_folder"
    );
}

/// Ends a thread however the test goes.
struct Ender<'a>(&'a AtomicBool);

impl Drop for Ender<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
