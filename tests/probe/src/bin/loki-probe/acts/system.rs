//! What belongs to the whole machine: its clock, its name, its swap, its power.
//!
//! All arguments are ones that the kernel refuses after it has asked whether the caller may do such a thing;
//! getting that far is the escape. Nothing changes.

use super::Act;
use crate::sys::{Args, Outcome, call, reached, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("swapon", swapon),
    ("swapoff", swapoff),
    ("settimeofday", settimeofday),
    ("adjtimex", adjtimex),
    ("clock-adjtime", clock_adjtime),
    ("sethostname", sethostname),
    ("setdomainname", setdomainname),
    ("acct", acct),
    ("reboot", reboot),
    ("iopl", iopl),
    ("ioperm", ioperm),
];

const NOWHERE: &str = "/nonexistent/loki-probe";

fn swapon(_: &Args) -> Outcome {
    reached(call!(libc::SYS_swapon, text(NOWHERE), 0), &[libc::ENOENT])
}

fn swapoff(_: &Args) -> Outcome {
    reached(call!(libc::SYS_swapoff, text(NOWHERE)), &[libc::ENOENT])
}

/// No place is that far west. (`clock_settime` has no such argument, so it is not tried.)
fn settimeofday(_: &Args) -> Outcome {
    let zone = [1_000_000_i32, 0];
    reached(call!(libc::SYS_settimeofday, 0, zone.as_ptr()), &[libc::EINVAL])
}

/// `struct timex` with the length of a tick to set, and the length nought, which no clock has.
fn impossible_tick() -> [u64; 26] {
    let set_tick = 0x4000;
    let mut timex = [0_u64; 26];
    timex[0] = set_tick;
    timex
}

fn adjtimex(_: &Args) -> Outcome {
    let mut timex = impossible_tick();
    reached(call!(libc::SYS_adjtimex, timex.as_mut_ptr()), &[libc::EINVAL])
}

fn clock_adjtime(_: &Args) -> Outcome {
    let mut timex = impossible_tick();
    let result = call!(libc::SYS_clock_adjtime, libc::CLOCK_REALTIME, timex.as_mut_ptr());
    reached(result, &[libc::EINVAL])
}

/// No name is that long.
fn sethostname(_: &Args) -> Outcome {
    reached(call!(libc::SYS_sethostname, text("long"), 10_000), &[libc::EINVAL])
}

fn setdomainname(_: &Args) -> Outcome {
    reached(call!(libc::SYS_setdomainname, text("long"), 10_000), &[libc::EINVAL])
}

fn acct(_: &Args) -> Outcome {
    reached(call!(libc::SYS_acct, text(NOWHERE)), &[libc::ENOENT])
}

/// The magic numbers are wrong, so the kernel will not even look at the command, which is nought.
fn reboot(_: &Args) -> Outcome {
    reached(call!(libc::SYS_reboot, 0, 0, 0, 0), &[libc::EINVAL])
}

/// Holds for this process alone.
#[cfg(target_arch = "x86_64")]
fn iopl(_: &Args) -> Outcome {
    call!(libc::SYS_iopl, 3)?;
    Ok(())
}

/// Holds for this process alone; the port is the one that delays are made with.
#[cfg(target_arch = "x86_64")]
fn ioperm(_: &Args) -> Outcome {
    call!(libc::SYS_ioperm, 0x80, 1, 1)?;
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn iopl(_: &Args) -> Outcome {
    Err(crate::sys::Refusal::Senseless("this processor has no ports"))
}

#[cfg(not(target_arch = "x86_64"))]
fn ioperm(_: &Args) -> Outcome {
    Err(crate::sys::Refusal::Senseless("this processor has no ports"))
}
