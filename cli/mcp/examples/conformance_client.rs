//! A client of loki for the public conformance suite: `conformance_client [--handshake] URL`, started by the suite.
//!
//! It connects, lists the tools and calls what the scenario wants called. How it connects, is authorized and is asked
//! back is the client that loki uses; only what a person would decide is decided here. `tests/conformance_client.rs`
//! runs the suite with it.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loki_mcp::client::oauth::{Authorization, Consent, Identity, Pocket};
use loki_mcp::client::{Answerer, Client, Listing, Protocol, Question, Remote, Settings, Token};
use serde_json::{Map, Value, json};

/// Where the person comes back to, and where a document about the client would be.
const REDIRECT_URI: &str = "http://localhost:3000/callback";
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// A person who takes every default.
struct Agreeable;

#[async_trait]
impl Answerer for Agreeable {
    async fn answer(&self, _question: &Question) -> Option<Map<String, Value>> {
        Some(Map::new())
    }
}

/// A person who agrees at once: the suite's authorization server sends back without a page.
struct Agrees;

#[async_trait]
impl Consent for Agrees {
    fn redirect_uri(&self) -> String {
        REDIRECT_URI.to_owned()
    }

    async fn ask(&self, address: &str) -> Result<String, String> {
        let client = loki_provider::http_client(&loki_provider::Limits::default())
            .map_err(|error| error.to_string())?;
        let client = client.no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let sent = client.map_err(|error| error.to_string())?.get(address).send().await;
        let response = sent.map_err(|error| error.to_string())?;
        let back = response.headers().get("location").and_then(|value| value.to_str().ok());
        back.map(str::to_owned).ok_or_else(|| format!("HTTP {}", response.status()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().next_back().ok_or("expected the address of a server")?;
    let scenario = variable("MCP_CONFORMANCE_SCENARIO");
    let context = variable("MCP_CONFORMANCE_CONTEXT");
    let context: Value = if context.is_empty() { json!({}) } else { serde_json::from_str(&context)? };
    // The first line of releases knows nothing newer, and says so to nobody.
    let is_older = std::env::args().any(|argument| argument == "--handshake");
    let settings = Settings {
        name: "loki-conformance".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        timeout: Duration::from_secs(20),
        protocol: if is_older { Protocol::Handshake } else { Protocol::Newest },
        answerer: Some(Arc::new(Agreeable)),
    };
    let mut remote = Remote::new(&url, None)?;
    if scenario.starts_with("auth/") {
        let text = |name: &str| context[name].as_str().map(str::to_owned);
        let identity = Identity {
            name: "loki-conformance".to_owned(),
            id: text("client_id"),
            secret: text("client_secret").map(Token::new),
            document: Some(DOCUMENT.to_owned()),
        };
        let authorization =
            Authorization::new(&url, identity, Arc::new(Pocket::default()), Some(Arc::new(Agrees)));
        remote = remote.with_authorization(Arc::new(authorization.await?));
    }
    let client = Client::over_http(&remote, &settings).await?;
    let listing = client.tools().await?;
    for (tool, input) in calls(&context, &listing) {
        let answer = client.call(&tool, &input).await;
        writeln!(std::io::stderr(), "{tool}: {answer:?}")?;
    }
    client.close().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the suite says by variables what it wants")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// What is called: what the scenario names, or every tool with values of the kinds it takes.
fn calls(context: &Value, listing: &Listing) -> Vec<(String, Map<String, Value>)> {
    let named = context["toolCalls"].as_array().into_iter().flatten();
    let named: Vec<(String, Map<String, Value>)> = named
        .filter_map(|call| {
            let input = call["arguments"].as_object().cloned().unwrap_or_default();
            Some((call["name"].as_str()?.to_owned(), input))
        })
        .collect();
    if !named.is_empty() {
        return named;
    }
    let all = listing.tools.values();
    all.map(|tool| match tool.name.strip_suffix("_echo") {
        Some(_) => (tool.name.clone(), shown_back(listing)),
        None => (tool.name.clone(), values(&tool.input_schema)),
    })
    .collect()
}

/// The schema of another tool as it was read, for a tool that looks at what arrived of it.
fn shown_back(listing: &Listing) -> Map<String, Value> {
    let mut others = listing.tools.values().filter(|tool| !tool.name.ends_with("_echo"));
    let schema = others.next().map_or_else(Map::new, |tool| tool.input_schema.clone());
    Map::from_iter([("schema".to_owned(), Value::Object(schema))])
}

/// A value for each property that is required.
fn values(schema: &Map<String, Value>) -> Map<String, Value> {
    let required =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let kind = |name: &str| schema.get("properties").map_or(&Value::Null, |all| &all[name]["type"]);
    let value = |name: &str| match kind(name).as_str() {
        Some("number" | "integer") => json!(5),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("text"),
    };
    required.map(|name| (name.to_owned(), value(name))).collect()
}
