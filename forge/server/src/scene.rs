//! A server with a service that does what it is asked, for tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forge_auth::keys::{KeyRing, Keys};
use forge_auth::token::Terms;
use forge_core::Identity;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use loki_store::{FixedClock, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::app::{App, Parts};
use crate::service::Service;
use crate::settings::Settings;

pub(crate) const NOW: i64 = 1_800_000_000;

/// Does what its path says, and tells otherwise what it was asked.
#[derive(Default)]
pub(crate) struct Echo {
    /// Told when `/slow` was asked.
    pub(crate) asked: Notify,
    /// Lets `/slow` answer.
    pub(crate) go: Notify,
    /// Why it is not ready.
    pub(crate) unready: Mutex<Option<String>>,
}

#[async_trait]
impl Service for Echo {
    async fn answer(&self, who: &Identity, request: Request<Bytes>) -> Response<Bytes> {
        let mut response = match request.uri().path() {
            "/panic" => panic!("a service that panics"),
            "/none" => {
                let mut response = Response::new(Bytes::from_static(b"must not leave"));
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            "/big" => Response::new(Bytes::from(json!({ "text": "abc ".repeat(4_000) }).to_string())),
            path => {
                if path == "/slow" {
                    self.asked.notify_one();
                    self.go.notified().await;
                }
                let headers = request.headers().iter();
                let headers: serde_json::Map<String, Value> = headers
                    .map(|(name, value)| (name.to_string(), Value::from(value.to_str().unwrap_or_default())))
                    .collect();
                let told = json!({
                    "method": request.method().as_str(), "uri": request.uri().to_string(),
                    "role": who.role.as_str(), "subject": who.subject,
                    "body": String::from_utf8_lossy(request.body()), "headers": headers,
                });
                Response::new(Bytes::from(told.to_string()))
            }
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    async fn ready(&self) -> Result<(), String> {
        self.unready.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    async fn openapi(&self) -> Value {
        json!({ "paths": { "/todos": { "get": {} } } })
    }
}

pub(crate) struct Scene {
    pub(crate) app: Arc<App>,
    pub(crate) echo: Arc<Echo>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new(adjust: impl FnOnce(&mut Settings)) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp::from_second(NOW).unwrap(), Duration::ZERO));
        let ring = Arc::new(KeyRing::open(folder.path(), clock.clone()).unwrap());
        let mut settings = Settings::default();
        adjust(&mut settings);
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let parts = Parts {
            settings,
            ring: Arc::clone(&ring),
            terms: Terms::default(),
            clock,
            sink: Some(Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()))),
            version: "1.2.3".to_owned(),
        };
        let echo = Arc::new(Echo::default());
        let app = App::new(parts).unwrap().mount("/rest/v1", echo.clone());
        Scene { app: Arc::new(app), echo, ring, log, _folder: folder }
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        self.ring.keys()
    }
}
