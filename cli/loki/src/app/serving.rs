//! The backend as it is served: the services of Forge on one origin.

pub(crate) mod auth_settings;
pub(crate) mod beside;
pub(crate) mod people;
pub(crate) mod recent;
pub(crate) mod rows;
pub(crate) mod settings;
pub(crate) mod values;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forge_auth::keys::{KeyRing, KeysError};
use forge_auth::mail::outbox::OnLost;
use forge_auth::token::{Terms, TokenError};
use forge_core::Identity;
use forge_core::sql::Sql;
use forge_rest::engine::Engine;
use forge_rest::postgres::{self, Postgres};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use forge_rest::{Rest, openapi};
use forge_server::{App, Parts, Service, Sink};
use loki_store::Clock;
use serde_json::Value;

use self::auth_settings::AuthSettings;
use self::people::{PeopleError, Post};

/// Where the tables are mounted.
const REST: &str = "/rest/v1";
/// Where sign-in is mounted.
const AUTH: &str = "/auth/v1";
/// How long work that has begun may take once the server is to end.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Where an application's data is, and how it is used.
pub(crate) enum Data<'a> {
    /// In a file.
    Sqlite(&'a Path, sqlite::Settings),
    /// In a Postgres.
    Postgres(&'a str, postgres::Settings),
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServingError {
    /// The keys cannot be used.
    #[error("the keys of the backend cannot be used")]
    Keys(#[from] KeysError),
    /// One of them is damaged.
    #[error("a key of the backend cannot be used")]
    Key(#[from] TokenError),
    /// The database cannot be opened.
    #[error("the database cannot be served")]
    Sqlite(#[from] sqlite::OpenError),
    /// The database has no place for people.
    #[error("the database cannot be made ready for sign-in")]
    Tables(#[from] forge_database::auth::EnsureError),
    /// Nobody could sign in.
    #[error("sign-in cannot be served")]
    People(#[from] PeopleError),
    /// Postgres is not there, or is not to be used as it is.
    #[error("the Postgres at `forge.database_url` cannot be served")]
    Postgres(#[from] postgres::ConnectError),
}

/// Everything that a server is made from.
pub(crate) struct Setup<'a> {
    pub(crate) data: Data<'a>,
    pub(crate) keys: &'a Path,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sink: Option<Sink>,
    pub(crate) server: forge_server::Settings,
    pub(crate) rest: forge_rest::Settings,
    pub(crate) auth: AuthSettings,
    /// The folder for mail where no server is set.
    pub(crate) mailbox: &'a Path,
    /// Told of mail that could not be sent.
    pub(crate) lost: OnLost,
}

/// The application of a project, ready to be served, and the mail that it sends.
pub(crate) async fn app(setup: Setup<'_>) -> Result<(Arc<App>, Post), ServingError> {
    let ring = Arc::new(KeyRing::open(setup.keys, Arc::clone(&setup.clock))?);
    let (engine, sql) = open(setup.data).await?;
    let place = people::Place {
        sql,
        ring: Arc::clone(&ring),
        clock: Arc::clone(&setup.clock),
        mailbox: setup.mailbox,
        lost: setup.lost,
    };
    let (auth, courier, grants) = people::open(place, setup.auth)?;
    people::grant(&auth, &grants).await?;
    let parts = Parts {
        settings: setup.server,
        ring,
        terms: Terms::default(),
        clock: setup.clock,
        sink: setup.sink,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let tables = Tables { rest: Rest::new(Arc::clone(&engine), setup.rest), engine };
    let app = App::new(parts)?.mount(REST, Arc::new(tables)).mount(AUTH, Arc::new(people::People(auth)));
    Ok((Arc::new(app), Post::begin(courier, DRAIN_MAX)))
}

/// Opens the data, for requests and for services.
async fn open(data: Data<'_>) -> Result<(Arc<dyn Engine>, Arc<dyn Sql>), ServingError> {
    match data {
        Data::Sqlite(path, settings) => {
            forge_database::auth::ensure(path)?;
            let sqlite = Arc::new(Sqlite::open(path, settings, Arc::new(Compiler))?);
            Ok((Arc::clone(&sqlite) as Arc<dyn Engine>, sqlite))
        }
        Data::Postgres(url, settings) => {
            let postgres = Arc::new(Postgres::connect(url, settings).await?);
            Ok((Arc::clone(&postgres) as Arc<dyn Engine>, postgres))
        }
    }
}

/// The tables as a service.
struct Tables {
    rest: Rest,
    engine: Arc<dyn Engine>,
}

#[async_trait]
impl Service for Tables {
    async fn answer(&self, who: &Identity, request: http::Request<Bytes>) -> http::Response<Bytes> {
        self.rest.answer(who, request).await
    }

    async fn ready(&self) -> Result<(), String> {
        self.engine.ready().await.map_err(|error| error.message)
    }

    async fn openapi(&self) -> Value {
        match self.engine.model().await {
            Ok(model) => openapi::openapi31(&model),
            // What cannot be read is not described; the probe says why.
            Err(_) => Value::Object(serde_json::Map::new()),
        }
    }
}
