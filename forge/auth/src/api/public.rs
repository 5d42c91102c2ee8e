//! What anybody may know: that the service is there, and how one can sign in.

use serde_json::{Map, Value, json};

use crate::auth::Auth;
use crate::call::Reply;

/// The providers that clients know by name.
const KNOWN: [&str; 8] =
    ["apple", "azure", "discord", "github", "gitlab", "google", "microsoft", "slack_oidc"];

pub(super) fn health() -> Reply {
    Reply::json(json!({
        "version": env!("CARGO_PKG_VERSION"), "name": "loki", "description": "sign-in for applications on Forge",
    }))
}

pub(super) fn settings(auth: &Auth) -> Reply {
    let settings = &auth.settings;
    let mut external: Map<String, Value> =
        KNOWN.iter().map(|name| ((*name).to_owned(), Value::Bool(false))).collect();
    for name in settings.providers.keys() {
        external.insert(name.clone(), Value::Bool(true));
    }
    external.insert("email".to_owned(), settings.email.into());
    external.insert("phone".to_owned(), Value::Bool(false));
    external.insert("anonymous_users".to_owned(), settings.anonymous.into());
    Reply::json(json!({
        "external": external,
        "disable_signup": !settings.signup,
        "mailer_autoconfirm": !settings.confirm_email,
        "phone_autoconfirm": false,
        "sms_provider": "",
        "saml_enabled": false,
        "passkeys_enabled": settings.relying.is_some(),
    }))
}

/// OpenID Connect Discovery 1.0, as far as it is true: who issues tokens and where the keys are.
pub(super) fn discovery(auth: &Auth) -> Reply {
    let issuer = &auth.settings.external_url;
    Reply::json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "userinfo_endpoint": format!("{issuer}/user"),
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
    }))
}
