use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use forge_auth::mail::address::Address;
use forge_auth::mail::mailbox::Mailbox;
use forge_auth::mail::{Kind, Mail};
use forge_ops::{Forge, Outcome, People};
use loki_store::SystemClock;
use serde_json::{Value, json};

use super::*;
use crate::cli::Globals;
use crate::environment::Environment;
use crate::error::ErrorKind;
use crate::ui::{Format, Verbosity};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: AuthArgs,
}

fn context(project: &Path, environment: Environment) -> Context {
    let globals = Globals { project: Some(project.to_owned()), ..Globals::default() };
    Context::find(environment, &globals).unwrap()
}

/// A project with an empty backend.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Forge::open(&dir.path().join(".loki/forge"), Arc::new(SystemClock)).unwrap();
    dir
}

fn told(project: &Path, format: Format, line: &[&str]) -> (Result<Status, CommandError>, String) {
    let line = Line::try_parse_from(["auth"].iter().chain(line)).unwrap();
    let (mut ui, out, _) = Ui::captured(format, Verbosity::Normal);
    let home = project.to_str().unwrap();
    let environment = Environment::of([("HOME", home), ("GITHUB_CLIENT_ID", "of the environment")]);
    let done = auth(&mut ui, &context(project, environment), &line.args);
    (done, out.text())
}

fn json_of(project: &Path, line: &[&str]) -> Value {
    let (done, out) = told(project, Format::Json, line);
    done.unwrap();
    serde_json::from_str(&out).unwrap()
}

fn text_of(project: &Path, line: &[&str]) -> String {
    let (done, out) = told(project, Format::Text, line);
    done.unwrap();
    out
}

fn refused(project: &Path, line: &[&str]) -> ErrorKind {
    told(project, Format::Text, line).0.unwrap_err().kind
}

#[test]
fn users_are_made_changed_and_removed() {
    let dir = project();
    let path = dir.path();
    assert_eq!(json_of(path, &["users"])["total"], 0);
    let made = json_of(
        path,
        &["users", "add", "Ann@Example.org", "--role", "editor", "--data", r#"{"name":"Ann"}"#],
    );
    assert_eq!(made["email"], "ann@example.org");
    assert!(made["email_confirmed_at"].is_string());
    assert_eq!(
        (&made["app_metadata"]["roles"], &made["user_metadata"]["name"]),
        (&json!(["editor"]), &json!("Ann"))
    );
    assert_eq!(refused(path, &["users", "add", "ann@example.org"]), ErrorKind::Input, "there is one already");
    assert_eq!(refused(path, &["users", "add", "ann@example.org\r\nBcc: eve@example.org"]), ErrorKind::Input);
    assert_eq!(refused(path, &["users", "add", "bob@example.org", "--data", "[]"]), ErrorKind::Usage);
    json_of(path, &["users", "add", "bob@example.org", "--unconfirmed"]);

    let id = made["id"].as_str().unwrap();
    assert_eq!(json_of(path, &["users", "show", id])["email"], "ann@example.org");
    let listed = text_of(path, &["users"]);
    assert!(listed.contains("ann@example.org  active") && listed.contains("editor"), "{listed}");
    assert!(listed.contains("bob@example.org  unconfirmed"), "{listed}");
    assert_eq!(json_of(path, &["users", "list", "--per-page", "1"])["users"].as_array().unwrap().len(), 1);

    let roles = json_of(path, &["users", "roles", "ann@example.org", "admin", "editor"]);
    assert_eq!(roles["app_metadata"]["roles"], json!(["admin", "editor"]));
    assert!(json_of(path, &["users", "ban", id, "--hours", "2"])["banned_until"].is_string());
    assert!(text_of(path, &["users", "show", id]).contains("banned until"));
    assert!(json_of(path, &["users", "unban", id]).get("banned_until").is_none_or(Value::is_null));
    assert!(text_of(path, &["users", "show", id]).contains("active"));

    assert_eq!(json_of(path, &["users", "delete", "ann@example.org"])["deleted"], id);
    assert_eq!(refused(path, &["users", "show", id]), ErrorKind::NotFound);
    assert_eq!(refused(path, &["users", "delete", "nobody"]), ErrorKind::NotFound);
    assert_eq!(json_of(path, &["users"])["total"], 1);
}

#[test]
fn every_change_of_people_is_in_the_audit() {
    let dir = project();
    let path = dir.path();
    for line in [
        &["users", "add", "ann@example.org"][..],
        &["users", "ban", "ann@example.org"],
        &["grants", "add", "--role", "editor", "pages", "write"],
        &["grants", "remove", "--role", "editor", "pages", "write"],
        &["sessions", "revoke", "--user", "ann@example.org"],
        &["users", "delete", "ann@example.org"],
    ] {
        told(path, Format::Text, line).0.unwrap();
    }
    let here = context(path, Environment::default());
    let entries = service::with_people(&here, async |auth| auth.audit(1, 50).await).unwrap();
    let actions: Vec<&str> =
        entries.iter().rev().map(|entry| entry["payload"]["action"].as_str().unwrap()).collect();
    let all =
        ["user_signedup", "user_modified", "granted", "grant_revoked", "session_revoked", "user_deleted"];
    assert_eq!(actions, all);
    assert!(entries.iter().all(|entry| entry["payload"]["actor_id"] == "operator"), "{entries:?}");
}

#[test]
fn grants_are_of_roles_and_of_users() {
    let dir = project();
    let path = dir.path();
    let ann = json_of(path, &["users", "add", "ann@example.org"])["id"].clone();
    json_of(path, &["grants", "add", "--role", "editor", "pages", "write"]);
    json_of(path, &["grants", "add", "--user", "ann@example.org", "*", "read"]);
    json_of(path, &["grants", "add", "--user", "ann@example.org", "*", "read"]);
    let all = json!([
        { "role": "editor", "resource": "pages", "access": "write" },
        { "user": ann, "resource": "*", "access": "read" },
    ]);
    assert_eq!(json_of(path, &["grants"]), all);
    json_of(path, &["grants", "remove", "--role", "editor", "pages", "write"]);
    assert_eq!(
        refused(path, &["grants", "remove", "--role", "editor", "pages", "write"]),
        ErrorKind::NotFound
    );
    assert_eq!(refused(path, &["grants", "add", "--role", "two words", "pages", "write"]), ErrorKind::Input);
    assert_eq!(refused(path, &["grants", "add", "--user", "eve@example.org", "*", "*"]), ErrorKind::NotFound);
    for line in [&["grants", "add", "pages", "write"][..], &["grants", "add", "--role", "a", "pages", "own"]]
    {
        assert!(Line::try_parse_from(["auth"].iter().chain(line)).is_err(), "{line:?}");
    }
}

#[test]
fn sessions_of_somebody_are_ended() {
    let dir = project();
    let path = dir.path();
    let nobody = "00000000-0000-4000-8000-000000000000";
    json_of(path, &["users", "add", "ann@example.org"]);
    assert_eq!(json_of(path, &["sessions", "list", "ann@example.org"]), json!([]));
    assert_eq!(refused(path, &["sessions", "revoke", nobody]), ErrorKind::NotFound);
    assert_eq!(refused(path, &["sessions", "revoke", "--user", nobody]), ErrorKind::NotFound);
    json_of(path, &["sessions", "revoke", "--user", "ann@example.org"]);
    assert!(Line::try_parse_from(["auth", "sessions", "revoke"]).is_err());
}

#[test]
fn a_provider_says_what_it_lacks_until_a_person_has_set_it() {
    let dir = project();
    let path = dir.path();
    let added = json_of(path, &["providers", "add", "google", "--client-id", "1234.apps.example"]);
    assert_eq!((&added["on"], &added["missing"][0]["name"]), (&json!(false), &json!("GOOGLE_CLIENT_SECRET")));
    let steps = added["missing"][0]["steps"].as_str().unwrap();
    assert!(
        steps.contains("/auth/v1/callback") && steps.contains("loki forge auth providers set"),
        "{steps}"
    );
    let added = json_of(path, &["providers", "add", "company", "--issuer", "https://login.example.org"]);
    let missing: Vec<&Value> = added["missing"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(missing, ["COMPANY_CLIENT_ID", "COMPANY_CLIENT_SECRET"], "the issuer is there");
    json_of(path, &["providers", "add", "github"]);

    let kept = path.join(".loki/forge/secrets");
    assert_eq!(std::fs::read_to_string(kept.join("GOOGLE_CLIENT_ID")).unwrap(), "1234.apps.example");
    assert_eq!(std::fs::read_to_string(kept.join("COMPANY_ISSUER")).unwrap(), "https://login.example.org");
    let state = std::fs::read(path.join(".loki/forge/state.db")).unwrap();
    let told_to_the_catalog = state.windows(17).any(|bytes| bytes == b"1234.apps.example");
    assert!(!told_to_the_catalog, "values are in no record");

    let listed = text_of(path, &["providers"]);
    assert!(listed.contains("google   off, lacks GOOGLE_CLIENT_SECRET"), "{listed}");
    assert!(
        listed.contains("github   off, lacks GITHUB_CLIENT_SECRET\n"),
        "the environment counts: {listed}"
    );
    json_of(path, &["providers", "unset", "GOOGLE_CLIENT_ID"]);
    assert_eq!(refused(path, &["providers", "unset", "GOOGLE_CLIENT_ID"]), ErrorKind::NotFound);
    assert_eq!(refused(path, &["providers", "unset", "../keys/keys.json"]), ErrorKind::Usage);
    json_of(path, &["providers", "remove", "github"]);
    assert_eq!(refused(path, &["providers", "remove", "github"]), ErrorKind::NotFound);
    assert_eq!(refused(path, &["providers", "add", "A B"]), ErrorKind::Input);
}

#[test]
fn the_mailbox_is_read() {
    let dir = project();
    let path = dir.path();
    assert_eq!(json_of(path, &["mail"]), json!([]));
    assert_eq!(refused(path, &["mail", "show"]), ErrorKind::NotFound);
    let mailbox = Mailbox::open(&path.join(".loki/forge/mail"), Arc::new(SystemClock)).unwrap();
    for (to, token) in [("ann@example.org", "111111"), ("bob@example.org", "222222")] {
        let text = format!("Go on: https://app.example/{token}\u{1b}[2J");
        let to = Address::parse(to).unwrap();
        let mail = Mail::new(Kind::MagicLink, to, "Sign in".to_owned(), text, String::new()).unwrap();
        mailbox.put(&mail.with_tokens(Some(token), None)).unwrap();
    }
    let listed = json_of(path, &["mail", "list"]);
    assert_eq!((&listed[0]["to"], &listed[1]["to"]), (&json!("bob@example.org"), &json!("ann@example.org")));
    assert_eq!(json_of(path, &["mail", "list", "--to", "Ann@example.org"]).as_array().unwrap().len(), 1);
    assert_eq!(json_of(path, &["mail", "list", "--limit", "1"]).as_array().unwrap().len(), 1);
    assert_eq!(text_of(path, &["mail", "code"]), "222222\n");
    assert_eq!(text_of(path, &["mail", "code", "--to", "ann@example.org"]), "111111\n");
    assert_eq!(json_of(path, &["mail", "show", listed[1]["id"].as_str().unwrap()])["code"], "111111");
    assert!(text_of(path, &["mail", "link"]).starts_with("https://app.example/222222"));
    let shown = text_of(path, &["mail", "show"]);
    assert!(shown.contains("bob@example.org") && !shown.contains('\u{1b}'), "{shown:?}");
    assert_eq!(refused(path, &["mail", "show", "../../keys/keys"]), ErrorKind::NotFound);
}

#[test]
fn a_project_without_a_backend_has_nobody() {
    let dir = tempfile::tempdir().unwrap();
    for line in [&["users"][..], &["grants"], &["providers"], &["keys"], &["sessions", "list", "a@b.example"]]
    {
        assert_eq!(refused(dir.path(), line), ErrorKind::NotFound, "{line:?}");
    }
    assert!(!dir.path().join(".loki").exists(), "and gets none by being asked");
}

/// What models and agents may ask for reaches the same people.
#[test]
fn operations_reach_the_people() {
    let dir = project();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let here = context(dir.path(), Environment::default());
    let auth = runtime.block_on(service::open(&here)).unwrap();
    let forge = Forge::open(&dir.path().join(".loki/forge"), Arc::new(SystemClock)).unwrap();
    let forge = forge.with_people(People::new(move || Ok(Arc::clone(&auth))));
    let done = |name: &str, input: Value| match forge.call(name, &input).unwrap() {
        Outcome::Done { summary, data } => (summary, data),
        Outcome::Review(_) => panic!("it waits"),
    };
    let ann =
        json!({ "email": "ann@example.org", "password": "correct horse battery", "email_confirm": true });
    let (said, made) = done("forge_auth_user_create", ann.clone());
    assert!(said.ends_with(": created") && made["confirmed"] == true, "{said} {made}");
    assert!(!made.to_string().contains("horse"));
    let (said, again) = done("forge_auth_user_create", ann);
    assert!(said.ends_with(": there already"), "{said}");
    assert_eq!(again, made);
    let weak = forge.call("forge_auth_user_create", &json!({ "email": "bob@example.org", "password": "a" }));
    assert!(weak.is_err());
    let (_, listed) = done("forge_auth_user_list", json!({}));
    assert_eq!((&listed["total"], &listed["users"][0]["id"]), (&json!(1), &made["id"]));
    assert_eq!(done("forge_auth_session_revoke", json!({ "user": made["id"] })).1["change"], "ended");
    let gone = json!({ "session": "00000000-0000-4000-8000-000000000000" });
    assert_eq!(done("forge_auth_session_revoke", gone).1["change"], "not there");
    assert!(forge.call("forge_auth_session_revoke", &json!({})).is_err());
}
