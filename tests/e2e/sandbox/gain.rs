//! What a command leaves behind, or prepares for the next one, gives nobody more rights than it had.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::env;

/// Each way to give a file its owner's rights. Outside all of them work, which is the control.
const SET_USER_ID: &str = "import os, sys
def tried(act):
    try:
        act()
    except OSError as error:
        return error.errno
    return 0
open('a', 'w').close()
ways = {
    'chmod': lambda: os.chmod('a', 0o4755),
    'fchmod': lambda: os.fchmod(os.open('a', os.O_RDONLY), 0o4755),
    'open': lambda: os.open('b', os.O_CREAT | os.O_WRONLY, 0o4755),
    'tmpfile': lambda: os.open('.', os.O_TMPFILE | os.O_WRONLY, 0o4755),
    'mknod': lambda: os.mknod('c', 0o104755),
}
print(' '.join(name for name, act in ways.items() if tried(act) == 0))
os.chmod('a', 0o755)
";

#[test]
fn no_file_is_given_its_owners_rights() {
    let control = env();
    control.write("try.py", SET_USER_ID);
    let plain =
        std::process::Command::new("python3").arg("try.py").current_dir(control.root()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&plain.stdout), "chmod fchmod open tmpfile mknod\n");
    let env = env();
    env.write("try.py", SET_USER_ID);
    let run = env.loki(&["sandbox", "run", "--", "python3", "try.py"]).expect_code(0);
    assert_eq!(run.stdout, "\n", "each was to be refused");
    assert_eq!(
        env.path("a").metadata().unwrap().permissions().mode() & 0o7777,
        0o755,
        "other modes are given"
    );
}

#[test]
fn a_link_that_a_command_may_have_planted_leads_nowhere() {
    let policy = "version = 1\n[[files]]\npath = \"sub/shown\"\naccess = \"read\"\nreason = \"to be read\"\n";
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("shown"), "secret").unwrap();
    let arguments = ["sandbox", "run", "--policy", "shown.toml", "--", "cat", "sub/shown"];
    // The control: where it is a folder of the project, it is read.
    let control = env();
    control.write("shown.toml", policy);
    control.write("sub/shown", "own");
    assert_eq!(control.loki(&arguments).expect_code(0).stdout, "own");
    let env = env();
    env.write("shown.toml", policy);
    symlink(outside.path(), env.path("sub")).unwrap();
    let run = env.loki(&arguments);
    assert!(run.code != Some(0) && !run.stdout.contains("secret"), "{run:?}");
}
