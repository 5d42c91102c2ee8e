//! Sign-in on a device without a browser (RFC 8628): it shows a code, which somebody enters elsewhere.

use serde::{Deserialize, Serialize};
use url::Url;

use super::id_token::Nonce;
use super::provider::Provider;
use super::{Oauth, OauthError, SignedIn};

/// The grant that a device asks for.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Seconds between two questions, where nothing else is said (3.2), and how much longer one waits when told to
/// slow down (3.5).
const INTERVAL_SECONDS: u64 = 5;
/// Seconds between two questions at most.
const INTERVAL_SECONDS_MAX: u64 = 60;
/// Seconds for which a code may hold at most.
const EXPIRES_SECONDS_MAX: u64 = 1_800;
/// Bytes of a code that is shown, and of the provider's own one.
const USER_CODE_BYTES_MAX: usize = 64;
const DEVICE_CODE_BYTES_MAX: usize = 4_096;
const BEGIN: &str = "begin the flow for devices";

/// What a device shows, and what it asks with.
#[derive(Clone, PartialEq, Eq)]
pub struct Device {
    /// The provider's own code: a secret, to be kept sealed.
    pub code: DeviceCode,
    /// What somebody enters at `verification_uri`.
    pub user_code: String,
    /// Where they enter it.
    pub verification_uri: Url,
    /// The same with the code in it.
    pub verification_uri_complete: Option<Url>,
    /// Seconds for which it holds.
    pub expires_in: u64,
    /// Seconds to wait before each question.
    pub interval: u64,
}

/// A provider's code for a device. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceCode(String);

/// How it stands with a device.
#[derive(Debug)]
pub enum Poll {
    /// Nobody has entered the code yet.
    Pending,
    /// The same, and the provider wants to be asked less often: by [`slower`].
    SlowDown,
    /// Whoever entered it said no.
    Denied,
    /// Nobody entered it in time.
    Expired,
    /// Somebody did.
    Done(Box<SignedIn>),
}

#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: String,
    user_code: String,
    verification_uri: Option<Url>,
    /// As Google has it.
    verification_url: Option<Url>,
    verification_uri_complete: Option<Url>,
    expires_in: u64,
    interval: Option<u64>,
}

impl Oauth {
    /// Asks the provider for a code that a device may show.
    pub async fn begin_device(&self, provider: &Provider) -> Result<Device, OauthError> {
        let metadata = self.metadata(provider).await?;
        let url = metadata.device_authorization_endpoint.as_ref();
        let url = url.ok_or(OauthError::Unsupported { what: "flow for devices" })?;
        let scope = provider.scopes.join(" ");
        let answer = self.post(provider, &metadata, BEGIN, url, &[("scope", &scope)]).await?;
        let answer: DeviceAnswer = answer.json()?;
        // People will be sent there, so it must be an address that a browser opens as a page.
        let within = |url: &Url| provider.reach.admits(url);
        let is_shown = |code: &str| {
            !code.is_empty() && code.len() <= USER_CODE_BYTES_MAX && code.chars().all(|c| !c.is_control())
        };
        let is_fit = is_shown(&answer.user_code)
            && !answer.device_code.is_empty()
            && answer.device_code.len() <= DEVICE_CODE_BYTES_MAX;
        let verification_uri = answer.verification_uri.or(answer.verification_url).filter(within);
        let (true, Some(verification_uri)) = (is_fit, verification_uri) else {
            return Err(OauthError::Answer { attempt: BEGIN, why: "the answer is not what it must be" });
        };
        Ok(Device {
            code: DeviceCode(answer.device_code),
            user_code: answer.user_code,
            verification_uri,
            verification_uri_complete: answer.verification_uri_complete.filter(within),
            expires_in: answer.expires_in.min(EXPIRES_SECONDS_MAX),
            interval: answer.interval.unwrap_or(INTERVAL_SECONDS).clamp(1, INTERVAL_SECONDS_MAX),
        })
    }

    /// Asks the provider once whether somebody has entered the code.
    pub async fn poll(&self, provider: &Provider, code: &DeviceCode) -> Result<Poll, OauthError> {
        let metadata = self.metadata(provider).await?;
        let form = [("grant_type", GRANT), ("device_code", code.0.as_str())];
        let granted = match self.tokens(provider, &metadata, &form).await {
            Ok(granted) => granted,
            Err(OauthError::Refused { error, description }) => {
                return match error.as_str() {
                    "authorization_pending" => Ok(Poll::Pending),
                    "slow_down" => Ok(Poll::SlowDown),
                    "access_denied" => Ok(Poll::Denied),
                    "expired_token" => Ok(Poll::Expired),
                    _ => Err(OauthError::Refused { error, description }),
                };
            }
            Err(error) => return Err(error),
        };
        // The flow has no browser, and so no nonce; the code binds the answer.
        let signed_in = self.signed_in(provider, &metadata, granted, Nonce::None).await?;
        Ok(Poll::Done(Box::new(signed_in)))
    }
}

/// The seconds to wait when the provider wants to be asked less often.
pub fn slower(interval: u64) -> u64 {
    interval.saturating_add(INTERVAL_SECONDS).min(INTERVAL_SECONDS_MAX)
}

impl std::fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceCode(_)")
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("verification_uri", &self.verification_uri.host_str())
            .finish_non_exhaustive()
    }
}
