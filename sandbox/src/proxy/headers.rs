//! Headers that are for one hop only, and the framing of what is passed on.

use hyper::body::{Body, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    // The client is told to go on by this hop, as soon as its body is wanted.
    EXPECT,
];

/// True for a header that a rule must not set, since the proxy or the framing decides it.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || name == HOST || name == CONTENT_LENGTH
}

/// True where a body's framing is one that can be passed on: none, a length, or plain `chunked`. The parser
/// has refused contradictory lengths, and lets `chunked` stand over a length.
pub(super) fn is_framing_plain(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = encodings.next();
    let plain = first.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    plain && encodings.next().is_none() && !(first.is_some() && headers.contains_key(CONTENT_LENGTH))
}

/// Makes the headers of a request those of the next hop.
pub(super) fn onward_request(headers: &mut HeaderMap, body: &Incoming) {
    remove_hop_by_hop(headers);
    if !headers.contains_key(CONTENT_LENGTH) && !body.is_end_stream() {
        // Said aloud, because the client side of hyper takes a GET without a length to have no body.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// Makes the headers of a response those of the next hop.
pub(super) fn onward_response(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    remove_hop_by_hop(headers);
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // What is no name of a header cannot be in the map either.
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}
