//! The names by which the server may be asked.
//!
//! A page of another site can have its own name resolve to loopback and then ask as if it were of our origin
//! (DNS rebinding). What such a request cannot hide is the name it asks for.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::HOST;
use http::{HeaderMap, Uri};

/// The names by which the server may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Loopback addresses and `localhost` with what ends in it.
    #[default]
    Loopback,
    /// The same and these, lower case, without ports.
    Named(Vec<String>),
    /// Any.
    Any,
}

impl Hosts {
    /// What fits a listener: for one on loopback its names and `more`, for others any.
    pub fn of(listener: SocketAddr, more: &[String]) -> Hosts {
        if !listener.ip().is_loopback() {
            return Hosts::Any;
        }
        if more.is_empty() {
            return Hosts::Loopback;
        }
        Hosts::Named(more.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether a request may be answered: by its target if that names a host (as in HTTP/2), else by `Host`.
    pub(crate) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let more: &[String] = match self {
            Hosts::Any => return true,
            Hosts::Loopback => &[],
            Hosts::Named(names) => names,
        };
        let by_header = headers.get_all(HOST).iter().map(|host| host.to_str().ok());
        let by_target = uri.authority().map(|authority| Some(authority.as_str()));
        let mut named = false;
        for host in by_target.into_iter().chain(by_header) {
            named = true;
            if !host.is_some_and(|host| is_known(name(host), more)) {
                return false;
            }
        }
        named
    }
}

/// The host without its port.
fn name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(inside, _)| inside);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_known(name: &str, more: &[String]) -> bool {
    let is_local = |name: &str| {
        let tail = name.len().checked_sub("localhost".len()).and_then(|at| name.split_at_checked(at));
        tail.is_some_and(|(before, tail)| {
            tail.eq_ignore_ascii_case("localhost") && (before.is_empty() || before.ends_with('.'))
        })
    };
    let is_loopback = match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => address == Ipv6Addr::LOCALHOST,
        Err(_) => false, // A name, then.
    };
    is_loopback || is_local(name) || more.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(hosts: &Hosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        hosts.admit(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn on_loopback_only_its_names_are_known() {
        for host in
            ["localhost", "LOCALHOST:54321", "app.localhost:1", "127.0.0.1:80", "127.8.8.8", "[::1]:9"]
        {
            assert!(admits(&Hosts::Loopback, host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:54321",
            "notlocalhost",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":80",
            "[::2]",
            "10.0.0.1",
            "[",
            "0.0.0.0",
            "localhost:80:evil.example",
        ] {
            assert!(!admits(&Hosts::Loopback, host), "{host}");
        }
        assert!(!Hosts::Loopback.admit(&Uri::from_static("/"), &HeaderMap::new()), "none at all");
        let named = Hosts::of("127.0.0.1:1".parse().unwrap(), &["My.Test".to_owned()]);
        assert!(admits(&named, "my.test:1") && admits(&named, "localhost") && !admits(&named, "your.test"));
        assert_eq!(Hosts::of("0.0.0.0:1".parse().unwrap(), &[]), Hosts::Any);
    }

    #[test]
    fn a_target_and_two_headers_count_as_well() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "localhost".parse().unwrap());
        assert!(!Hosts::Loopback.admit(&Uri::from_static("http://evil.example/"), &headers));
        headers.append(HOST, "evil.example".parse().unwrap());
        assert!(!Hosts::Loopback.admit(&Uri::from_static("/"), &headers));
    }
}
