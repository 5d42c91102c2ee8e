//! The network: the machine's own listeners, and families of sockets that reach the kernel or beyond.

use super::Act;
use crate::sys::{self, Args, Outcome, call, holds, no_effect, reached};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("tcp", tcp),
    ("tcp6", tcp6),
    ("tcp6-mapped", tcp6_mapped),
    ("tcp-fastopen", tcp_fastopen),
    ("tcp-fastopen-message", tcp_fastopen_message),
    ("mptcp", mptcp),
    ("udp", udp),
    ("udp-connected", udp_connected),
    ("ping-socket", ping_socket),
    ("raw-socket", raw_socket),
    ("packet-socket", packet_socket),
    ("family", family),
    ("netlink", netlink),
    ("vsock-connect", vsock_connect),
];

/// `127.0.0.1` and the port.
pub(super) fn ipv4(port: i32) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: (port as u16).to_be(),
        sin_addr: libc::in_addr { s_addr: 0x7f00_0001_u32.to_be() },
        sin_zero: [0; 8],
    }
}

fn ipv6(port: i32, address: [u8; 16]) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as u16,
        sin6_port: (port as u16).to_be(),
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: address },
        sin6_scope_id: 0,
    }
}

/// Success where the one at the other end is the witness.
pub(super) fn greeted(socket: i32, token: &str) -> Outcome {
    let patience = [5_u64, 0];
    let (level, timeout) = (libc::SOL_SOCKET, libc::SO_RCVTIMEO);
    call!(libc::SYS_setsockopt, socket, level, timeout, patience.as_ptr(), size_of_val(&patience))?;
    let bytes = sys::read(socket, 256)?;
    if holds(&bytes, token) { Ok(()) } else { Err(no_effect("somebody else answered")) }
}

fn connected<T>(family: i32, protocol: i32, address: &T, token: &str) -> Outcome {
    let socket = call!(libc::SYS_socket, family, libc::SOCK_STREAM, protocol)?;
    call!(libc::SYS_connect, socket, &raw const *address, size_of::<T>())?;
    greeted(socket as i32, token)
}

fn tcp(args: &Args) -> Outcome {
    connected(libc::AF_INET, 0, &ipv4(args.id(0)?), args.text(1)?)
}

fn tcp6(args: &Args) -> Outcome {
    let mut loopback = [0; 16];
    loopback[15] = 1;
    connected(libc::AF_INET6, 0, &ipv6(args.id(0)?, loopback), args.text(1)?)
}

/// `::ffff:127.0.0.1`: the old address in the new family.
fn tcp6_mapped(args: &Args) -> Outcome {
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
    connected(libc::AF_INET6, 0, &ipv6(args.id(0)?, mapped), args.text(1)?)
}

fn mptcp(args: &Args) -> Outcome {
    connected(libc::AF_INET, libc::IPPROTO_MPTCP, &ipv4(args.id(0)?), args.text(1)?)
}

fn send_to(socket: i64, bytes: &[u8], flags: i32, port: i32) -> Outcome {
    let address = ipv4(port);
    let (start, length) = (bytes.as_ptr(), bytes.len());
    call!(libc::SYS_sendto, socket, start, length, flags, &raw const address, size_of_val(&address))?;
    Ok(())
}

/// Sends with the first packet, so that no connect is ever asked for.
fn tcp_fastopen(args: &Args) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0)?;
    send_to(socket, b"fast", libc::MSG_FASTOPEN, args.id(0)?)?;
    greeted(socket as i32, args.text(1)?)
}

/// The same by the call that takes its arguments from memory.
fn tcp_fastopen_message(args: &Args) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0)?;
    let address = ipv4(args.id(0)?);
    let mut byte = b'!';
    let mut piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let (address_at, pieces) = ((&raw const address).addr() as u64, (&raw mut piece).addr() as u64);
    let message = [address_at, size_of_val(&address) as u64, pieces, 1, 0, 0, 0];
    call!(libc::SYS_sendmsg, socket, message.as_ptr(), libc::MSG_FASTOPEN)?;
    greeted(socket as i32, args.text(1)?)
}

/// What a name server is asked, roughly; the witness answers anything.
fn udp(args: &Args) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    send_to(socket, b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 0, args.id(0)?)?;
    greeted(socket as i32, args.text(1)?)
}

fn udp_connected(args: &Args) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let address = ipv4(args.id(0)?);
    call!(libc::SYS_connect, socket, &raw const address, size_of_val(&address))?;
    sys::write(socket as i32, b"question")?;
    greeted(socket as i32, args.text(1)?)
}

fn socket(family: i32, kind: i32, protocol: i32) -> Outcome {
    call!(libc::SYS_socket, family, kind, protocol)?;
    Ok(())
}

fn ping_socket(_: &Args) -> Outcome {
    socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP)
}

fn raw_socket(_: &Args) -> Outcome {
    socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)
}

fn packet_socket(_: &Args) -> Outcome {
    socket(libc::AF_PACKET, libc::SOCK_RAW, 0)
}

/// A socket of a family and kind that no build needs.
fn family(args: &Args) -> Outcome {
    socket(args.id(0)?, args.id(1)?, args.id(2)?)
}

fn netlink(_: &Args) -> Outcome {
    socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)
}

/// The machine under this one. A host that does not listen refuses or does not answer; the act is to ask.
fn vsock_connect(_: &Args) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_VSOCK, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    let (nobody, port) = (0xffff_fff0_u32, 1_u32);
    let address = [libc::AF_VSOCK as u32, port, nobody, 0];
    let result = call!(libc::SYS_connect, socket, address.as_ptr(), 16);
    let past = [libc::ECONNRESET, libc::ECONNREFUSED, libc::EINPROGRESS, libc::ENODEV, libc::EHOSTUNREACH];
    reached(result, &past)
}
