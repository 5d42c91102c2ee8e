//! Files outside the project.

use super::{CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_MKNOD, Case, case};

pub(super) fn cases() -> Vec<Case> {
    [contents(), names(), secrets(), devices()].concat()
}

fn contents() -> Vec<Case> {
    vec![
        case("write-outside", &["write", "{outside}/target"]),
        case("append-outside", &["append", "{outside}/target"]),
        case("truncate-outside", &["truncate", "{outside}/target"]),
        case("open-truncate-outside", &["open-truncate", "{outside}/target"]),
        case("write-home-profile", &["write", "{home}/.bashrc"]),
        case("write-home-tool", &["write", "{home}/.cargo/bin/tool"]),
        case("truncate-home-tool", &["open-truncate", "{home}/.cargo/bin/tool"]),
        case("reopen-home-tool", &["reopen", "{home}/.cargo/bin/tool"]),
        case("reopen-outside", &["reopen", "{outside}/target"]),
        case("write-by-dots", &["write", "{project}/../outside/target"]),
        case("write-by-proc-root", &["write", "/proc/self/root{outside}/target"]),
        case("write-by-proc-cwd", &["write", "/proc/self/cwd/../outside/target"]),
        case("write-system", &["open-write", "/usr/lib/os-release"]).capable(CAP_DAC_OVERRIDE),
        case("memfd-exec-write-outside", &["memfd-exec", "write", "{outside}/target"]),
        case("exec-write-outside", &["exec-then", "write", "{outside}/target"]),
        case("int80-write-outside", &["int80-write", "{outside}/target"]).depends(),
        case("uring-write-outside", &["uring-write", "{outside}/target"]).depends(),
        case("uring-write-home-tool", &["uring-write", "{home}/.cargo/bin/tool"]).depends(),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case("create-outside", &["create", "{outside}/new"]),
        case("create-home", &["create", "{home}/.ssh/authorized_keys"]),
        case("create-home-tool", &["create", "{home}/.cargo/bin/new"]),
        case("create-beside-project", &["create", "{project}/../outside/beside"]),
        case("create-system", &["mkdir", "{other}/new"]),
        case("mkdir-outside", &["mkdir", "{outside}/new"]),
        case("unlink-outside", &["unlink", "{outside}/target"]),
        case("unlink-home-tool", &["unlink", "{home}/.cargo/bin/tool"]),
        // One that was there before: what it leads to is no part of the project.
        case("old-symlink-write-outside", &["write", "{project}/to-secret"]),
        case("symlink-write-outside", &["symlink-write", "{project}/link", "{outside}/target"]),
        case("symlink-write-home", &["symlink-write", "{project}/link", "{home}/.bashrc"]),
        case("hardlink-write-outside", &["hardlink-write", "{project}/link", "{outside}/target"]),
        case("hardlink-write-home-tool", &["hardlink-write", "{project}/link", "{home}/.cargo/bin/tool"]),
        case("rename-out", &["rename", "{project}/notes.txt", "{outside}/notes.txt"]),
        case("rename-in", &["rename", "{outside}/target", "{project}/taken"]),
        case("rename-over", &["rename", "{project}/notes.txt", "{outside}/target"]),
        case("rename-home-tool-in", &["rename", "{home}/.cargo/bin/tool", "{project}/taken"]),
        case("rename-project", &["rename", "{project}", "{outside}/project"]),
        case("exchange-outside", &["exchange", "{project}/notes.txt", "{outside}/target"]),
        case("tmpfile-link-outside", &["tmpfile-link", "{project}", "{outside}/new"]).depends(),
    ]
}

fn secrets() -> Vec<Case> {
    vec![
        case("read-outside", &["read", "{outside}/target", "{token}"]),
        case("read-ssh-key", &["read", "{home}/.ssh/id_ed25519", "{token}"]),
        case("read-cloud-credentials", &["read", "{home}/.aws/credentials", "{token}"]),
        case("list-outside", &["list", "{outside}", "target"]),
        case("list-ssh", &["list", "{home}/.ssh", "id_ed25519"]),
        case("read-by-symlink", &["read", "{project}/to-secret", "{token}"]),
        case("peek-shadow", &["peek", "/etc/shadow"]).capable(CAP_DAC_OVERRIDE),
    ]
}

fn devices() -> Vec<Case> {
    let handle = ["open-by-handle", "{project}", "{handle}"];
    vec![
        case("mknod-char", &["mknod-char", "{project}/zero"]).capable(CAP_MKNOD),
        case("mknod-block", &["mknod-block", "{project}/disk", "{major}", "{minor}"]).capable(CAP_MKNOD),
        case("open-disk", &["open-read", "{disk}"]).capable(CAP_DAC_OVERRIDE),
        case("open-kernel-log", &["open-read", "/dev/kmsg"]).depends(),
        case("write-kernel-log", &["open-write", "/dev/kmsg"]).depends(),
        case("open-memory", &["open-read", "/dev/mem"]).depends(),
        case("open-kernel-image", &["open-read", "/proc/kcore"]).depends(),
        case("open-fuse", &["open-write", "/dev/fuse"]).depends(),
        case("open-kvm", &["open-write", "/dev/kvm"]).depends(),
        case("open-tun", &["open-write", "/dev/net/tun"]).depends(),
        case("open-vsock", &["open-read", "/dev/vsock"]).depends(),
        case("name-to-handle", &["name-to-handle", "{outside}/target"]),
        case("open-by-handle", &handle).capable(CAP_DAC_READ_SEARCH),
    ]
}
