//! Metadata of files: each act, on a file that need not be seen at all, on one that tools must be able to
//! read, on a protected one in the project, and on one of the system.

use super::{CAP_FOWNER, Case, case};

/// Acts that need nothing but the file's owner.
const BY_OWNER: [&str; 10] = [
    "chmod",
    "fchmod",
    "chmod-by-descriptor",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "utimensat",
    "futimens",
    "fchmodat2",
];

/// Acts that need a file system with attributes and flags, or a newer kernel.
const BY_FILE_SYSTEM: [&str; 11] = [
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "setxattrat",
    "setxattr-by-descriptor",
    "removexattr",
    "fremovexattr",
    "removexattrat",
    "ioctl-setflags",
    "ioctl-fssetxattr",
    "file-setattr",
];

const TARGETS: [(&str, &str); 3] = [
    ("outside", "{outside}/target"),
    ("home-tool", "{home}/.cargo/bin/tool"),
    ("git-config", "{project}/.git/config"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, path) in TARGETS {
        for act in BY_OWNER {
            let made = case(&format!("{act}-{name}"), &[act, path]);
            cases.push(if act == "fchmodat2" { made.depends() } else { made });
        }
        for act in BY_FILE_SYSTEM {
            cases.push(case(&format!("{act}-{name}"), &[act, path]).depends());
        }
    }
    for act in ["chmod-same", "chown", "fchown", "utimes-same"] {
        cases.push(case(&format!("{act}-system"), &[act, "/usr/bin/env"]).capable(CAP_FOWNER));
    }
    // An attribute may be set by whoever may write, which needs no ownership.
    cases.push(case("setxattr-system", &["setxattr-replace", "/usr/bin/env"]).capable(CAP_FOWNER));
    cases
}
