//! Processes outside, and what they share.

use super::{Case, Evidence, Gift, case};

pub(super) fn cases() -> Vec<Case> {
    [signals(), insides(), proc(), shared(), survivors(), gains()].concat()
}

fn signals() -> Vec<Case> {
    let to_witness = |act: &str| case(act, &[act, "{pid}"]);
    vec![
        to_witness("kill"),
        to_witness("kill-group"),
        to_witness("tgkill"),
        to_witness("tkill"),
        to_witness("sigqueue"),
        to_witness("pidfd-send-signal"),
        to_witness("sigio").evidence(Evidence::Witness),
        to_witness("int80-kill").depends(),
    ]
}

fn insides() -> Vec<Case> {
    vec![
        case("ptrace", &["ptrace", "{pid}"]),
        case("vm-read", &["vm-read", "{pid}", "{address}", "{token}"]),
        case("vm-write", &["vm-write", "{pid}", "{address}", "{token}"]),
        case("pidfd-getfd", &["pidfd-getfd", "{pid}", "{fd}"]),
        case("prlimit", &["prlimit", "{pid}"]),
        case("setpriority", &["setpriority", "{pid}"]),
        case("setaffinity", &["setaffinity", "{pid}"]),
        case("setscheduler", &["setscheduler", "{pid}"]),
        case("ioprio", &["ioprio", "{pid}"]),
        case("kcmp", &["kcmp", "{pid}"]).depends(),
        case("move-pages", &["move-pages", "{pid}", "{address}"]).depends(),
        case("robust-list", &["robust-list", "{pid}"]),
    ]
}

fn proc() -> Vec<Case> {
    vec![
        case("proc-mem", &["proc-mem", "{pid}", "{address}", "{token}"]),
        case("proc-environ", &["proc-environ", "{pid}", "{token}"]),
        case("proc-cmdline", &["proc-cmdline", "{pid}", "{token}"]),
        case("proc-root", &["proc-root", "{pid}", "{outside}/target"]),
        case("proc-any-root", &["proc-any-root", "{launcher}", "{outside}/target", "{token}"]),
        case("proc-cwd", &["proc-cwd", "{pid}", "target"]),
        case("proc-fd", &["proc-fd", "{pid}", "{fd}"]),
        case("proc-oom", &["proc-oom", "{pid}"]),
        case("parent-ptrace", &["parent-ptrace"]).control_scene(&["--filtered"]),
        case("parent-mem", &["parent-mem"]).control_scene(&["--filtered"]),
    ]
}

fn shared() -> Vec<Case> {
    vec![
        case("shm", &["shm", "{shm}", "{token}"]),
        case("semaphore", &["semaphore", "{semaphore}"]),
        case("message-queue", &["message-queue", "{messages}"]),
        case("posix-queue", &["posix-queue", "{queue}"]).depends(),
        case("devshm-read", &["read", "{devshm}", "{token}"]),
        case("devshm-write", &["write", "{devshm}"]),
        case("read-key", &["read-key", "{key}", "{token}"]).depends(),
    ]
}

fn survivors() -> Vec<Case> {
    let survives = |act: &str| case(act, &[act, "{project}/alive", "{token}"]).evidence(Evidence::Survivor);
    vec![
        survives("daemon"),
        survives("daemon-sibling"),
        survives("daemon-stubborn"),
        survives("daemon-hydra"),
    ]
}

/// Only root can lay out such a program, so these are tried where the tests run as root.
fn gains() -> Vec<Case> {
    let run = |name: &str, act: &str, gift| case(name, &[act, "{project}/gift"]).gift(gift);
    vec![
        run("set-user-id", "exec-gain", Gift::SetUser),
        run("set-user-id-empty-path", "exec-gain-empty-path", Gift::SetUser),
        run("set-group-id", "exec-gain", Gift::SetGroup),
        run("file-capability", "exec-gain", Gift::Capability),
    ]
}
