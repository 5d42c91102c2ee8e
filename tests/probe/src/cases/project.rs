//! What is protected inside the project: the repository's own files, whose contents run as the user later, and
//! loki's.

use super::{Case, Evidence, case};

pub(super) fn cases() -> Vec<Case> {
    [repository(), bare(), ledger()].concat()
}

fn repository() -> Vec<Case> {
    vec![
        case("git-write-config", &["write", "{project}/.git/config"]),
        case("git-reopen-config", &["reopen", "{project}/.git/config"]),
        case("git-truncate-config", &["truncate", "{project}/.git/config"]),
        case("git-unlink-config", &["unlink", "{project}/.git/config"]),
        case("git-replace-config", &["replace", "{project}/new", "{project}/.git/config"]),
        case("git-hardlink-config", &["hardlink-write", "{project}/link", "{project}/.git/config"]),
        case("git-symlink-config", &["symlink-write", "{project}/link", "{project}/.git/config"]),
        case("git-uring-config", &["uring-write", "{project}/.git/config"]).depends(),
        case("git-write-hook", &["write", "{project}/.git/hooks/pre-commit"]),
        case("git-create-hook", &["create", "{project}/.git/hooks/post-checkout"]),
        case("git-rename-hooks", &["swap-folder", "{project}/.git/hooks"]),
        case("git-create-commondir", &["create", "{project}/.git/commondir"]),
        case("git-create-worktree-config", &["create", "{project}/.git/config.worktree"]),
        case("git-swap", &["swap-folder", "{project}/.git"]),
        case("git-exchange", &["exchange", "{project}/src", "{project}/.git"]),
        case("git-rename-into", &["rename", "{project}/notes.txt", "{project}/.git/hooks/post-merge"]),
        case("git-nested-hook", &["write", "{project}/vendor/.git/hooks/pre-commit"]),
    ]
}

fn bare() -> Vec<Case> {
    vec![
        case("no-git-mkdir", &["mkdir", "{project}/.git"]).bare(),
        case("no-git-file", &["create", "{project}/.git"]).bare(),
        case("no-git-symlink", &["symlink", "{project}/.git", "src"]).bare(),
        case("no-git-rename", &["rename", "{project}/src", "{project}/.git"]).bare(),
        case("no-loki-mkdir", &["mkdir", "{project}/.loki"]).bare(),
        case("no-loki-symlink", &["symlink", "{project}/.loki", "src"]).bare(),
    ]
}

fn ledger() -> Vec<Case> {
    vec![
        case("loki-read", &["read", "{project}/.loki/private/token", "{token}"]),
        case("loki-list", &["list", "{project}/.loki/private", "token"]),
        case("loki-write", &["write", "{project}/.loki/private/token"]),
        // A sandbox may well put another folder in its place, in which anything may be made.
        case("loki-create", &["create", "{project}/.loki/STOP"]).evidence(Evidence::Witness),
        case("loki-swap", &["swap-folder", "{project}/.loki"]),
        case("loki-exchange", &["exchange", "{project}/src", "{project}/.loki"]),
        case("loki-hardlink", &["hardlink-write", "{project}/link", "{project}/.loki/private/token"]),
        case("loki-read-by-proc", &["read", "/proc/self/cwd/.loki/private/token", "{token}"]),
    ]
}
