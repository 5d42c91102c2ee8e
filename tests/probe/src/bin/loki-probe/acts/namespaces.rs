//! Namespaces: new ones, in which a nobody has every capability, and those of others.

use super::Act;
use crate::sys::{self, Args, Outcome, call, no_effect};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("unshare-user", unshare_user),
    ("clone-user", clone_user),
    ("clone3-user", clone3_user),
    ("unshare-mount", unshare_mount),
    ("unshare-net", unshare_net),
    ("setns-pidfd", setns_pidfd),
    ("setns-proc", setns_proc),
];

fn unshare_user(_: &Args) -> Outcome {
    call!(libc::SYS_unshare, libc::CLONE_NEWUSER)?;
    Ok(())
}

fn child_ended_well(child: i64) -> Outcome {
    if child == 0 {
        sys::leave(0);
    }
    match sys::wait(child as i32)? {
        0 => Ok(()),
        code => Err(no_effect(&format!("the child ended with {code}"))),
    }
}

fn clone_user(_: &Args) -> Outcome {
    child_ended_well(call!(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0)?)
}

/// A filter cannot look at `clone3`'s flags, which lie in memory.
fn clone3_user(_: &Args) -> Outcome {
    let mut arguments = [0_u64; 11];
    arguments[0] = libc::CLONE_NEWUSER as u64;
    arguments[4] = libc::SIGCHLD as u64;
    child_ended_well(call!(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments))?)
}

fn unshare_mount(_: &Args) -> Outcome {
    call!(libc::SYS_unshare, libc::CLONE_NEWNS)?;
    Ok(())
}

fn unshare_net(_: &Args) -> Outcome {
    call!(libc::SYS_unshare, libc::CLONE_NEWNET)?;
    Ok(())
}

/// Enters the namespaces of a process outside.
fn setns_pidfd(args: &Args) -> Outcome {
    let process = call!(libc::SYS_pidfd_open, args.id(0)?, 0)?;
    call!(libc::SYS_setns, process, libc::CLONE_NEWNET)?;
    Ok(())
}

fn setns_proc(args: &Args) -> Outcome {
    let space = sys::open(&format!("/proc/{}/ns/net", args.id(0)?), libc::O_RDONLY)?;
    call!(libc::SYS_setns, space, libc::CLONE_NEWNET)?;
    Ok(())
}
