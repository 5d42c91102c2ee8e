//! The way out of a call: its proxy, and how the command gets to it.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Call, CallError, doing};
use crate::level::Level;
use crate::outcome::{Denial, DenialKind};
use crate::plan::{PROXY_PORT_INSIDE, WayOut};
use crate::proxy::{self, Egress, Proxy, ProxyError, Report, Verdict};

/// Bytes of a token in hexadecimal digits: 128 bits.
const TOKEN_BYTES: usize = 16;

/// Where the system keeps the certificate authorities it trusts, as one file.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A way out that is ready.
pub(super) struct Way {
    /// What the helper is told.
    pub(super) kind: WayOut,
    /// The address that the command is told.
    pub(super) url: Option<String>,
    /// What the command has to trust besides the system's authorities, all in one.
    pub(super) authorities: Option<String>,
    proxy: Option<Proxy>,
    listener: Option<TcpListener>,
}

/// A proxy at work.
pub(super) struct Served {
    handle: proxy::Handle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Report, ProxyError>>,
}

impl Way {
    /// Prepares what the policy names. Without a host there is no proxy at all.
    pub(super) fn prepare(call: &Call, level: Level) -> Result<Way, CallError> {
        let none = Way { kind: WayOut::None, url: None, authorities: None, proxy: None, listener: None };
        if call.policy.network.is_empty() {
            return Ok(none);
        }
        let limits = &call.policy.limits;
        let mut egress = Egress::new(call.policy.network.clone(), Arc::clone(&call.secrets));
        egress.connections_max = limits.connections_max;
        egress.transfer_bytes_max = limits.transfer_bytes_max;
        egress.upstream_proxy.clone_from(&call.upstream_proxy);
        egress.ca_bundle.clone_from(&call.ca_bundle);
        let (kind, url, listener) = if level.has_namespaces() {
            (WayOut::Listener, format!("http://127.0.0.1:{PROXY_PORT_INSIDE}"), None)
        } else {
            // On everybody's loopback everybody could use it.
            let token = token().map_err(doing("make a token"))?;
            let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(doing("listen for the command"))?;
            let port = listener.local_addr().map_err(doing("listen for the command"))?.port();
            let url = format!("http://loki:{token}@127.0.0.1:{port}");
            egress.token = Some(token);
            (WayOut::Port(port), url, Some(listener))
        };
        let proxy = Proxy::new(egress)?;
        let authorities = proxy.authority_pem().map(|own| with_system(own, call.ca_bundle.as_deref()));
        Ok(Way { kind, url: Some(url), authorities, proxy: Some(proxy), listener })
    }

    /// Begins to serve where the listener is this side's own.
    pub(super) fn serve_own(&mut self) -> Option<Served> {
        let listener = self.listener.take()?;
        self.serve(listener)
    }

    /// Begins to serve on a listener that the helper made.
    pub(super) fn serve(&mut self, listener: TcpListener) -> Option<Served> {
        let proxy = self.proxy.take()?;
        let handle = proxy.handle();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(proxy.serve(listener, async move {
            // Stopped, or nobody is left who could.
            let _either = stopped.await;
        }));
        Some(Served { handle, stop, task })
    }
}

impl Served {
    /// Waits until the limit on transferred bytes is reached.
    pub(super) async fn transfer_reached(&self) {
        self.handle.transfer_reached().await;
    }

    /// Ends it, and tells what went through.
    pub(super) async fn finish(self) -> Report {
        drop(self.stop);
        self.task.abort();
        // Ended from here; what it did is known all the same.
        let _aborted = self.task.await;
        self.handle.report()
    }
}

/// What the proxy refused, by host and port.
pub(super) fn denials(report: &Report) -> Vec<Denial> {
    let mut denials: Vec<Denial> = Vec::new();
    for request in &report.requests {
        if !matches!(request.verdict, Verdict::Denied(_)) {
            continue;
        }
        let subject = format!("{}:{}", request.host, request.port);
        match denials.iter_mut().find(|denial| denial.subject == subject) {
            Some(denial) => denial.count += 1,
            None => denials.push(Denial { kind: DenialKind::Host, subject, count: 1 }),
        }
    }
    denials
}

fn token() -> io::Result<String> {
    use std::io::Read;
    let mut bytes = [0; TOKEN_BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The proxy's own authority and those that programs trust anyway.
fn with_system(own: &str, bundle: Option<&Path>) -> String {
    let system = bundle.into_iter().chain(SYSTEM_BUNDLES.map(Path::new));
    let system = system.into_iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    format!("{own}\n{system}")
}
