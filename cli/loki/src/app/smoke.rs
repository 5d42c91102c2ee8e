//! The smoke of a backend: its server is started on a stage beside the data, and two users and a visitor try
//! everything on every table.

mod ask;
mod attempts;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_auth::keys::{KeyRing, KeysError};
use forge_core::Identity;
use forge_database::pipeline::{Database, PipelineError};
use forge_database::prove::rls::scene::Scene;
use forge_rest::sqlite;
use forge_server::{Hosts, ServeError};
use loki_store::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::ask::AskError;
use self::attempts::Tokens;
use super::serving::{self, Data, ServingError, Setup};

pub(crate) use self::attempts::Findings;

/// Seconds for which the tokens of those who try hold.
const TOKEN_SECONDS: i64 = 600;

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmokeError {
    #[error("failed to make a folder for the smoke")]
    Folder(#[source] std::io::Error),
    #[error("failed to make the tables of the smoke")]
    Stage(#[source] PipelineError),
    #[error("failed to make tokens for the smoke")]
    Tokens(#[source] KeysError),
    #[error("failed to serve the tables of the smoke")]
    Serving(#[source] ServingError),
    #[error("failed to listen for the smoke")]
    Listen(#[source] std::io::Error),
    #[error("failed to ask the server of the smoke")]
    Ask(#[source] AskError),
    #[error("the server of the smoke did not end")]
    End(#[source] ServeError),
}

/// Tries the backend out. `scratch` is a folder that may be made, and is gone afterwards.
pub(crate) async fn smoke(
    database: &Database,
    scratch: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Findings, SmokeError> {
    smoke_of(database, scratch, clock, |_| {}).await
}

/// The same with a scene that `altered` has changed.
pub(super) async fn smoke_of(
    database: &Database,
    scratch: &Path,
    clock: &Arc<dyn Clock>,
    altered: impl FnOnce(&mut Scene),
) -> Result<Findings, SmokeError> {
    let stage = Stage::new(scratch)?;
    let (tables, mut scene) = database.scene(&stage.0.join("forge")).map_err(SmokeError::Stage)?;
    altered(&mut scene);
    let keys = stage.0.join("keys");
    let ring = KeyRing::open(&keys, Arc::clone(clock)).map_err(SmokeError::Tokens)?;
    let tokens = tokens(&ring, &scene, clock.now().as_second())?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(SmokeError::Listen)?;
    let address = listener.local_addr().map_err(SmokeError::Listen)?;
    let app =
        serving::app(setup(&tables.path(), &keys, clock, address)).await.map_err(SmokeError::Serving)?;
    let (end, ended) = oneshot::channel::<()>();
    let shutdown = async {
        // Dropped or told: either way it is over.
        ended.await.unwrap_or_default();
    };
    let server = forge_server::serve(listener, None, app, shutdown, Duration::from_secs(5));
    let trying = async {
        let found = attempts::try_out(address, &tokens, &scene).await;
        drop(end);
        found
    };
    let (served, found) = tokio::join!(server, trying);
    let found = found.map_err(SmokeError::Ask)?;
    served.map_err(SmokeError::End)?;
    Ok(found)
}

fn setup<'a>(path: &'a Path, keys: &'a Path, clock: &Arc<dyn Clock>, address: SocketAddr) -> Setup<'a> {
    let settings =
        sqlite::Settings { synchronous: sqlite::Synchronous::Normal, ..sqlite::Settings::default() };
    Setup {
        data: Data::Sqlite(path, settings),
        keys,
        clock: Arc::clone(clock),
        sink: None,
        server: forge_server::Settings {
            hosts: Hosts::of(address, &[]),
            rates: None,
            ..forge_server::Settings::default()
        },
        rest: forge_rest::Settings { tx_rollback_allowed: true, ..forge_rest::Settings::default() },
    }
}

/// A token for each of the scene's people; a visitor has none.
fn tokens(ring: &KeyRing, scene: &Scene, now: i64) -> Result<Tokens, SmokeError> {
    let keys = ring.keys();
    let signer = keys.signer().map_err(SmokeError::Tokens)?;
    let token = |who: &Identity| {
        let Value::Object(mut claims) = who.claims.clone() else { return Ok(None) };
        claims.insert("exp".to_owned(), Value::from(now + TOKEN_SECONDS));
        signer.sign(&Value::Object(claims)).map(Some).map_err(|error| SmokeError::Tokens(error.into()))
    };
    let people = scene.people.iter().map(|(_, who)| token(who)).collect::<Result<_, _>>()?;
    Ok(Tokens { publishable: keys.publishable.clone(), people })
}

/// A folder that goes with its value.
struct Stage<'a>(&'a Path);

impl<'a> Stage<'a> {
    fn new(path: &'a Path) -> Result<Stage<'a>, SmokeError> {
        let stage = Stage(path);
        // What a run that died left behind.
        stage.clear().map_err(SmokeError::Folder)?;
        std::fs::create_dir_all(path).map_err(SmokeError::Folder)?;
        Ok(stage)
    }

    fn clear(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // What stays is cleared by the next one.
        self.clear().unwrap_or_default();
    }
}
