//! The only way out of a confined command's network: an HTTP proxy that lets through what the policy names.
//!
//! It accepts on a listener that was made in the command's network and handed over, and never binds one itself.
//! Tunnels to hosts without headers are passed on unseen. Where a rule sets headers, TLS ends here, with a
//! certificate authority made for this call, and begins anew towards the host, so that secrets are put in
//! without the command ever having them.

mod address;
mod answer;
mod budget;
mod certificates;
mod dial;
mod forward;
mod headers;
mod prefixed;
mod record;
mod resolve;
mod rules;
mod secrets;
mod server;
mod target;
#[cfg(test)]
mod tests;
mod tunnel;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io, net};

use hyper::header::{HeaderName, HeaderValue};

use crate::policy::HostRule;
use budget::Budget;
use certificates::{Authority, Trust};
use record::Log;
use server::Shared;

pub use record::{DenyReason, Failure, Report, Request, Verdict};
pub use resolve::{Lookup, Resolver, SystemResolver};
pub use secrets::Secrets;
pub use upstream::UpstreamProxy;

/// What may go out, and how.
#[derive(Clone)]
pub struct Egress {
    /// The hosts that may be reached.
    pub rules: Vec<HostRule>,
    /// Connections towards hosts, all in all.
    pub connections_max: u64,
    /// Clients that are served at once; more of them wait.
    pub concurrent_connections_max: usize,
    /// Bytes exchanged with hosts, both ways. Reaching it ends every connection.
    pub transfer_bytes_max: u64,
    /// Requests that are kept in the report.
    pub requests_max: usize,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Where the secrets of headers come from.
    pub secrets: Arc<dyn Secrets>,
    /// Who resolves names.
    pub resolver: Arc<dyn Resolver>,
    /// What a client has to give as its password, whatever user name it gives.
    pub token: Option<String>,
    /// The proxy that this one has to go through.
    pub upstream_proxy: Option<UpstreamProxy>,
    /// Certificate authorities (PEM) to trust in place of the system's.
    pub ca_bundle: Option<PathBuf>,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve a name and connect to it, and once more for its TLS.
    pub connect: Duration,
    /// Silence on a connection.
    pub idle: Duration,
    /// For a client to send the head of a request, or its part of a handshake.
    pub head: Duration,
}

/// Why the proxy could not be made, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The bundle cannot be read.
    #[error("failed to read the certificate authorities in `{}`", path.display())]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The bundle has no certificate that can be used.
    #[error("there is no usable certificate authority in `{}`", path.display())]
    BundleEmpty {
        /// The bundle.
        path: PathBuf,
    },
    /// The certificate authority for inspected tunnels cannot be made.
    #[error("failed to make a certificate authority for this call")]
    Authority {
        /// What went wrong.
        #[source]
        source: rcgen::Error,
    },
    /// A rule sets a header that it cannot, or must not.
    #[error("the rule for {host} cannot set the header {header:?}")]
    Header {
        /// The rule's host.
        host: String,
        /// The header.
        header: String,
    },
    /// The upstream proxy's address is not usable.
    #[error("the address of the upstream proxy cannot be used: {why}")]
    UpstreamProxy {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The listener cannot be taken over.
    #[error("failed to take over the listener")]
    Listener {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Connections cannot be accepted any more.
    #[error("failed to accept connections, again and again")]
    Accept {
        /// What went wrong last.
        #[source]
        source: io::Error,
    },
}

/// A proxy that is ready to serve.
pub struct Proxy {
    shared: Arc<Shared>,
}

/// Looks at a proxy while it serves.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            head: Duration::from_secs(30),
        }
    }
}

impl Egress {
    /// Egress to these hosts, with the usual limits and the system's resolver and certificate authorities.
    pub fn new(rules: Vec<HostRule>, secrets: Arc<dyn Secrets>) -> Egress {
        Egress {
            rules,
            connections_max: 10_000,
            concurrent_connections_max: 512,
            transfer_bytes_max: 16 << 30,
            requests_max: 10_000,
            timeouts: Timeouts::default(),
            secrets,
            resolver: Arc::new(SystemResolver),
            token: None,
            upstream_proxy: None,
            ca_bundle: None,
        }
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("rules", &self.rules)
            .field("connections_max", &self.connections_max)
            .field("transfer_bytes_max", &self.transfer_bytes_max)
            .field("upstream_proxy", &self.upstream_proxy)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Makes a proxy, and the certificate authority of this call where a rule sets headers.
    pub fn new(egress: Egress) -> Result<Proxy, ProxyError> {
        egress.rules.iter().try_for_each(check_headers)?;
        let trust = Trust::new(egress.ca_bundle.as_deref());
        let inspects = egress.rules.iter().any(|rule| !rule.headers.is_empty());
        if inspects {
            trust.check()?;
        }
        let authority = if inspects { Some(Authority::new()) } else { None };
        let authority = authority.transpose().map_err(|source| ProxyError::Authority { source })?;
        let budget = Arc::new(Budget::new(egress.connections_max, egress.transfer_bytes_max));
        let log = Arc::new(Log::new(egress.requests_max));
        Ok(Proxy { shared: Arc::new(Shared { egress, budget, log, trust, authority }) })
    }

    /// The certificate (PEM) that the command has to trust where a rule sets headers.
    pub fn authority_pem(&self) -> Option<&str> {
        self.shared.authority.as_ref().map(Authority::pem)
    }

    /// A way to look at the proxy while it serves, and after its future was dropped.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }

    /// Serves until `shutdown` is over. Dropping the future closes everything as well.
    pub async fn serve(
        self,
        listener: net::TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Report, ProxyError> {
        let handle = self.handle();
        server::accept_all(self.shared, listener, shutdown).await?;
        Ok(handle.report())
    }
}

impl Handle {
    /// What the proxy has done so far. A request is in it when it is over.
    pub fn report(&self) -> Report {
        let Shared { budget, log, .. } = &*self.shared;
        let (requests, requests_dropped) = log.snapshot();
        Report {
            requests,
            requests_dropped,
            connections: budget.connections(),
            transfer_bytes: budget.transfer_bytes(),
            connections_reached: budget.is_connections_reached(),
            transfer_reached: budget.is_transfer_reached(),
        }
    }

    /// Waits until the limit on transferred bytes has cut everything off.
    pub async fn transfer_reached(&self) {
        self.shared.budget.transfer_reached().await;
    }
}

fn check_headers(rule: &HostRule) -> Result<(), ProxyError> {
    let settable = |(name, value): (&String, &String)| {
        HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| !headers::is_reserved(&name))
            && HeaderValue::from_str(value).is_ok()
    };
    match rule.headers.iter().find(|header| !settable(*header)) {
        Some((name, _)) => Err(ProxyError::Header { host: rule.host.clone(), header: name.clone() }),
        None => Ok(()),
    }
}
