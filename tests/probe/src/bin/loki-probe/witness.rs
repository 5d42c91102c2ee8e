//! The process that must not be reached: `loki-probe witness PROJECT RUN TOKEN PATH…`.
//!
//! It opens everything that one program can offer another, prints one line that says where, and waits for
//! its stdin to end. Then it prints a line for each thing that happened to it or to the files at `PATH…`
//! (`hit WHAT`), takes away what it made, and ends.

mod doors;
mod shared;

use std::io::Write;

use crate::snapshot::snapshot;
use crate::sys::{self, Args, Outcome, call, holds, text};
use doors::Doors;
use shared::Shared;

pub(crate) fn witness(args: &Args) -> Outcome {
    let (project, run, token) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let paths = args.from(3);
    call!(libc::SYS_setsid).map(drop).or_else(|error| match error.raw_os_error() {
        Some(libc::EPERM) => Ok(()), // It leads a group already.
        _ => Err(error),
    })?;
    // Yama lets only relatives trace, unless the process says that anybody may.
    let _no_yama = call!(libc::SYS_prctl, 0x5961_6d61, u64::MAX, 0, 0, 0);
    let memory = token.as_bytes().to_vec();
    let target = paths.text(0)?;
    std::env::set_current_dir(target)?;
    let file = sys::open(&format!("{target}/target"), libc::O_RDWR)?;
    for path in paths.all() {
        mark(path);
    }
    let signals = signal_descriptor()?;
    let shared = Shared::make(token)?;
    let mut doors = Doors::open(project, run, token)?;
    doors.watch("signal", signals);
    let standing = standing();
    let before = snapshot(paths.all());
    let mut out = std::io::stdout();
    writeln!(
        out,
        "ready pid={} address={} fd={} {} {}",
        std::process::id(),
        memory.as_ptr().addr(),
        std::os::fd::AsRawFd::as_raw_fd(&file),
        doors.report(),
        shared.report(),
    )?;
    let mut hits = doors.wait(token)?;
    hits.extend(shared.hits()?);
    // The optimiser cannot know that somebody else may have written there.
    if !holds(std::hint::black_box(&memory), token) {
        hits.push("memory".into());
    }
    if standing != self::standing() {
        hits.push("priority".into());
    }
    let after = snapshot(paths.all());
    hits.extend(after.iter().filter(|line| !before.contains(line)).map(|line| format!("changed {line}")));
    hits.extend(before.iter().filter(|line| !after.contains(line)).map(|line| format!("was {line}")));
    for hit in hits {
        writeln!(out, "hit {hit}")?;
    }
    Ok(())
}

/// Gives files the attribute that acts try to take away, where the file system has attributes.
fn mark(path: &str) {
    let marked = |path: &str| {
        let (path, name) = (text(path), text("user.kept"));
        let _unsupported = call!(libc::SYS_setxattr, path, name, b"kept".as_ptr(), 4, 0);
    };
    marked(path);
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        marked(&entry.path().display().to_string());
    }
}

/// Signals that acts send, as something to read.
fn signal_descriptor() -> std::io::Result<i64> {
    let caught = (1_u64 << (libc::SIGTERM - 1)) | (1 << (libc::SIGUSR1 - 1)) | (1 << (libc::SIGIO - 1));
    call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const caught, 0, 8)?;
    call!(libc::SYS_signalfd4, -1, &raw const caught, 8, libc::O_CLOEXEC)
}

/// Where this process stands in the queues.
fn standing() -> Vec<i64> {
    let all = [
        call!(libc::SYS_getpriority, libc::PRIO_PROCESS, 0),
        call!(libc::SYS_sched_getscheduler, 0),
        call!(libc::SYS_ioprio_get, 1, 0),
    ];
    all.into_iter().map(|value| value.unwrap_or(-1)).collect()
}
