//! Which rule speaks for a target, if any. Pure.

use std::net::IpAddr;

use super::address::{self, Class};
use super::record::DenyReason;
use super::target::{Host, Target};
use crate::policy::HostRule;

/// Finds the rule for a target: the first that names its host and its port.
pub(super) fn decide<'r>(rules: &'r [HostRule], target: &Target) -> Result<&'r HostRule, DenyReason> {
    let mut known = rules.iter().filter(|rule| covers(&rule.host, &target.host)).peekable();
    let missing = if known.peek().is_some() { DenyReason::Port } else { DenyReason::Host };
    known.find(|rule| rule.ports.contains(&target.port)).ok_or(missing)
}

/// Says whether the rule of a connection lets it go to this address.
pub(super) fn may_reach(rule: &HostRule, address: IpAddr) -> Result<(), DenyReason> {
    match address::class(address) {
        Class::Public => Ok(()),
        Class::Private if rule.private => Ok(()),
        Class::Private => Err(DenyReason::PrivateAddress),
        Class::Metadata => Err(DenyReason::MetadataAddress),
        Class::Unusable => Err(DenyReason::UnusableAddress),
    }
}

/// True where a rule's host stands for this one. Wildcards stand for names only.
fn covers(pattern: &str, host: &Host) -> bool {
    let Some(suffix) = pattern.strip_prefix("*.") else {
        return Host::parse_bare(pattern).is_ok_and(|named| named == *host);
    };
    let Host::Name(name) = host else { return false };
    let above = name.strip_suffix(&suffix.to_ascii_lowercase()).and_then(|front| front.strip_suffix('.'));
    above.is_some_and(|above| !above.is_empty())
}
