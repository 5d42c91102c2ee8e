//! Other ways into the kernel: 32-bit calls and x32 numbers, which a filter for 64-bit numbers does not see.

use super::Act;
use crate::sys::{Args, Outcome, Refusal, call, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("int80-write", int80_write),
    ("int80-unshare", int80_unshare),
    ("int80-socket", int80_socket),
    ("int80-kill", int80_kill),
    ("x32-unshare", x32_unshare),
];

/// A 32-bit system call.
#[cfg(target_arch = "x86_64")]
fn int80(number: u64, first: u64, second: u64, third: u64) -> Result<i32, Refusal> {
    let mut value = number;
    // SAFETY: `int 0x80` changes rax and r8 to r11 and memory that its arguments point to; rbx is kept.
    unsafe {
        std::arch::asm!(
            "xchg {first}, rbx", "int 0x80", "xchg {first}, rbx",
            first = inout(reg) first => _, inout("rax") value, in("rcx") second, in("rdx") third,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    let value = value as u32 as i32;
    if (-4095..0).contains(&value) {
        return Err(std::io::Error::from_raw_os_error(-value).into());
    }
    Ok(value)
}

#[cfg(not(target_arch = "x86_64"))]
fn int80(_: u64, _: u64, _: u64, _: u64) -> Result<i32, Refusal> {
    Err(Refusal::Senseless("there are no 32-bit calls on this processor"))
}

/// Puts a text where 32 bits reach it.
fn low(value: &str) -> Result<u64, Refusal> {
    let (flags, bytes) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | MAP_32BIT, text(value));
    let length = bytes.as_bytes_with_nul().len();
    let page = call!(libc::SYS_mmap, 0, length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)?;
    let target = std::ptr::with_exposed_provenance_mut::<u8>(page as usize);
    // SAFETY: the page was mapped just now, at least this long.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), target, length) };
    Ok(page as u64)
}

#[cfg(target_arch = "x86_64")]
const MAP_32BIT: i32 = libc::MAP_32BIT;
#[cfg(not(target_arch = "x86_64"))]
const MAP_32BIT: i32 = 0;

fn int80_write(args: &Args) -> Outcome {
    let (open, write_only) = (5, 1);
    let file = int80(open, low(args.text(0)?)?, write_only, 0)?;
    let (write, bytes) = (4, low("by int80")?);
    int80(write, file as u64, bytes, 8)?;
    Ok(())
}

fn int80_unshare(_: &Args) -> Outcome {
    let unshare = 310;
    int80(unshare, libc::CLONE_NEWUSER as u64, 0, 0)?;
    Ok(())
}

/// A packet socket would see what other programs send; netlink asks for no right.
fn int80_socket(_: &Args) -> Outcome {
    let socket = 359;
    int80(socket, libc::AF_NETLINK as u64, libc::SOCK_RAW as u64, libc::NETLINK_ROUTE as u64)?;
    Ok(())
}

fn int80_kill(args: &Args) -> Outcome {
    let kill = 37;
    int80(kill, u64::from(args.id(0)?.unsigned_abs()), libc::SIGTERM as u64, 0)?;
    Ok(())
}

fn x32_unshare(_: &Args) -> Outcome {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(Refusal::Senseless("there are no x32 calls on this processor"));
    }
    let x32 = 0x4000_0000;
    call!(x32 | libc::SYS_unshare, libc::CLONE_NEWUSER)?;
    Ok(())
}
