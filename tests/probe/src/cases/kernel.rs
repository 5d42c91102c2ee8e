//! The kernel's rarer doors, and settings of the whole machine.

use super::{
    CAP_DAC_OVERRIDE, CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_CHROOT, CAP_SYS_PACCT, CAP_SYS_TIME, Case, case,
};

pub(super) fn cases() -> Vec<Case> {
    [namespaces(), mounts(), machine(), surface(), settings()].concat()
}

fn act(name: &str) -> Case {
    case(name, &[name])
}

fn namespaces() -> Vec<Case> {
    vec![
        act("unshare-user").depends(),
        act("clone-user").depends(),
        act("clone3-user").depends(),
        act("int80-unshare").depends(),
        act("x32-unshare").depends(),
        act("unshare-mount").capable(CAP_SYS_ADMIN),
        act("unshare-net").capable(CAP_SYS_ADMIN),
        case("setns-pidfd", &["setns-pidfd", "{pid}"]).capable(CAP_SYS_ADMIN),
        case("setns-proc", &["setns-proc", "{pid}"]).capable(CAP_SYS_ADMIN),
    ]
}

fn mounts() -> Vec<Case> {
    vec![
        case("mount", &["mount", "{project}"]).capable(CAP_SYS_ADMIN),
        case("umount", &["umount", "{project}/src"]).capable(CAP_SYS_ADMIN),
        case("pivot-root", &["pivot-root", "{project}/src"]).capable(CAP_SYS_ADMIN),
        case("open-tree", &["open-tree", "{project}"]).capable(CAP_SYS_ADMIN),
        act("fsopen").capable(CAP_SYS_ADMIN),
        act("move-mount").capable(CAP_SYS_ADMIN),
        case("mount-setattr", &["mount-setattr", "{project}"]).capable(CAP_SYS_ADMIN),
        act("chroot").capable(CAP_SYS_CHROOT),
    ]
}

fn machine() -> Vec<Case> {
    vec![
        act("swapon").capable(CAP_SYS_ADMIN),
        act("swapoff").capable(CAP_SYS_ADMIN),
        act("settimeofday").capable(CAP_SYS_TIME),
        act("adjtimex").capable(CAP_SYS_TIME),
        act("clock-adjtime").capable(CAP_SYS_TIME),
        act("sethostname").capable(CAP_SYS_ADMIN),
        act("setdomainname").capable(CAP_SYS_ADMIN),
        act("acct").capable(CAP_SYS_PACCT),
        act("reboot").capable(CAP_SYS_BOOT),
        act("iopl").depends(),
        act("ioperm").depends(),
        act("quotactl").depends(),
        act("kexec-load").depends(),
        act("init-module").depends(),
        act("delete-module").depends(),
        act("kernel-log").depends(),
    ]
}

fn surface() -> Vec<Case> {
    vec![
        act("bpf-program").depends(),
        act("bpf-map").depends(),
        act("perf-event").depends(),
        act("uring-setup").depends(),
        act("userfaultfd").depends(),
        act("add-key").depends(),
        act("personality"),
        case("fanotify", &["fanotify", "{project}"]).depends(),
    ]
}

fn settings() -> Vec<Case> {
    vec![
        case("write-core-pattern", &["rewrite", "/proc/sys/kernel/core_pattern"]).capable(CAP_DAC_OVERRIDE),
        case("write-vm-setting", &["rewrite", "/proc/sys/vm/swappiness"]).capable(CAP_DAC_OVERRIDE),
        case("write-sysrq", &["open-write", "/proc/sysrq-trigger"]).depends(),
        case("write-sys", &["open-write", "{sys}"]).depends(),
        case("write-cgroup-release-agent", &["open-write", "{release-agent}"]).depends(),
        case("write-cgroup-procs", &["open-write", "{cgroup-procs}"]).depends(),
    ]
}
