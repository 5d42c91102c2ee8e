//! Names are resolved once, and the connection goes to the very address that was checked.

use super::super::record::{DenyReason, Verdict};
use super::super::resolve::pin;
use super::super::target::Target;
use super::*;

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_connected_to() {
    let first = Server::new(OK).await;
    let second = Server::at(&format!("127.0.0.2:{}", first.port), OK).await;
    let resolver = Arc::new(ScriptedResolver::default().with("turn.test", &[&["127.0.0.1"], &["127.0.0.2"]]));
    let proxy = start(Egress { resolver: resolver.clone(), ..egress(&[rule("turn.test", &[first.port])]) });
    assert_eq!(status(&proxy.get(&format!("http://turn.test:{}/", first.port)).await), 200);
    assert_eq!((first.seen().len(), second.seen().len()), (1, 0));
    assert_eq!(resolver.asked(), ["turn.test"]);
}

#[tokio::test]
async fn a_name_that_turns_private_is_denied_from_then_on() {
    let resolver = ScriptedResolver::default().with("turn.test", &[&["203.0.113.7"], &["127.0.0.1"]]);
    let rule = HostRule { private: false, ..rule("turn.test", &[443]) };
    let target = Target::parse("turn.test:443", None).unwrap();
    let pinned = pin(&resolver, &rule, &target).await.unwrap();
    assert_eq!(pinned, ["203.0.113.7:443".parse().unwrap()]);
    assert_eq!(resolver.asked().len(), 1);
    let refusal = pin(&resolver, &rule, &target).await.unwrap_err();
    assert_eq!(refusal.verdict, Verdict::Denied(DenyReason::PrivateAddress));
}

#[tokio::test]
async fn one_private_address_spoils_them_all() {
    for addresses in [
        &["203.0.113.7", "10.0.0.1"][..],
        &["10.0.0.1", "203.0.113.7"],
        &["2001:db8::1", "203.0.113.7", "::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
    ] {
        let resolver = ScriptedResolver::default().with("mixed.test", &[addresses]);
        let target = Target::parse("mixed.test:443", None).unwrap();
        let private = rule("mixed.test", &[443]);
        let public = HostRule { private: false, ..private.clone() };
        let refusal = pin(&resolver, &public, &target).await.unwrap_err();
        assert_eq!(refusal.verdict, Verdict::Denied(DenyReason::PrivateAddress), "{addresses:?}");
        assert_eq!(pin(&resolver, &private, &target).await.unwrap().len(), addresses.len());
    }
}

#[tokio::test]
async fn no_rule_opens_metadata_or_unusable_addresses() {
    for (address, reason) in [
        ("169.254.169.254", DenyReason::MetadataAddress),
        ("::ffff:a9fe:a9fe", DenyReason::MetadataAddress),
        ("fd00:ec2::254", DenyReason::MetadataAddress),
        ("0.0.0.0", DenyReason::UnusableAddress),
        ("::", DenyReason::UnusableAddress),
        ("224.0.0.1", DenyReason::UnusableAddress),
    ] {
        let resolver = ScriptedResolver::default().with("odd.test", &[&[address]]);
        let bracketed = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        for host in ["odd.test", &bracketed] {
            let target = Target::parse(host, Some(80)).unwrap();
            let refusal = pin(&resolver, &rule(host, &[80]), &target).await.unwrap_err();
            assert_eq!(refusal.verdict, Verdict::Denied(reason), "{host} {address}");
        }
    }
}

#[tokio::test]
async fn private_addresses_need_a_rule_that_says_so() {
    let server = Server::new(OK).await;
    let ports = [server.port];
    let public = |host: &str| HostRule { private: false, ..rule(host, &ports) };
    let proxy = start(egress(&[public("127.0.0.1"), public("api.test"), rule("other.test", &ports)]));
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "api.test"] {
        let answer = proxy.get(&format!("http://{host}:{}/", server.port)).await;
        assert_eq!(
            (status(&answer), header(&answer, "x-loki-denied")),
            (403, Some("private-address")),
            "{host}"
        );
        assert!(answer.contains("\nprivate = true\n"), "{answer}");
    }
    assert_eq!(status(&proxy.get(&format!("http://other.test:{}/", server.port)).await), 200);
}

#[tokio::test]
async fn a_dead_address_leaves_the_next_one() {
    let server = Server::new(OK).await;
    let resolver = ScriptedResolver::default().with("two.test", &[&["127.0.0.9", "127.0.0.1"]]);
    let proxy = start(Egress { resolver: Arc::new(resolver), ..egress(&[rule("two.test", &[server.port])]) });
    assert_eq!(status(&proxy.get(&format!("http://two.test:{}/", server.port)).await), 200);
}

#[tokio::test]
async fn the_system_resolver_knows_this_machine() {
    let addresses = SystemResolver.lookup("localhost").await.unwrap();
    assert!(addresses.iter().all(|address| address.is_loopback()) && !addresses.is_empty(), "{addresses:?}");
}
