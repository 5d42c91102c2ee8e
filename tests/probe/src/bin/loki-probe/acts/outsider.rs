//! A process outside: its memory, its descriptors, its limits and its place on the processor.

use super::Act;
use crate::sys::{self, Args, Outcome, call, holds, no_effect, reached};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("ptrace", ptrace),
    ("vm-read", vm_read),
    ("vm-write", vm_write),
    ("pidfd-getfd", pidfd_getfd),
    ("prlimit", prlimit),
    ("setpriority", setpriority),
    ("setaffinity", setaffinity),
    ("setscheduler", setscheduler),
    ("ioprio", ioprio),
    ("kcmp", kcmp),
    ("move-pages", move_pages),
    ("robust-list", robust_list),
];

/// Attaching is all it takes to own a process; it is let go at once by this one's end.
fn ptrace(args: &Args) -> Outcome {
    call!(libc::SYS_ptrace, libc::PTRACE_SEIZE, args.id(0)?, 0, 0)?;
    Ok(())
}

fn piece(address: i64, length: usize) -> libc::iovec {
    libc::iovec { iov_base: std::ptr::without_provenance_mut(address as usize), iov_len: length }
}

fn vm_read(args: &Args) -> Outcome {
    let token = args.text(2)?;
    let mut bytes = vec![0_u8; token.len()];
    let here = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let there = piece(args.number(1)?, token.len());
    call!(libc::SYS_process_vm_readv, args.id(0)?, &raw const here, 1, &raw const there, 1, 0)?;
    if holds(&bytes, token) { Ok(()) } else { Err(no_effect("the memory is another's")) }
}

/// Overwrites the token's first byte; the witness looks at it in the end.
fn vm_write(args: &Args) -> Outcome {
    vm_read(args)?;
    let mut byte = b'!';
    let here = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let there = piece(args.number(1)?, 1);
    call!(libc::SYS_process_vm_writev, args.id(0)?, &raw const here, 1, &raw const there, 1, 0)?;
    Ok(())
}

fn pidfd_getfd(args: &Args) -> Outcome {
    let process = call!(libc::SYS_pidfd_open, args.id(0)?, 0)?;
    let file = call!(libc::SYS_pidfd_getfd, process, args.id(1)?, 0)?;
    sys::write(file as i32, b"by pidfd").map_err(sys::Refusal::from)
}

/// Sets the limit to what it is; that it could be set is enough.
fn prlimit(args: &Args) -> Outcome {
    let (pid, limit) = (args.id(0)?, libc::RLIMIT_CORE);
    let mut now = [0_u64; 2];
    call!(libc::SYS_prlimit64, pid, limit, 0, now.as_mut_ptr())?;
    call!(libc::SYS_prlimit64, pid, limit, now.as_ptr(), 0)?;
    Ok(())
}

fn setpriority(args: &Args) -> Outcome {
    call!(libc::SYS_setpriority, libc::PRIO_PROCESS, args.id(0)?, 5)?;
    Ok(())
}

fn setaffinity(args: &Args) -> Outcome {
    let pid = args.id(0)?;
    let mut processors = [0_u64; 16];
    let size = size_of_val(&processors);
    call!(libc::SYS_sched_getaffinity, pid, size, processors.as_mut_ptr())?;
    call!(libc::SYS_sched_setaffinity, pid, size, processors.as_ptr())?;
    Ok(())
}

fn setscheduler(args: &Args) -> Outcome {
    let priority = 0_i32;
    call!(libc::SYS_sched_setscheduler, args.id(0)?, libc::SCHED_BATCH, &raw const priority)?;
    Ok(())
}

fn ioprio(args: &Args) -> Outcome {
    let (one_process, best_effort_lowest) = (1, (2 << 13) | 7);
    call!(libc::SYS_ioprio_set, one_process, args.id(0)?, best_effort_lowest)?;
    Ok(())
}

/// Whether two processes share a file is told only to those who may trace both.
fn kcmp(args: &Args) -> Outcome {
    call!(libc::SYS_kcmp, std::process::id(), args.id(0)?, 1, 0, 0)?;
    Ok(())
}

/// Where a page of another process lies. No page is moved: no node is named.
fn move_pages(args: &Args) -> Outcome {
    let page = args.number(1)? as u64;
    let mut node = 0_i32;
    let result = call!(libc::SYS_move_pages, args.id(0)?, 1, &raw const page, 0, &raw mut node, 0);
    reached(result, &[])
}

fn robust_list(args: &Args) -> Outcome {
    let (mut head, mut size) = (0_u64, 0_u64);
    call!(libc::SYS_get_robust_list, args.id(0)?, &raw mut head, &raw mut size)?;
    Ok(())
}
