//! Connecting, as a role that policies bind.

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use super::Settings;
use super::text::{Text, list};
use super::tls::Tls;

/// Why a database is not served. Never holds the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error("the address of the database cannot be read")]
    Address,
    /// There is nothing to trust the server's certificate by.
    #[error("failed to prepare encrypted connections")]
    Tls {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The pool cannot be made.
    #[error("failed to make the connection pool")]
    Pool,
    /// No connection.
    #[error("failed to connect to the database")]
    Unreachable {
        /// Why.
        #[source]
        source: Box<PoolError>,
    },
    /// The server refused.
    #[error("failed to {attempt}")]
    Server {
        /// What was attempted.
        attempt: &'static str,
        /// What the server says.
        #[source]
        source: Box<tokio_postgres::Error>,
    },
    /// What the catalogs hold cannot be read.
    #[error("failed to read the database's catalogs")]
    Catalog,
    /// Policies would not bind requests.
    #[error(
        "the role `{role}` {power}, so policies would not bind requests; connect as one made with CREATE ROLE ... \
         LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS"
    )]
    TooPowerful {
        /// Which role.
        role: String,
        /// What it is or can do.
        power: &'static str,
    },
    /// The connecting role cannot become who asks.
    #[error("the role `{role}` may not become {missing}; GRANT {missing} TO \"{role}\"")]
    MayNotBecome {
        /// The connecting role.
        role: String,
        /// The roles that are missing, or not granted.
        missing: String,
    },
}

/// Who is connected, and what it and the roles of requests could do that policies do not see.
const ROLES: &str = "\
    SELECT session_user::text, r.rolsuper, r.rolbypassrls, \
      array_to_string(array(SELECT w FROM unnest(ARRAY['anon', 'authenticated', 'service_role']) AS w WHERE NOT EXISTS \
        (SELECT FROM pg_catalog.pg_roles AS p WHERE p.rolname = w AND pg_catalog.pg_has_role(session_user, p.oid, \
        'MEMBER'))), ', '), \
      (SELECT min(p.rolname::text) FROM pg_catalog.pg_roles AS p WHERE (p.rolname IN ('anon', 'authenticated') AND \
        (p.rolsuper OR p.rolbypassrls)) OR (p.rolname = 'service_role' AND p.rolsuper)), \
      EXISTS (SELECT FROM pg_catalog.pg_roles AS p WHERE p.rolsuper AND pg_catalog.pg_has_role(session_user, p.oid, \
        'MEMBER')), \
      EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE \
        n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p') AND pg_catalog.pg_has_role(session_user, c.relowner, \
        'MEMBER')) \
    FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user";

/// Makes connections of one kind.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Option<Tls>,
}

impl Address {
    /// The address in `url`. With `sslmode=require` connections are encrypted and the server's certificate is
    /// checked; otherwise they are not encrypted.
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Address, ConnectError> {
        let mut config: Config = url.parse().map_err(|_: tokio_postgres::Error| ConnectError::Address)?;
        config.connect_timeout(settings.connect_timeout);
        if config.get_application_name().is_none() {
            config.application_name("loki");
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(Tls::new().map_err(|source| ConnectError::Tls { source })?),
            _ => None,
        };
        Ok(Address { config, tls })
    }

    /// A pool of connections to it.
    pub(super) fn pool(&self, settings: &Settings) -> Result<Pool, ConnectError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &self.tls {
            Some(tls) => Manager::from_config(self.config.clone(), tls.clone(), recycling),
            None => Manager::from_config(self.config.clone(), NoTls, recycling),
        };
        Pool::builder(manager)
            .max_size(settings.connections_max)
            .wait_timeout(Some(settings.acquire_timeout))
            .create_timeout(Some(settings.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| ConnectError::Pool)
    }
}

/// Refuses roles that no policy binds, and one that cannot become who asks.
pub(super) async fn require_bound(pool: &Pool, settings: &Settings) -> Result<(), ConnectError> {
    let connection =
        pool.get().await.map_err(|source| ConnectError::Unreachable { source: Box::new(source) })?;
    let schemas = Text::of(list(settings.schemas.iter().map(String::as_str)));
    let row = connection.query_one(ROLES, &[&schemas]).await.map_err(|source| ConnectError::Server {
        attempt: "read the rights of the connecting role",
        source: Box::new(source),
    })?;
    let role: String = row.get(0);
    if row.get(1) {
        return Err(ConnectError::TooPowerful { role, power: "is a superuser" });
    }
    if row.get(2) {
        return Err(ConnectError::TooPowerful { role, power: "bypasses row-level security" });
    }
    if row.get(5) {
        return Err(ConnectError::TooPowerful { role, power: "may become a superuser" });
    }
    if row.get(6) {
        return Err(ConnectError::TooPowerful { role, power: "owns tables of the application" });
    }
    let missing: String = row.get(3);
    if !missing.is_empty() {
        return Err(ConnectError::MayNotBecome { role, missing });
    }
    match row.get::<_, Option<String>>(4) {
        Some(role) => {
            Err(ConnectError::TooPowerful { role, power: "is a superuser or bypasses row-level security" })
        }
        None => Ok(()),
    }
}
