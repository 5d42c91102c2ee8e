//! Processes that try to outlive the call that started them.
//!
//! Each holds a lock on the file named first, so that the harness sees for certain whether one is left. Each
//! ends by itself after some seconds, should nobody look.

use super::Act;
use crate::sys::{self, Args, Outcome, call};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("daemon", daemon),
    ("daemon-sibling", sibling),
    ("daemon-stubborn", stubborn),
    ("daemon-hydra", hydra),
];

/// No survivor lives longer, whatever becomes of the test.
const SECONDS_MAX: u32 = 15;

/// A hydra has no more heads than this.
const FORKS_MAX: u32 = 20_000;

/// Takes the lock, which every process forked from here on holds too.
fn hold(args: &Args) -> Result<std::fs::File, sys::Refusal> {
    let file = std::fs::File::options().create(true).append(true).open(args.text(0)?)?;
    call!(libc::SYS_flock, &file, libc::LOCK_SH)?;
    Ok(file)
}

/// Lets go of everything the caller could be waiting for.
fn detach() -> Result<(), std::io::Error> {
    call!(libc::SYS_setsid).map(drop).or_else(|error| match error.raw_os_error() {
        Some(libc::EPERM) => Ok(()), // It leads a group already.
        _ => Err(error),
    })?;
    let null = sys::open("/dev/null", libc::O_RDWR)?;
    for fd in 0..3 {
        call!(libc::SYS_dup3, null, fd, 0)?;
    }
    call!(libc::SYS_alarm, SECONDS_MAX)?;
    Ok(())
}

/// Ends nobody's wait by itself: only a signal does.
fn rest() -> ! {
    if detach().is_ok() {
        while call!(libc::SYS_pause).is_ok() {}
    }
    sys::leave(0)
}

fn in_child(work: impl FnOnce()) -> Outcome {
    match sys::fork()? {
        Some(child) => {
            sys::wait(child)?;
            Ok(())
        }
        None => {
            work();
            sys::leave(0)
        }
    }
}

/// The classic: fork, lead a session of its own, fork again, orphaned.
fn daemon(args: &Args) -> Outcome {
    let _held = hold(args)?;
    in_child(|| {
        if call!(libc::SYS_setsid).is_ok() && matches!(sys::fork(), Ok(None)) {
            rest();
        }
    })
}

/// A child of one's own parent: nothing that follows the tree from the command down will meet it.
fn sibling(args: &Args) -> Outcome {
    let _held = hold(args)?;
    if call!(libc::SYS_clone, libc::CLONE_PARENT | libc::SIGCHLD, 0, 0, 0, 0)? == 0 {
        rest();
    }
    Ok(())
}

/// One that no signal ends but the last.
fn stubborn(args: &Args) -> Outcome {
    let _held = hold(args)?;
    in_child(|| {
        let all = u64::MAX;
        let blocked = call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const all, 0, 8);
        if blocked.is_ok() && call!(libc::SYS_setsid).is_ok() && matches!(sys::fork(), Ok(None)) {
            // The alarm is blocked too, so the end comes from a timed wait.
            let end = libc::timespec { tv_sec: i64::from(SECONDS_MAX), tv_nsec: 0 };
            let nothing = 0_u64;
            if detach().is_ok() {
                let _ended = call!(libc::SYS_rt_sigtimedwait, &raw const nothing, 0, &raw const end, 8);
            }
        }
    })
}

/// One that forks on and on, each parent ending, so that whoever kills by number is always late.
fn hydra(args: &Args) -> Outcome {
    let _held = hold(args)?;
    in_child(|| {
        if !matches!(sys::fork(), Ok(None)) || detach().is_err() {
            return;
        }
        for _ in 0..FORKS_MAX {
            if matches!(sys::fork(), Ok(None)) {
                continue;
            }
            sys::leave(0);
        }
        rest();
    })
}
