//! Mail to users: what is written, and the ways by which it leaves.
//!
//! [`template::Templates`] makes a [`Mail`] of a kind from values; a [`Mailer`] sends it: the [`mailbox::Mailbox`],
//! a folder of files for a project that has no mail server, or [`smtp::Smtp`]. Requests do not wait for either:
//! they put the mail into an [`outbox::Outbox`], so that the time of an answer does not tell whether there was
//! anybody to write to.

pub mod address;
mod defaults;
mod escape;
pub mod mailbox;
mod markup;
pub mod outbox;
mod placeholder;
mod plain;
pub mod smtp;
pub mod template;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use address::Address;
use mailbox::MailboxError;
use outbox::OutboxError;
use smtp::SmtpError;

/// The bytes of a subject; a line of a header has at most 998 (RFC 5322, 2.1.1).
pub const SUBJECT_BYTES_MAX: usize = 800;
/// The bytes of each of the two bodies.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Links that are taken out of a body.
const LINKS_MAX: usize = 16;

/// Why a mail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody signed up with this address.
    Confirmation,
    /// Somebody forgot the password.
    Recovery,
    /// Somebody wants to sign in without a password.
    MagicLink,
    /// An administrator invites somebody.
    Invite,
    /// An account is to get another address. Goes to the old one and to the new one.
    EmailChange,
    /// A change needs proof that its author still reads this address.
    Reauthentication,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [
        Kind::Confirmation,
        Kind::Recovery,
        Kind::MagicLink,
        Kind::Invite,
        Kind::EmailChange,
        Kind::Reauthentication,
    ];

    /// Its name in settings and files, such as `magic_link`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Confirmation => "confirmation",
            Kind::Recovery => "recovery",
            Kind::MagicLink => "magic_link",
            Kind::Invite => "invite",
            Kind::EmailChange => "email_change",
            Kind::Reauthentication => "reauthentication",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mail that is ready to be sent. What is in it opens accounts, so `Debug` shows neither body nor code.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    kind: Kind,
    to: Address,
    subject: String,
    text: String,
    html: String,
    links: Vec<String>,
    code: Option<String>,
}

/// Why a mail was not made or not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A subject with line breaks or control characters, or one that is too long.
    #[error("a subject has one line of at most {SUBJECT_BYTES_MAX} bytes")]
    Subject,
    /// A body that is too long.
    #[error("a mail's body has at most {BODY_BYTES_MAX} bytes")]
    Body,
    /// A value with line breaks or control characters, or one that is too long.
    #[error("the value of `{placeholder}` cannot stand in a mail")]
    Value {
        /// What it was to replace.
        placeholder: &'static str,
    },
    /// The outbox takes no mail.
    #[error("a mail was not taken")]
    Outbox(#[from] OutboxError),
    /// The mail could not be kept in the mailbox.
    #[error("failed to put a mail into the mailbox")]
    Mailbox(#[from] MailboxError),
    /// The mail could not be sent.
    #[error("failed to send a mail")]
    Smtp(#[from] SmtpError),
}

impl MailError {
    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        match self {
            MailError::Subject | MailError::Body | MailError::Value { .. } => true,
            MailError::Outbox(_) | MailError::Mailbox(_) => false,
            MailError::Smtp(error) => error.is_final(),
        }
    }
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends one mail; when this returns, others have it. Sending it again may deliver it twice.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Whether it would take a mail now. Asked before anything is looked up, so that everybody gets the same
    /// answer when it would not.
    fn accepts(&self) -> Result<(), MailError> {
        Ok(())
    }
}

impl Mail {
    /// A mail with a plain and an HTML body. The subject has one line.
    pub fn new(
        kind: Kind,
        to: Address,
        subject: String,
        text: String,
        html: String,
    ) -> Result<Mail, MailError> {
        if subject.len() > SUBJECT_BYTES_MAX || subject.chars().any(breaks) {
            return Err(MailError::Subject);
        }
        if text.len() > BODY_BYTES_MAX || html.len() > BODY_BYTES_MAX {
            return Err(MailError::Body);
        }
        let links = links(&text);
        Ok(Mail { kind, to, subject, text, html, links, code: None })
    }

    /// The same mail, knowing the code that is in it, and with the links first that have the token.
    #[must_use]
    pub fn with_tokens(mut self, code: Option<&str>, token: Option<&str>) -> Mail {
        self.code = code.map(str::to_owned);
        if let Some(token) = token {
            self.links.sort_by_key(|link| !link.contains(token));
        }
        self
    }

    /// Why it is written.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whom it goes to.
    pub fn to(&self) -> &Address {
        &self.to
    }

    /// One line.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The plain body.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The HTML body.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The addresses in the plain body, at most 16; the first is the one to follow.
    pub fn links(&self) -> &[String] {
        &self.links
    }

    /// The code that is in it.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("kind", &self.kind).field("to", &self.to).finish_non_exhaustive()
    }
}

/// Whether a character ends a line, or does something other than stand in it.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The addresses of web pages in a plain text. They end with white space, a quote or an angle bracket.
fn links(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices("http") {
        let begins_a_word = !text[..at].ends_with(|c: char| c.is_alphanumeric());
        let rest = &text[at..];
        let link = rest.split(|c: char| c.is_whitespace() || "<>\"".contains(c)).next().unwrap_or_default();
        let is_one = link.starts_with("https://") || link.starts_with("http://");
        let inside = found.last().is_some_and(|last| last.contains(link));
        if begins_a_word && is_one && !inside && found.len() < LINKS_MAX {
            found.push(link.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str) -> Result<Mail, MailError> {
        let to = Address::parse("ann@example.org").unwrap();
        let text = "See <https://a.example/x?y=https://b.example/z> or http://c.example/\nxhttp://d.example";
        Mail::new(Kind::Invite, to, subject.to_owned(), text.to_owned(), "<p>secret</p>".to_owned())
    }

    #[test]
    fn a_subject_has_one_line() {
        assert!(mail("Hello").is_ok());
        for subject in ["a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\0b", "a\u{2028}b", "a\u{85}b"] {
            assert!(matches!(mail(subject), Err(MailError::Subject)), "{subject:?}");
        }
        assert!(matches!(mail(&"a".repeat(SUBJECT_BYTES_MAX + 1)), Err(MailError::Subject)));
    }

    #[test]
    fn a_mail_knows_its_links() {
        let links = mail("Hello").unwrap().links().to_vec();
        assert_eq!(links, ["https://a.example/x?y=https://b.example/z", "http://c.example/"]);
    }

    #[test]
    fn a_mail_does_not_show_what_is_in_it() {
        let shown = format!("{:?}", mail("Hello").unwrap().with_tokens(Some("314159"), None));
        assert!(
            !shown.contains("secret") && !shown.contains("314159") && !shown.contains("a.example"),
            "{shown}"
        );
    }

    #[test]
    fn a_kind_has_one_name() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
