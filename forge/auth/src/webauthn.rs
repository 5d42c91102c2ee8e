//! Passkeys and security keys: the ceremonies of Web Authentication.
//!
//! A ceremony has two halves. The first gives options for the client and a state for us; the second takes the
//! client's answer and the state. A state says which challenge was given and what may answer it, so it is kept on
//! our side, for one user, with an end, and is taken away before it is used: the same answer is never judged twice.
//!
//! A passkey stands alone, so it must verify its user and be found without a name; a factor comes after another
//! proof, so a key that only notices a touch will do.

mod relying;

#[cfg(test)]
pub(crate) mod authenticator;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, CreationChallengeResponse, DiscoverableAuthentication, Passkey,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse,
    SecurityKey, SecurityKeyAuthentication, SecurityKeyRegistration, Uuid, Webauthn,
    WebauthnError as Refusal,
};

pub use relying::{ORIGINS_MAX, Relying};

/// Seconds that a client has for its half.
pub const CEREMONY_SECONDS: u64 = 300;
/// Bytes of a client's answer, as JSON. Chains of certificates are the longest part.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a credential's name, as the standard has it.
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1_023;

/// Why a ceremony did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum WebauthnError {
    /// No origin, or more than [`ORIGINS_MAX`].
    #[error("between one and {ORIGINS_MAX} origins must be set")]
    Origins,
    /// An origin that may not use the domain's credentials.
    #[error("`{0}` is no secure origin of the domain")]
    Origin(String),
    /// The user's id is no UUID.
    #[error("the id of the user is no UUID")]
    Person,
    /// The first half failed.
    #[error("failed to make the options of a ceremony")]
    Begin(#[source] Refusal),
    /// What was kept cannot be read, or is of another ceremony.
    #[error("what was kept of the ceremony does not belong to this step")]
    State,
    /// The answer is not what a client sends.
    #[error("the answer cannot be read")]
    Answer,
    /// The answer was made for another page.
    #[error("the answer was made for another origin")]
    WrongOrigin,
    /// The answer was made for another domain.
    #[error("the answer was made for another domain")]
    WrongDomain,
    /// The answer is to another challenge.
    #[error("the answer is to another challenge")]
    WrongChallenge,
    /// The authenticator did not see, or did not verify, its user.
    #[error("the authenticator did not verify its user")]
    Unverified,
    /// The credential was there before.
    #[error("the credential is registered already")]
    Known,
    /// The authenticator did not keep the passkey, so it could not be found without a name.
    #[error("the authenticator does not keep the credential")]
    NotKept,
    /// Another credential answered than the one that was looked up, or for another user.
    #[error("the answer is from another credential or user")]
    WrongCredential,
    /// The credential's counter did not go on: there may be a copy of it.
    #[error("the counter of the credential went back")]
    Counter,
    /// Anything else that does not hold, the signature above all.
    #[error("the answer does not hold")]
    Refused(#[source] Refusal),
}

impl WebauthnError {
    /// Whether it is our own mistake, or our settings', and not the client's.
    pub(crate) fn is_ours(&self) -> bool {
        use WebauthnError as Error;
        match self {
            Error::Origins | Error::Origin(_) | Error::Person | Error::Begin(_) | Error::State => true,
            Error::Answer
            | Error::WrongOrigin
            | Error::WrongDomain
            | Error::WrongChallenge
            | Error::Unverified
            | Error::Known
            | Error::NotKept
            | Error::WrongCredential
            | Error::Counter
            | Error::Refused(_) => false,
        }
    }
}

/// What a credential is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in with nothing else.
    Passkey,
    /// To be asked for after another proof.
    Factor,
}

/// For whom a credential is made.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The id, a UUID.
    pub id: &'a str,
    /// What tells the account from others, such as an e-mail address.
    pub name: &'a str,
    /// What a person reads.
    pub shown: &'a str,
}

/// A credential as it is kept: its public key, counter and what was said when it was made. Serialises.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credential(webauthn_rs::prelude::Credential);

/// The first half of a ceremony.
#[derive(Debug)]
pub struct Begun {
    /// What the client hands to `navigator.credentials` as `publicKey`, once it has turned base64url into bytes.
    pub options: Value,
    /// What to keep until the answer comes. It holds no secret, but must not be the client's to choose.
    pub state: Value,
}

/// Who an answer says it is from, before anything was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The credential's id, base64url.
    pub credential_id: String,
    /// The user, where the authenticator told.
    pub user_id: Option<String>,
}

/// What is kept between the halves.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    NewPasskey(PasskeyRegistration),
    NewFactor(SecurityKeyRegistration),
    Passkey(DiscoverableAuthentication),
    Factor(SecurityKeyAuthentication),
}

/// The ceremonies of one domain.
pub struct Ceremonies {
    library: Webauthn,
}

impl Credential {
    /// Its id, base64url without padding.
    pub fn id(&self) -> String {
        base64(&self.0.cred_id)
    }

    /// How often it was used, by its own count; 0 where it does not count.
    pub fn counter(&self) -> u32 {
        self.0.counter
    }

    /// Whether it may be, and whether it is, kept in more than one place.
    pub fn backup(&self) -> (bool, bool) {
        (self.0.backup_eligible, self.0.backup_state)
    }
}

impl Ceremonies {
    /// The ceremonies of a domain.
    pub fn new(relying: &Relying) -> Result<Ceremonies, WebauthnError> {
        Ok(Ceremonies { library: relying.ceremonies(CEREMONY_SECONDS)? })
    }

    /// Begins to make a credential. Authenticators that hold one of `known` are left out.
    pub fn register(
        &self,
        purpose: Purpose,
        person: &Person<'_>,
        known: &[Credential],
    ) -> Result<Begun, WebauthnError> {
        let id = Uuid::parse_str(person.id).map_err(|_| WebauthnError::Person)?;
        let known = Some(known.iter().map(|one| one.0.cred_id.clone()).collect());
        match purpose {
            Purpose::Passkey => {
                let begun = self.library.start_passkey_registration(id, person.name, person.shown, known);
                let (options, state) = begun.map_err(WebauthnError::Begin)?;
                let mut options = creation(&options)?;
                // The library leaves it to the authenticator; nothing but a kept one is found without a name.
                options["authenticatorSelection"]["residentKey"] = json!("required");
                options["authenticatorSelection"]["requireResidentKey"] = json!(true);
                Ok(Begun { options, state: kept(&State::NewPasskey(state))? })
            }
            Purpose::Factor => {
                let begun = self.library.start_securitykey_registration(
                    id,
                    person.name,
                    person.shown,
                    known,
                    None,
                    None,
                );
                let (options, state) = begun.map_err(WebauthnError::Begin)?;
                let mut options = creation(&options)?;
                // Browsers refuse to protect what need not verify its user.
                if let Some(extensions) = options["extensions"].as_object_mut() {
                    extensions.remove("credentialProtectionPolicy");
                    extensions.remove("enforceCredentialProtectionPolicy");
                }
                Ok(Begun { options, state: kept(&State::NewFactor(state))? })
            }
        }
    }

    /// The credential that a client made, for what was begun.
    pub fn registered(&self, state: &Value, answer: &Value) -> Result<Credential, WebauthnError> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let credential = match State::deserialize(state).map_err(|_| WebauthnError::State)? {
            State::NewPasskey(state) => {
                let kept = answer.extensions.cred_props.as_ref().and_then(|props| props.rk);
                if kept == Some(false) {
                    return Err(WebauthnError::NotKept);
                }
                self.library.finish_passkey_registration(&answer, &state).map(Into::into)
            }
            State::NewFactor(state) => {
                self.library.finish_securitykey_registration(&answer, &state).map(Into::into)
            }
            State::Passkey(_) | State::Factor(_) => return Err(WebauthnError::State),
        };
        let credential: webauthn_rs::prelude::Credential = credential.map_err(refused)?;
        if credential.cred_id.len() > CREDENTIAL_ID_BYTES_MAX
            || answer.raw_id != credential.cred_id.as_slice()
        {
            return Err(WebauthnError::Answer);
        }
        Ok(Credential(credential))
    }

    /// Begins to ask for any passkey of this domain, whoever's it is.
    pub fn ask_anyone(&self) -> Result<Begun, WebauthnError> {
        let (options, state) =
            self.library.start_discoverable_authentication().map_err(WebauthnError::Begin)?;
        Ok(Begun { options: request(&options)?, state: kept(&State::Passkey(state))? })
    }

    /// Begins to ask for one of these credentials, which are factors of one user.
    pub fn ask(&self, credentials: &[Credential]) -> Result<Begun, WebauthnError> {
        let keys: Vec<SecurityKey> = credentials.iter().map(|one| one.0.clone().into()).collect();
        let begun = self.library.start_securitykey_authentication(&keys).map_err(WebauthnError::Begin)?;
        let (options, state) = begun;
        Ok(Begun { options: request(&options)?, state: kept(&State::Factor(state))? })
    }

    /// Judges the answer of `credential`, as it is kept now, which belongs to the user `owner`. Gives the
    /// credential as it is to be kept from now on: its counter, which must not be overtaken by another answer's.
    pub fn proven(
        &self,
        state: &Value,
        answer: &Value,
        credential: &Credential,
        owner: &str,
    ) -> Result<Credential, WebauthnError> {
        let answer: PublicKeyCredential = read(answer)?;
        let owner = Uuid::parse_str(owner).map_err(|_| WebauthnError::Person)?;
        let handle = answer.get_user_unique_id();
        if answer.raw_id != credential.0.cred_id.as_slice()
            || handle.is_some_and(|handle| handle != owner.as_bytes())
        {
            return Err(WebauthnError::WrongCredential);
        }
        let result = match State::deserialize(state).map_err(|_| WebauthnError::State)? {
            // Nobody was named before, so the answer must name its user.
            State::Passkey(_) if handle.is_none() => return Err(WebauthnError::WrongCredential),
            State::Passkey(state) => {
                self.library.finish_discoverable_authentication_v2(&answer, state, &credential.0)
            }
            State::Factor(state) => self.library.finish_securitykey_authentication(&answer, &state),
            State::NewPasskey(_) | State::NewFactor(_) => return Err(WebauthnError::State),
        };
        advanced(credential, &result.map_err(refused)?)
    }
}

/// Who an answer says it is from: what to look up before [`Ceremonies::proven`] judges.
pub fn claimed(answer: &Value) -> Result<Claimed, WebauthnError> {
    let answer: PublicKeyCredential = read(answer)?;
    if answer.raw_id.is_empty() || answer.raw_id.len() > CREDENTIAL_ID_BYTES_MAX {
        return Err(WebauthnError::Answer);
    }
    let user = answer.get_user_unique_id().and_then(|bytes| Uuid::from_slice(bytes).ok());
    Ok(Claimed { credential_id: base64(&answer.raw_id), user_id: user.map(|id| id.to_string()) })
}

/// The credential after it was used. The state of a factor holds the counter of when it was asked, so it is
/// compared with the one of now as well.
fn advanced(credential: &Credential, result: &AuthenticationResult) -> Result<Credential, WebauthnError> {
    let (old, new) = (credential.counter(), result.counter());
    if (old > 0 || new > 0) && new <= old {
        return Err(WebauthnError::Counter);
    }
    let mut key = Passkey::from(credential.0.clone());
    key.update_credential(result).ok_or(WebauthnError::WrongCredential)?;
    Ok(Credential(key.into()))
}

fn refused(refusal: Refusal) -> WebauthnError {
    match refusal {
        Refusal::InvalidRPOrigin | Refusal::CredentialCrossOrigin => WebauthnError::WrongOrigin,
        Refusal::InvalidRPIDHash => WebauthnError::WrongDomain,
        Refusal::MismatchedChallenge => WebauthnError::WrongChallenge,
        Refusal::UserNotPresent | Refusal::UserNotVerified => WebauthnError::Unverified,
        Refusal::CredentialExcludedFromRequest => WebauthnError::Known,
        Refusal::CredentialNotFound => WebauthnError::WrongCredential,
        Refusal::CredentialPossibleCompromise => WebauthnError::Counter,
        Refusal::ParseBase64Failure(_)
        | Refusal::ParseCBORFailure(_)
        | Refusal::ParseJSONFailure(_)
        | Refusal::ParseNOMFailure
        | Refusal::ParseInsufficientBytesAvailable => WebauthnError::Answer,
        other => WebauthnError::Refused(other), // The library's enum, which grows.
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &Value) -> Result<T, WebauthnError> {
    if answer.to_string().len() > ANSWER_BYTES_MAX {
        return Err(WebauthnError::Answer);
    }
    T::deserialize(answer).map_err(|_| WebauthnError::Answer)
}

fn kept(state: &State) -> Result<Value, WebauthnError> {
    serde_json::to_value(state).map_err(|_| WebauthnError::State)
}

fn creation(options: &CreationChallengeResponse) -> Result<Value, WebauthnError> {
    serde_json::to_value(&options.public_key).map_err(|_| WebauthnError::State)
}

/// Without the wish for conditional mediation, which is the page's to have.
fn request(options: &RequestChallengeResponse) -> Result<Value, WebauthnError> {
    serde_json::to_value(&options.public_key).map_err(|_| WebauthnError::State)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests;
