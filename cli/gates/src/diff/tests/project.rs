//! The three gates over a real project's difference.

use std::fs;
use std::path::Path;

use loki_engine::worktree::Worktree;
use loki_ledger::event::{RunId, Verdict};

use super::super::*;

fn write(root: &Path, path: &str, text: &str) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(full, text).unwrap();
}

/// A project of many files, and the snapshot of it.
fn project() -> (tempfile::TempDir, Worktree, String) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join(".loki")).unwrap();
    fs::write(root.join(".loki/.gitignore"), "*\n").unwrap();
    for n in 0..200 {
        write(root, &format!("src/part{}/file{n}.py", n % 20), &format!("def f{n}():\n    return {n}\n"));
    }
    write(root, "tests/test_f.py", "def test_f():\n    assert f1() == 1\n");
    let worktree = Worktree::new(root, &root.join(".loki"));
    let base = worktree.snapshot(&RunId::parse("r1").unwrap(), 0, 1000).unwrap().commit;
    (folder, worktree, base)
}

async fn verdicts(worktree: &Worktree, base: Option<&str>) -> Vec<Verdict> {
    let case = Case { base: base.map(str::to_owned), ..Case::default() };
    let mut verdicts = Vec::new();
    let gates = diff_gates(worktree.clone(), vec![b"Configured-77".to_vec()]);
    assert_eq!(gates.iter().map(|gate| gate.id()).collect::<Vec<_>>(), DIFF_GATES);
    for gate in gates {
        verdicts.push(gate.judge(&case).await.verdict);
    }
    verdicts
}

#[tokio::test]
async fn each_gate_judges_what_changed_since_the_base() {
    use Verdict::{Fail, Inconclusive, NotApplicable, Pass};
    let (folder, worktree, base) = project();
    assert_eq!(verdicts(&worktree, None).await, [NotApplicable, NotApplicable, NotApplicable]);
    assert_eq!(verdicts(&worktree, Some("0123")).await, [Inconclusive, Inconclusive, Inconclusive]);
    assert_eq!(verdicts(&worktree, Some(&base)).await, [Fail, Pass, Pass], "nothing changed");
    write(folder.path(), "src/part1/file1.py", "def f1():\n    return 2\n");
    assert_eq!(verdicts(&worktree, Some(&base)).await, [Pass, Pass, Pass]);
    write(folder.path(), "src/part1/file1.py", "def f1():\n    return 'Configured-77'\n");
    assert_eq!(verdicts(&worktree, Some(&base)).await, [Pass, Fail, Pass]);
    write(folder.path(), "src/part1/file1.py", "def f1():\n    return 2\n");
    fs::remove_file(folder.path().join("tests/test_f.py")).unwrap();
    assert_eq!(verdicts(&worktree, Some(&base)).await, [Pass, Pass, Fail]);
}
