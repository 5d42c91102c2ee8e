//! For whom credentials are made: a domain, its name for people, and the pages that may ask for them.

use url::{Host, Url};
use webauthn_rs::prelude::{Webauthn, WebauthnBuilder};

use super::WebauthnError;

/// Origins of one domain.
pub const ORIGINS_MAX: usize = 32;

/// For whom credentials are made, as an operator sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relying {
    /// The domain (`example.com`, `localhost`): credentials belong to it for good.
    pub id: String,
    /// What authenticators show; the domain where it is empty.
    pub name: String,
    /// The origins (`https://app.example.com`) that may ask: the domain itself or below it, each exactly as given,
    /// `https` except for `localhost`.
    pub origins: Vec<String>,
}

impl Relying {
    /// The ceremonies of this domain, where each may take `seconds` in the client.
    pub(super) fn ceremonies(&self, seconds: u64) -> Result<Webauthn, WebauthnError> {
        if self.origins.is_empty() || self.origins.len() > ORIGINS_MAX {
            return Err(WebauthnError::Origins);
        }
        let origins = self.origins.iter().map(|origin| self.origin(origin));
        let origins = origins.collect::<Result<Vec<Url>, WebauthnError>>()?;
        let first = origins.first().ok_or(WebauthnError::Origins)?;
        let name = if self.name.is_empty() { &self.id } else { &self.name };
        let mut builder = WebauthnBuilder::new(&self.id, first)
            .map_err(|_| WebauthnError::Origin(first.to_string()))?
            .rp_name(name)
            .timeout(std::time::Duration::from_secs(seconds));
        for origin in origins.iter().skip(1) {
            builder = builder.append_allowed_origin(origin);
        }
        builder.build().map_err(|_| WebauthnError::Origins)
    }

    /// The library judges the first origin alone, and takes any scheme.
    fn origin(&self, text: &str) -> Result<Url, WebauthnError> {
        let refused = || WebauthnError::Origin(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        let Some(Host::Domain(domain)) = url.host() else { return Err(refused()) };
        let is_below =
            domain.strip_suffix(&self.id).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let is_local = domain == "localhost" || domain.ends_with(".localhost");
        let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_local);
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_nobodys = url.username().is_empty() && url.password().is_none();
        if self.id.is_empty() || !is_below || !is_secure || !is_bare || !is_nobodys {
            return Err(refused());
        }
        Ok(url)
    }
}
