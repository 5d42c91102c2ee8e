//! `auth.one_time_tokens`: what a mail brings, as a link or as a code, and what it is good for.

use forge_core::sql::{Row, Statement, integer, optional_text, text, time};
use loki_store::Timestamp;

/// Wrong codes after which a token is good for nothing.
pub(crate) const ATTEMPTS_MAX: i64 = 5;

/// What a token is good for. A user has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To confirm an address.
    Confirmation,
    /// To sign in without a password.
    MagicLink,
    /// To sign in in order to set another password.
    Recovery,
    /// To accept an invitation.
    Invite,
    /// To agree to another address, at the old one.
    EmailChangeCurrent,
    /// To agree to another address, at the new one.
    EmailChangeNew,
    /// To show that it is still them.
    Reauthentication,
}

impl Purpose {
    const ALL: [Purpose; 7] = [
        Purpose::Confirmation,
        Purpose::MagicLink,
        Purpose::Recovery,
        Purpose::Invite,
        Purpose::EmailChangeCurrent,
        Purpose::EmailChangeNew,
        Purpose::Reauthentication,
    ];

    /// Its name in rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::Confirmation => "confirmation",
            Purpose::MagicLink => "magiclink",
            Purpose::Recovery => "recovery",
            Purpose::Invite => "invite",
            Purpose::EmailChangeCurrent => "email_change_current",
            Purpose::EmailChangeNew => "email_change_new",
            Purpose::Reauthentication => "reauthentication",
        }
    }

    fn of(name: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneTime {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) purpose: Purpose,
    pub(crate) token_hash: String,
    pub(crate) code_hash: String,
    /// The address that the mail went to.
    pub(crate) relates_to: String,
    /// The challenge of the client that asked (RFC 7636), and its method.
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) redirect_to: Option<String>,
    pub(crate) attempts: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

const ALL: &str = "select id, user_id, kind, token_hash, code_hash, relates_to, code_challenge, \
                   code_challenge_method, redirect_to, attempts, created_at, expires_at from {auth.one_time_tokens}";

/// The token of a link.
pub(crate) fn by_hash(hash: &str) -> Statement {
    Statement::new(format!("{ALL} where token_hash = $1"), [hash.into()])
}

/// The tokens that went to an address, of whichever user.
pub(crate) fn of_address(address: &str) -> Statement {
    Statement::new(format!("{ALL} where relates_to = $1 order by created_at desc limit 20"), [address.into()])
}

/// The tokens of a user.
pub(crate) fn of_user(user: &str) -> Statement {
    Statement::new(format!("{ALL} where user_id = $1"), [user.into()])
}

/// Takes the place of whatever the user had for this purpose.
pub(crate) fn put(token: &OneTime) -> [Statement; 2] {
    let (challenge, method) = token.challenge.clone().unzip();
    [
        forget(&token.user_id, token.purpose),
        Statement::new(
            "insert into {auth.one_time_tokens} (id, user_id, kind, token_hash, code_hash, relates_to, code_challenge, \
             code_challenge_method, redirect_to, attempts, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, \
             $8, $9, 0, $10, $11)",
            [
                token.id.as_str().into(),
                token.user_id.as_str().into(),
                token.purpose.name().into(),
                token.token_hash.as_str().into(),
                token.code_hash.as_str().into(),
                token.relates_to.as_str().into(),
                challenge.into(),
                method.into(),
                token.redirect_to.clone().into(),
                token.created_at.into(),
                token.expires_at.into(),
            ],
        )
        .touching(1),
    ]
}

/// Uses a token up; a second time it is unmet.
pub(crate) fn spend(id: &str) -> Statement {
    Statement::new("delete from {auth.one_time_tokens} where id = $1", [id.into()]).touching(1)
}

/// Notes a wrong code.
pub(crate) fn missed(id: &str) -> Statement {
    Statement::new("update {auth.one_time_tokens} set attempts = attempts + 1 where id = $1", [id.into()])
}

/// Removes what a user has for a purpose.
pub(crate) fn forget(user: &str, purpose: Purpose) -> Statement {
    Statement::new(
        "delete from {auth.one_time_tokens} where user_id = $1 and kind = $2",
        [user.into(), purpose.name().into()],
    )
}

/// Removes all that a user has.
pub(crate) fn forget_all(user: &str) -> Statement {
    Statement::new("delete from {auth.one_time_tokens} where user_id = $1", [user.into()])
}

/// A token from a row.
pub(crate) fn of_row(row: &Row) -> Option<OneTime> {
    Some(OneTime {
        id: optional_text(row, "id")?,
        user_id: text(row, "user_id"),
        purpose: Purpose::of(&text(row, "kind"))?,
        token_hash: text(row, "token_hash"),
        code_hash: text(row, "code_hash"),
        relates_to: text(row, "relates_to"),
        challenge: optional_text(row, "code_challenge").zip(optional_text(row, "code_challenge_method")),
        redirect_to: optional_text(row, "redirect_to"),
        attempts: integer(row, "attempts"),
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
