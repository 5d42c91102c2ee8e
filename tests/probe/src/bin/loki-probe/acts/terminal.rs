//! The caller's terminal: what is typed into it is run by the caller's shell afterwards.

use super::Act;
use crate::sys::{self, Args, Outcome, Refusal, call, reached};

pub(super) const ACTS: &[(&str, Act)] =
    &[("tiocsti", tiocsti), ("tiocsti-high-bits", tiocsti_high_bits), ("tioclinux", tioclinux)];

/// The caller's terminal, as it was handed down or by any of its names.
fn terminal(args: &Args) -> Result<i32, Refusal> {
    let mut size = [0_u16; 4];
    if call!(libc::SYS_ioctl, 0, libc::TIOCGWINSZ, size.as_mut_ptr()).is_ok() {
        return Ok(0);
    }
    let by_name = sys::open("/dev/tty", libc::O_RDWR).or_else(|_| sys::open(args.text_or(0), libc::O_RDWR));
    Ok(std::os::fd::IntoRawFd::into_raw_fd(by_name?))
}

fn type_into(args: &Args, request: u64) -> Outcome {
    let byte = b'x';
    call!(libc::SYS_ioctl, terminal(args)?, request, &raw const byte)?;
    Ok(())
}

fn tiocsti(args: &Args) -> Outcome {
    type_into(args, 0x5412)
}

/// The kernel looks at 32 bits of the request, a filter perhaps at 64.
fn tiocsti_high_bits(args: &Args) -> Outcome {
    type_into(args, 0x1_0000_5412)
}

/// Pasting on the console. Other terminals answer that they are no console, which shows that the request
/// got through to them all the same.
fn tioclinux(args: &Args) -> Outcome {
    let paste = 3_u8;
    reached(call!(libc::SYS_ioctl, terminal(args)?, 0x541c_u64, &raw const paste), &[libc::ENOTTY])
}
