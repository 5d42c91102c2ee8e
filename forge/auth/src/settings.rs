//! Everything that an operator can set about sign-in.

use std::collections::BTreeMap;

use crate::mail;
use crate::oauth::provider::Registration;
use crate::webauthn::Relying;

/// How people sign up and in. The default is for a project on its author's machine: everything that needs no
/// third party is on, mail has to be confirmed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The application's own address, where people go after a link of a mail.
    pub site_url: String,
    /// Where this service is reached, such as `http://127.0.0.1:54321/auth/v1`. It is the issuer of tokens, and
    /// in the links of mails and in the redirects of providers.
    pub external_url: String,
    /// Where people may be sent besides the site itself: addresses, with `*` for anything but a dot or a slash
    /// and `**` for anything.
    pub redirect_urls: Vec<String>,
    /// Whether people may sign up on their own.
    pub signup: bool,
    /// Whether they may sign in by e-mail at all.
    pub email: bool,
    /// Whether an address counts only after a link or code that was sent there came back.
    pub confirm_email: bool,
    /// Whether both addresses must confirm a change from one to the other.
    pub secure_email_change: bool,
    /// Whether people may come in without saying who they are.
    pub anonymous: bool,
    /// Whether a signed-in user may link further providers.
    pub manual_linking: bool,
    /// Whether a new password needs a session that is at most a day old, or a code from a mail.
    pub reauthentication: bool,
    /// Characters that a password has at least.
    pub password_length_min: usize,
    /// What a password must have one of, each a set of characters.
    pub password_characters: Vec<String>,
    /// Seconds that an access token holds.
    pub access_seconds: i64,
    /// Seconds in which a refresh token that was used may be used again by a client that lost the answer.
    pub reuse_seconds: i64,
    /// Seconds after which a session ends, whatever happens; 0 for never.
    pub session_seconds: i64,
    /// Seconds without a refresh after which a session ends; 0 for never.
    pub idle_seconds: i64,
    /// Whether a sign-in ends the user's other sessions.
    pub single_session: bool,
    /// Seconds that links and codes of mails hold.
    pub code_seconds: i64,
    /// Seconds between two mails of one kind to one address.
    pub mail_seconds: i64,
    /// How much may be asked.
    pub rates: Rates,
    /// Whether TOTP factors can be had.
    pub totp: bool,
    /// For whom passkeys and WebAuthn factors are made; `None` for neither.
    pub relying: Option<Relying>,
    /// Providers by which people sign in, by the name that clients use.
    pub providers: BTreeMap<String, Registration>,
    /// Mails in other words than the built-in ones.
    pub templates: BTreeMap<mail::Kind, mail::template::TemplateText>,
    /// An address that may add claims to access tokens, with the secret that its calls are signed with.
    pub claims_hook: Option<Hook>,
    /// Roles of the application, which an administrator may give to users.
    pub roles: Vec<String>,
}

/// A call that is made while a token is issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where.
    pub url: String,
    /// The secret of its signature (Standard Webhooks), as base64.
    pub secret: String,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("url", &self.url).finish_non_exhaustive()
    }
}

/// How much may be asked. What is counted by address leaves loopback out, behind which is a developer or a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// Sign-ups, sign-ins, codes and links in five minutes from one address.
    pub requests: u32,
    /// Mails in an hour, to everybody together.
    pub mails: u32,
    /// Anonymous sign-ins in an hour from one address.
    pub anonymous: u32,
    /// Wrong passwords in a quarter of an hour for one account, from wherever they come.
    pub failures_account: u32,
    /// Wrong passwords in a quarter of an hour from one address.
    pub failures_address: u32,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { requests: 100, mails: 1_000, anonymous: 30, failures_account: 20, failures_address: 100 }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            site_url: "http://localhost:3000".to_owned(),
            external_url: "http://127.0.0.1:54321/auth/v1".to_owned(),
            redirect_urls: Vec::new(),
            signup: true,
            email: true,
            confirm_email: true,
            secure_email_change: true,
            anonymous: true,
            manual_linking: false,
            reauthentication: false,
            password_length_min: 8,
            password_characters: Vec::new(),
            access_seconds: 3_600,
            reuse_seconds: 10,
            session_seconds: 0,
            idle_seconds: 0,
            single_session: false,
            code_seconds: 3_600,
            mail_seconds: 1,
            rates: Rates::default(),
            totp: true,
            relying: None,
            providers: BTreeMap::new(),
            templates: BTreeMap::new(),
            claims_hook: None,
            roles: Vec::new(),
        }
    }
}
