//! Listening on everybody's network, done in the command's stead.
//!
//! Landlock judges `bind` from its fourth version on, by the port alone, and a socket that listens without
//! having been bound not at all: the kernel then takes every address of the machine. So both calls come
//! here. Nothing may listen but what the job says does, and that on the loopback only.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketAddrAny, getsockname, sockopt};

use super::connect::{address_of, answer_of, descriptor_of};
use crate::sys::{self, Answer, Question};

/// Ports below this belong to the machine's services, and loki may have a right to them that no command has.
const PORT_MIN: u16 = 1024;

/// Carries out `bind`.
pub(super) fn bind(listener: std::os::fd::BorrowedFd<'_>, question: &Question, listens: bool) -> Answer {
    let attempt = || {
        let socket = descriptor_of(question, question.arguments[0])?;
        if !is_internet(&socket)? {
            // Landlock judges where a socket's file is made; another socket by now would be refused by `listen`.
            return Ok(Answer::Continue);
        }
        let address = address_of(question)?;
        if !sys::still_asks(listener, question.id) {
            return Err(io::Error::from_raw_os_error(libc::EINTR));
        }
        let address = on_loopback(&address).filter(|_| listens).ok_or_else(refused)?;
        Ok(answer_of(rustix::net::bind(&socket, &address).map_err(io::Error::from)))
    };
    attempt().unwrap_or_else(|error: io::Error| answer_of(Err(error)))
}

/// Carries out `listen`.
pub(super) fn listen(listener: std::os::fd::BorrowedFd<'_>, question: &Question, listens: bool) -> Answer {
    let attempt = || {
        let socket = descriptor_of(question, question.arguments[0])?;
        if !sys::still_asks(listener, question.id) {
            return Err(io::Error::from_raw_os_error(libc::EINTR));
        }
        if is_internet(&socket)? && !(listens && is_on_loopback(getsockname(&socket)?)) {
            return Err(refused());
        }
        // The socket that was judged, whatever its number stands for by now.
        let backlog = i32::from_ne_bytes(low_half(question.arguments[1]));
        Ok(answer_of(rustix::net::listen(&socket, backlog).map_err(io::Error::from)))
    };
    attempt().unwrap_or_else(|error: io::Error| answer_of(Err(error)))
}

fn refused() -> io::Error {
    io::Error::from_raw_os_error(libc::EACCES)
}

fn is_internet(socket: &OwnedFd) -> io::Result<bool> {
    let family = sockopt::socket_domain(socket)?;
    Ok(family == AddressFamily::INET || family == AddressFamily::INET6)
}

fn low_half(argument: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = argument.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).to_ne_bytes()
}

/// The address a command may listen on where it asks for `address`: on the loopback, which it gets in place
/// of all addresses too. None for any other.
fn on_loopback(address: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(address.get(..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(address.get(2..4)?.try_into().ok()?);
    let ip = match i32::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = address.get(4..8)?.try_into().ok()?;
            let ip = Ipv4Addr::from(octets);
            IpAddr::V4(if ip.is_unspecified() { Ipv4Addr::LOCALHOST } else { ip })
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = address.get(8..24)?.try_into().ok()?;
            let ip = Ipv6Addr::from(octets);
            IpAddr::V6(if ip.is_unspecified() { Ipv6Addr::LOCALHOST } else { ip })
        }
        _ => return None,
    };
    let is_allowed = ip.is_loopback() && (port == 0 || port >= PORT_MIN);
    is_allowed.then_some(SocketAddr::new(ip, port))
}

fn is_on_loopback(address: SocketAddrAny) -> bool {
    SocketAddr::try_from(address).is_ok_and(|address| address.ip().is_loopback() && address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(ip: [u8; 4], port: u16) -> Vec<u8> {
        let family = u16::try_from(libc::AF_INET).unwrap();
        [&family.to_ne_bytes()[..], &port.to_be_bytes(), &ip, &[0; 8]].concat()
    }

    fn v6(ip: Ipv6Addr, port: u16) -> Vec<u8> {
        let family = u16::try_from(libc::AF_INET6).unwrap();
        [&family.to_ne_bytes()[..], &port.to_be_bytes(), &[0; 4], &ip.octets(), &[0; 4]].concat()
    }

    #[test]
    fn only_the_loopback_is_listened_on_and_no_port_of_the_machine_s_services() {
        let at = |text: &str| Some(text.parse().unwrap());
        for (address, expected) in [
            (v4([127, 0, 0, 1], 8080), at("127.0.0.1:8080")),
            (v4([127, 0, 0, 1], 0), at("127.0.0.1:0")),
            (v4([0, 0, 0, 0], 8080), at("127.0.0.1:8080")),
            (v4([127, 0, 0, 1], 1023), None),
            (v4([10, 0, 0, 1], 8080), None),
            (v4([127, 0, 0, 1], 8080)[..7].to_vec(), None),
            (v6(Ipv6Addr::LOCALHOST, 8080), at("[::1]:8080")),
            (v6(Ipv6Addr::UNSPECIFIED, 8080), at("[::1]:8080")),
            (v6("fe80::1".parse().unwrap(), 8080), None),
            (v6("::ffff:10.0.0.1".parse().unwrap(), 8080), None),
            (v6(Ipv6Addr::LOCALHOST, 8080)[..23].to_vec(), None),
            (vec![0, 0, 1], None),
            (vec![], None),
        ] {
            assert_eq!(on_loopback(&address), expected, "{address:?}");
        }
    }

    #[test]
    fn a_socket_without_an_address_is_not_on_the_loopback() {
        let unbound =
            rustix::net::socket(AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
        assert!(is_internet(&unbound).unwrap());
        assert!(!is_on_loopback(getsockname(&unbound).unwrap()));
        let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_on_loopback(getsockname(&bound).unwrap()));
        let everywhere = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        assert!(!is_on_loopback(getsockname(&everywhere).unwrap()));
    }

    #[test]
    fn a_backlog_is_the_low_half_of_its_argument() {
        assert_eq!(i32::from_ne_bytes(low_half(0xdead_beef_0000_0005)), 5);
        assert_eq!(i32::from_ne_bytes(low_half(0xffff_ffff_ffff_ffff)), -1);
    }
}
