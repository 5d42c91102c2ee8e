//! The service on a SQLite database of its own, for tests.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forge_core::Identity;
use forge_core::sql::Sql;
use forge_database::pipeline::{Database, Limits};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use http::{Request, StatusCode};
use loki_store::FixedClock;
use serde_json::Value;
use tempfile::TempDir;

use crate::caller::Callers;
use crate::keys::KeyRing;
use crate::mail::{Mail, MailError, Mailer};
use crate::oauth::outbound::{Incoming, Outbound, OutboundError, Outgoing};
use crate::token::Terms;
use crate::{Auth, Parts, Settings};

/// A service, its mail, and the time.
pub(crate) struct Scene {
    pub(crate) auth: Arc<Auth>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) sql: Arc<Sqlite>,
    callers: Callers,
    letters: Arc<Letters>,
    _dir: TempDir,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) location: Option<String>,
}

#[derive(Default)]
struct Letters(Mutex<Vec<Mail>>);

#[async_trait]
impl Mailer for Letters {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

/// Reaches nobody.
struct Nobody;

#[async_trait]
impl Outbound for Nobody {
    async fn send(&self, request: Outgoing) -> Result<Incoming, OutboundError> {
        Err(OutboundError::Address { host: request.url.to_string() })
    }
}

impl Scene {
    /// With settings that `change` has changed.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Scene {
        Scene::reaching(Arc::new(Nobody), change)
    }

    /// The same, with providers behind `outbound`.
    pub(crate) fn reaching(outbound: Arc<dyn Outbound>, change: impl FnOnce(&mut Settings)) -> Scene {
        let dir = TempDir::new().unwrap();
        let database = Database::open(&dir.path().join("forge"), Limits::default()).unwrap();
        let start = "2026-01-02T03:04:05Z".parse().unwrap();
        let clock = Arc::new(FixedClock::new(start, Duration::ZERO));
        let sql = Arc::new(
            Sqlite::open(&database.path(), sqlite::Settings::default(), Arc::new(Compiler)).unwrap(),
        );
        let ring = Arc::new(KeyRing::open(&dir.path().join("keys"), Arc::clone(&clock) as _).unwrap());
        let letters = Arc::new(Letters::default());
        let mut settings = Settings { mail_seconds: 0, ..Settings::default() };
        change(&mut settings);
        let auth = Auth::new(Parts {
            sql: Arc::clone(&sql) as Arc<dyn Sql>,
            settings,
            ring: Arc::clone(&ring),
            clock: Arc::clone(&clock) as _,
            mailer: Arc::clone(&letters) as _,
            outbound,
        });
        let callers = Callers::new(ring.keys(), Terms::default()).unwrap();
        Scene { auth: Arc::new(auth.unwrap()), clock, sql, callers, letters, _dir: dir }
    }

    /// Who holds a token; nobody without one.
    pub(crate) fn who(&self, token: Option<&str>) -> Identity {
        let now = loki_store::Clock::now(self.clock.as_ref()).as_second();
        self.callers.identify(None, token, now).unwrap().as_ref().clone()
    }

    /// Asks as whoever holds `token`.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.ask_as(&self.who(token), [127, 0, 0, 1].into(), method, path, body).await
    }

    /// Asks as the application's backend.
    pub(crate) async fn ask_as_service(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_as(&Identity::service(), [127, 0, 0, 1].into(), method, path, body).await
    }

    /// Asks as anybody from anywhere.
    pub(crate) async fn ask_as(
        &self,
        who: &Identity,
        ip: IpAddr,
        method: &str,
        path: &str,
        body: Value,
    ) -> Answer {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-supabase-api-version", "2024-01-01")
            .body(bytes)
            .unwrap();
        request.extensions_mut().insert(ip);
        let response = self.auth.answer(who, request).await;
        Answer {
            status: response.status(),
            body: serde_json::from_slice(response.body()).unwrap_or_default(),
            location: response.headers().get("location").map(|to| to.to_str().unwrap().to_owned()),
        }
    }

    /// The newest mail to an address.
    pub(crate) fn mail(&self, to: &str) -> Mail {
        let letters = self.letters.0.lock().unwrap();
        let found = letters.iter().rev().find(|mail| mail.to().as_str() == to);
        found.unwrap_or_else(|| panic!("no mail to {to}")).clone()
    }

    /// How many mails were sent.
    pub(crate) fn mails(&self) -> usize {
        self.letters.0.lock().unwrap().len()
    }

    /// Somebody who has signed up and confirmed; gives the session.
    pub(crate) async fn person(&self, email: &str) -> Value {
        let body = serde_json::json!({ "email": email, "password": PASSWORD });
        let signed = self.ask("POST", "/signup", None, body).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        if signed.body["access_token"].is_string() {
            return signed.body;
        }
        let mail = self.mail(email);
        let body = serde_json::json!({ "type": "signup", "email": email, "token": mail.code() });
        let verified = self.ask("POST", "/verify", None, body).await;
        assert_eq!(verified.status, 200, "{}", verified.body);
        verified.body
    }
}

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The access token of a session.
pub(crate) fn access(session: &Value) -> Option<&str> {
    session["access_token"].as_str()
}
