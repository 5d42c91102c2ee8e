//! `POST /logout`: sessions end.

use serde_json::json;

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::AuthError;
use crate::tables::sessions;

pub(super) async fn logout(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = auth.signed(call).await?;
    let (user, session) = (&signed.user, &signed.session);
    let scope = call.parameter("scope")?.unwrap_or_else(|| "global".to_owned());
    let end = match scope.as_str() {
        "global" => sessions::end_all(&user.id),
        "local" => sessions::end(&session.id),
        "others" => sessions::end_others(&user.id, &session.id),
        _ => return Err(AuthError::invalid("Unsupported logout scope: use `global`, `local` or `others`")),
    };
    auth.sql.write(&[end, auth.note(call, "logout", user, json!({ "scope": scope }))?]).await?;
    Ok(Reply::empty())
}
