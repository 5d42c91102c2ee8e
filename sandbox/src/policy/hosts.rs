//! Hosts as policies write them: names, `*.` in front of names, and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::Flaw;

/// What a rule's host stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// This name or address.
    Exactly(&'a str),
    /// Every name that ends in a dot and this.
    Below(&'a str),
}

impl<'a> Pattern<'a> {
    /// The pattern of a rule's host, which is normalized.
    pub(super) fn of(host: &'a str) -> Pattern<'a> {
        host.strip_prefix("*.").map_or(Pattern::Exactly(host), Pattern::Below)
    }

    /// True where every name that `other` stands for is one that this stands for.
    pub(super) fn covers(&self, other: &Pattern<'_>) -> bool {
        match (self, other) {
            (Pattern::Exactly(mine), Pattern::Exactly(theirs)) => mine == theirs,
            (Pattern::Exactly(_), Pattern::Below(_)) => false,
            (Pattern::Below(mine), Pattern::Exactly(theirs)) => is_below(theirs, mine),
            (Pattern::Below(mine), Pattern::Below(theirs)) => mine == theirs || is_below(theirs, mine),
        }
    }

    /// Sorts the narrower before the wider.
    pub(super) fn width(&self) -> (bool, std::cmp::Reverse<usize>) {
        match self {
            Pattern::Exactly(_) => (false, std::cmp::Reverse(0)),
            Pattern::Below(suffix) => (true, std::cmp::Reverse(suffix.len())),
        }
    }
}

fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

/// A name as a client gives it, in the form of rules: lower case, no dot at the end, addresses in one way of writing.
pub(super) fn asked(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    match address(name) {
        Some(address) => address.to_string(),
        None => name.to_ascii_lowercase(),
    }
}

/// The host of a rule in one way of writing; a flaw where no rule may have it.
pub(super) fn normalized(host: &str) -> Result<String, Flaw> {
    if let Some(address) = address(host) {
        return sound_address(address).map(|()| address.to_string());
    }
    if host.contains("://") || host.contains('/') {
        return Err(Flaw::new(format!("`{}` is an address of a page, not a host", host.escape_debug()))
            .hint("Write the name between `//` and the next `/`."));
    }
    if host.contains(':') {
        return Err(Flaw::new(format!("`{}` holds a port", host.escape_debug()))
            .hint("Ports stand apart: `ports = [443]`."));
    }
    if !host.is_ascii() {
        return Err(Flaw::new(format!("`{}` is not written in ASCII", host.escape_debug()))
            .hint("Write the name as it goes over the wire: `xn--…`."));
    }
    let lower = host.to_ascii_lowercase();
    if matches!(lower.as_str(), "*" | "*.") {
        return Err(Flaw::new("no policy allows every host").hint("Name the hosts that are needed."));
    }
    let (name, wildcard) = match lower.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (lower.as_str(), false),
    };
    sound_name(name)?;
    if METADATA_NAMES.contains(&name) {
        return Err(Flaw::new(format!("`{lower}` hands out the machine's own credentials")));
    }
    if wildcard && is_shared(name) {
        return Err(Flaw::new(format!("anybody can get a name below `{name}`"))
            .hint(format!("Name the hosts below it, or `*.example.{name}`.")));
    }
    Ok(lower)
}

/// True where a host can only be on a private address, so that its rule must say so.
pub(super) fn is_private(host: &str) -> bool {
    match address(host) {
        Some(IpAddr::V4(v4)) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        Some(IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// True for the addresses at which clouds hand out a machine's own credentials. No policy opens them.
pub fn is_metadata_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => [
            Ipv4Addr::new(169, 254, 169, 254),
            Ipv4Addr::new(169, 254, 170, 2),
            Ipv4Addr::new(169, 254, 170, 23),
            Ipv4Addr::new(100, 100, 100, 200),
            Ipv4Addr::new(168, 63, 129, 16),
            Ipv4Addr::new(192, 0, 0, 192),
        ]
        .contains(&v4),
        IpAddr::V6(v6) => [
            Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
            Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
            Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        ]
        .contains(&v6),
    }
}

const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// Names below which anybody can get one, beside those of a single label and those such as `co.uk`.
const SHARED: &[&str] = &[
    "amazonaws.com",
    "s3.amazonaws.com",
    "cloudfront.net",
    "awsapprunner.com",
    "azurewebsites.net",
    "azureedge.net",
    "core.windows.net",
    "blob.core.windows.net",
    "cloudapp.net",
    "appspot.com",
    "run.app",
    "web.app",
    "firebaseapp.com",
    "googleapis.com",
    "storage.googleapis.com",
    "googleusercontent.com",
    "github.io",
    "githubusercontent.com",
    "gitlab.io",
    "pages.dev",
    "workers.dev",
    "r2.dev",
    "r2.cloudflarestorage.com",
    "trycloudflare.com",
    "cfargotunnel.com",
    "herokuapp.com",
    "vercel.app",
    "netlify.app",
    "fly.dev",
    "onrender.com",
    "railway.app",
    "deno.dev",
    "surge.sh",
    "glitch.me",
    "replit.dev",
    "repl.co",
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "ngrok-free.dev",
    "loca.lt",
    "serveo.net",
    "localtunnel.me",
    "requestbin.net",
    "webhook.site",
    "interact.sh",
    "oast.fun",
    "nip.io",
    "sslip.io",
    "duckdns.org",
    "dyndns.org",
    "no-ip.org",
    "blogspot.com",
    "wordpress.com",
    "digitaloceanspaces.com",
    "backblazeb2.com",
    "linodeobjects.com",
    "wasabisys.com",
    "supabase.co",
    "translate.goog",
];

/// The second label of names such as `co.uk`, below which registries give out names.
const REGISTRIES: [&str; 12] = ["ac", "co", "com", "edu", "go", "gov", "gr", "ltd", "ne", "net", "or", "org"];

fn is_shared(name: &str) -> bool {
    match name.split('.').collect::<Vec<_>>()[..] {
        [_] => true,
        [second, country] if country.len() == 2 && REGISTRIES.contains(&second) => true,
        _ => SHARED.contains(&name),
    }
}

/// An address, with or without the brackets of a URL.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn sound_address(address: IpAddr) -> Result<(), Flaw> {
    let nobody = match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    };
    if nobody {
        return Err(Flaw::new(format!("`{address}` is no host's address")));
    }
    if is_metadata_address(address) {
        return Err(Flaw::new(format!("`{address}` hands out the machine's own credentials")));
    }
    Ok(())
}

fn sound_name(name: &str) -> Result<(), Flaw> {
    let shown = name.escape_debug();
    if name.is_empty() || name.len() > 253 {
        return Err(Flaw::new("a host has between 1 and 253 characters"));
    }
    if name.contains('*') {
        return Err(Flaw::new(format!("`{shown}` has a `*` elsewhere than in front"))
            .hint("`*.example.com` is every name below `example.com`."));
    }
    let sound = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.split('.').all(sound) {
        return Err(Flaw::new(format!("`{shown}` is not the name of a host"))
            .hint("Letters, digits and hyphens, with dots between."));
    }
    // What ends in a number is read as an address by some programs and as a name by others.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(Flaw::new(format!("`{shown}` is neither a name nor an address"))
            .hint("Write an address as four numbers: `192.0.2.1`."));
    }
    Ok(())
}
