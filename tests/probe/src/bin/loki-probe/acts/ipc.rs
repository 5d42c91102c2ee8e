//! Memory, semaphores and queues that a process outside shares with everybody of its user.

use super::Act;
use crate::sys::{self, Args, Outcome, call, holds, no_effect, text};

pub(super) const ACTS: &[(&str, Act)] =
    &[("shm", shm), ("semaphore", semaphore), ("message-queue", message_queue), ("posix-queue", posix_queue)];

fn shm(args: &Args) -> Outcome {
    let token = args.text(1)?;
    let start = call!(libc::SYS_shmat, args.id(0)?, 0, 0)?;
    let first = std::ptr::with_exposed_provenance::<u8>(start as usize);
    // SAFETY: an attached segment is at least a page long, and a token shorter.
    let bytes = unsafe { std::slice::from_raw_parts(first, token.len()) };
    if holds(bytes, token) { Ok(()) } else { Err(no_effect("it is another segment")) }
}

/// Adds one to a semaphore of the witness, who looks at it in the end.
fn semaphore(args: &Args) -> Outcome {
    let add_one = [0_i16, 1, 0];
    call!(libc::SYS_semop, args.id(0)?, add_one.as_ptr(), 1)?;
    Ok(())
}

fn message_queue(args: &Args) -> Outcome {
    let message = [1_u64, 0];
    call!(libc::SYS_msgsnd, args.id(0)?, message.as_ptr(), 8, libc::IPC_NOWAIT)?;
    Ok(())
}

fn posix_queue(args: &Args) -> Outcome {
    let name = text(args.text(0)?.trim_start_matches('/'));
    let queue = call!(libc::SYS_mq_open, name, libc::O_WRONLY | libc::O_NONBLOCK)?;
    call!(libc::SYS_mq_timedsend, queue, b"message".as_ptr(), 7, 0, 0)?;
    let _closed = sys::owned(queue);
    Ok(())
}
