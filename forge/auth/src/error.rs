//! What is told where something is refused: the codes that the clients of GoTrue know.

use bytes::Bytes;
use forge_core::sql::SqlError;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::call::{API_VERSION, DATED};

const ERROR_CODE: HeaderName = HeaderName::from_static("x-sb-error-code");

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $message:literal,)*) => {
        /// Why something is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $message] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The name by which programs know it.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The status of the answer.
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            fn message(self) -> &'static str {
                match self { $(Code::$variant => $message,)* }
            }
        }
    };
}

codes! {
    AnonymousProviderDisabled "anonymous_provider_disabled" 422 "Anonymous sign-ins are disabled",
    BadCodeVerifier "bad_code_verifier" 400 "code challenge does not match previously saved code verifier",
    BadJson "bad_json" 400 "Could not parse request body as JSON",
    BadJwt "bad_jwt" 403 "invalid JWT",
    BadOauthCallback "bad_oauth_callback" 400 "The provider's answer could not be used",
    BadOauthState "bad_oauth_state" 400 "The state of this sign-in is not known or has been used",
    Conflict "conflict" 409 "The request conflicts with another one; try again",
    EmailAddressInvalid "email_address_invalid" 400 "The e-mail address cannot be used",
    EmailExists "email_exists" 422 "A user with this email address has already been registered",
    EmailNotConfirmed "email_not_confirmed" 400 "Email not confirmed",
    EmailProviderDisabled "email_provider_disabled" 422 "Email signups are disabled",
    FlowStateExpired "flow_state_expired" 403 "This sign-in took too long; begin again",
    FlowStateNotFound "flow_state_not_found" 404 "invalid flow state, no valid flow state found",
    IdentityAlreadyExists "identity_already_exists" 422 "Identity is already linked",
    IdentityNotFound "identity_not_found" 422 "Identity not found",
    InsufficientAal "insufficient_aal" 401 "A higher assurance level is required",
    InvalidCredentials "invalid_credentials" 400 "Invalid login credentials",
    ManualLinkingDisabled "manual_linking_disabled" 404 "Manual linking is disabled",
    MfaChallengeExpired "mfa_challenge_expired" 422 "MFA challenge has expired; challenge the factor again",
    MfaFactorNameConflict "mfa_factor_name_conflict" 422 "A factor with this friendly name already exists",
    MfaFactorNotFound "mfa_factor_not_found" 404 "Factor not found",
    MfaIpAddressMismatch "mfa_ip_address_mismatch" 422 "Challenge and verification come from different addresses",
    MfaPhoneEnrollNotEnabled "mfa_phone_enroll_not_enabled" 422 "There is no SMS provider, so phones cannot be factors",
    MfaTotpEnrollNotEnabled "mfa_totp_enroll_not_enabled" 422 "TOTP factors are disabled",
    MfaVerificationFailed "mfa_verification_failed" 422 "Invalid TOTP code entered",
    MfaWebauthnEnrollNotEnabled "mfa_webauthn_enroll_not_enabled" 422 "WebAuthn factors are disabled",
    NoAuthorization "no_authorization" 401 "This endpoint requires a valid Bearer token",
    NotAdmin "not_admin" 403 "User not allowed",
    NotFound "not_found" 404 "There is nothing at this path",
    OauthProviderNotSupported "oauth_provider_not_supported" 400 "The provider is not known here",
    OtpDisabled "otp_disabled" 422 "Signups not allowed for otp",
    OtpExpired "otp_expired" 403 "Email link is invalid or has expired",
    OverEmailSendRateLimit "over_email_send_rate_limit" 429 "Too many e-mails; wait as long as Retry-After says",
    OverRequestRateLimit "over_request_rate_limit" 429 "Request rate limit reached",
    PasskeyNotFound "webauthn_credential_not_found" 404 "There is no such passkey",
    PasskeysDisabled "passkey_disabled" 404 "Passkeys are disabled",
    PhoneProviderDisabled "phone_provider_disabled" 400 "There is no SMS provider, so phones cannot sign in",
    ProviderDisabled "provider_disabled" 400 "Unsupported provider: provider is not enabled",
    ProviderEmailNeedsVerification "provider_email_needs_verification" 422 "The provider has not verified this e-mail address",
    ReauthenticationNeeded "reauthentication_needed" 400 "Password update requires reauthentication",
    ReauthenticationNotValid "reauthentication_not_valid" 400 "Nonce has expired or is invalid",
    RefreshTokenAlreadyUsed "refresh_token_already_used" 400 "Invalid Refresh Token: Already Used",
    RefreshTokenNotFound "refresh_token_not_found" 400 "Invalid Refresh Token: Refresh Token Not Found",
    SamePassword "same_password" 422 "New password should be different from the old password.",
    SessionExpired "session_expired" 400 "Invalid Refresh Token: Session Expired",
    SessionNotFound "session_not_found" 403 "Session from session_id claim in JWT does not exist",
    SignupDisabled "signup_disabled" 422 "Signups not allowed for this instance",
    SingleIdentityNotDeletable "single_identity_not_deletable" 422 "User must have at least 1 identity after unlinking",
    SsoProviderNotFound "sso_provider_not_found" 404 "There is no SSO provider for this",
    TooManyPasskeys "too_many_passkeys" 422 "Maximum number of passkeys reached",
    TooManyEnrolledMfaFactors "too_many_enrolled_mfa_factors" 422 "Maximum number of verified factors reached",
    UnexpectedFailure "unexpected_failure" 500 "The request could not be answered",
    Unavailable "unavailable" 503 "The service cannot answer now; try again",
    UserAlreadyExists "user_already_exists" 422 "User already registered",
    UserBanned "user_banned" 400 "User is banned",
    UserNotFound "user_not_found" 404 "User not found",
    ValidationFailed "validation_failed" 400 "The request cannot be read",
    WeakPassword "weak_password" 422 "The password is too weak",
    WebauthnCredentialExists "webauthn_credential_exists" 422 "This passkey is registered already",
    WebauthnChallengeExpired "webauthn_challenge_expired" 400 "The challenge has expired or was used",
    WebauthnVerificationFailed "webauthn_verification_failed" 400 "The credential could not be verified",
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthError {
    /// What it is.
    pub code: Code,
    /// What is told to people.
    pub message: String,
    /// What else the answer has (`weak_password`), if anything.
    pub more: Option<(&'static str, Value)>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// The name of RFC 6749 or RFC 8628 by which it is told instead, where a client speaks OAuth.
    pub oauth: Option<&'static str>,
}

impl std::fmt::Display for AuthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AuthError {}

impl AuthError {
    /// A refusal with the words of its code.
    pub fn new(code: Code) -> AuthError {
        AuthError { code, message: code.message().to_owned(), more: None, retry_after: None, oauth: None }
    }

    /// The same in other words.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> AuthError {
        self.message = message.into();
        self
    }

    /// The same, to be tried again after so many seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> AuthError {
        self.retry_after = Some(seconds);
        self
    }

    /// The same, under a name that OAuth knows.
    #[must_use]
    pub fn as_oauth(mut self, name: &'static str) -> AuthError {
        self.oauth = Some(name);
        self
    }

    /// What cannot be read of a request, and why.
    pub fn invalid(message: impl Into<String>) -> AuthError {
        AuthError::new(Code::ValidationFailed).saying(message)
    }

    /// A password that does not do.
    pub(crate) fn weak(message: String, reasons: &[&str]) -> AuthError {
        let more = Some(("weak_password", json!({ "reasons": reasons })));
        AuthError { more, ..AuthError::new(Code::WeakPassword).saying(message) }
    }

    /// The answer; `dated` says whether the caller asked for the form of 2024-01-01.
    pub(crate) fn response(&self, dated: bool) -> Response<Bytes> {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = match (self.oauth, dated) {
            (Some(name), _) => json!({ "error": name, "error_description": self.message }),
            (None, true) => json!({ "code": self.code.name(), "message": self.message }),
            (None, false) => {
                json!({ "code": self.code.status(), "error_code": self.code.name(), "msg": self.message })
            }
        };
        if let Some((name, value)) = &self.more {
            body[*name] = value.clone();
        }
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(ERROR_CODE, HeaderValue::from_static(self.code.name()));
        if dated {
            // By this clients know that the code is a name.
            headers.insert(API_VERSION, HeaderValue::from_static(DATED));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What the database could not do. A guard that was not met means that somebody else was faster.
impl From<SqlError> for AuthError {
    fn from(error: SqlError) -> AuthError {
        debug_assert!(!matches!(error, SqlError::Failed { .. }), "{error}");
        AuthError::new(match error {
            SqlError::Unmet { .. } | SqlError::Duplicate { .. } | SqlError::Reference { .. } => {
                Code::Conflict
            }
            SqlError::Unavailable => Code::Unavailable,
            SqlError::Failed { .. } => Code::UnexpectedFailure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_a_status_of_an_error() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..=503).contains(&code.status())));
    }

    #[test]
    fn the_form_follows_the_version_that_was_asked_for() {
        let error = AuthError::new(Code::InvalidCredentials);
        let body = |dated| serde_json::from_slice::<Value>(error.response(dated).body()).unwrap();
        assert_eq!(
            body(true),
            json!({ "code": "invalid_credentials", "message": "Invalid login credentials" })
        );
        assert_eq!(
            body(false),
            json!({ "code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials" })
        );
    }
}
