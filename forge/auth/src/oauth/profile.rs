//! Who somebody is, as their provider says it, in one form for all providers.

use serde_json::{Map, Value, json};
use url::Url;

use super::discovery::Metadata;
use super::id_token::{Claims, IdTokenError};
use super::outbound::Reach;
use super::provider::{Kind, Known, Provider, Source};
use super::request::Ask;
use super::{Oauth, OauthError};

/// Bytes of an identifier of a person at a provider.
const SUBJECT_BYTES_MAX: usize = 255;
/// Bytes of an address (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of the address of a picture.
const PICTURE_BYTES_MAX: usize = 2_048;
/// Bytes of what is kept of a provider's own words.
const RAW_BYTES_MAX: usize = 16 * 1024;
const READ_PERSON: &str = "read from the provider who it is";

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The identifier that the provider has for them, which never becomes another person's.
    pub subject: String,
    /// The issuer that says so.
    pub issuer: String,
    /// Their address, in lower case.
    pub email: Option<String>,
    /// Whether the provider vouches that the address is theirs.
    pub email_verified: bool,
    /// What they are called.
    pub name: Option<String>,
    /// Their name for signing in there.
    pub user_name: Option<String>,
    /// Where there is a picture of them.
    pub avatar_url: Option<String>,
    /// The provider's own words; empty where they are too many.
    pub raw: Map<String, Value>,
}

impl Profile {
    /// What is kept of them, by the names that clients know.
    pub fn data(&self) -> Map<String, Value> {
        let mut data = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                data.insert(name.to_owned(), value);
            }
        };
        put("iss", Some(json!(self.issuer)));
        put("sub", Some(json!(self.subject)));
        put("provider_id", Some(json!(self.subject)));
        put("email", self.email.as_ref().map(|email| json!(email)));
        put("email_verified", Some(json!(self.email_verified)));
        put("phone_verified", Some(json!(false)));
        for name in ["name", "full_name"] {
            put(name, self.name.as_ref().map(|value| json!(value)));
        }
        for name in ["user_name", "preferred_username"] {
            put(name, self.user_name.as_ref().map(|value| json!(value)));
        }
        for name in ["avatar_url", "picture"] {
            put(name, self.avatar_url.as_ref().map(|value| json!(value)));
        }
        data
    }

    /// The person of an ID token.
    pub(super) fn of_claims(
        provider: &Provider,
        metadata: &Metadata,
        claims: Claims,
    ) -> Result<Profile, OauthError> {
        let email = words(&claims, "email").and_then(address);
        let is_verified = is_true(claims.get("email_verified"));
        let email_verified = email.is_some()
            && match provider.kind {
                // Anybody may make a tenant and give people in it any address, so only what Microsoft has
                // checked counts, or what a tenant says that the operator has chosen.
                Kind::Microsoft => is_true(claims.get("xms_edov")) || !metadata.is_shared(),
                Kind::Google
                | Kind::GitHub
                | Kind::Apple
                | Kind::GitLab
                | Kind::Discord
                | Kind::Slack
                | Kind::Oidc => is_verified,
            };
        let both = [words(&claims, "given_name"), words(&claims, "family_name")];
        let both = both.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Ok(Profile {
            subject: words(&claims, "sub").and_then(subject).ok_or(IdTokenError::Claims)?,
            issuer: words(&claims, "iss").unwrap_or(&metadata.issuer).to_owned(),
            email,
            email_verified,
            name: words(&claims, "name").and_then(name).or_else(|| name(&both)),
            user_name: words(&claims, "preferred_username").and_then(name),
            avatar_url: words(&claims, "picture").and_then(picture),
            raw: bounded(claims),
        })
    }

    /// The name that Apple gives once, beside the answer: `{"name":{"firstName":…,"lastName":…}}`. It comes by
    /// way of the browser, so nothing but the name is taken from it.
    pub(super) fn named_by_apple(&mut self, user: &str) {
        let Ok(user) = serde_json::from_str::<Map<String, Value>>(user) else { return };
        let Some(parts) = user.get("name").and_then(Value::as_object) else { return };
        let both = [words(parts, "firstName"), words(parts, "lastName")];
        let both = both.into_iter().flatten().collect::<Vec<_>>().join(" ");
        self.name = self.name.take().or_else(|| name(&both));
    }
}

impl Oauth {
    /// The person of an ID token, completed by what the provider says at its own address where the token says
    /// too little.
    pub(super) async fn person(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        mut claims: Claims,
        access_token: &str,
    ) -> Result<Profile, OauthError> {
        let says_enough = claims.contains_key("email") && claims.contains_key("name");
        // Apple has no such address; Microsoft's knows no more than its tokens do.
        if let (false, Some(url)) = (says_enough, &metadata.userinfo_endpoint)
            && provider.kind != Kind::Microsoft
        {
            let ask = Ask::get(READ_PERSON, url.clone(), provider.reach).bearing(access_token)?;
            let mut more: Claims = self.ask(ask).await?.json()?;
            // It may have been made for somebody else (OpenID Connect Core 1.0, 5.3.2).
            if more.get("sub") != claims.get("sub") {
                return Err(OauthError::Answer { attempt: READ_PERSON, why: "it is about somebody else" });
            }
            // Whether an address is verified is said where the address is.
            let elsewhere = if claims.contains_key("email") { &mut more } else { &mut claims };
            elsewhere.remove("email_verified");
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        Profile::of_claims(provider, metadata, claims)
    }

    /// The person of an access token, at a provider without ID tokens.
    pub(super) async fn person_of_known(
        &self,
        provider: &Provider,
        known: &Known,
        access_token: &str,
    ) -> Result<Profile, OauthError> {
        let url = known.metadata.userinfo_endpoint.clone();
        let url = url.ok_or(OauthError::Unsupported { what: "address that says who somebody is" })?;
        let ask = Ask::get(READ_PERSON, url, provider.reach).bearing(access_token)?;
        let said: Map<String, Value> = self.ask(ask).await?.json()?;
        let why = "it does not say who it is";
        let id = match said.get("id") {
            Some(Value::Number(id)) => subject(&id.to_string()),
            Some(Value::String(id)) => subject(id),
            _ => None, // Anything else is no identifier.
        };
        let mut profile = Profile {
            subject: id.ok_or(OauthError::Answer { attempt: READ_PERSON, why })?,
            issuer: known.metadata.issuer.clone(),
            email: None,
            email_verified: false,
            name: ["name", "global_name"].iter().find_map(|key| words(&said, key).and_then(name)),
            user_name: ["login", "username"].iter().find_map(|key| words(&said, key).and_then(name)),
            avatar_url: words(&said, "avatar_url").and_then(picture),
            raw: Map::new(),
        };
        match &known.emails {
            Some(url) => {
                let ask = Ask::get(READ_PERSON, url.clone(), provider.reach).bearing(access_token)?;
                profile.email = primary(&self.ask(ask).await?.json::<Vec<Value>>()?);
                profile.email_verified = profile.email.is_some();
            }
            None => {
                profile.email = words(&said, "email").and_then(address);
                profile.email_verified =
                    profile.email.is_some() && said.get("verified") == Some(&json!(true));
                profile.avatar_url = discord_picture(&profile.subject, &said);
            }
        }
        profile.name = profile.name.take().or_else(|| profile.user_name.clone());
        profile.raw = bounded(said);
        Ok(profile)
    }

    /// The person of an access token and, where the provider has them, of an ID token.
    pub(super) async fn person_by_tokens(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        claims: Option<Claims>,
        access_token: &str,
    ) -> Result<Profile, OauthError> {
        match (&provider.source, claims) {
            (Source::Known(known), _) => self.person_of_known(provider, known, access_token).await,
            (Source::Issuer(_), Some(claims)) => self.person(provider, metadata, claims, access_token).await,
            (Source::Issuer(_), None) => Err(IdTokenError::Absent.into()),
        }
    }
}

/// GitHub's primary address, if it is verified. No other one counts.
fn primary(all: &[Value]) -> Option<String> {
    let is_it = |entry: &&Value| entry["primary"] == json!(true) && entry["verified"] == json!(true);
    all.iter().find(is_it).and_then(|entry| entry["email"].as_str()).and_then(address)
}

fn discord_picture(id: &str, said: &Map<String, Value>) -> Option<String> {
    let hash = words(said, "avatar")?;
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_plain(id) && is_plain(hash)).then(|| format!("https://cdn.discordapp.com/avatars/{id}/{hash}.png"))
}

fn words<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    map.get(name).and_then(Value::as_str)
}

/// Some providers write `true` as text, or as a number.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is_so)) => *is_so,
        Some(Value::String(text)) => text == "true" || text == "1",
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        _ => false, // Fail closed.
    }
}

fn subject(text: &str) -> Option<String> {
    let is_one = !text.is_empty() && text.len() <= SUBJECT_BYTES_MAX && !text.chars().any(char::is_control);
    is_one.then(|| text.to_owned())
}

/// An address, if it looks like one.
fn address(text: &str) -> Option<String> {
    let (user, host) = text.rsplit_once('@')?;
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"\"\\<>()[],;:@".contains(c);
    let is_one = text.len() <= EMAIL_BYTES_MAX
        && !user.is_empty()
        && !host.is_empty()
        && user.chars().all(is_plain)
        && host.chars().all(is_plain);
    is_one.then(|| text.to_lowercase())
}

/// A name without what cannot be shown.
fn name(text: &str) -> Option<String> {
    let mut shown: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    shown.truncate(shown.floor_char_boundary(NAME_BYTES_MAX));
    (!shown.is_empty()).then_some(shown)
}

/// The address of a picture, which browsers will ask for.
fn picture(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= PICTURE_BYTES_MAX)?;
    (Reach::of(&url).admits(&url)).then(|| url.to_string())
}

fn bounded(said: Map<String, Value>) -> Map<String, Value> {
    let is_short = serde_json::to_vec(&said).is_ok_and(|text| text.len() <= RAW_BYTES_MAX);
    if is_short { said } else { Map::new() }
}

#[cfg(test)]
mod tests;
