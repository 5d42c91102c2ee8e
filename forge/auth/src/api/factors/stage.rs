//! The scene as these tests use it: people who ask, with a domain for passkeys.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use loki_store::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::Settings;
use crate::scene::{PASSWORD, Scene};
use crate::webauthn::Relying;

/// The page that asks for passkeys.
pub(crate) const ORIGIN: &str = "http://localhost:3000";

pub(crate) struct Stage {
    pub(crate) scene: Scene,
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) enum Person {
    /// Whoever holds a session.
    User(Value),
    /// A visitor.
    Anon,
    /// The application's backend.
    Service,
}

impl Person {
    /// Whose session it is.
    pub(crate) fn of(session: &Value) -> Person {
        assert!(session["access_token"].is_string(), "{session}");
        Person::User(session.clone())
    }

    fn session(&self) -> &Value {
        match self {
            Person::User(session) => session,
            Person::Anon | Person::Service => panic!("nobody's session"),
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.session()["user"]["id"].as_str().unwrap()
    }

    /// The claims of the access token.
    pub(crate) fn claims(&self) -> Value {
        let token = self.session()["access_token"].as_str().unwrap();
        let claims = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap()
    }
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Stage {
        let scene = Scene::with(|settings| {
            settings.relying = Some(Relying {
                id: "localhost".to_owned(),
                name: "Shop".to_owned(),
                origins: vec![ORIGIN.to_owned()],
            });
            change(settings);
        });
        Stage { scene }
    }

    pub(crate) async fn person(&self, email: &str) -> Person {
        Person::of(&self.scene.person(email).await)
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Person {
        let body = json!({ "email": email, "password": PASSWORD });
        let (status, session) = self.post(&Person::Anon, "/token?grant_type=password", body).await;
        assert_eq!(status, 200, "{session}");
        Person::of(&session)
    }

    pub(crate) async fn anonymous(&self) -> Person {
        let (status, session) = self.post(&Person::Anon, "/signup", json!({})).await;
        assert_eq!(status, 200, "{session}");
        Person::of(&session)
    }

    pub(crate) async fn refresh(&self, person: &Person) -> (u16, Value) {
        let body = json!({ "refresh_token": person.session()["refresh_token"] });
        self.post(&Person::Anon, "/token?grant_type=refresh_token", body).await
    }

    pub(crate) async fn post(&self, person: &Person, path: &str, body: Value) -> (u16, Value) {
        self.ask(person, "POST", path, body).await
    }

    pub(crate) async fn get(&self, person: &Person, path: &str) -> (u16, Value) {
        self.ask(person, "GET", path, Value::Null).await
    }

    pub(crate) async fn patch(&self, person: &Person, path: &str, body: Value) -> (u16, Value) {
        self.ask(person, "PATCH", path, body).await
    }

    pub(crate) async fn put(&self, person: &Person, path: &str, body: Value) -> (u16, Value) {
        self.ask(person, "PUT", path, body).await
    }

    pub(crate) async fn delete(&self, person: &Person, path: &str) -> (u16, Value) {
        self.ask(person, "DELETE", path, Value::Null).await
    }

    async fn ask(&self, person: &Person, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask_from([127, 0, 0, 1].into(), person, method, path, body).await
    }

    pub(crate) async fn ask_from(
        &self,
        ip: IpAddr,
        person: &Person,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let who = match person {
            Person::User(session) => self.scene.who(session["access_token"].as_str()),
            Person::Anon => self.scene.who(None),
            Person::Service => forge_core::Identity::service(),
        };
        let answer = self.scene.ask_as(&who, ip, method, path, body).await;
        (answer.status.as_u16(), answer.body)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.scene.clock.now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.scene.clock.advance(Duration::from_secs(seconds.unsigned_abs()));
    }
}

/// The identifier of what was made.
pub(crate) fn id_of(made: &Value) -> String {
    made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
}
