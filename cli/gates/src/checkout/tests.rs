use std::os::unix::fs::symlink;

use super::*;

fn project() -> (tempfile::TempDir, Worktree, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".loki");
    fs::create_dir(&state).unwrap();
    let worktree = Worktree::new(folder.path(), &state);
    (folder, worktree, state)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_copy_holds_the_files_and_goes_when_it_is_dropped() {
    let (folder, worktree, state) = project();
    write(&folder.path().join("src/a.rs"), "a");
    write(&folder.path().join(".gitignore"), "secret\n");
    write(&folder.path().join("secret"), "s");
    let checkout = Checkout::make(&worktree, &state).unwrap();
    assert_eq!(checkout.tree(), worktree.tree().unwrap());
    assert_eq!(fs::read_to_string(checkout.path().join("src/a.rs")).unwrap(), "a");
    assert!(!checkout.path().join("secret").exists());
    assert!(!checkout.path().join(".loki").exists());
    let path = checkout.path().to_owned();
    // A second one does not take it away.
    let other = Checkout::make(&worktree, &state).unwrap();
    assert!(path.exists() && other.path() != path);
    drop(checkout);
    assert!(!path.exists());
}

#[test]
fn what_a_dead_process_left_is_removed_however_it_is_locked() {
    let (_folder, worktree, state) = project();
    // No process has this number: it is above what the kernel gives out.
    let left = state.join("checkout/4194999-0");
    write(&left.join("mod/read-only/file"), "x");
    fs::set_permissions(left.join("mod/read-only"), fs::Permissions::from_mode(0o555)).unwrap();
    let own = state.join(format!("checkout/{}-999999999", std::process::id()));
    fs::create_dir_all(&own).unwrap();
    let alive = state.join("checkout/1-0");
    fs::create_dir_all(&alive).unwrap();
    let _checkout = Checkout::make(&worktree, &state).unwrap();
    assert!(!left.exists() && !own.exists());
    assert!(alive.exists());
}

#[test]
fn of_a_home_only_packages_are_kept() {
    let (folder, worktree, state) = project();
    let outside = folder.path().join("outside");
    write(&outside.join("precious"), "p");
    for name in ["gate-home", "held-out-home"] {
        let home = state.join("sandbox").join(name);
        for path in [
            ".npmrc",
            ".cargo/config.toml",
            ".cargo/bin/cargo",
            ".cache/go-build/x",
            ".cargo/registry/src/x/lib.rs",
        ] {
            write(&home.join(path), "planted");
        }
        for path in [".cargo/registry/cache/x.crate", ".npm/_cacache/x", "go/pkg/mod/cache/download/x"] {
            write(&home.join(path), "package");
        }
        // A link in the place of a cache leads nowhere that is kept or emptied.
        symlink(&outside, home.join(".m2")).unwrap();
        symlink(&outside, home.join("go/pkg/mod/y")).unwrap();
    }
    write(&state.join("sandbox/gate-tmp/left"), "x");
    write(&state.join("sandbox/home/.npmrc"), "another's");
    let _checkout = Checkout::make(&worktree, &state).unwrap();
    for name in ["gate-home", "held-out-home"] {
        let home = state.join("sandbox").join(name);
        let mut names: Vec<_> =
            fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".cache", ".cargo", ".npm", "go"]);
        for path in [".cargo/registry/cache/x.crate", ".npm/_cacache/x", "go/pkg/mod/cache/download/x"] {
            assert!(home.join(path).exists(), "{path}");
        }
        for path in
            [".cargo/config.toml", ".cargo/bin", ".cache/go-build", ".cargo/registry/src", "go/pkg/mod/y"]
        {
            assert!(fs::symlink_metadata(home.join(path)).is_err(), "{path}");
        }
    }
    assert!(!state.join("sandbox/gate-tmp/left").exists());
    assert!(state.join("sandbox/home/.npmrc").exists());
    assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "p");
}
