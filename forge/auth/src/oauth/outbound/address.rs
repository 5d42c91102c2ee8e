//! Which addresses a request may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Reach;

/// Whether a request within `reach` may go to `ip`.
pub(super) fn is_within(reach: Reach, ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    match reach {
        Reach::Loopback => ip.is_loopback(),
        Reach::Public => match ip {
            IpAddr::V4(ip) => is_public_v4(ip),
            IpAddr::V6(ip) => is_public_v6(ip),
        },
    }
}

/// Whether the address is one of the public internet (IANA's registry of special addresses, RFC 6890).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = a == 0
        || a >= 240
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || (a == 100 && (64..128).contains(&b)) // Shared by carriers (RFC 6598).
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99) // 6to4's relays, which are no more (RFC 7526).
        || (a == 198 && (18..20).contains(&b)); // Benchmarks (RFC 2544).
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // An address of version 4 behind a translator (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => v4(high, low),
        // What is for protocols, Teredo among them (RFC 2928), and for documents (RFC 3849, RFC 9637).
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}
