//! Classes of addresses, by table and for every form that carries an IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::super::address::{Class, class};

fn check(expected: Class, addresses: &[&str]) {
    for address in addresses {
        assert_eq!(class(address.parse().unwrap()), expected, "{address}");
    }
}

#[test]
fn addresses_of_the_internet_are_public() {
    check(
        Class::Public,
        &[
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "3fff::1",
        ],
    );
}

#[test]
fn documentation_ranges_are_public() {
    check(Class::Public, &["192.0.2.1", "198.51.100.7", "203.0.113.255", "2001:db8::1"]);
}

#[test]
fn addresses_of_this_machine_and_its_networks_are_private() {
    check(
        Class::Private,
        &[
            "10.0.0.0",
            "10.255.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "169.254.0.1",
            "100.64.0.0",
            "100.127.255.255",
            "192.0.0.1",
            "198.18.0.0",
            "198.19.255.255",
            "240.0.0.1",
            "255.255.255.254",
            "::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "64:ff9b:1::808:808",
        ],
    );
}

#[test]
fn no_connection_goes_to_these() {
    check(
        Class::Unusable,
        &[
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "ff02::1",
            "100::1",
            "4000::1",
        ],
    );
}

#[test]
fn credentials_of_the_machine_are_metadata() {
    check(
        Class::Metadata,
        &[
            "169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ],
    );
}

/// Every IPv6 address that carries this one.
fn carriers(inside: Ipv4Addr) -> Vec<Ipv6Addr> {
    let bits = u128::from(inside.to_bits());
    let prefixed =
        |prefix: &str, bits: u128| Ipv6Addr::from_bits(prefix.parse::<Ipv6Addr>().unwrap().to_bits() | bits);
    vec![
        inside.to_ipv6_mapped(),
        prefixed("::", bits),
        prefixed("64:ff9b::", bits),
        prefixed("2002::", bits << 80),
        prefixed("2002::", (bits << 80) | 0x1234),
        // Teredo, as the server and as the client.
        prefixed("2001::", (bits << 64) | u128::from(!0x0101_0101_u32)),
        prefixed("2001:0:101:101::", u128::from(!inside.to_bits())),
        prefixed("2001:db8::5efe:0:0", bits),
        prefixed("2001:db8::200:5efe:0:0", bits),
    ]
}

fn private() -> impl Strategy<Value = Ipv4Addr> {
    let within = |network: &'static str, prefix: u32| {
        let network = network.parse::<Ipv4Addr>().unwrap().to_bits();
        any::<u32>().prop_map(move |bits| Ipv4Addr::from_bits(network | (bits & (u32::MAX >> prefix))))
    };
    prop_oneof![
        within("0.0.0.0", 8),
        within("10.0.0.0", 8),
        within("100.64.0.0", 10),
        within("127.0.0.0", 8),
        within("169.254.0.0", 16),
        within("172.16.0.0", 12),
        within("192.168.0.0", 16),
        within("224.0.0.0", 4),
        within("240.0.0.0", 4),
    ]
}

proptest! {
    #[test]
    fn what_carries_a_private_address_is_not_public(inside in private()) {
        prop_assert_ne!(class(IpAddr::V4(inside)), Class::Public);
        for carrier in carriers(inside) {
            // The unspecified and the loopback address look like carriers of 0.0.0.0 and 0.0.0.1.
            prop_assert_ne!(class(IpAddr::V6(carrier)), Class::Public, "{}", carrier);
        }
    }

    #[test]
    fn outside_of_global_unicast_only_translations_are_public(bits in any::<u128>()) {
        let address = Ipv6Addr::from_bits(bits);
        let translated = address.to_ipv4_mapped().is_some() || address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
        if class(IpAddr::V6(address)) == Class::Public && !translated {
            prop_assert_eq!(address.segments()[0] >> 13, 1);
        }
    }
}

#[test]
fn what_carries_a_public_address_is_as_public() {
    for address in ["::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::", "2001:0:101:101::fefe:fefe"] {
        assert_eq!(class(address.parse().unwrap()), Class::Public, "{address}");
    }
}
