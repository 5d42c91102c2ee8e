//! How targets are read, and which rule speaks for them.

use super::super::record::DenyReason;
use super::super::rules::decide;
use super::super::target::{BadTarget, Target};
use super::rule;

fn read(authority: &str) -> Result<String, BadTarget> {
    Target::parse(authority, None).map(|target| target.to_string())
}

#[test]
fn names_and_addresses_are_read() {
    for (authority, expected) in [
        ("example.com:443", "example.com:443"),
        ("EXAMPLE.com:1", "example.com:1"),
        ("example.com.:443", "example.com:443"),
        ("x_y-z.a1:65535", "x_y-z.a1:65535"),
        ("localhost:8080", "localhost:8080"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("127.0.0.1.:80", "127.0.0.1:80"),
        ("[::1]:443", "[::1]:443"),
        ("[0:0::1]:443", "[::1]:443"),
        ("[::ffff:10.0.0.1]:443", "10.0.0.1:443"),
    ] {
        assert_eq!(read(authority).as_deref(), Ok(expected), "{authority}");
    }
    assert_eq!(Target::parse("a.b", Some(80)).unwrap().port, 80);
}

#[test]
fn what_a_resolver_would_take_for_an_address_is_refused() {
    for host in [
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "1.2.3",
        "a.1",
        "a.0x",
        "0X7F.1",
        "a.0xff.",
        "256.1.1.1",
    ] {
        assert_eq!(read(&format!("{host}:80")), Err(BadTarget::Host), "{host}");
    }
}

#[test]
fn targets_that_are_not_plain_are_refused() {
    for (authority, expected) in [
        ("user@example.com:80", BadTarget::Userinfo),
        ("user:pass@example.com:80", BadTarget::Userinfo),
        ("example.com", BadTarget::NoPort),
        ("example.com:", BadTarget::Port),
        ("example.com:0", BadTarget::Port),
        ("example.com:65536", BadTarget::Port),
        ("example.com:+80", BadTarget::Port),
        ("example.com:80:80", BadTarget::Port),
        ("example..com:80", BadTarget::Host),
        (".example.com:80", BadTarget::Host),
        ("example.com..:80", BadTarget::Host),
        (":80", BadTarget::Host),
        (".:80", BadTarget::Host),
        ("exa mple.com:80", BadTarget::Host),
        ("ex%61mple.com:80", BadTarget::Host),
        ("example.com%00.test:80", BadTarget::Host),
        ("*.example.com:80", BadTarget::Host),
        ("ex\u{e4}mple.com:80", BadTarget::Host),
        ("[::1%eth0]:80", BadTarget::Host),
        ("[::1]80", BadTarget::Host),
        ("[::1:80", BadTarget::Port),
        ("::1:80", BadTarget::Port),
        ("[127.0.0.1]:80", BadTarget::Host),
    ] {
        assert_eq!(read(authority), Err(expected), "{authority}");
    }
    let long = format!("{}.com:80", "a".repeat(64));
    assert_eq!(read(&long), Err(BadTarget::Host));
    let long = format!("{}com:80", "abcdefg.".repeat(32));
    assert_eq!(read(&long), Err(BadTarget::Host));
}

#[test]
fn a_host_header_agrees_or_not() {
    let target = Target::parse("example.com:8080", None).unwrap();
    for header in ["example.com:8080", "Example.COM", "example.com.:8080"] {
        assert!(target.agrees_with(header), "{header}");
    }
    for header in
        ["example.com:80", "example.org", "", "sub.example.com", "u@example.com", "example.com:8080, x"]
    {
        assert!(!target.agrees_with(header), "{header}");
    }
}

#[test]
fn rules_stand_for_what_they_name() {
    let allowed = |host: &str, target: &str| {
        decide(&[rule(host, &[443])], &Target::parse(target, Some(443)).unwrap()).is_ok()
    };
    for (host, target) in [
        ("example.com", "example.com"),
        ("Example.com", "EXAMPLE.com."),
        ("*.example.com", "a.example.com"),
        ("*.example.com", "a.b.Example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "[::ffff:10.0.0.1]"),
        ("::1", "[::1]"),
        ("[::1]", "[0::1]"),
    ] {
        assert!(allowed(host, target), "{host} {target}");
    }
    for (host, target) in [
        ("example.com", "a.example.com"),
        ("example.com", "example.com.evil.org"),
        ("*.example.com", "example.com"),
        ("*.example.com", "notexample.com"),
        ("*.example.com", "a.example.com.evil.org"),
        ("*.0.0.1", "127.0.0.1"),
        ("*", "example.com"),
        ("*.", "example.com"),
        ("", "example.com"),
        ("10.0.0.1", "10.0.0.2"),
        ("::1", "127.0.0.1"),
    ] {
        assert!(!allowed(host, target), "{host} {target}");
    }
}

#[test]
fn the_first_rule_for_name_and_port_decides() {
    let rules =
        [rule("a.example.com", &[80]), rule("*.example.com", &[443]), rule("a.example.com", &[443, 80])];
    let decided =
        |target: &str| decide(&rules, &Target::parse(target, None).unwrap()).map(|rule| rule.host.as_str());
    assert_eq!(decided("a.example.com:80"), Ok("a.example.com"));
    assert_eq!(decided("a.example.com:443"), Ok("*.example.com"));
    assert_eq!(decided("b.example.com:80"), Err(DenyReason::Port));
    assert_eq!(decided("example.com:443"), Err(DenyReason::Host));
}
