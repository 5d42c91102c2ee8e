//! What the document asks for, the settings and the values of a person come to one configuration.

use std::path::Path;

use forge_core::Status;
use serde_json::json;

use super::*;
use crate::config::Overrides;
use crate::environment::Environment;

fn config<const N: usize>(variables: [(&str, &str); N]) -> Config {
    let file = Path::new("/nonexistent/config.toml");
    Config::load(None, file, &Environment::of(variables), &Overrides::default()).unwrap()
}

fn values<const N: usize>(variables: [(&str, &str); N]) -> Values {
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Values::new(BTreeMap::from(variables), Path::new("/nonexistent"))
}

fn resource(kind: ResourceKind, name: &str, spec: Value) -> Resource {
    let (name, created_at) = (name.to_owned(), String::new());
    Resource { kind, name, spec, lines: vec![1], status: Status::Declared, created_at }
}

fn way(name: &str) -> Resource {
    resource(ResourceKind::AuthProvider, name, default_spec(name))
}

fn read(config: &Config, values: &Values, resources: &[Resource]) -> AuthSettings {
    auth_settings(config, values, resources, "http://127.0.0.1:54321").unwrap()
}

#[test]
fn a_provider_is_on_once_both_its_values_are_there() {
    let both = [("GOOGLE_CLIENT_ID", "id-1"), ("GOOGLE_CLIENT_SECRET", "s3cr3t")];
    let of = |values: &Values| read(&config([]), values, &[way("google")]).settings.providers;
    assert!(of(&values([])).is_empty());
    assert!(of(&values([both[0]])).is_empty());
    let found = of(&values(both));
    let google = &found["google"];
    assert_eq!(google.client_id, "id-1");
    assert!(matches!(&google.credential, Credential::Secret(secret) if secret == "s3cr3t"));
    assert!(!format!("{found:?}").contains("s3cr3t"));
    // Declared by its name alone, as an older loki did, it is the same.
    let bare = resource(ResourceKind::AuthProvider, "google", json!({}));
    assert_eq!(read(&config([]), &values(both), &[bare]).settings.providers, found);
}

#[test]
fn an_application_may_have_several_identifiers() {
    let set = values([("GOOGLE_CLIENT_ID", "web, ios,"), ("GOOGLE_CLIENT_SECRET", "s3cr3t")]);
    let found = read(&config([]), &set, &[way("google")]).settings.providers;
    assert_eq!(
        (found["google"].client_id.as_str(), &*found["google"].other_client_ids),
        ("web", &["ios".to_owned()][..])
    );
    let none = values([("GOOGLE_CLIENT_ID", " , "), ("GOOGLE_CLIENT_SECRET", "s3cr3t")]);
    assert!(read(&config([]), &none, &[way("google")]).settings.providers.is_empty());
}

#[test]
fn a_provider_that_was_added_by_hand_leaves_the_other_ways() {
    let of = |resource: Resource| {
        let settings = read(&config([]), &values([]), &[resource]).settings;
        (settings.email, settings.anonymous)
    };
    assert_eq!(of(way("google")), (false, false), "the document names nothing else");
    assert_eq!(of(Resource { lines: Vec::new(), ..way("google") }), (true, true));
    assert_eq!(of(Resource { lines: Vec::new(), ..way("email-password") }), (true, false));
}

#[test]
fn whom_to_trust_is_for_a_person_to_say() {
    let set = values([("ID", "id-1"), ("SECRET", "s3cr3t"), ("ISSUER", "https://id.example.org")]);
    let of = |name: &str, spec: Value| {
        read(&config([]), &set, &[resource(ResourceKind::AuthProvider, name, spec)]).settings.providers
    };
    let spec = |issuer: Value| json!({ "method": "oauth", "client_id": "secret:ID", "client_secret": "secret:SECRET", "issuer": issuer });
    let own = of("corp", spec(json!("secret:ISSUER")));
    assert_eq!(own["corp"].issuer.as_deref(), Some("https://id.example.org"));
    assert!(of("corp", spec(json!("https://evil.example"))).is_empty());
    assert!(of("google", spec(json!("https://evil.example"))).is_empty());
    assert!(of("linkedin", spec(json!("https://www.linkedin.com/oauth"))).contains_key("linkedin"));
    let literal = json!({ "method": "oauth", "client_id": "evil", "client_secret": "secret:SECRET" });
    assert!(of("google", literal).is_empty());
}

#[test]
fn a_value_that_a_provider_cannot_have_is_an_error_without_it() {
    let set = values([("GOOGLE_CLIENT_ID", "with space"), ("GOOGLE_CLIENT_SECRET", "s3cr3t")]);
    let error = auth_settings(&config([]), &set, &[way("google")], "http://127.0.0.1:1").unwrap_err();
    assert!(matches!(&error, AuthSettingsError::Provider { provider, .. } if provider == "google"));
    assert!(!format!("{error:?}").contains("s3cr3t"));
}

#[test]
fn clients_names_and_the_key_of_apple() {
    let set = values([
        ("MICROSOFT_CLIENT_ID", "m"),
        ("MICROSOFT_CLIENT_SECRET", "m"),
        ("APPLE_CLIENT_ID", "a"),
        ("APPLE_TEAM_ID", "t"),
        ("APPLE_KEY_ID", "k"),
        ("APPLE_PRIVATE_KEY", "-----BEGIN\\nx\\nEND-----"),
    ]);
    let found = read(&config([]), &set, &[way("microsoft"), way("apple")]).settings.providers;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["apple", "azure"]);
    let Credential::Apple { private_key, .. } = &found["apple"].credential else { panic!("{found:?}") };
    assert_eq!(private_key, "-----BEGIN\nx\nEND-----");
}

#[test]
fn what_needs_no_provider_is_what_the_document_asks_for() {
    let of = |set: &str, ways: &[&str]| {
        let resources: Vec<Resource> = ways.iter().map(|name| way(name)).collect();
        let found = read(&config([("LOKI_FORGE_AUTH_METHODS", set)]), &values([]), &resources).settings;
        (found.email, found.anonymous, found.totp, found.relying.is_some())
    };
    assert_eq!(of("", &[]), (true, true, true, true), "no set-up: everything");
    assert_eq!(of("", &["google"]), (false, false, true, true));
    assert_eq!(of("", &["magic-link"]), (true, false, true, true));
    assert_eq!(of("", &["email-password", "anonymous"]), (true, true, true, true));
    assert_eq!(of("email, totp", &["google"]), (true, false, true, false));
    assert_eq!(of("none", &["email-password"]), (false, false, false, false));
}

#[test]
fn roles_and_their_grants_are_those_declared() {
    let admin = json!({ "grants": [
        { "resource": "movies", "access": "control" },
        { "resource": "movies", "access": "everything" },
        { "resource": 7, "access": "read" },
    ] });
    let found = read(&config([]), &values([]), &[resource(ResourceKind::Role, "admin", admin)]);
    assert_eq!(found.settings.roles, ["admin"]);
    let grant = |resource: &str, access: &str| RoleGrant {
        role: "admin".to_owned(),
        resource: resource.to_owned(),
        access: access.to_owned(),
    };
    assert_eq!(found.grants, [grant("movies", "control")]);
}

#[test]
fn passkeys_are_for_the_site_and_its_own_pages() {
    let site = "https://example.org";
    let of = |site: &str, redirects: &str| {
        let set = config([("LOKI_FORGE_AUTH_SITE_URL", site), ("LOKI_FORGE_AUTH_REDIRECT_URLS", redirects)]);
        read(&set, &values([]), &[]).settings.relying
    };
    let found = of(
        site,
        "https://app.example.org/**, https://*.example.org/x, https://evil.org, http://example.org/y",
    )
    .unwrap();
    assert_eq!(found.id, "example.org");
    assert_eq!(found.origins, ["https://example.org", "https://app.example.org"]);
    let local = of("http://localhost:3000", "http://localhost:5173/**").unwrap();
    assert_eq!(local.origins, ["http://localhost:3000", "http://localhost:5173"]);
    assert_eq!(of("myapp://home", ""), None);
    assert_eq!(of("http://10.0.0.1", ""), None);
    assert_eq!(of("http://example.org", ""), None, "browsers give passkeys to secure pages alone");
}

#[test]
fn where_the_server_is_reached() {
    let plain = config([]);
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(served_at(&plain, address("0.0.0.0:80")), "http://127.0.0.1:80");
    assert_eq!(served_at(&plain, address("[::1]:8080")), "http://[::1]:8080");
    assert_eq!(callback(&plain, "http://127.0.0.1:80"), "http://127.0.0.1:80/auth/v1/callback");
    let public = config([("LOKI_FORGE_AUTH_PUBLIC_URL", "https://api.example.org/")]);
    assert_eq!(callback(&public, "http://127.0.0.1:80"), "https://api.example.org/auth/v1/callback");
    let found = read(&public, &values([]), &[]).settings;
    assert_eq!(found.external_url, "https://api.example.org/auth/v1");
}

#[test]
fn mail_leaves_by_the_server_that_is_set() {
    assert!(read(&config([]), &values([]), &[]).smtp.is_none());
    let host = ("LOKI_FORGE_AUTH_SMTP_HOST", "smtp.example.org");
    let from = ("LOKI_FORGE_AUTH_SMTP_FROM", "Cookbook <mail@example.org>");
    let (user, password) =
        (("LOKI_FORGE_AUTH_SMTP_USER", "me"), ("LOKI_FORGE_AUTH_SMTP_PASSWORD", "secret:PW"));
    let set = values([("PW", "s3cr3t")]);
    let found = read(&config([host, from, user, password]), &set, &[]).smtp.unwrap();
    assert_eq!(
        (found.host.as_str(), found.port, found.from_name.as_deref()),
        ("smtp.example.org", 587, Some("Cookbook"))
    );
    assert!(found.login.is_some() && !format!("{found:?}").contains("s3cr3t"));
    let refused = |config: Config, values: &Values| auth_settings(&config, values, &[], "x").unwrap_err();
    assert!(matches!(refused(config([host]), &set), AuthSettingsError::From));
    assert!(matches!(refused(config([host, from, user]), &set), AuthSettingsError::NoPassword));
    assert!(matches!(
        refused(config([host, from, user, password]), &values([])),
        AuthSettingsError::NoPassword
    ));
}

#[test]
fn a_password_in_the_settings_themselves_is_refused() {
    let environment = Environment::of([("LOKI_FORGE_AUTH_SMTP_PASSWORD", "hunter2")]);
    let file = Path::new("/nonexistent/config.toml");
    let refused = Config::load(None, file, &environment, &Overrides::default()).unwrap_err();
    assert!(!format!("{refused:?}").contains("hunter2"));
}
