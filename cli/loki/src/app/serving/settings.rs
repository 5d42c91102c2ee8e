//! How the backend is served, as the settings have it.

use std::net::SocketAddr;

use forge_rest::sqlite::{self, Synchronous};
use forge_server::{Hosts, Rate, Rates};

use crate::config::{Config, keys};
use crate::error::{CommandError, ErrorKind};

/// How requests for tables are answered.
pub(crate) fn rest(config: &Config) -> forge_rest::Settings {
    forge_rest::Settings {
        max_rows: Some(config.get(&keys::FORGE_ROWS_MAX)),
        ..forge_rest::Settings::default()
    }
}

/// How a database in a file is used.
pub(crate) fn sqlite(config: &Config) -> sqlite::Settings {
    let synchronous = match config.get(&keys::FORGE_DURABILITY).as_str() {
        "process" => Synchronous::Normal,
        _ => Synchronous::Full,
    };
    sqlite::Settings { synchronous, ..sqlite::Settings::default() }
}

/// The bounds of a server at `address`.
pub(crate) fn server(config: &Config, address: SocketAddr) -> forge_server::Settings {
    let hosts = config.get(&keys::FORGE_HOSTS);
    let hosts: Vec<String> =
        hosts.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let per_second = u32::try_from(config.get(&keys::FORGE_REQUESTS_PER_SECOND)).unwrap_or(u32::MAX);
    let rate = Rate { per_second, burst: per_second.saturating_mul(2) };
    forge_server::Settings {
        body_bytes_max: usize::try_from(config.get(&keys::FORGE_BODY_BYTES_MAX)).unwrap_or(usize::MAX),
        hosts: Hosts::of(address, &hosts),
        rates: (per_second > 0).then_some(Rates { address: rate, key: rate }),
        ..forge_server::Settings::default()
    }
}

/// TLS, where a certificate is set.
pub(crate) fn tls(config: &Config) -> Result<Option<tokio_rustls::TlsAcceptor>, CommandError> {
    let (certificate, key) = (config.get(&keys::FORGE_TLS_CERTIFICATE), config.get(&keys::FORGE_TLS_KEY));
    match (certificate.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => forge_server::tls(certificate.as_ref(), key.as_ref()).map(Some).map_err(|error| {
            CommandError::from_error(ErrorKind::Config, &error)
                .hint("Look at `forge.tls_certificate` and `forge.tls_key`: `loki config show`.")
        }),
        _ => {
            Err(CommandError::new(ErrorKind::Config, "a certificate needs its key, and the other way round")
                .hint("Set both `forge.tls_certificate` and `forge.tls_key`, or neither."))
        }
    }
}
