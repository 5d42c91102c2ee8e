//! Parts of the kernel that commands have no use for, and attackers do.

use super::Act;
use crate::sys::{Args, Outcome, call, holds, no_effect, reached, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("bpf-program", bpf_program),
    ("bpf-map", bpf_map),
    ("perf-event", perf_event),
    ("userfaultfd", userfaultfd),
    ("add-key", add_key),
    ("read-key", read_key),
    ("kexec-load", kexec_load),
    ("init-module", init_module),
    ("delete-module", delete_module),
    ("kernel-log", kernel_log),
    ("personality", personality),
    ("fanotify", fanotify),
    ("quotactl", quotactl),
];

/// Two instructions: return nought.
fn bpf_program(_: &Args) -> Outcome {
    let (load, socket_filter) = (5, 1_u32);
    let program = [0x0000_0000_0000_00b7_u64, 0x0000_0000_0000_0095];
    let license = text("GPL");
    let mut attributes = [0_u64; 16];
    attributes[0] = u64::from(socket_filter) | (2 << 32);
    attributes[1] = program.as_ptr().addr() as u64;
    attributes[2] = license.as_ptr().addr() as u64;
    call!(libc::SYS_bpf, load, attributes.as_ptr(), size_of_val(&attributes))?;
    Ok(())
}

fn bpf_map(_: &Args) -> Outcome {
    let create = 0;
    let array_of_one: [u32; 4] = [2, 4, 4, 1];
    call!(libc::SYS_bpf, create, array_of_one.as_ptr(), size_of_val(&array_of_one))?;
    Ok(())
}

/// Counts this process's own time, and nothing of the kernel's: what the strictest common setting allows.
fn perf_event(_: &Args) -> Outcome {
    let (software, task_clock) = (1_u32, 1_u64);
    let mut attributes = [0_u64; 8];
    attributes[0] = u64::from(software) | (64 << 32);
    attributes[1] = task_clock;
    let (disabled, exclude_kernel, exclude_hypervisor) = (1, 1 << 5, 1 << 6);
    attributes[5] = disabled | exclude_kernel | exclude_hypervisor;
    call!(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0)?;
    Ok(())
}

fn userfaultfd(_: &Args) -> Outcome {
    let user_mode_only = 1;
    call!(libc::SYS_userfaultfd, user_mode_only | libc::O_CLOEXEC)?;
    Ok(())
}

/// The process keyring goes with the process.
fn add_key(_: &Args) -> Outcome {
    let process_keyring = -2;
    let (kind, name) = (text("user"), text("loki-probe"));
    call!(libc::SYS_add_key, kind, name, b"key".as_ptr(), 3, process_keyring)?;
    Ok(())
}

/// Keys belong to the user, so a process outside has put one where this one may find it.
fn read_key(args: &Args) -> Outcome {
    let (search, read, user_keyring) = (10, 11, -4);
    let key = call!(libc::SYS_keyctl, search, user_keyring, text("user"), text(args.text(0)?), 0)?;
    let mut bytes = [0_u8; 128];
    call!(libc::SYS_keyctl, read, key, bytes.as_mut_ptr(), bytes.len())?;
    if holds(&bytes, args.text(1)?) { Ok(()) } else { Err(no_effect("it is another key")) }
}

/// There cannot be as many segments.
fn kexec_load(_: &Args) -> Outcome {
    reached(call!(libc::SYS_kexec_load, 0, 10_000, 0, 0), &[libc::EINVAL])
}

/// An empty module is none.
fn init_module(_: &Args) -> Outcome {
    let result = call!(libc::SYS_init_module, 0, 0, text(""));
    reached(result, &[libc::ENOEXEC, libc::EFAULT, libc::EINVAL])
}

/// Nothing is called so.
fn delete_module(_: &Args) -> Outcome {
    let result = call!(libc::SYS_delete_module, text("no-such-module-as-this"), libc::O_NONBLOCK);
    reached(result, &[libc::ENOENT])
}

/// One byte of the kernel's log.
fn kernel_log(_: &Args) -> Outcome {
    let (read_all, mut byte) = (3, 0_u8);
    call!(libc::SYS_syslog, read_all, &raw mut byte, 1)?;
    Ok(())
}

/// Without random addresses, programs that this one starts are easier prey.
fn personality(_: &Args) -> Outcome {
    call!(libc::SYS_personality, libc::ADDR_NO_RANDOMIZE)?;
    Ok(())
}

/// Watches every file on the mount.
fn fanotify(args: &Args) -> Outcome {
    let group = call!(libc::SYS_fanotify_init, 0, 0)?;
    let (add_mount, on_open) = (0x11, 0x20_u64);
    call!(libc::SYS_fanotify_mark, group, add_mount, on_open, libc::AT_FDCWD, text(args.text(0)?))?;
    Ok(())
}

/// Writes quotas out; they are the same afterwards.
fn quotactl(_: &Args) -> Outcome {
    let sync = 0x80_0001_u32 << 8;
    call!(libc::SYS_quotactl, sync, 0, 0, 0)?;
    Ok(())
}
