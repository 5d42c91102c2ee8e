//! What an address is for, as far as a confined command is concerned.
//!
//! Pure. Fails closed: of IPv6, only global unicast counts as public, and a form that carries an IPv4 address
//! inside is as private as what it carries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::policy::is_metadata_address;

/// What an address is for; the later ones are the more dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Somewhere on the internet (documentation ranges included).
    Public,
    /// This machine, its networks, or a range that is not globally reachable.
    Private,
    /// No place for a connection: unspecified, multicast, broadcast and the like.
    Unusable,
    /// Where clouds hand out credentials to whoever asks.
    Metadata,
}

/// Says what an address is for.
pub(super) fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        _ if is_metadata_address(address.into()) => Class::Metadata,
        (0 | 224..=239, ..) => Class::Unusable,
        _ if address.is_broadcast() => Class::Unusable,
        // Private use, loopback, and what providers put behind their own translation.
        (10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Class::Private,
        // Link-local.
        (169, 254, _) => Class::Private,
        // Protocol assignments, the 6to4 relay, benchmarking, and the reserved end of the space.
        (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) | (240..=255, ..) => Class::Private,
        _ => Class::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    let segments = address.segments();
    if is_metadata_address(address.into()) {
        return Class::Metadata;
    }
    if address.is_unspecified() || address.is_multicast() {
        return Class::Unusable;
    }
    if address.is_loopback() {
        return Class::Private;
    }
    if let Some(inside) = address.to_ipv4_mapped() {
        return class_v4(inside);
    }
    let last = pair(segments[6], segments[7]);
    match segments {
        // IPv4-compatible: nobody uses it any more, so a public address in it is no place either.
        [0, 0, 0, 0, 0, 0, ..] => match class_v4(last) {
            Class::Public => Class::Unusable,
            worse @ (Class::Private | Class::Metadata | Class::Unusable) => worse,
        },
        // Unique local, link-local, and the site-local that came before them.
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Class::Private,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => class_v4(last),
        [0x64, 0xff9b, 1, ..] => Class::Private,
        [0x2002, high, low, ..] => class_v4(pair(high, low)),
        // Teredo: the server as it is, the client with its bits turned over.
        [0x2001, 0, high, low, ..] => {
            class_v4(pair(high, low)).max(class_v4(pair(!segments[6], !segments[7])))
        }
        // ISATAP marks the interface, under any prefix.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, ..] => class_v4(last),
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Unusable,
    }
}

fn pair(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}
