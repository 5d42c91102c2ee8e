//! A small application on a server of the tests' own.

use std::sync::Arc;

use bytes::Bytes;
use forge_core::Identity;
use loki_kit::postgres::{Cluster, Database};
use serde_json::Value;

use crate::Rest;
use crate::postgres::{Postgres, Settings};

pub(super) const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
pub(super) const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

const ROLES: &str = include_str!("roles.sql");
const SCHEMA: &str = include_str!("schema.sql");

pub(super) struct World {
    pub(super) cluster: &'static Cluster,
    pub(super) database: Database,
    rest: Rest,
}

/// What of an answer is looked at.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) range: Option<String>,
    pub(super) location: Option<String>,
    headers: http::HeaderMap,
}

pub(super) fn alice() -> Identity {
    Identity::user(ALICE)
}

pub(super) fn bob() -> Identity {
    Identity::user(BOB)
}

/// A path with the letters that may not stand in one encoded.
fn uri(path: &str) -> String {
    let encoded = |text: String, (letter, code): (char, &str)| text.replace(letter, code);
    [('"', "%22"), ('>', "%3E"), ('{', "%7B"), ('}', "%7D")].into_iter().fold(path.to_owned(), encoded)
}

/// A database with the application in it.
pub(super) fn prepared(cluster: &'static Cluster) -> Database {
    let database = cluster.database();
    cluster.run(&database.name, ROLES);
    cluster.run(&database.name, SCHEMA);
    database
}

impl World {
    /// None where there is no PostgreSQL.
    pub(super) async fn new() -> Option<World> {
        World::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Settings)) -> Option<World> {
        let cluster = Cluster::shared()?;
        let database = prepared(cluster);
        let mut settings = Settings { connections_max: 1, ..Settings::default() };
        change(&mut settings);
        let url = cluster.url("authenticator", &database.name);
        let engine = Postgres::connect(&url, settings).await.expect("it is served");
        let settings =
            crate::Settings { tx_rollback_allowed: true, plans: true, ..crate::Settings::default() };
        Some(World { cluster, database, rest: Rest::new(Arc::new(engine), settings) })
    }

    pub(super) async fn get(&self, who: &Identity, path: &str) -> Seen {
        self.ask(who, "GET", path, &[], None).await
    }

    pub(super) async fn ask(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Seen {
        let mut request = http::Request::builder().method(method).uri(uri(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.header("content-type", "application/json").body(Bytes::from(body)).expect(path);
        let answer = self.rest.answer(who, request).await;
        let header =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = || Value::String(String::from_utf8_lossy(answer.body()).into_owned());
        Seen {
            status: answer.status().as_u16(),
            body: serde_json::from_slice(answer.body()).unwrap_or_else(|_| text()),
            range: header("content-range"),
            location: header("location"),
            headers: answer.headers().clone(),
        }
    }

    pub(super) fn sql(&self, sql: &str) -> String {
        self.cluster.run(&self.database.name, sql)
    }
}

impl Seen {
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }
}
