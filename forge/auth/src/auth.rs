//! The service: what its endpoints share.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use forge_core::sql::{Sql, SqlError, Statement};
use forge_core::{Identity, Role};
use http::{HeaderMap, Request, Response};
use loki_store::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::api;
use crate::call::Call;
use crate::error::{AuthError, Code};
use crate::hooks::Hooks;
use crate::keys::{KeyRing, Keys};
use crate::limits::{self, Allowance, Kind, Limits};
use crate::mail::Mailer;
use crate::mail::template::Templates;
use crate::model::{Aal, User};
use crate::oauth::Oauth;
use crate::oauth::outbound::Outbound;
use crate::oauth::provider::Provider;
use crate::password::Hasher;
use crate::random;
use crate::seal::Seal;
use crate::settings::Settings;
use crate::tables::sessions::{self, Session};
use crate::tables::{audit, users};
use crate::token::{Signer, TokenError};
use crate::webauthn::Ceremonies;

/// How often an act is tried again where somebody else was faster.
const TRIES: usize = 8;

/// What a service is made from.
pub struct Parts {
    /// The application's database.
    pub sql: Arc<dyn Sql>,
    /// What an operator has set.
    pub settings: Settings,
    /// The keys of the project.
    pub ring: Arc<KeyRing>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Sends mail; it must not wait for the mail to arrive.
    pub mailer: Arc<dyn Mailer>,
    /// Reaches providers.
    pub outbound: Arc<dyn Outbound>,
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A mail in words that cannot be used.
    #[error("a mail of the settings cannot be used")]
    Template(#[from] crate::mail::template::TemplateError),
    /// A provider that cannot be used.
    #[error("the provider `{name}` cannot be used")]
    Provider {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: crate::oauth::provider::ProviderError,
    },
    /// Passkeys for a domain or an origin that cannot be used.
    #[error("passkeys cannot be set up so")]
    Passkeys(#[from] crate::webauthn::WebauthnError),
    /// Something that must be there is not.
    #[error("failed to prepare sign-in")]
    Prepare(#[source] AuthError),
}

/// Sign-up, sign-in and what follows from them.
pub struct Auth {
    pub(crate) sql: Arc<dyn Sql>,
    pub(crate) settings: Settings,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) templates: Templates,
    pub(crate) oauth: Oauth,
    pub(crate) providers: Vec<Arc<Provider>>,
    pub(crate) hooks: Hooks,
    pub(crate) limits: Limits,
    pub(crate) hasher: Hasher,
    pub(crate) seal: Seal,
    /// What signs now, with the keys that it came from.
    signer: Mutex<Option<(Arc<Keys>, Arc<Signer>)>>,
}

/// Who holds the access token of a request.
pub(crate) struct Signed {
    pub(crate) user: User,
    pub(crate) session: Session,
}

/// Who does something, for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A user's identifier, `service_role` or `operator`; empty for nobody.
    pub name: String,
    /// From where: an address, or empty.
    pub from: String,
}

impl Actor {
    /// Whoever runs commands on the machine.
    pub fn operator() -> Actor {
        Actor { name: "operator".to_owned(), from: String::new() }
    }

    /// Who makes a request.
    pub(crate) fn of(call: &Call) -> Actor {
        let name = match &call.who.role {
            Role::Service => "service_role".to_owned(),
            _ => call.who.subject.clone().unwrap_or_default(),
        };
        Actor { name, from: call.ip.to_string() }
    }
}

impl Auth {
    /// A service. Its threads for passwords end with it.
    pub fn new(parts: Parts) -> Result<Auth, SetupError> {
        let templates = Templates::read(&parts.settings.templates)?;
        if let Some(relying) = &parts.settings.relying {
            // Said now, not to the first who wants a passkey.
            Ceremonies::new(relying)?;
        }
        let provider = |(name, registration): (&String, &crate::oauth::provider::Registration)| {
            let failed = |source| SetupError::Provider { name: name.clone(), source };
            Provider::new(registration.clone()).map(Arc::new).map_err(failed)
        };
        Ok(Auth {
            providers: parts.settings.providers.iter().map(provider).collect::<Result<_, _>>()?,
            templates,
            oauth: Oauth::new(Arc::clone(&parts.outbound), Arc::clone(&parts.clock)),
            hooks: Hooks::new(parts.settings.claims_hook.clone(), parts.outbound),
            limits: Limits::default(),
            hasher: Hasher::start().map_err(SetupError::Prepare)?,
            seal: Seal::new(&parts.ring.keys().seal).map_err(SetupError::Prepare)?,
            signer: Mutex::new(None),
            sql: parts.sql,
            settings: parts.settings,
            ring: parts.ring,
            clock: parts.clock,
            mailer: parts.mailer,
        })
    }

    /// Answers a request of `who`. Its path has nothing in front of the endpoint: `/signup`, `/token`.
    pub async fn answer(&self, who: &Identity, request: Request<Bytes>) -> Response<Bytes> {
        let dated = Call::is_dated(request.headers());
        let answered = match Call::of(who, request) {
            Ok(call) => api::answer(self, &call).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(reply) => reply.response(),
            Err(error) => error.response(dated),
        }
    }

    /// The answer to somebody whose token does not hold.
    pub fn stranger(&self, error: &TokenError, headers: &HeaderMap) -> Response<Bytes> {
        let message = format!("invalid JWT: {error}");
        AuthError::new(Code::BadJwt).saying(message).response(Call::is_dated(headers))
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), SqlError> {
        self.sql.read(&[Statement::new("select 1 as one", [])]).await.map(drop)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is so many seconds later.
    pub(crate) fn after(&self, now: Timestamp, seconds: i64) -> Timestamp {
        let later = now.checked_add(jiff::SignedDuration::from_secs(seconds));
        later.unwrap_or(Timestamp::MAX)
    }

    /// What signs tokens now.
    pub(crate) fn signer(&self) -> Result<Arc<Signer>, AuthError> {
        let keys = self.ring.keys();
        let mut kept = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, signer)) = kept.as_ref()
            && Arc::ptr_eq(of, &keys)
        {
            return Ok(Arc::clone(signer));
        }
        let signer = Arc::new(keys.signer().map_err(|_| AuthError::new(Code::UnexpectedFailure))?);
        *kept = Some((keys, Arc::clone(&signer)));
        Ok(signer)
    }

    /// The user whom three statements of [`users`] tell of.
    pub(crate) async fn user_by(&self, statements: [Statement; 3]) -> Result<Option<User>, AuthError> {
        Ok(users::read(&self.sql.read(&statements).await?))
    }

    /// Who holds the access token of the request; their session must still be there.
    pub(crate) async fn signed(&self, call: &Call) -> Result<Signed, AuthError> {
        if call.who.role == Role::Service {
            return Err(AuthError::new(Code::BadJwt).saying("invalid claim: missing sub claim"));
        }
        let Some(subject) = &call.who.subject else { return Err(AuthError::new(Code::NoAuthorization)) };
        let session = call.who.claims.get("session_id").and_then(Value::as_str).unwrap_or_default();
        let gone = || AuthError::new(Code::SessionNotFound);
        if random::uuid_bytes(session).is_none() || random::uuid_bytes(subject).is_none() {
            return Err(gone());
        }
        let [user, identities, factors] = users::by_session(session);
        let rows = self.sql.read(&[user, identities, factors, sessions::by_id(session)]).await?;
        let user = users::read(&rows).filter(|user| user.id == *subject).ok_or_else(gone)?;
        let session = rows.get(3).and_then(|rows| sessions::of_row(rows.first()?)).ok_or_else(gone)?;
        if user.is_banned(self.now()) {
            return Err(AuthError::new(Code::UserBanned));
        }
        Ok(Signed { user, session })
    }

    /// Refuses everybody but the application's own backend and operators.
    pub(crate) fn require_admin(&self, call: &Call) -> Result<(), AuthError> {
        match call.who.role {
            Role::Service => Ok(()),
            Role::Anon if call.who.subject.is_none() && call.who.claims.is_null() => {
                Err(AuthError::new(Code::NoAuthorization))
            }
            Role::Anon | Role::Authenticated | Role::Custom(_) => Err(AuthError::new(Code::NotAdmin)),
        }
    }

    /// An entry for the audit, to be written along with what it tells of.
    pub(crate) fn note(
        &self,
        call: &Call,
        action: &str,
        user: &User,
        more: Value,
    ) -> Result<Statement, AuthError> {
        self.note_of(call, action, Some(&user.id), more)
    }

    /// The same for somebody who need not be there.
    pub(crate) fn note_of(
        &self,
        call: &Call,
        action: &str,
        user: Option<&str>,
        more: Value,
    ) -> Result<Statement, AuthError> {
        let mut actor = Actor::of(call);
        if actor.name.is_empty() {
            user.unwrap_or_default().clone_into(&mut actor.name);
        }
        self.note_by(&actor, action, user, more)
    }

    /// The same for what somebody does without a request.
    pub(crate) fn note_by(
        &self,
        actor: &Actor,
        action: &str,
        user: Option<&str>,
        more: Value,
    ) -> Result<Statement, AuthError> {
        let payload = json!({ "action": action, "actor_id": actor.name, "user_id": user, "traits": more });
        Ok(audit::insert(&random::uuid()?, &payload, &actor.from, self.now()))
    }

    /// Counts a request that is worth attacking.
    pub(crate) fn count_request(&self, call: &Call) -> Result<(), AuthError> {
        self.count(Kind::Requests, call.ip, self.settings.rates.requests, 300)
    }

    pub(crate) fn count(&self, kind: Kind, ip: IpAddr, times: u32, seconds: u64) -> Result<(), AuthError> {
        let Some(whose) = limits::counted(ip) else { return Ok(()) };
        let allowance = Allowance { times, within: std::time::Duration::from_secs(seconds) };
        let taken = self.limits.take(kind, self.seal.name(&whose), allowance);
        taken.map_err(|wait| limits::refused(Code::OverRequestRateLimit, wait))
    }
}

/// Does something again for as long as somebody else is faster.
pub(crate) async fn retrying<T, F, Fut>(mut act: F) -> Result<T, AuthError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, AuthError>>,
{
    for _ in 1..TRIES {
        match act().await {
            Err(error) if error.code == Code::Conflict => {}
            done => return done,
        }
    }
    act().await
}

/// The level of a session and whether its user could reach a higher one.
pub(crate) fn could_be_surer(signed: &Signed) -> bool {
    signed.session.aal == Aal::One && signed.user.has_verified_factor()
}

#[cfg(test)]
mod tests;
