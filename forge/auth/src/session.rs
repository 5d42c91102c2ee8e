//! Sessions: how they begin, go on and end.
//!
//! A session has a number that goes up with every refresh. The refresh token of a number can be made from the
//! seal of the key ring at any time, so none is kept: the current one is good, the one before it leads to the
//! current one (its user lost the answer, or asked twice at once), one that is older is either that of a client
//! that is late by a few seconds or that of a thief, and then nobody knows who is who and the session ends.

use forge_core::sql::{SqlError, Statement};
use http::header::HeaderName;
use loki_store::Timestamp;
use serde_json::{Map, Value, json};

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::grants;
use crate::model::{Aal, User};
use crate::random;
use crate::tables::sessions::{self, Session};
use crate::tables::{grants as granted, users};

const USER_ID: HeaderName = HeaderName::from_static("sb-auth-user-id");
const SESSION_ID: HeaderName = HeaderName::from_static("sb-auth-session-id");

/// A session that is about to begin: what is to be written, and what the client gets once it is.
pub(crate) struct Opening {
    pub(crate) session: Session,
    pub(crate) statements: Vec<Statement>,
}

/// What a refresh comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    /// The token is the current one: the next one comes.
    Advance,
    /// It was followed by the current one, which is given again.
    Repeat,
    /// It is too old for an honest mistake.
    Replayed,
    /// There is no such token yet.
    Unknown,
}

impl Auth {
    /// Prepares a session of a user who signed in by `method`.
    pub(crate) fn opening(&self, call: &Call, user: &User, method: &str) -> Result<Opening, AuthError> {
        let now = self.now();
        if user.is_banned(now) {
            return Err(AuthError::new(Code::UserBanned));
        }
        let ends = self.settings.session_seconds;
        let session = Session {
            id: random::uuid()?,
            user_id: user.id.clone(),
            refresh_counter: 0,
            refreshed_at: None,
            aal: Aal::One,
            amr: json!([{ "method": method, "timestamp": now.as_second() }]),
            not_after: (ends > 0).then(|| self.after(now, ends)),
            user_agent: call.user_agent(),
            ip: Some(call.ip.to_string()),
            created_at: now,
        };
        let mut statements = Vec::new();
        if self.settings.single_session {
            statements.push(sessions::end_all(&user.id));
        }
        statements.push(sessions::insert(&session));
        statements.push(users::signed_in(&user.id, now));
        statements.push(self.note(call, "login", user, json!({ "provider": method }))?);
        Ok(Opening { session, statements })
    }

    /// Begins a session for a user who is there already, along with `more`.
    pub(crate) async fn open_session(
        &self,
        call: &Call,
        user: &User,
        method: &str,
        more: Vec<Statement>,
    ) -> Result<Reply, AuthError> {
        let opening = self.opening(call, user, method)?;
        self.sql.write(&[more, opening.statements].concat()).await?;
        self.opened(&user.id, &opening.session).await
    }

    /// What the client gets of a session that has begun.
    pub(crate) async fn opened(&self, user: &str, session: &Session) -> Result<Reply, AuthError> {
        let body = self.tokens(user, session).await?;
        Ok(reply(body, user, &session.id))
    }

    /// Tokens for a session as it is, with the user as they are now.
    pub(crate) async fn tokens(&self, user: &str, session: &Session) -> Result<Value, AuthError> {
        let [one, identities, factors] = users::by_id(user);
        let rows = self.sql.read(&[one, identities, factors, granted::concerning(user)]).await?;
        let user = users::read(&rows).ok_or_else(|| AuthError::new(Code::SessionNotFound))?;
        let all = rows.get(3).into_iter().flatten().map(granted::of_row).collect::<Vec<_>>();
        self.tokens_of(&user, session, grants::of(&user, &all)).await
    }

    async fn tokens_of(
        &self,
        user: &User,
        session: &Session,
        grants: Vec<String>,
    ) -> Result<Value, AuthError> {
        let now = self.now();
        let expires_at = now.as_second() + self.settings.access_seconds;
        let claims = self.claims(user, session, grants, now, expires_at);
        let claims = self.hooks.claims(user, claims, now).await?;
        let failed = |_| AuthError::new(Code::UnexpectedFailure);
        let access = self.signer()?.sign(&Value::Object(claims)).map_err(failed)?;
        let id = random::uuid_bytes(&session.id).ok_or_else(|| AuthError::new(Code::UnexpectedFailure))?;
        Ok(json!({
            "access_token": access,
            "token_type": "bearer",
            "expires_in": self.settings.access_seconds,
            "expires_at": expires_at,
            "refresh_token": self.seal.refresh_token(&id, session.refresh_counter),
            "user": user.wire(),
        }))
    }

    fn claims(
        &self,
        user: &User,
        session: &Session,
        grants: Vec<String>,
        now: Timestamp,
        expires_at: i64,
    ) -> Map<String, Value> {
        let claims = json!({
            "iss": self.settings.external_url,
            "sub": user.id,
            "aud": crate::token::AUDIENCE,
            "exp": expires_at,
            "iat": now.as_second(),
            "email": user.email.as_deref().unwrap_or_default(),
            "phone": user.phone.as_deref().unwrap_or_default(),
            "app_metadata": user.app_metadata,
            "user_metadata": user.user_metadata,
            "role": user.role,
            "aal": session.aal.name(),
            "amr": session.amr,
            "session_id": session.id,
            "is_anonymous": user.is_anonymous,
        });
        let Value::Object(mut claims) = claims else { return Map::new() };
        if !grants.is_empty() {
            claims.insert("grants".to_owned(), Value::from(grants));
        }
        claims
    }

    /// Goes on with the session of a refresh token.
    pub(crate) async fn refresh(&self, call: &Call, token: &str) -> Result<Reply, AuthError> {
        let unknown = || AuthError::new(Code::RefreshTokenNotFound);
        let (session, counter) = self.seal.read_refresh_token(token).ok_or_else(unknown)?;
        let id = random::uuid_text(&session);
        loop {
            let [user, identities, factors] = users::by_session(&id);
            let statements =
                [user, identities, factors, sessions::by_id(&id), granted::concerning_session(&id)];
            let rows = self.sql.read(&statements).await?;
            let user = users::read(&rows).ok_or_else(unknown)?;
            let mut session =
                rows.get(3).and_then(|rows| sessions::of_row(rows.first()?)).ok_or_else(unknown)?;
            let now = self.now();
            if user.is_banned(now) {
                return Err(AuthError::new(Code::UserBanned));
            }
            if self.is_over(&session, now) {
                self.sql.write(&[sessions::end(&id)]).await?;
                return Err(AuthError::new(Code::SessionExpired));
            }
            match self.judge(&session, counter, now) {
                Refresh::Unknown => return Err(unknown()),
                Refresh::Repeat => {}
                Refresh::Replayed => {
                    let note = self.note(call, "token_reuse", &user, json!({ "session_id": id }))?;
                    self.sql.write(&[sessions::end(&id), note]).await?;
                    return Err(AuthError::new(Code::RefreshTokenAlreadyUsed));
                }
                Refresh::Advance => match self.sql.write(&[sessions::advance(&id, counter, now)]).await {
                    Ok(_) => session.refresh_counter += 1,
                    // Somebody else has just done it: this token is now the one before the current one.
                    Err(SqlError::Unmet { .. }) => continue,
                    Err(error) => return Err(error.into()),
                },
            }
            let granted = rows.get(4).into_iter().flatten().map(granted::of_row).collect::<Vec<_>>();
            let body = self.tokens_of(&user, &session, grants::of(&user, &granted)).await?;
            return Ok(reply(body, &user.id, &session.id));
        }
    }

    fn judge(&self, session: &Session, counter: u64, now: Timestamp) -> Refresh {
        let age = session.refreshed_at.map_or(i64::MAX, |at| now.as_second() - at.as_second());
        match session.refresh_counter.checked_sub(counter) {
            None => Refresh::Unknown,
            Some(0) => Refresh::Advance,
            Some(1) => Refresh::Repeat,
            Some(_) if age < self.settings.reuse_seconds => Refresh::Repeat,
            Some(_) => Refresh::Replayed,
        }
    }

    fn is_over(&self, session: &Session, now: Timestamp) -> bool {
        let idle = self.settings.idle_seconds;
        let since = session.refreshed_at.unwrap_or(session.created_at);
        session.not_after.is_some_and(|end| end <= now) || (idle > 0 && self.after(since, idle) <= now)
    }

    /// Makes a session surer, after `factor` was shown, and ends the user's less sure ones.
    pub(crate) async fn raise_session(
        &self,
        call: &Call,
        user: &User,
        session: &Session,
        method: &str,
        factor: &str,
        more: Vec<Statement>,
    ) -> Result<Reply, AuthError> {
        let now = self.now();
        let mut raised = session.clone();
        let mut ways = session.amr.as_array().cloned().unwrap_or_default();
        ways.retain(|way| way.get("method").and_then(Value::as_str) != Some(method));
        ways.insert(0, json!({ "method": method, "timestamp": now.as_second() }));
        raised.amr = Value::Array(ways);
        raised.aal = Aal::Two;
        raised.refresh_counter += 1;
        let mut statements = more;
        statements.push(sessions::raise(session, Aal::Two, &raised.amr, Some(factor), now));
        statements.push(sessions::end_lower(&user.id, &session.id));
        statements.push(self.note(call, "verification_attempted", user, json!({ "factor_id": factor }))?);
        self.sql.write(&statements).await?;
        self.opened(&user.id, &raised).await
    }
}

fn reply(body: Value, user: &str, session: &str) -> Reply {
    Reply::json(body).with(USER_ID, user).with(SESSION_ID, session)
}
