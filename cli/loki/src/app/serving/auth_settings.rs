//! Sign-in as it is configured: by what the document asked for, the settings, and the values of a person.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use forge_auth::mail::address::Address;
use forge_auth::mail::smtp::{Password, Security, SmtpSettings};
use forge_auth::oauth::provider::{Credential, Provider, Registration};
use forge_auth::settings::{Rates, Settings};
use forge_auth::webauthn::{ORIGINS_MAX, Relying};
use forge_core::{Resource, ResourceKind};
use loki_blueprint::signin::default_spec;
use serde_json::Value;
use url::Url;

use super::values::{ValueError, Values};
use crate::config::{Config, keys};

/// Where the service is mounted.
const MOUNT: &str = "/auth/v1";
/// How long one mail may take.
const MAIL_TIME_MAX: Duration = Duration::from_secs(30);

/// Everything that the service of sign-in is made from.
#[derive(Debug)]
pub(crate) struct AuthSettings {
    /// How people sign up and in. A provider that lacks a value is not among the providers.
    pub(crate) settings: Settings,
    /// What roles may do, as the document says it.
    pub(crate) grants: Vec<RoleGrant>,
    /// The server that mail leaves by; `None`: it stays in the project's mailbox.
    pub(crate) smtp: Option<SmtpSettings>,
}

/// How much of a resource a role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleGrant {
    /// The role.
    pub(crate) role: String,
    /// The resource: a table, or `*`.
    pub(crate) resource: String,
    /// `read`, `write`, `control` or `*`.
    pub(crate) access: String,
}

/// Why sign-in cannot be configured so. Says nothing of any secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthSettingsError {
    /// A value.
    #[error("a value of sign-in with `{provider}` cannot be used")]
    Value {
        /// The provider.
        provider: String,
        /// Why.
        #[source]
        source: ValueError,
    },
    /// A provider.
    #[error("sign-in with `{provider}` cannot be configured so")]
    Provider {
        /// The provider.
        provider: String,
        /// Why.
        #[source]
        source: forge_auth::oauth::provider::ProviderError,
    },
    /// The mail server's password.
    #[error("the password of `forge.auth.smtp_password` cannot be used")]
    Password(#[source] ValueError),
    /// There is none.
    #[error("nobody has set the value that `forge.auth.smtp_password` refers to")]
    NoPassword,
    /// Whom mail is from.
    #[error("`forge.auth.smtp_from` is no address, which `forge.auth.smtp_host` needs")]
    From,
}

/// Reads how people sign in. `served` is where the server is reached (`http://127.0.0.1:54321`).
pub(crate) fn auth_settings(
    config: &Config,
    values: &Values,
    resources: &[Resource],
    served: &str,
) -> Result<AuthSettings, AuthSettingsError> {
    let site_url = config.get(&keys::auth::SITE_URL);
    let redirect_urls = listed(&config.get(&keys::auth::REDIRECT_URLS));
    let ways = Ways::of(&config.get(&keys::auth::METHODS), resources);
    let name = config.get(&keys::auth::SITE_NAME);
    let seconds = |key| i64::try_from(config.get(key)).unwrap_or(i64::MAX);
    let settings = Settings {
        external_url: format!("{}{MOUNT}", origin(config, served)),
        signup: config.get(&keys::auth::SIGNUP),
        email: ways.email,
        anonymous: ways.anonymous,
        totp: ways.totp,
        relying: if ways.passkey { relying(&site_url, &redirect_urls, name) } else { None },
        confirm_email: config.get(&keys::auth::CONFIRM_EMAIL),
        manual_linking: config.get(&keys::auth::MANUAL_LINKING),
        password_length_min: usize::try_from(config.get(&keys::auth::PASSWORD_LENGTH_MIN))
            .unwrap_or(usize::MAX),
        access_seconds: seconds(&keys::auth::ACCESS_SECONDS),
        session_seconds: seconds(&keys::auth::SESSION_SECONDS),
        idle_seconds: seconds(&keys::auth::IDLE_SECONDS),
        rates: Rates {
            mails: u32::try_from(config.get(&keys::auth::MAILS_AN_HOUR)).unwrap_or(u32::MAX),
            ..Rates::default()
        },
        providers: providers(values, resources)?,
        roles: of_kind(resources, ResourceKind::Role).map(|role| role.name.clone()).collect(),
        site_url,
        redirect_urls,
        ..Settings::default()
    };
    Ok(AuthSettings { settings, grants: grants(resources), smtp: smtp(config, values)? })
}

/// Where browsers reach the server: as it is set, else where it is served. Without a stroke at the end.
pub(crate) fn origin(config: &Config, served: &str) -> String {
    let public = config.get(&keys::auth::PUBLIC_URL);
    let origin = if public.is_empty() { served } else { &public };
    origin.trim_end_matches('/').to_owned()
}

/// Where providers send people back.
pub(crate) fn callback(config: &Config, served: &str) -> String {
    format!("{}{MOUNT}/callback", origin(config, served))
}

/// Where a server is reached that listens at `address`.
pub(crate) fn served_at(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.get(&keys::FORGE_TLS_CERTIFICATE).is_empty() { "http" } else { "https" };
    // Whoever listens everywhere is reached on this machine, too.
    if address.ip().is_unspecified() {
        return format!("{scheme}://127.0.0.1:{}", address.port());
    }
    format!("{scheme}://{address}")
}

/// Ways of signing in that need no provider.
struct Ways {
    email: bool,
    anonymous: bool,
    totp: bool,
    passkey: bool,
}

impl Ways {
    /// As they are set, else as the document asks for them: a provider that an operator added says nothing of the
    /// other ways. A second factor and a passkey are for each person to decide, and there unless they are turned
    /// off.
    fn of(set: &str, resources: &[Resource]) -> Ways {
        let words = listed(set);
        if !words.is_empty() {
            let has = |word: &str| words.iter().any(|set| set == word);
            let (email, anonymous) = (has("email"), has("anonymous"));
            return Ways { email, anonymous, totp: has("totp"), passkey: has("passkey") };
        }
        let by_hand =
            |resource: &Resource, spec: &Value| spec["method"] == "oauth" && resource.lines.is_empty();
        let declared =
            of_kind(resources, ResourceKind::AuthProvider).map(|resource| (resource, spec(resource)));
        let asked: Vec<Value> =
            declared.filter(|(resource, spec)| !by_hand(resource, spec)).map(|(_, spec)| spec).collect();
        let has = |method: &str| asked.is_empty() || asked.iter().any(|spec| spec["method"] == method);
        Ways { email: has("password") || has("otp"), anonymous: has("anonymous"), totp: true, passkey: true }
    }
}

/// The providers that have all their values.
fn providers(
    values: &Values,
    resources: &[Resource],
) -> Result<BTreeMap<String, Registration>, AuthSettingsError> {
    let mut all = BTreeMap::new();
    for resource in of_kind(resources, ResourceKind::AuthProvider) {
        let spec = spec(resource);
        if spec["method"] != "oauth" {
            continue;
        }
        let provider = || resource.name.clone();
        let found = registration(&resource.name, &spec, values)
            .map_err(|source| AuthSettingsError::Value { provider: provider(), source })?;
        let Some(registration) = found else { continue };
        Provider::new(registration.clone())
            .map_err(|source| AuthSettingsError::Provider { provider: provider(), source })?;
        all.insert(registration.name.clone(), registration);
    }
    Ok(all)
}

/// How the application is registered at a provider; `None` while a value is missing, or is said by the declaration
/// itself: whom to trust with people's accounts is for a person to say, and anybody can declare.
fn registration(name: &str, spec: &Value, values: &Values) -> Result<Option<Registration>, ValueError> {
    let value = |field: &str| match spec[field].as_str() {
        Some(text) if text.starts_with("secret:") => values.resolved(text),
        Some(_) | None => Ok(None),
    };
    // An application has several identifiers where it is on the web and on phones; the first signs in here.
    let Some(clients) = value("client_id")? else { return Ok(None) };
    let mut clients = listed(&clients).into_iter();
    let Some(client_id) = clients.next() else { return Ok(None) };
    let credential = if name == "apple" {
        match (value("team_id")?, value("key_id")?, value("private_key")?) {
            (Some(team_id), Some(key_id), Some(private_key)) => {
                // A variable of one line has its line breaks spelled out.
                Credential::Apple { team_id, key_id, private_key: private_key.replace("\\n", "\n") }
            }
            _ => return Ok(None),
        }
    } else {
        let Some(secret) = value("client_secret")? else { return Ok(None) };
        Credential::Secret(secret)
    };
    let known = default_spec(name);
    let issuer = match &spec["issuer"] {
        Value::Null => None,
        issuer
            if *issuer == known["issuer"]
                && !issuer.as_str().is_some_and(|text| text.starts_with("secret:")) =>
        {
            issuer.as_str().map(str::to_owned)
        }
        _ => match value("issuer")? {
            Some(issuer) => Some(issuer),
            None => return Ok(None),
        },
    };
    // The names that clients have for them.
    let name = match name {
        "microsoft" => "azure",
        "slack" => "slack_oidc",
        other => other,
    };
    Ok(Some(Registration {
        name: name.to_owned(),
        client_id,
        other_client_ids: clients.collect(),
        credential,
        issuer,
        scopes: Vec::new(),
    }))
}

/// What is declared; what was declared by its name alone is what such a name stands for.
fn spec(resource: &Resource) -> Value {
    match resource.spec.as_object() {
        Some(spec) if !spec.is_empty() => resource.spec.clone(),
        Some(_) | None => default_spec(&resource.name),
    }
}

fn grants(resources: &[Resource]) -> Vec<RoleGrant> {
    let of = |role: &Resource| -> Vec<RoleGrant> {
        let grants = role.spec["grants"].as_array().into_iter().flatten();
        let one = |grant: &Value| {
            let (resource, access) = (grant["resource"].as_str()?, grant["access"].as_str()?);
            let known = matches!(access, "read" | "write" | "control" | "*");
            known.then(|| RoleGrant {
                role: role.name.clone(),
                resource: resource.to_owned(),
                access: access.to_owned(),
            })
        };
        grants.filter_map(one).collect()
    };
    of_kind(resources, ResourceKind::Role).flat_map(of).collect()
}

/// For whom passkeys are made: the site's host, and its pages. `None` where the site is no page of a named host.
fn relying(site: &str, redirects: &[String], name: String) -> Option<Relying> {
    let site = Url::parse(site).ok()?;
    let id = site.domain()?.to_owned();
    let mut origins = Vec::new();
    let pages = redirects.iter().filter_map(|page| Url::parse(before_wildcard(page)).ok());
    for page in std::iter::once(site).chain(pages) {
        let below = page.domain().is_some_and(|host| host == id || host.ends_with(&format!(".{id}")));
        let local = page.domain().is_some_and(|host| host == "localhost" || host.ends_with(".localhost"));
        let secure = page.scheme() == "https" || page.scheme() == "http" && local;
        let origin = page.origin().ascii_serialization();
        if below && secure && !origins.contains(&origin) && origins.len() < ORIGINS_MAX {
            origins.push(origin);
        }
    }
    (!origins.is_empty()).then_some(Relying { id, name, origins })
}

/// The part of a pattern that is an origin; empty where the pattern begins in it already.
fn before_wildcard(pattern: &str) -> &str {
    let host = pattern.find("://").map_or(0, |at| at + 3);
    let end = pattern[host..].find('/').map_or(pattern.len(), |at| host + at);
    if pattern[..end].contains(['*', '?']) { "" } else { &pattern[..end] }
}

fn smtp(config: &Config, values: &Values) -> Result<Option<SmtpSettings>, AuthSettingsError> {
    let host = config.get(&keys::auth::SMTP_HOST);
    if host.is_empty() {
        return Ok(None);
    }
    let user = config.get(&keys::auth::SMTP_USER);
    let password = config.get(&keys::auth::SMTP_PASSWORD);
    let login = match (user.is_empty(), password.is_empty()) {
        (true, _) => None,
        (false, true) => return Err(AuthSettingsError::NoPassword),
        (false, false) => {
            let password = values.resolved(&password).map_err(AuthSettingsError::Password)?;
            Some((user, Password::new(password.ok_or(AuthSettingsError::NoPassword)?)))
        }
    };
    let from = config.get(&keys::auth::SMTP_FROM);
    let (from_name, from) = match from.strip_suffix('>').and_then(|from| from.rsplit_once('<')) {
        Some((name, address)) => (Some(name.trim().to_owned()).filter(|name| !name.is_empty()), address),
        None => (None, from.as_str()),
    };
    let from = Address::parse(from.trim()).map_err(|_| AuthSettingsError::From)?;
    let security = match config.get(&keys::auth::SMTP_SECURITY).as_str() {
        "tls" => Security::Tls,
        "plain" => Security::Plain,
        _ => Security::StartTls,
    };
    let port = u16::try_from(config.get(&keys::auth::SMTP_PORT)).unwrap_or(u16::MAX);
    let time_max = MAIL_TIME_MAX;
    Ok(Some(SmtpSettings { host, port, security, login, from, from_name, certificate: None, time_max }))
}

fn of_kind(resources: &[Resource], kind: ResourceKind) -> impl Iterator<Item = &Resource> {
    resources.iter().filter(move |resource| resource.kind == kind)
}

/// Words between commas.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
