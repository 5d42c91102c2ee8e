//! The providers that are known by name, and any issuer of OpenID Connect.

use url::Url;

use super::discovery::{ClientAuth, Metadata};
use super::outbound::Reach;

/// Bytes of a provider's name.
const NAME_BYTES_MAX: usize = 40;
/// Bytes of an issuer.
const ISSUER_BYTES_MAX: usize = 512;
/// Bytes of a client's identifier.
const CLIENT_BYTES_MAX: usize = 512;
/// Identifiers that tokens may be meant for.
const CLIENTS_MAX: usize = 16;
/// The tenants of Microsoft that stand for many.
const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];
const MICROSOFT: &str = "https://login.microsoftonline.com";

/// How an application is registered at a provider: what an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The provider's name as clients say it: one of the known ones (`google`, `github`, `apple`, `azure` or
    /// `microsoft`, `gitlab`, `discord`, `slack` or `slack_oidc`), or any other one for an issuer.
    pub name: String,
    /// The identifier that the provider gave.
    pub client_id: String,
    /// Identifiers of the same application elsewhere (its mobile app), for which ID tokens may be meant too.
    pub other_client_ids: Vec<String>,
    /// How the application shows the provider that it is itself.
    pub credential: Credential,
    /// The issuer, which any other provider than the known ones needs. For GitHub, GitLab and Discord a server
    /// of one's own, for Microsoft `https://login.microsoftonline.com/<tenant>/v2.0`.
    pub issuer: Option<String>,
    /// Scopes to ask for beyond the usual ones.
    pub scopes: Vec<String>,
}

/// How an application shows that it is itself. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Not at all; PKCE alone binds the code.
    Public,
    /// By a secret.
    Secret(String),
    /// By tokens that it signs itself, as Apple wants it.
    Apple {
        /// The identifier of the team.
        team_id: String,
        /// The identifier of the key.
        key_id: String,
        /// The private key, PEM (the file `AuthKey_….p8`).
        private_key: String,
    },
}

/// Why a registration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The name.
    #[error("a provider's name has 1 to {NAME_BYTES_MAX} of a-z, 0-9, `_`, `-` and `:`")]
    Name,
    /// The identifier.
    #[error(
        "a client's identifier has 1 to {CLIENT_BYTES_MAX} visible characters, and there are at most {CLIENTS_MAX}"
    )]
    Client,
    /// No issuer.
    #[error("a provider that is not known by name needs an issuer")]
    NoIssuer,
    /// The issuer.
    #[error("an issuer is an https address without query and fragment, or an http one on this machine")]
    Issuer,
    /// A scope.
    #[error("a scope has visible characters other than `\"` and `\\`")]
    Scope,
    /// The credential.
    #[error("Apple needs a team, a key's identifier and the key; other providers a secret or nothing")]
    Credential,
}

/// How a provider says who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Google,
    GitHub,
    Apple,
    Microsoft,
    GitLab,
    Discord,
    Slack,
    Oidc,
}

/// A provider that people may sign in with.
#[derive(Debug, Clone)]
pub struct Provider {
    name: String,
    pub(crate) kind: Kind,
    /// The identifier of the application, then its others.
    pub(crate) clients: Vec<String>,
    pub(crate) credential: Credential,
    pub(crate) scopes: Vec<String>,
    pub(crate) reach: Reach,
    pub(crate) source: Source,
}

/// Where a provider's addresses come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// From its discovery document.
    Issuer(String),
    /// They are known: it has no document.
    Known(Box<Known>),
}

/// What is known of a provider without OpenID Connect.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) metadata: Metadata,
    /// Where the addresses of e-mail are told, if not with the rest.
    pub(crate) emails: Option<Url>,
}

impl Provider {
    /// The provider of a registration.
    pub fn new(registration: Registration) -> Result<Provider, ProviderError> {
        let Registration { name, client_id, other_client_ids, credential, issuer, scopes } = registration;
        let is_of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-:".contains(&b);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_of_name) {
            return Err(ProviderError::Name);
        }
        let mut clients = vec![client_id];
        clients.extend(other_client_ids);
        let is_client = |id: &String| {
            !id.is_empty() && id.len() <= CLIENT_BYTES_MAX && id.bytes().all(|b| b.is_ascii_graphic())
        };
        if clients.len() > CLIENTS_MAX || !clients.iter().all(is_client) {
            return Err(ProviderError::Client);
        }
        let kind = Kind::of(&name);
        if matches!(credential, Credential::Apple { .. }) != (kind == Kind::Apple) {
            return Err(ProviderError::Credential);
        }
        let base = issuer.as_deref().map(|text| issuer_url(text).ok_or(ProviderError::Issuer)).transpose()?;
        let reach = base.as_ref().map_or(Reach::Public, Reach::of);
        let source = kind.source(issuer, base)?;
        let mut all: Vec<String> = kind.scopes().iter().map(|&scope| scope.to_owned()).collect();
        for scope in scopes {
            if !is_scope(&scope) {
                return Err(ProviderError::Scope);
            }
            if !all.contains(&scope) {
                all.push(scope);
            }
        }
        Ok(Provider { name, kind, clients, credential, scopes: all, reach, source })
    }

    /// Its name as clients say it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it gives ID tokens, which can be brought from elsewhere as well.
    pub fn has_id_tokens(&self) -> bool {
        matches!(self.source, Source::Issuer(_))
    }

    /// Whether it answers by a form that the browser sends, rather than in the address.
    pub(crate) fn answers_by_form(&self) -> bool {
        self.kind == Kind::Apple
    }

    /// Whether `issuer` is the one of this provider, for ID tokens that come without a provider's name.
    pub fn is_of(&self, issuer: &str) -> bool {
        matches!(&self.source, Source::Issuer(own) if own == issuer)
    }

    pub(crate) fn client_id(&self) -> &str {
        // There is always one: `new` puts it there.
        self.clients.first().map_or("", String::as_str)
    }

    /// Whether the tenant of Microsoft is one of those that stand for many, so that tokens of any of them come.
    pub(crate) fn has_many_tenants(&self) -> bool {
        let Source::Issuer(issuer) = &self.source else { return false };
        let tenant = Url::parse(issuer).ok().and_then(|url| url.path_segments()?.next().map(str::to_owned));
        self.kind == Kind::Microsoft && tenant.is_some_and(|tenant| SHARED_TENANTS.contains(&tenant.as_str()))
    }
}

impl Kind {
    fn of(name: &str) -> Kind {
        match name {
            "google" => Kind::Google,
            "github" => Kind::GitHub,
            "apple" => Kind::Apple,
            "azure" | "microsoft" => Kind::Microsoft,
            "gitlab" => Kind::GitLab,
            "discord" => Kind::Discord,
            "slack" | "slack_oidc" => Kind::Slack,
            _ => Kind::Oidc, // Names are text: any other one is an issuer's.
        }
    }

    fn scopes(self) -> &'static [&'static str] {
        match self {
            Kind::GitHub => &["read:user", "user:email"],
            Kind::Discord => &["identify", "email"],
            // It knows no scope for what OpenID Connect is about.
            Kind::Apple => &["openid", "email", "name"],
            Kind::Google | Kind::Microsoft | Kind::GitLab | Kind::Slack | Kind::Oidc => {
                &["openid", "email", "profile"]
            }
        }
    }

    fn source(self, issuer: Option<String>, base: Option<Url>) -> Result<Source, ProviderError> {
        let usual = match self {
            Kind::GitHub => return github(base),
            Kind::Discord => return discord(base),
            Kind::Google => "https://accounts.google.com".to_owned(),
            Kind::Apple => "https://appleid.apple.com".to_owned(),
            Kind::Microsoft => format!("{MICROSOFT}/common/v2.0"),
            Kind::GitLab => "https://gitlab.com".to_owned(),
            Kind::Slack => "https://slack.com".to_owned(),
            Kind::Oidc => return issuer.map(Source::Issuer).ok_or(ProviderError::NoIssuer),
        };
        Ok(Source::Issuer(issuer.unwrap_or(usual)))
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credential::Public => "Public",
            Credential::Secret(_) => "Secret",
            Credential::Apple { .. } => "Apple",
        })
    }
}

/// Whether the text may stand for a scope (RFC 6749, 3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

fn issuer_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (text.len() <= ISSUER_BYTES_MAX && is_plain && Reach::of(&url).admits(&url)).then_some(url)
}

/// GitHub itself, or a server of one's own.
fn github(base: Option<Url>) -> Result<Source, ProviderError> {
    let (web, api) = match base {
        None => ("https://github.com".to_owned(), "https://api.github.com".to_owned()),
        Some(base) => {
            let base = base.as_str().trim_end_matches('/');
            (base.to_owned(), format!("{base}/api/v3"))
        }
    };
    let metadata = Metadata {
        issuer: format!("{web}/login/oauth"),
        authorization_endpoint: parsed(&format!("{web}/login/oauth/authorize"))?,
        token_endpoint: parsed(&format!("{web}/login/oauth/access_token"))?,
        device_authorization_endpoint: Some(parsed(&format!("{web}/login/device/code"))?),
        userinfo_endpoint: Some(parsed(&format!("{api}/user"))?),
        jwks_uri: None,
        names_issuer: false,
        client_auth: ClientAuth::Body,
    };
    Ok(Source::Known(Box::new(Known { metadata, emails: Some(parsed(&format!("{api}/user/emails"))?) })))
}

fn discord(base: Option<Url>) -> Result<Source, ProviderError> {
    let base = base.as_ref().map_or("https://discord.com", Url::as_str).trim_end_matches('/');
    let metadata = Metadata {
        issuer: base.to_owned(),
        authorization_endpoint: parsed(&format!("{base}/oauth2/authorize"))?,
        token_endpoint: parsed(&format!("{base}/api/oauth2/token"))?,
        device_authorization_endpoint: None,
        userinfo_endpoint: Some(parsed(&format!("{base}/api/users/@me"))?),
        jwks_uri: None,
        names_issuer: false,
        client_auth: ClientAuth::Body,
    };
    Ok(Source::Known(Box::new(Known { metadata, emails: None })))
}

fn parsed(text: &str) -> Result<Url, ProviderError> {
    Url::parse(text).map_err(|_| ProviderError::Issuer)
}

#[cfg(test)]
mod tests;
