//! Mails that bring a link and a code, and the tokens behind them.

use forge_core::sql::Statement;
use serde_json::Map;

use crate::auth::Auth;
use crate::error::{AuthError, Code};
use crate::limits::{self, Allowance, Kind};
use crate::mail::address::Address;
use crate::mail::template::Values;
use crate::mail::{self, Mail};
use crate::model::User;
use crate::pkce::Challenge;
use crate::random;
use crate::redirect;
use crate::tables::one_time::{self, OneTime, Purpose};

/// What a token of a client that can exchange codes begins with.
pub(crate) const PKCE: &str = "pkce_";

/// A mail that is ready, and the token that makes its link and code good for something.
pub(crate) struct Letter {
    pub(crate) statements: [Statement; 2],
    pub(crate) mail: Mail,
    /// The link.
    pub(crate) link: String,
    /// The token in the link.
    pub(crate) token: String,
    /// The code.
    pub(crate) code: String,
}

/// Whom a letter goes to, and what it is to do.
pub(crate) struct Occasion<'a> {
    pub(crate) user: &'a User,
    pub(crate) purpose: Purpose,
    /// The address, which need not be the user's yet.
    pub(crate) to: &'a str,
    pub(crate) challenge: Option<Challenge>,
    /// Where the user goes afterwards; already judged.
    pub(crate) redirect_to: &'a str,
}

/// The type of verification that a purpose is called by.
pub(crate) fn verification(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Confirmation => "signup",
        Purpose::MagicLink => "magiclink",
        Purpose::Recovery => "recovery",
        Purpose::Invite => "invite",
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => "email_change",
        Purpose::Reauthentication => "reauthentication",
    }
}

/// An address as it is kept: in lower case.
pub(crate) fn address(text: &str) -> Result<Address, AuthError> {
    let invalid = |_| AuthError::invalid("Unable to validate email address: invalid format");
    Address::parse(text.trim().to_lowercase().as_str()).map_err(invalid)
}

impl Auth {
    /// Writes a letter.
    pub(crate) fn letter(&self, occasion: &Occasion<'_>) -> Result<Letter, AuthError> {
        let Occasion { user, purpose, to, challenge, redirect_to } = occasion;
        let (now, code) = (self.now(), random::code()?);
        let token = match challenge {
            Some(_) => format!("{PKCE}{}", random::token()?),
            None => random::token()?,
        };
        let one_time = OneTime {
            id: random::uuid()?,
            user_id: user.id.clone(),
            purpose: *purpose,
            token_hash: self.seal.digest(&token),
            code_hash: self.code_hash(*purpose, to, &code),
            relates_to: (*to).to_owned(),
            challenge: challenge.clone(),
            redirect_to: Some((*redirect_to).to_owned()),
            attempts: 0,
            created_at: now,
            expires_at: self.after(now, self.settings.code_seconds),
        };
        let page = format!("{}/verify", self.settings.external_url);
        let kind = verification(*purpose);
        let query = [("token", token.as_str()), ("type", kind), ("redirect_to", redirect_to)];
        let link = redirect::with(&page, &query, &[]);
        let none = Map::new();
        let values = Values {
            confirmation_url: (*purpose != Purpose::Reauthentication).then_some(link.as_str()),
            token: Some(&code),
            token_hash: Some(&token),
            site_url: &self.settings.site_url,
            redirect_to,
            email: user.email.as_deref().unwrap_or(to),
            new_email: user.email_change.as_deref(),
            data: user.user_metadata.as_object().unwrap_or(&none),
        };
        let failed = |_| AuthError::new(Code::UnexpectedFailure).saying("Error sending email");
        let mail = self.templates.compose(mail_kind(*purpose), &address(to)?, &values).map_err(failed)?;
        Ok(Letter { statements: one_time::put(&one_time), mail, link, token, code })
    }

    /// What is kept of a code.
    pub(crate) fn code_hash(&self, purpose: Purpose, address: &str, code: &str) -> String {
        self.seal.digest(&format!("{}:{address}:{code}", purpose.name()))
    }

    /// Hands a mail over to be sent.
    pub(crate) async fn post(&self, mail: &Mail) -> Result<(), AuthError> {
        let failed = |_| AuthError::new(Code::Unavailable).saying("Error sending email");
        self.mailer.send(mail).await.map_err(failed)
    }

    /// Counts a mail to an address, whether or not there will be one: who asks must not learn it.
    pub(crate) fn count_mail(&self, purpose: Purpose, to: &str) -> Result<(), AuthError> {
        // Known before anybody is looked up: a full queue is the same answer for everybody.
        let full = |_| AuthError::new(Code::Unavailable).saying("Error sending email").after(1);
        self.mailer.accepts().map_err(full)?;
        let refused = |wait| limits::refused(Code::OverEmailSendRateLimit, wait);
        let seconds = u64::try_from(self.settings.mail_seconds).unwrap_or_default();
        if seconds > 0 {
            let whose = self.seal.name(&format!("{}:{to}", purpose.name()));
            let allowance = Allowance { times: 1, within: std::time::Duration::from_secs(seconds) };
            self.limits.take(Kind::MailTo, whose, allowance).map_err(refused)?;
        }
        let hour = std::time::Duration::from_secs(3_600);
        let allowance = Allowance { times: self.settings.rates.mails, within: hour };
        self.limits.take(Kind::Mails, 0, allowance).map_err(refused)
    }
}

fn mail_kind(purpose: Purpose) -> mail::Kind {
    match purpose {
        Purpose::Confirmation => mail::Kind::Confirmation,
        Purpose::MagicLink => mail::Kind::MagicLink,
        Purpose::Recovery => mail::Kind::Recovery,
        Purpose::Invite => mail::Kind::Invite,
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => mail::Kind::EmailChange,
        Purpose::Reauthentication => mail::Kind::Reauthentication,
    }
}
