//! The network, and sockets of processes outside.

use super::{CAP_NET_RAW, Case, case};

pub(super) fn cases() -> Vec<Case> {
    [internet(), families(), unix()].concat()
}

fn internet() -> Vec<Case> {
    let to = |act: &str, port: &str| case(act, &[act, port, "{token}"]);
    vec![
        to("tcp", "{tcp}"),
        to("tcp6", "{tcp}").depends(),
        to("tcp6-mapped", "{tcp}").depends(),
        to("tcp-fastopen", "{tcp}").depends(),
        to("tcp-fastopen-message", "{tcp}").depends(),
        to("mptcp", "{tcp}").depends(),
        to("uring-connect", "{tcp}").depends(),
        to("udp", "{udp}"),
        to("udp-connected", "{udp}"),
    ]
}

/// Families, kinds and protocols by number: those that have been ways into the kernel.
const FAMILIES: [(&str, &str, &str, &str); 10] = [
    ("alg-socket", "38", "5", "0"),
    ("bluetooth-socket", "31", "3", "1"),
    ("can-socket", "29", "3", "1"),
    ("kcm-socket", "41", "5", "0"),
    ("qipcrtr-socket", "42", "2", "0"),
    ("rds-socket", "21", "5", "0"),
    ("smc-socket", "43", "1", "0"),
    ("tipc-socket", "30", "4", "0"),
    ("vsock-socket", "40", "1", "0"),
    ("xdp-socket", "44", "3", "0"),
];

fn families() -> Vec<Case> {
    let mut cases = vec![
        case("ping-socket", &["ping-socket"]).depends(),
        case("raw-socket", &["raw-socket"]).capable(CAP_NET_RAW),
        case("packet-socket", &["packet-socket"]).capable(CAP_NET_RAW),
        case("netlink-socket", &["netlink"]),
        case("int80-socket", &["int80-socket"]).depends(),
        case("vsock-connect", &["vsock-connect"]).depends(),
    ];
    let family = |(name, family, kind, protocol): (&str, &str, &str, &str)| {
        case(name, &["family", family, kind, protocol]).depends()
    };
    cases.extend(FAMILIES.map(family));
    cases
}

fn unix() -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, folder) in [("run", "{run}"), ("project", "{project}")] {
        let at = |name: &str, act: &str, socket: &str| {
            case(&format!("{name}-{place}"), &[act, &format!("{folder}/{socket}.sock"), "{token}"])
        };
        cases.extend([
            at("unix-stream", "unix-stream", "stream"),
            at("unix-seqpacket", "unix-seqpacket", "seqpacket"),
            at("unix-datagram", "unix-datagram", "datagram"),
            at("unix-pair-send", "unix-pair-send", "datagram"),
            at("unix-rights", "unix-rights", "stream"),
        ]);
    }
    cases.extend([
        case("unix-abstract-stream", &["unix-abstract-stream", "{hidden}-stream", "{token}"]),
        case("unix-abstract-datagram", &["unix-abstract-datagram", "{hidden}-datagram"]),
        case("unix-pair-send-abstract", &["unix-pair-send-abstract", "{hidden}-datagram"]),
    ]);
    cases
}
