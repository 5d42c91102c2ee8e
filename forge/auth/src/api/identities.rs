//! `/user/identities`: users link providers to their account, and take them off it.

use forge_core::sql::{SqlError, Value as Sql};
use serde_json::json;

use super::authorize::depart;
use crate::auth::{Auth, Signed, could_be_surer};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::pkce;
use crate::tables::{identities, users};

/// `GET /user/identities/authorize`: off to a provider that is to be linked.
pub(super) async fn authorize(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let signed = allowed(auth, call).await?;
    let departure = depart(auth, call, pkce::challenge(call)?, Some(&signed.user.id)).await?;
    let is_told = call.query.get("skip_http_redirect").is_some_and(|skip| skip == "true");
    let url = departure.url.to_string();
    Ok(if is_told { Reply::json(json!({ "url": url })) } else { Reply::redirect(url) })
}

/// `DELETE /user/identities/:id`: one way less to sign in.
pub(super) async fn remove(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = allowed(auth, call).await?;
    let id = call.path.get(2).map(String::as_str).unwrap_or_default();
    let unknown = || AuthError::new(Code::IdentityNotFound).saying("Identity doesn't exist");
    let Signed { mut user, .. } = signed;
    let at = user.identities.iter().position(|identity| identity.id == id).ok_or_else(unknown)?;
    if user.identities.len() == 1 {
        return Err(AuthError::new(Code::SingleIdentityNotDeletable));
    }
    let was = user.clone();
    let gone = user.identities.remove(at);
    if let serde_json::Value::Object(metadata) = &mut user.app_metadata {
        metadata.remove("provider");
    }
    let user = user.with_providers();
    let mut sets = vec![("raw_app_meta_data", Sql::from(&user.app_metadata))];
    // Whoever takes e-mail off does not want to sign in by it.
    if gone.provider == "email" {
        sets.push(("encrypted_password", Sql::Null));
    }
    let note = auth.note(call, "identity_unlinked", &was, json!({ "provider": gone.provider }))?;
    let statements = [identities::delete(id, &was.id), users::change(&was, auth.now(), &sets), note];
    match auth.sql.write(&statements).await {
        Ok(_) => Ok(Reply::json(json!({}))),
        // It is the last one by now, or gone.
        Err(SqlError::Unmet { at: 0 }) => Err(AuthError::new(Code::SingleIdentityNotDeletable)),
        Err(error) => Err(error.into()),
    }
}

/// The user, if they may change how they sign in.
async fn allowed(auth: &Auth, call: &Call) -> Result<Signed, AuthError> {
    if !auth.settings.manual_linking {
        return Err(AuthError::new(Code::ManualLinkingDisabled));
    }
    let signed = auth.signed(call).await?;
    if could_be_surer(&signed) {
        return Err(AuthError::new(Code::InsufficientAal));
    }
    Ok(signed)
}

#[cfg(test)]
mod tests;
