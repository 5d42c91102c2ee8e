//! The smoke of a backend: its server is started on a stage beside the data, two people sign up there, and they and
//! a visitor try everything on every table.

mod ask;
mod attempts;
mod people;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_auth::keys::{KeyRing, KeysError};
use forge_core::{Identity, Role};
use forge_database::pipeline::{Database, PipelineError};
use forge_database::prove::rls::scene::Scene;
use forge_rest::sqlite;
use forge_server::{Hosts, ServeError};
use loki_store::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::ask::{AskError, Connection};
use self::attempts::Tokens;
use self::people::{Person, SignUpError};
use super::serving::auth_settings::AuthSettings;
use super::serving::{self, Data, ServingError, Setup};

pub(crate) use self::attempts::Findings;

/// Seconds for which tokens hold that are signed here.
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
    #[error("failed to sign up two people for the smoke")]
    SignUp(#[source] SignUpError),
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
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(SmokeError::Listen)?;
    let address = listener.local_addr().map_err(SmokeError::Listen)?;
    let mailbox = stage.0.join("mail");
    let path = tables.path();
    let setup = setup(&path, &keys, &mailbox, clock, address);
    let (app, post) = serving::app(setup).await.map_err(SmokeError::Serving)?;
    let (end, ended) = oneshot::channel::<()>();
    let shutdown = async {
        // Dropped or told: either way it is over.
        ended.await.unwrap_or_default();
    };
    let server = forge_server::serve(listener, None, app, shutdown, Duration::from_secs(5));
    let trying = async {
        let place = Place { address, ring: &ring, tables: &tables, mailbox: &mailbox, clock };
        let found = try_out(&place, &mut scene).await;
        drop(end);
        found
    };
    let (served, found) = tokio::join!(server, trying);
    let found = found?;
    served.map_err(SmokeError::End)?;
    post.end(Duration::from_secs(1)).await;
    Ok(found)
}

fn setup<'a>(
    path: &'a Path,
    keys: &'a Path,
    mailbox: &'a Path,
    clock: &Arc<dyn Clock>,
    address: SocketAddr,
) -> Setup<'a> {
    let people = forge_auth::Settings {
        external_url: format!("http://{address}/auth/v1"),
        ..forge_auth::Settings::default()
    };
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
        auth: AuthSettings { settings: people, grants: Vec::new(), smtp: None },
        mailbox,
        lost: serving::people::untold(),
    }
}

/// Where the smoke takes place.
struct Place<'a> {
    address: SocketAddr,
    ring: &'a KeyRing,
    tables: &'a Database,
    mailbox: &'a Path,
    clock: &'a Arc<dyn Clock>,
}

/// Has two people sign up, gives them the parts of the scene's people, and lets them and a visitor try everything.
async fn try_out(place: &Place<'_>, scene: &mut Scene) -> Result<Findings, SmokeError> {
    let keys = place.ring.keys();
    let mut connection = Connection::open(place.address).await.map_err(SmokeError::Ask)?;
    let signed_up = people::sign_up(&mut connection, &keys.publishable, place.mailbox, place.clock).await;
    let people = match signed_up {
        Ok(people) => people,
        Err(SignUpError::Broken(why)) => {
            return Ok(Findings { broken: vec![format!("sign-up: {why}")], ..Findings::default() });
        }
        Err(error) => return Err(SmokeError::SignUp(error)),
    };
    // The tables have their rows already; what is theirs becomes that of those who signed up.
    let parts = scene.people.iter().filter_map(|(_, who)| who.subject.clone());
    let ids: BTreeMap<String, String> = parts.zip(people.iter().map(|person| person.id.clone())).collect();
    place.tables.recast(scene, &ids).map_err(SmokeError::Stage)?;
    let tokens = tokens(place.ring, scene, &people, place.clock.now().as_second())?;
    attempts::try_out(&mut connection, &tokens, scene).await.map_err(SmokeError::Ask)
}

/// A token for each of the scene's people: what they got when they signed up. Where policies ask for claims that
/// only the application could have put there, it is one that says so, signed here. A visitor has none.
fn tokens(ring: &KeyRing, scene: &Scene, signed_up: &[Person], now: i64) -> Result<Tokens, SmokeError> {
    let keys = ring.keys();
    let signer = keys.signer().map_err(SmokeError::Tokens)?;
    let token = |who: &Identity| {
        let Value::Object(mut claims) = who.claims.clone() else { return Ok(None) };
        let plain = claims.keys().all(|claim| matches!(claim.as_str(), "sub" | "role"));
        let own = signed_up.iter().find(|person| who.subject.as_ref() == Some(&person.id));
        if let Some(person) = own.filter(|_| plain && who.role == Role::Authenticated) {
            return Ok(Some(person.token.clone()));
        }
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

#[cfg(test)]
mod tests {
    use loki_store::SystemClock;
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_signed_up_comes_with_the_token_that_this_gave() {
        let dir = tempfile::tempdir().unwrap();
        let ring = KeyRing::open(&dir.path().join("keys"), Arc::new(SystemClock)).unwrap();
        let signed_up: Vec<Person> =
            ["a", "b"].map(|id| Person { id: id.to_owned(), token: format!("the server's, of {id}") }).into();
        let mut claims = Identity::user("b");
        claims.claims["plan"] = json!("gold");
        let people = [("alice", Identity::user("a")), ("bob", claims), ("anon", Identity::anon())];
        let people = people.map(|(name, who)| (name.to_owned(), who)).into();
        let scene = Scene { people, tables: Vec::new() };
        let found = tokens(&ring, &scene, &signed_up, 1_800_000_000).unwrap().people;
        assert_eq!(found[0].as_deref(), Some("the server's, of a"));
        // No server gives a claim that the application makes up.
        assert!(found[1].as_ref().is_some_and(|token| token.split('.').count() == 3), "{found:?}");
        assert_eq!(found[2], None);
    }
}
