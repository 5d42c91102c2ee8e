//! The rows of the application for Forge's operations, where they are served from a Postgres.

use std::sync::Arc;

use forge_ops::{Data, Plane};
use forge_rest::postgres::{Postgres, Settings};
use tokio::runtime::Handle;

/// Connections: operations come one after another, and another one listens for changes of the schema.
const CONNECTIONS_MAX: usize = 2;

/// The rows in the Postgres at `url`, connected when an operation first asks for them. It asks from a thread that may
/// block, of a runtime that stays.
pub(crate) fn on_postgres(url: String) -> Data {
    Data::new(move || {
        let runtime = Handle::try_current().map_err(|_| "nothing here waits for a network".to_owned())?;
        let settings = Settings { connections_max: CONNECTIONS_MAX, ..Settings::default() };
        let postgres = runtime.block_on(Postgres::connect(&url, settings)).map_err(|error| told(&error))?;
        Ok(Plane::new(Arc::new(postgres), Some(runtime)))
    })
}

/// Rows that cannot be reached, because the settings that say where they are cannot be read.
pub(crate) fn nowhere(why: String) -> Data {
    Data::new(move || Err(why.clone()))
}

fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
