//! Unix sockets of a process outside: by path, in the project too, and without one.

use super::Act;
use super::network::greeted;
use crate::sys::{self, Args, Outcome, Refusal, call};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("unix-stream", stream),
    ("unix-seqpacket", seqpacket),
    ("unix-datagram", datagram),
    ("unix-abstract-stream", abstract_stream),
    ("unix-abstract-datagram", abstract_datagram),
    ("unix-pair-send", pair_send),
    ("unix-pair-send-abstract", pair_send_abstract),
    ("unix-rights", rights),
];

/// An address, and how much of it counts.
pub(crate) struct Address {
    pub(crate) value: libc::sockaddr_un,
    pub(crate) length: usize,
}

/// The address of a path, or with `hidden` of a name that is in no folder.
pub(crate) fn address(name: &str, hidden: Hidden) -> Result<Address, Refusal> {
    let mut value = libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] };
    let first = usize::from(hidden == Hidden::Yes);
    let slots = value.sun_path.get_mut(first..first + name.len());
    let slots = slots.ok_or_else(|| Refusal::Usage(format!("`{name}` is too long for a socket")))?;
    for (slot, byte) in slots.iter_mut().zip(name.bytes()) {
        *slot = byte.cast_signed();
    }
    let end = if hidden == Hidden::Yes { 0 } else { 1 };
    Ok(Address { value, length: size_of::<u16>() + first + name.len() + end })
}

/// Whether an address is one without a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    Yes,
    No,
}

fn connect(args: &Args, kind: i32, hidden: Hidden) -> Result<i32, Refusal> {
    let address = address(args.text(0)?, hidden)?;
    let socket = call!(libc::SYS_socket, libc::AF_UNIX, kind, 0)?;
    call!(libc::SYS_connect, socket, &raw const address.value, address.length)?;
    Ok(socket as i32)
}

fn stream(args: &Args) -> Outcome {
    greeted(connect(args, libc::SOCK_STREAM, Hidden::No)?, args.text(1)?)
}

fn seqpacket(args: &Args) -> Outcome {
    greeted(connect(args, libc::SOCK_SEQPACKET, Hidden::No)?, args.text(1)?)
}

fn abstract_stream(args: &Args) -> Outcome {
    greeted(connect(args, libc::SOCK_STREAM, Hidden::Yes)?, args.text(1)?)
}

fn send_to(socket: i32, address: &Address) -> Outcome {
    let (bytes, length) = (b"datagram".as_ptr(), 8);
    call!(libc::SYS_sendto, socket, bytes, length, 0, &raw const address.value, address.length)?;
    Ok(())
}

fn unconnected(args: &Args, hidden: Hidden) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
    send_to(socket as i32, &address(args.text(0)?, hidden)?)
}

fn datagram(args: &Args) -> Outcome {
    unconnected(args, Hidden::No)
}

fn abstract_datagram(args: &Args) -> Outcome {
    unconnected(args, Hidden::Yes)
}

/// One end of a pair may send to anybody, though `socket` was never called.
fn pair(args: &Args, hidden: Hidden) -> Outcome {
    let mut ends = [0_i32; 2];
    call!(libc::SYS_socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr())?;
    send_to(ends[0], &address(args.text(0)?, hidden)?)
}

fn pair_send(args: &Args) -> Outcome {
    pair(args, Hidden::No)
}

fn pair_send_abstract(args: &Args) -> Outcome {
    pair(args, Hidden::Yes)
}

/// Hands a descriptor to the process outside.
fn rights(args: &Args) -> Outcome {
    let socket = connect(args, libc::SOCK_STREAM, Hidden::No)?;
    let file = sys::open("/dev/null", libc::O_RDONLY)?;
    let mut byte = b'!';
    let mut piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // A control message: its length, its level and kind, one descriptor, padding.
    let kind = (libc::SOL_SOCKET as u64) | ((libc::SCM_RIGHTS as u64) << 32);
    let mut control = [20_u64, kind, std::os::fd::AsRawFd::as_raw_fd(&file) as u64];
    let pieces = (&raw mut piece).addr() as u64;
    let message = [0_u64, 0, pieces, 1, control.as_mut_ptr().addr() as u64, 24, 0];
    call!(libc::SYS_sendmsg, socket, message.as_ptr(), 0)?;
    Ok(())
}
