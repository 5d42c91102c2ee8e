//! `POST /token`: a session for a password, a refresh token or a code.

use std::time::Duration;

use forge_core::sql::SqlError;
use serde_json::Value;

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::letters;
use crate::limits::{self, Allowance, Kind};
use crate::pkce;
use crate::tables::{flows, users};

/// The window in which wrong passwords are counted.
const FAILURES_WITHIN: Duration = Duration::from_secs(900);

pub(super) async fn token(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let kind = call.parameter("grant_type")?.unwrap_or_default();
    match kind.as_str() {
        "password" => password(auth, call).await,
        "refresh_token" => auth.refresh(call, &call.required("refresh_token")?).await,
        "pkce" | "authorization_code" => code(auth, call).await,
        "id_token" => super::id_token::sign_in(auth, call).await,
        crate::oauth::device::GRANT => super::device::poll(auth, call).await,
        _ => Err(AuthError::invalid("unsupported_grant_type").as_oauth("unsupported_grant_type")),
    }
}

async fn password(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    if call.text("phone")?.is_some() {
        return Err(AuthError::new(Code::PhoneProviderDisabled));
    }
    if !auth.settings.email {
        return Err(AuthError::new(Code::EmailProviderDisabled));
    }
    let email = call.text("email")?.ok_or_else(|| AuthError::invalid("missing email or phone"))?;
    let given = call.text("password")?.unwrap_or_default();
    let wrong = || AuthError::new(Code::InvalidCredentials);
    // An address that is none is nobody's.
    let email = letters::address(&email).map_err(|_| wrong())?.as_str().to_owned();
    if given.len() > crate::password::PASSWORD_BYTES_MAX {
        return Err(wrong());
    }
    auth.count_request(call)?;
    let failures = Failures::of(auth, call, &email);
    failures.begin()?;
    let user = auth.user_by(users::by_email(&email)).await?;
    let hash = user.as_ref().and_then(|user| user.password.as_deref());
    let fits = auth.hasher.fits(&given, hash).await?;
    let Some(user) = user.filter(|_| fits) else {
        failures.count_address();
        return Err(wrong());
    };
    failures.forgive();
    if user.deleted_at.is_some() {
        return Err(wrong());
    }
    if auth.settings.confirm_email && user.email_confirmed_at.is_none() {
        return Err(AuthError::new(Code::EmailNotConfirmed));
    }
    auth.open_session(call, &user, "password", Vec::new()).await
}

/// Wrong passwords: of an account, whether or not there is one, and from an address.
struct Failures<'a> {
    auth: &'a Auth,
    account: u64,
    address: Option<u64>,
}

impl Failures<'_> {
    fn of<'a>(auth: &'a Auth, call: &Call, email: &str) -> Failures<'a> {
        let address = limits::counted(call.ip).map(|ip| auth.seal.name(&ip));
        Failures { auth, account: auth.seal.name(email), address }
    }

    /// Counts a guess at the account before it is known to be one, so that many at once are not let through.
    fn begin(&self) -> Result<(), AuthError> {
        let refused = |wait| limits::refused(Code::OverRequestRateLimit, wait);
        let limits = &self.auth.limits;
        if let Some(address) = self.address {
            limits.has_room(Kind::FailuresFrom, address, self.of_address()).map_err(refused)?;
        }
        let times = self.auth.settings.rates.failures_account;
        let allowance = Allowance { times, within: FAILURES_WITHIN };
        limits.take(Kind::FailuresOfAccount, self.account, allowance).map_err(refused)
    }

    fn of_address(&self) -> Allowance {
        Allowance { times: self.auth.settings.rates.failures_address, within: FAILURES_WITHIN }
    }

    fn count_address(&self) {
        if let Some(address) = self.address {
            // Where it is full by now, the next one is refused.
            self.auth.limits.take(Kind::FailuresFrom, address, self.of_address()).unwrap_or_default();
        }
    }

    /// It was no guess.
    fn forgive(&self) {
        self.auth.limits.forget(Kind::FailuresOfAccount, self.account);
    }
}

/// A code that a link or a provider brought is exchanged by the client that asked for it.
async fn code(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let given = match call.text("auth_code")? {
        Some(code) => code,
        None => call.required("code")?,
    };
    let verifier = call.required("code_verifier")?;
    let unknown = || AuthError::new(Code::FlowStateNotFound);
    let rows = auth.sql.read(&[flows::by_code(&auth.seal.digest(&given))]).await?;
    let flow = rows.first().and_then(|rows| flows::of_row(rows.first()?)).ok_or_else(unknown)?;
    if flow.expires_at <= auth.now() {
        return Err(AuthError::new(Code::FlowStateExpired));
    }
    let challenge = flow.challenge.as_ref().ok_or_else(unknown)?;
    if !pkce::fits(challenge, &verifier) {
        return Err(AuthError::new(Code::BadCodeVerifier));
    }
    let id = flow.user_id.as_deref().ok_or_else(unknown)?;
    let user = auth.user_by(users::by_id(id)).await?.ok_or_else(unknown)?;
    let secrets = match &flow.secrets {
        Some(sealed) => serde_json::from_slice(&auth.seal.open("flow", sealed)?).unwrap_or_default(),
        None => Value::Null,
    };
    let method = match flow.authentication_method.as_str() {
        // Whatever the mail was about, it brought a link.
        "signup" | "magiclink" | "recovery" | "invite" | "email_change" => "otp",
        other => other,
    };
    let opening = auth.opening(call, &user, method)?;
    let statements = [vec![flows::spend(&flow.id)], opening.statements].concat();
    match auth.sql.write(&statements).await {
        Ok(_) => {}
        Err(SqlError::Unmet { at: 0 }) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    }
    let mut reply = auth.opened(&user.id, &opening.session).await?;
    if let (Some(body), Value::Object(secrets)) = (&mut reply.body, secrets) {
        for (name, value) in secrets {
            body[name] = value;
        }
    }
    Ok(reply)
}
