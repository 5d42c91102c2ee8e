//! The settings of sign-in, `forge.auth.*`.

use super::{Key, one_of, within};

/// Where browsers reach the server.
pub(crate) static PUBLIC_URL: Key<String> = Key::new(
    "forge.auth.public_url",
    "Where browsers reach the backend, such as https://api.example.org: in links of mails, and where providers send people \
     back; empty: the address that it is served on",
    String::new,
    origin,
);

/// Where the application is.
pub(crate) static SITE_URL: Key<String> = Key::new(
    "forge.auth.site_url",
    "The application's own address, where people go after a link of a mail or after signing in elsewhere",
    || "http://localhost:3000".to_owned(),
    site,
);

/// Where else people may be sent.
pub(crate) static REDIRECT_URLS: Key<String> = Key::new(
    "forge.auth.redirect_urls",
    "Addresses that people may be sent to besides the application's own, separated by commas; `*` stands for anything but a dot \
     or a slash, `**` for anything",
    String::new,
    |_| Ok(()),
);

/// What the application is called.
pub(crate) static SITE_NAME: Key<String> = Key::new(
    "forge.auth.site_name",
    "What authenticators call the application; empty: the host of its address",
    String::new,
    one_line,
);

/// Who may sign up.
pub(crate) static SIGNUP: Key<bool> =
    Key::new("forge.auth.signup", "Whether people may sign up on their own", || true, |_| Ok(()));

/// Ways of signing in.
pub(crate) static METHODS: Key<String> = Key::new(
    "forge.auth.methods",
    "Ways of signing in that need no provider, separated by commas: email, anonymous, totp, passkey, or none; empty: those that \
     the document asks for, or all of them where it asks for no sign-in at all",
    String::new,
    |text| {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        words.iter().try_for_each(|word| one_of(word, &["email", "anonymous", "totp", "passkey", "none"]))
    },
);

/// Whether addresses are confirmed.
pub(crate) static CONFIRM_EMAIL: Key<bool> = Key::new(
    "forge.auth.confirm_email",
    "Whether an address counts only after a link or code that was sent there came back",
    || true,
    |_| Ok(()),
);

/// Whether users link providers themselves.
pub(crate) static MANUAL_LINKING: Key<bool> = Key::new(
    "forge.auth.manual_linking",
    "Whether those who are signed in may link further providers to their account",
    || false,
    |_| Ok(()),
);

/// How long a password is.
pub(crate) static PASSWORD_LENGTH_MIN: Key<u64> = Key::new(
    "forge.auth.password_length_min",
    "Characters that a password has at least",
    || 8,
    |n| within(*n, 6, 64),
);

/// How long an access token holds.
pub(crate) static ACCESS_SECONDS: Key<u64> = Key::new(
    "forge.auth.access_seconds",
    "Seconds that an access token holds",
    || 3_600,
    |n| within(*n, 60, 604_800),
);

/// How long a session lasts.
pub(crate) static SESSION_SECONDS: Key<u64> = Key::new(
    "forge.auth.session_seconds",
    "Seconds after which people must sign in again; 0: never",
    || 0,
    |n| within(*n, 0, 315_360_000),
);

/// How long an idle session lasts.
pub(crate) static IDLE_SECONDS: Key<u64> = Key::new(
    "forge.auth.idle_seconds",
    "Seconds without any use after which people must sign in again; 0: never",
    || 0,
    |n| within(*n, 0, 315_360_000),
);

/// How much mail there is.
pub(crate) static MAILS_AN_HOUR: Key<u64> = Key::new(
    "forge.auth.mails_an_hour",
    "Mails to users in an hour, to everybody together; what is asked for beyond that is refused until later",
    || 1_000,
    |n| within(*n, 1, 1_000_000),
);

/// Who sends mail.
pub(crate) static SMTP_HOST: Key<String> = Key::new(
    "forge.auth.smtp_host",
    "The server that mail to users leaves by; empty: it stays in the project's mailbox, `loki forge auth mail`",
    String::new,
    one_line,
);

/// Its port.
pub(crate) static SMTP_PORT: Key<u64> =
    Key::new("forge.auth.smtp_port", "The port of that server", || 587, |n| within(*n, 1, 65_535));

/// How the connection to it is protected.
pub(crate) static SMTP_SECURITY: Key<String> = Key::new(
    "forge.auth.smtp_security",
    "How the connection to that server is protected: starttls, tls (from the first byte, port 465), or plain (this machine only)",
    || "starttls".to_owned(),
    |word| one_of(word, &["starttls", "tls", "plain"]),
);

/// As whom.
pub(crate) static SMTP_USER: Key<String> =
    Key::new("forge.auth.smtp_user", "The name to log in with there; empty: without", String::new, one_line);

/// With what.
pub(crate) static SMTP_PASSWORD: Key<String> = Key::new(
    "forge.auth.smtp_password",
    "The password to log in with there, by reference: `secret:NAME` for the environment variable of that name",
    String::new,
    |text| match text.is_empty() || loki_blueprint::signin::reference(text).is_some() {
        true => Ok(()),
        // What was given is perhaps the password, and is not repeated.
        false => Err("expected `secret:NAME`; the password itself goes into the variable NAME".to_owned()),
    },
);

/// Whom mail is from.
pub(crate) static SMTP_FROM: Key<String> = Key::new(
    "forge.auth.smtp_from",
    "Whom mail to users is from, as `mail@example.org` or `Name <mail@example.org>`",
    String::new,
    one_line,
);

/// An address without a path, or none.
#[expect(clippy::ptr_arg, reason = "the signature is the key's")]
fn origin(text: &String) -> Result<(), String> {
    let refused = || "expected https://HOST or http://HOST, without a path".to_owned();
    if text.is_empty() {
        return Ok(());
    }
    let url = url::Url::parse(text).map_err(|_| refused())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if is_web(&url) && bare { Ok(()) } else { Err(refused()) }
}

/// An address of the web or of an app (`myapp://`).
#[expect(clippy::ptr_arg, reason = "the signature is the key's")]
fn site(text: &String) -> Result<(), String> {
    let refused = || "expected the address of a page or an app, such as https://www.example.org".to_owned();
    let url = url::Url::parse(text).map_err(|_| refused())?;
    let runs = matches!(url.scheme(), "javascript" | "data" | "vbscript" | "file" | "blob" | "about");
    let web = matches!(url.scheme(), "http" | "https");
    if runs || (web && !is_web(&url)) || text.chars().any(char::is_control) { Err(refused()) } else { Ok(()) }
}

fn is_web(url: &url::Url) -> bool {
    let nobodys = url.username().is_empty() && url.password().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && nobodys
}

#[expect(clippy::ptr_arg, reason = "the signature is the key's")]
fn one_line(text: &String) -> Result<(), String> {
    if text.chars().any(char::is_control) { Err("expected one line".to_owned()) } else { Ok(()) }
}
