//! Who is trusted towards hosts, and who the command has to trust where its tunnels are looked into.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};

use super::ProxyError;
use super::target::Host;

const LEAVES_MAX: usize = 256;
const SERIAL_BYTES: usize = 16;
const HTTP_1: &[u8] = b"http/1.1";

/// A certificate authority that lives as long as one call. Its key never leaves memory.
pub(super) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    leaf_key: KeyPair,
    leaves: Mutex<BTreeMap<String, Arc<ServerConfig>>>,
}

impl Authority {
    pub(super) fn new() -> Result<Authority, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name("loki sandbox egress");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let (issuer, leaf_key) = (Issuer::new(params, key), KeyPair::generate()?);
        Ok(Authority { pem, issuer, leaf_key, leaves: Mutex::default() })
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// How to answer for a host.
    pub(super) fn server(&self, host: &Host) -> Result<Arc<ServerConfig>, LeafError> {
        let host = host.bare();
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = leaves.get(&host) {
            return Ok(known.clone());
        }
        let made = Arc::new(self.make(&host)?);
        if leaves.len() >= LEAVES_MAX {
            leaves.clear();
        }
        leaves.insert(host, made.clone());
        Ok(made)
    }

    fn make(&self, host: &str) -> Result<ServerConfig, LeafError> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name = name("loki sandbox leaf");
        // Without a number of its own, every leaf of the one key would have the same.
        let serial = Sha256::digest(host.as_bytes());
        params.serial_number = Some(SerialNumber::from_slice(&serial[..SERIAL_BYTES]));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&self.leaf_key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        config.alpn_protocols = vec![HTTP_1.to_vec()];
        Ok(config)
    }
}

/// Why no certificate could be made for a host.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeafError {
    #[error("failed to sign a certificate")]
    Sign(#[from] rcgen::Error),
    #[error("failed to use a certificate")]
    Use(#[from] rustls::Error),
}

/// Whom the proxy trusts. Without a bundle the system's store is read, the first time it is needed.
pub(super) struct Trust {
    bundle: Option<PathBuf>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    /// What is trusted: the bundle, or where there is none, what the system trusts. It is read when it is first
    /// needed, since most calls only pass tunnels on.
    pub(super) fn new(bundle: Option<&Path>) -> Trust {
        Trust { bundle: bundle.map(Path::to_owned), config: OnceLock::new() }
    }

    /// Reads the bundle now, for a call that will need it.
    pub(super) fn check(&self) -> Result<(), ProxyError> {
        let Some(path) = &self.bundle else { return Ok(()) };
        let made = of_bundle(path)?;
        self.config.get_or_init(|| made);
        Ok(())
    }

    /// How to ask hosts for their certificates; none where there is no authority to trust at all.
    pub(super) fn client(&self) -> Option<Arc<ClientConfig>> {
        if let Some(known) = self.config.get() {
            return Some(known.clone());
        }
        let made = match &self.bundle {
            Some(path) => of_bundle(path).ok()?,
            None => client_config(rustls_native_certs::load_native_certs().certs)?,
        };
        Some(self.config.get_or_init(|| made).clone())
    }
}

fn of_bundle(path: &Path) -> Result<Arc<ClientConfig>, ProxyError> {
    let unreadable = |source| ProxyError::Bundle { path: path.to_owned(), source };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable)?;
    client_config(certificates).ok_or(ProxyError::BundleEmpty { path: path.to_owned() })
}

/// The name that a host's certificate has to be for.
pub(super) fn server_name(
    host: &Host,
) -> Result<ServerName<'static>, rustls::pki_types::InvalidDnsNameError> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()),
        Host::Address(address) => Ok(ServerName::from(IpAddr::clone(address))),
    }
}

fn client_config(certificates: Vec<CertificateDer<'static>>) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return None;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    Some(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(ring::default_provider())).clone()
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}
