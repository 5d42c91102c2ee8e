//! What Apple does otherwise: the application's secret is a token that it signs itself.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use loki_store::Timestamp;
use serde_json::json;

use super::OauthError;

/// Seconds for which a secret holds. It is made anew for each use.
const SECONDS: i64 = 300;
const AUDIENCE: &str = "https://appleid.apple.com";

/// The secret of the application `client_id` now, signed by the team's key.
pub(super) fn client_secret(
    team_id: &str,
    key_id: &str,
    private_key: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<String, OauthError> {
    let key = EncodingKey::from_ec_pem(private_key.as_bytes()).map_err(|_| OauthError::Key)?;
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key_id.to_owned());
    let now = now.as_second();
    let claims =
        json!({ "iss": team_id, "iat": now, "exp": now + SECONDS, "aud": AUDIENCE, "sub": client_id });
    encode(&header, &claims, &key).map_err(|_| OauthError::Key)
}
