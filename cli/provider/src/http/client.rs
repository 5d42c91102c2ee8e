//! The HTTP client: TLS with the system's roots, no redirects, bounded waits.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{ClientBuilder, Url, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::{Limits, Stopped};

/// Causes of an error that are looked at.
const CAUSES_MAX: usize = 8;
/// How often a connection is asked whether it lives, and how long it has to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The authorities that the system trusts. None at all is no error yet: servers on this machine need none.
pub(super) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// TLS by `ring`, whatever the process has chosen otherwise.
pub(super) fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

pub(super) fn builder(tls: ClientConfig, limits: &Limits) -> ClientBuilder {
    ClientBuilder::new()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_millis(limits.connect_ms_max))
        .tcp_nodelay(true)
        // A connection that died unnoticed shows itself long before the longest silence is over.
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .user_agent(concat!("loki/", env!("CARGO_PKG_VERSION")))
}

/// Whether the address is this very machine, by its form.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// What an error of the client means. Its own words hold the address, which is left out.
pub(super) fn stopped(error: reqwest::Error) -> Stopped {
    let error = error.without_url();
    let mut words = vec![error.to_string()];
    let mut untrusted = false;
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(this) = cause else { break };
        let said = this.to_string();
        if !words.iter().any(|word| word.contains(&said)) {
            words.push(said);
        }
        untrusted |= is_certificate(this);
        cause = this.source();
    }
    let why = words.join(": ");
    if untrusted { Stopped::Untrusted(why) } else { Stopped::Broken(why) }
}

/// Whether an error is, or wraps, one about a certificate. I/O errors hide what they wrap from `source`.
fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    let mut wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    for _ in 0..CAUSES_MAX {
        let Some(inner) = wrapped else { return false };
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        wrapped = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    }
    false
}
