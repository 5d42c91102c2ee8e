use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use forge_core::{Explain, ResourceKind};
use loki_store::FixedClock;
use serde_json::{Value, json};

use super::People;
use crate::{Forge, OpError, Outcome};

const ADD: &str = "forge_auth_provider_add";
const REMOVE: &str = "forge_auth_provider_remove";

fn open(dir: &Path) -> Forge {
    let clock = FixedClock::new("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_secs(1));
    Forge::open(dir, Arc::new(clock)).unwrap()
}

fn done(forge: &Forge, name: &str, input: &Value) -> Value {
    let Outcome::Done { data, .. } = forge.call(name, input).unwrap() else {
        panic!("it waits for a review")
    };
    data
}

fn refused(forge: &Forge, name: &str, input: &Value) -> String {
    let error = forge.call(name, input).unwrap_err();
    assert_eq!(error.code(), "FRG041", "{error}");
    error.to_string()
}

fn spec(forge: &Forge, name: &str) -> Option<Value> {
    forge.catalog().resource(ResourceKind::AuthProvider, name).unwrap().map(|resource| resource.spec)
}

#[test]
fn a_provider_is_declared_with_what_a_person_has_by_reference() {
    let dir = tempfile::tempdir().unwrap();
    let forge = open(dir.path());
    let added = done(&forge, ADD, &json!({ "name": "google" }));
    assert_eq!(added["change"], "added");
    assert_eq!(added["needs"], json!(["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"]));
    let google = json!({
        "method": "oauth", "client_id": "secret:GOOGLE_CLIENT_ID", "client_secret": "secret:GOOGLE_CLIENT_SECRET",
    });
    assert_eq!(spec(&forge, "google"), Some(google));

    done(&forge, ADD, &json!({ "name": "apple" }));
    let apple = spec(&forge, "apple").unwrap();
    assert_eq!(apple["private_key"], "secret:APPLE_PRIVATE_KEY");
    assert_eq!(apple.get("client_secret"), None);

    done(&forge, ADD, &json!({ "name": "other", "client_id": "secret:A", "client_secret": "secret:B" }));
    let other = json!({
        "method": "oauth", "client_id": "secret:A", "client_secret": "secret:B", "issuer": "secret:OTHER_ISSUER",
    });
    assert_eq!(spec(&forge, "other"), Some(other), "an issuer is for a person to say");
    done(&forge, ADD, &json!({ "name": "my-company", "issuer": "secret:LOGIN" }));
    assert_eq!(spec(&forge, "my-company").unwrap()["issuer"], "secret:LOGIN");
    assert_eq!(spec(&forge, "my-company").unwrap()["client_id"], "secret:MY_COMPANY_CLIENT_ID");
}

#[test]
fn every_change_of_a_provider_is_written_down_once() {
    let dir = tempfile::tempdir().unwrap();
    let forge = open(dir.path());
    for (operation, input, change) in [
        (ADD, json!({ "name": "github" }), "added"),
        (ADD, json!({ "name": "github" }), "unchanged"),
        (ADD, json!({ "name": "github", "client_id": "secret:OTHER" }), "changed"),
        (REMOVE, json!({ "name": "github" }), "removed"),
        (REMOVE, json!({ "name": "github" }), "not there"),
    ] {
        assert_eq!(done(&forge, operation, &input)["change"], change);
    }
    assert_eq!(spec(&forge, "github"), None);
    let entries = forge.catalog().audit_entries(0).unwrap();
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["auth.provider.add", "auth.provider.add", "auth.provider.remove"]);
}

#[test]
fn what_is_no_provider_or_says_a_secret_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let forge = open(dir.path());
    for input in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "a b" }),
        json!({ "name": "google", "client_secret": "GOCSPX-in-the-open" }),
        json!({ "name": "google", "client_id": "1234.apps.googleusercontent.com" }),
        json!({ "name": "google", "client_id": "secret:lower" }),
        json!({ "name": "google", "client_id": "secret:" }),
        json!({ "name": "google", "client_id": format!("secret:{}", "A".repeat(65)) }),
        json!({ "name": "apple", "client_secret": "secret:A" }),
        json!({ "name": "own", "issuer": "https://login.example.org" }),
        json!({ "name": "google", "secret": "x" }),
    ] {
        let message = refused(&forge, ADD, &input);
        assert!(!message.contains("GOCSPX"), "{message}");
    }
    assert!(forge.catalog().resources(Some(ResourceKind::AuthProvider)).unwrap().is_empty());
}

#[test]
fn people_that_cannot_be_reached_are_an_error_and_are_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let calls = [
        ("forge_auth_user_create", json!({ "email": "ann@example.org" })),
        ("forge_auth_user_list", json!({})),
        ("forge_auth_session_revoke", json!({ "user": "ann@example.org" })),
    ];
    let forge = open(dir.path());
    for (operation, input) in &calls {
        assert_eq!(forge.call(operation, input).unwrap_err().code(), "FRG042", "{operation}");
        refused(&forge, operation, &json!({ "more": 1 }));
    }
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let forge = forge.with_people(People::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Err("the database is away".to_owned())
    }));
    for (operation, input) in &calls {
        let error = forge.call(operation, input).unwrap_err();
        assert!(matches!(error, OpError::People(_)));
    }
    assert_eq!(tried.load(Ordering::Relaxed), calls.len());
}
