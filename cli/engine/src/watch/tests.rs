//! Edits of a person, told from the run's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::worktree::Worktree;

struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(project.root().join(".loki")).unwrap();
        project.write(".gitignore", "build/\n*.log\n");
        project.write("src/lib.rs", "one");
        project.write("src/deep/er/file.rs", "one");
        project.write("build/out", "ignored");
        project
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, path: &str, content: &str) {
        let full = self.root().join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, content).unwrap();
    }

    fn edits(&self) -> Edits {
        let edits = Edits::new(&Worktree::new(self.root(), &self.root().join(".loki")));
        assert_eq!(edits.warning(), None);
        edits
    }
}

fn nothing() -> Edited {
    Edited::default()
}

#[test]
fn a_persons_edits_are_named_once() {
    let project = Project::new();
    let edits = project.edits();
    assert_eq!(edits.take(), nothing());
    project.write("src/lib.rs", "two");
    project.write("src/deep/er/new.rs", "new");
    fs::remove_file(project.root().join("src/deep/er/file.rs")).unwrap();
    project.write("fresh/folder/inside.rs", "new");
    symlink("lib.rs", project.root().join("src/link")).unwrap();
    let expected =
        ["fresh/folder/inside.rs", "src/deep/er/file.rs", "src/deep/er/new.rs", "src/lib.rs", "src/link"];
    assert_eq!(edits.take().paths, expected);
    assert_eq!(edits.take(), nothing());
}

#[test]
fn what_is_ignored_or_ours_is_no_edit() {
    let project = Project::new();
    fs::create_dir(project.root().join(".git")).unwrap();
    let edits = project.edits();
    project.write("build/out", "changed");
    project.write("src/noise.log", "ignored");
    project.write("build/more/out", "ignored");
    project.write(".git/index", "git's");
    project.write(".loki/loki.db", "ours");
    assert_eq!(edits.take(), nothing());
    project.write("src/lib.rs", "and one that counts");
    assert_eq!(edits.take().paths, ["src/lib.rs"]);
}

#[test]
fn a_thousand_own_writes_are_nobody_elses() {
    let project = Project::new();
    let edits = project.edits();
    for number in 0..1000 {
        let own = edits.own();
        project.write(&format!("src/made/{}/file.rs", number % 50), &format!("write {number}"));
        project.write("src/lib.rs", &format!("write {number}"));
        if number % 10 == 9 {
            fs::remove_dir_all(project.root().join(format!("src/made/{}", number % 50))).unwrap();
        }
        drop(own);
        if number % 7 == 0 {
            assert_eq!(edits.take(), nothing(), "after write {number}");
        }
    }
    assert_eq!(edits.take(), nothing());
}

#[test]
fn an_edit_between_two_effects_is_kept_apart() {
    let project = Project::new();
    let edits = project.edits();
    for number in 0..50 {
        {
            let _own = edits.own();
            project.write("src/lib.rs", &format!("own {number}"));
            project.write(&format!("src/own-{number}/file.rs"), "own");
        }
        project.write(&format!("src/own-{number}/theirs.rs"), "a person's");
        project.write("README.md", &format!("a person's {number}"));
        {
            let _own = edits.own();
            project.write("src/lib.rs", &format!("own again {number}"));
        }
        let expected = ["README.md".to_owned(), format!("src/own-{number}/theirs.rs")];
        assert_eq!(edits.take().paths, expected);
    }
}

#[test]
fn effects_may_overlap() {
    let project = Project::new();
    let edits = project.edits();
    let (one, other) = (edits.own(), edits.own());
    drop(one);
    project.write("src/lib.rs", "still the run's");
    assert_eq!(edits.take(), nothing());
    drop(other);
    assert_eq!(edits.take(), nothing());
}

#[test]
fn a_noted_file_is_the_runs() {
    let project = Project::new();
    let edits = project.edits();
    project.write("src/lib.rs", "by a tool");
    edits.note_written(Path::new("src/lib.rs"));
    project.write("src/other.rs", "by a tool");
    edits.note_written(&project.root().join("src/other.rs"));
    project.write("src/theirs.rs", "by a person");
    assert_eq!(edits.take().paths, ["src/theirs.rs"]);
}

#[test]
fn folders_that_move_are_followed() {
    let project = Project::new();
    let edits = project.edits();
    fs::rename(project.root().join("src/deep"), project.root().join("moved")).unwrap();
    assert_eq!(edits.take().paths, ["moved/er/file.rs", "src/deep/er/file.rs"]);
    project.write("moved/er/file.rs", "changed after it moved");
    assert_eq!(edits.take().paths, ["moved/er/file.rs"]);
}

#[test]
fn rules_that_change_hold_from_then_on() {
    let project = Project::new();
    let edits = project.edits();
    project.write(".gitignore", "*.log\n/src/deep/\n");
    assert_eq!(edits.take().paths, [".gitignore"], "what was there before is no edit");
    project.write("build/out", "counts now");
    project.write("src/deep/er/file.rs", "ignored now");
    assert_eq!(edits.take().paths, ["build/out"]);
}

#[test]
fn many_paths_are_counted() {
    let project = Project::new();
    let edits = project.edits();
    for number in 0..250 {
        project.write(&format!("many/{number:03}.rs"), "new");
    }
    let edited = edits.take();
    assert_eq!((edited.paths.len(), edited.more), (200, 50));
    assert_eq!(edited.paths[0], "many/000.rs");
}

#[test]
fn lost_events_are_made_up_for() {
    let project = Project::new();
    let edits = project.edits();
    project.write("src/lib.rs", "two");
    edits.lose_events();
    project.write("src/more.rs", "new");
    assert_eq!(edits.take().paths, ["src/lib.rs", "src/more.rs"]);
    let own = edits.own();
    project.write("src/lib.rs", "three");
    edits.lose_events();
    drop(own);
    assert_eq!(edits.take(), nothing());
}

#[test]
fn more_folders_than_are_watched_is_said_once() {
    let project = Project::new();
    for number in 0..4100 {
        fs::create_dir_all(project.root().join(format!("many/{number}"))).unwrap();
    }
    let edits = Edits::new(&Worktree::new(project.root(), &project.root().join(".loki")));
    assert!(edits.warning().unwrap().contains("4096 folders"));
    assert_eq!(edits.warning(), None);
    project.write("README.md", "still noticed");
    assert_eq!(edits.take().paths, ["README.md"]);
}
