use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::program::{Program, ProgramError};

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_script_comes_with_its_interpreter_and_its_packages() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let node = script(&root, "tools/node", "");
    let main = script(&root, "lib/node_modules/@maker/agent/bin/agent.js", "#!/usr/bin/env node\n1");
    fs::create_dir(root.join("bin")).unwrap();
    let link = root.join("bin/agent");
    std::os::unix::fs::symlink(&main, &link).unwrap();
    let search = format!("relative:{}:{}", root.join("bin").display(), root.join("tools").display());
    let program = Program::find("agent", &search).unwrap();
    let read = vec![root.join("lib/node_modules")];
    assert_eq!(program, Program { path: link.clone(), programs: vec![link, node.clone()], read });
    fs::remove_file(node).unwrap();
    let error = Program::find("agent", &search).unwrap_err();
    assert_eq!(error, ProgramError::Interpreter { name: "agent".into(), interpreter: "node".into() });
}

#[test]
fn a_program_of_its_own_needs_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let path = script(&root, "agent", "\x7fELF");
    let program = Program::find("agent", &root.display().to_string()).unwrap();
    assert_eq!(program, Program { path: path.clone(), programs: vec![path], read: vec![] });
}

#[test]
fn what_cannot_be_started_is_not_found() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("agent"), "").unwrap();
    fs::create_dir(root.path().join("other")).unwrap();
    let search = root.path().display().to_string();
    for name in ["agent", "other", "none"] {
        assert_eq!(Program::find(name, &search), Err(ProgramError::Missing { name: name.into() }));
    }
}
