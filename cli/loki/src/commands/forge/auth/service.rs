//! The service of sign-in over the project's database, for one command.

use std::sync::Arc;

use forge_auth::{Auth, AuthError, Code};
use forge_core::Catalog;
use forge_core::sql::Sql;
use forge_rest::postgres::Postgres;
use forge_rest::sqlite::Sqlite;
use forge_rest::sqlite::select::Compiler;
use loki_store::SystemClock;

use super::super::ring;
use crate::app::serving::auth_settings::{self, AuthSettings};
use crate::app::serving::values::Values;
use crate::app::serving::{people, settings};
use crate::config::{Config, keys};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};

/// Does something with the people of the project.
pub(super) fn with_people<T>(
    context: &Context,
    act: impl AsyncFnOnce(&Auth) -> Result<T, AuthError>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    runtime.block_on(async {
        let auth = open(context).await?;
        act(&auth).await.map_err(|error| refused(&error))
    })
}

/// What sign-in refuses, as a person sees it.
fn refused(error: &AuthError) -> CommandError {
    let (kind, hint) = match error.code {
        Code::UserNotFound => (ErrorKind::NotFound, Some("`loki forge auth users` lists them.")),
        Code::SessionNotFound => {
            (ErrorKind::NotFound, Some("`loki forge auth sessions list USER` lists them."))
        }
        Code::NotFound => (ErrorKind::NotFound, Some("`loki forge auth grants` lists them.")),
        Code::UnexpectedFailure => (ErrorKind::State, Some("`loki doctor` looks what is wrong.")),
        Code::Unavailable | Code::OverRequestRateLimit => (ErrorKind::Busy, Some("Try again.")),
        // The rest says that something given cannot be taken.
        _ => (ErrorKind::Input, None),
    };
    let shown = CommandError::from_error(kind, error);
    match hint {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}

pub(super) async fn open(context: &Context) -> Result<Arc<Auth>, CommandError> {
    let ring = Arc::new(ring(context)?);
    let (config, dir) = (context.config()?, context.project.forge_dir());
    let sql = database(&config, context).await?;
    let clock = Arc::new(SystemClock);
    let place = people::Place { sql, ring, clock, mailbox: &dir.join("mail"), lost: people::untold() };
    // Nothing that these commands do sends mail, so nothing waits for a courier.
    let (auth, _, _) = people::open(place, configured(context, &config)?)
        .map_err(|error| CommandError::from_error(ErrorKind::Config, &error))?;
    Ok(auth)
}

async fn database(config: &Config, context: &Context) -> Result<Arc<dyn Sql>, CommandError> {
    let url = config.get(&keys::FORGE_DATABASE_URL);
    if !url.is_empty() {
        let connected = Postgres::connect(&url, forge_rest::postgres::Settings::default()).await;
        return Ok(Arc::new(connected.map_err(|error| {
            CommandError::from_error(ErrorKind::Config, &error)
                .hint("`forge.database_url` names it; `loki config show` shows where that is set.")
        })?));
    }
    let path = context.project.forge_dir().join("db.sqlite");
    if !path.exists() {
        return Err(no_backend());
    }
    let damaged = |error: &dyn std::error::Error| {
        CommandError::from_error(ErrorKind::State, error).hint("`loki doctor` looks what is wrong with it.")
    };
    forge_database::auth::ensure(&path).map_err(|error| damaged(&error))?;
    let opened = Sqlite::open(&path, settings::sqlite(config), Arc::new(Compiler));
    Ok(Arc::new(opened.map_err(|error| damaged(&error))?))
}

/// How people sign in, as it is set and as it is declared.
pub(super) fn configured(context: &Context, config: &Config) -> Result<AuthSettings, CommandError> {
    let dir = context.project.forge_dir();
    let resources = if Catalog::exists(&dir) {
        let catalog = Catalog::open_read_only(&dir, Arc::new(SystemClock));
        let read = catalog.and_then(|catalog| catalog.resources(None));
        read.map_err(|error| CommandError::from_error(ErrorKind::State, &error))?
    } else {
        Vec::new()
    };
    let values = Values::new(context.environment.all(), &dir);
    auth_settings::auth_settings(config, &values, &resources, &served(config)).map_err(|error| {
        CommandError::from_error(ErrorKind::Config, &error).hint(
            "Look at the settings `forge.auth.*` (`loki config show`) and at `loki forge auth providers`.",
        )
    })
}

/// Where the backend is reached.
pub(super) fn served(config: &Config) -> String {
    let address = config.get(&keys::FORGE_LISTEN).parse();
    auth_settings::served_at(config, address.unwrap_or(([127, 0, 0, 1], 54_321).into()))
}

pub(super) fn no_backend() -> CommandError {
    CommandError::new(ErrorKind::NotFound, "this project has no backend yet")
        .hint("Build one: `loki start PRD.md`.")
}
