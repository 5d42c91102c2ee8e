//! Signals to a process outside, by every call that sends one.
//!
//! The witness catches the signal and says so; it goes on living.

use super::Act;
use crate::sys::{Args, Outcome, call};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("kill", kill),
    ("kill-group", kill_group),
    ("tgkill", tgkill),
    ("tkill", tkill),
    ("sigqueue", sigqueue),
    ("pidfd-send-signal", pidfd_send_signal),
    ("sigio", sigio),
];

const SIGNAL: i32 = libc::SIGTERM;

fn kill(args: &Args) -> Outcome {
    call!(libc::SYS_kill, args.id(0)?, SIGNAL)?;
    Ok(())
}

fn kill_group(args: &Args) -> Outcome {
    call!(libc::SYS_kill, -args.id(0)?, SIGNAL)?;
    Ok(())
}

fn tgkill(args: &Args) -> Outcome {
    call!(libc::SYS_tgkill, args.id(0)?, args.id(0)?, SIGNAL)?;
    Ok(())
}

fn tkill(args: &Args) -> Outcome {
    call!(libc::SYS_tkill, args.id(0)?, SIGNAL)?;
    Ok(())
}

fn sigqueue(args: &Args) -> Outcome {
    let mut information = [0_u32; 32];
    information[0] = SIGNAL.unsigned_abs();
    information[2] = (-1_i32).cast_unsigned(); // SI_QUEUE
    call!(libc::SYS_rt_sigqueueinfo, args.id(0)?, SIGNAL, information.as_ptr())?;
    Ok(())
}

fn pidfd_send_signal(args: &Args) -> Outcome {
    let process = call!(libc::SYS_pidfd_open, args.id(0)?, 0)?;
    call!(libc::SYS_pidfd_send_signal, process, SIGNAL, 0, 0)?;
    Ok(())
}

/// Makes the kernel send the signal: the process owns a pipe that this one then writes to. No call reports
/// whether it was delivered, so only the witness can tell.
fn sigio(args: &Args) -> Outcome {
    let mut ends = [0_i32; 2];
    call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0)?;
    call!(libc::SYS_fcntl, ends[0], libc::F_SETOWN, args.id(0)?)?;
    let set_signal = 10;
    call!(libc::SYS_fcntl, ends[0], set_signal, SIGNAL)?;
    call!(libc::SYS_fcntl, ends[0], libc::F_SETFL, libc::O_ASYNC)?;
    crate::sys::write(ends[1], b"!")?;
    Ok(())
}
