//! Servers that want to know who asks: OAuth 2.1 as the protocol describes it.
//!
//! A server that turns a request away says where its authorization server is. A person goes there ([`Consent`]), and
//! what comes of it is kept where the caller says ([`Wallet`]). Nothing is asked of anybody where nobody is there.

mod reach;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use reqwest::Url;
use rmcp::transport::auth::{
    AuthClient, AuthError, AuthorizationCallback, AuthorizationManager, AuthorizationRequest,
    CredentialStore, OAuthHttpClient, OAuthState, StoredCredentials, WWWAuthenticateParams,
};
use tokio::sync::Mutex;

use super::error::causes;
use super::http::{AddressError, Token, client, is_this_machine};
use reach::Reach;

/// How often a person is asked until a request succeeds: a server that is never content is left.
const ASKS_MAX: usize = 3;
/// Bytes of the address that a person is sent back to.
const CALLBACK_BYTES_MAX: usize = 16 * 1024;

/// Where a person is asked.
#[async_trait]
pub trait Consent: Send + Sync {
    /// The address that the person is to be sent back to.
    fn redirect_uri(&self) -> String;

    /// Sends a person to `address`, and returns the address that they were sent back to.
    ///
    /// # Errors
    ///
    /// Says why nobody came back.
    async fn ask(&self, address: &str) -> Result<String, String>;
}

/// Where what was given is kept: one text for each server, which holds tokens.
#[async_trait]
pub trait Wallet: Send + Sync {
    /// What is kept, if anything.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be read.
    async fn load(&self) -> io::Result<Option<String>>;

    /// Keeps it in place of what was there; `None`: nothing.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written.
    async fn keep(&self, text: Option<String>) -> io::Result<()>;
}

/// A wallet that is gone with the process.
#[derive(Default)]
pub struct Pocket(Mutex<Option<String>>);

#[async_trait]
impl Wallet for Pocket {
    async fn load(&self) -> io::Result<Option<String>> {
        Ok(self.0.lock().await.clone())
    }

    async fn keep(&self, text: Option<String>) -> io::Result<()> {
        *self.0.lock().await = text;
        Ok(())
    }
}

/// As whom loki introduces itself to authorization servers.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Its name, for people.
    pub name: String,
    /// The name it was registered under beforehand, if it was.
    pub id: Option<String>,
    /// The secret that goes with it.
    pub secret: Option<Token>,
    /// The address of a document about it, for servers that read one.
    pub document: Option<String>,
}

/// Why there is no authorization.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// There is nobody to ask.
    #[error("nobody is there to be asked")]
    Nobody,
    /// The server wants ever more.
    #[error("the server wants more after {ASKS_MAX} authorizations")]
    Endless,
    /// Nobody came back.
    #[error("the person did not come back: {0}")]
    Refused(String),
    /// Something between loki, the server and its authorization server.
    #[error("failed to {attempt}: {why}")]
    Failed {
        /// What was attempted.
        attempt: &'static str,
        /// What went wrong. It holds no token.
        why: String,
    },
}

/// The authorization of one server.
pub struct Authorization {
    url: Url,
    oauth: Arc<dyn OAuthHttpClient>,
    client: AuthClient<reqwest::Client>,
    wallet: Arc<dyn Wallet>,
    consent: Option<Arc<dyn Consent>>,
    identity: Identity,
    /// Whether what is kept has been looked at.
    is_remembered: Mutex<bool>,
    /// How often somebody was asked since a request succeeded.
    asks: AtomicUsize,
}

impl Authorization {
    /// For the server at `url`. `consent`: who can be asked. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Fails where the address is none.
    pub async fn new(
        url: &str,
        identity: Identity,
        wallet: Arc<dyn Wallet>,
        consent: Option<Arc<dyn Consent>>,
    ) -> Result<Self, AddressError> {
        let url = Url::parse(url).map_err(|_| AddressError::Address)?;
        let oauth: Arc<dyn OAuthHttpClient> = Arc::new(Reach::new(&url)?);
        let manager = manager(&url, &oauth, &wallet).await.map_err(|_| AddressError::Address)?;
        let http = client(is_this_machine(&url), |builder| builder)?;
        let client = AuthClient::new(http, manager);
        Ok(Self {
            url,
            oauth,
            client,
            wallet,
            consent,
            identity,
            is_remembered: Mutex::new(false),
            asks: AtomicUsize::new(0),
        })
    }

    /// Whether somebody can be asked.
    pub fn can_ask(&self) -> bool {
        self.consent.is_some()
    }

    /// Takes up what is kept, once.
    pub(super) async fn remember(&self) -> Result<(), OauthError> {
        let mut is_remembered = self.is_remembered.lock().await;
        if !*is_remembered {
            let mut manager = self.client.auth_manager.lock().await;
            manager.initialize_from_store().await.map_err(failed("take up what was given before"))?;
            *is_remembered = true;
        }
        Ok(())
    }

    /// What was given is enough.
    pub(super) fn suffices(&self) {
        self.asks.store(0, Ordering::Relaxed);
    }

    /// The HTTP client that shows what was given.
    pub(super) async fn client(&self) -> AuthClient<reqwest::Client> {
        self.client.clone()
    }

    /// Gets what a server wants, in the words of its `WWW-Authenticate`, from a person.
    pub(super) async fn satisfy(&self, challenge: &str) -> Result<(), OauthError> {
        if self.asks.fetch_add(1, Ordering::Relaxed) >= ASKS_MAX {
            return Err(OauthError::Endless);
        }
        let wanted = WWWAuthenticateParams::parse(challenge, &self.url);
        match &wanted.scope {
            Some(scope) if wanted.is_insufficient_scope() && self.client.get_access_token().await.is_ok() => {
                self.ask_for_more(scope).await
            }
            _ => self.ask_anew(challenge).await,
        }
    }

    /// Asks for what was given before, and for `scope`.
    async fn ask_for_more(&self, scope: &str) -> Result<(), OauthError> {
        let address = {
            let manager = self.client.auth_manager.lock().await;
            manager.request_scope_upgrade(scope).await.map_err(failed("ask for more"))?
        };
        let callback = self.consent(&address).await?;
        let callback = AuthorizationCallback::from_redirect_url(&callback)
            .map_err(failed("read where they came back to"))?;
        let manager = self.client.auth_manager.lock().await;
        let issuer = callback.issuer.as_deref();
        let exchanged =
            manager.exchange_code_for_token_with_issuer(&callback.code, &callback.csrf_token, issuer).await;
        exchanged.map(drop).map_err(failed("get a token"))
    }

    /// Finds out who decides, introduces loki there, and asks.
    async fn ask_anew(&self, challenge: &str) -> Result<(), OauthError> {
        let consent = self.consent.as_ref().ok_or(OauthError::Nobody)?;
        let manager = manager(&self.url, &self.oauth, &self.wallet).await.map_err(failed("begin"))?;
        let mut request = AuthorizationRequest::new(consent.redirect_uri())
            .with_client_name(self.identity.name.clone())
            .with_initial_scope_selection()
            .with_challenge(challenge);
        if let Some(id) = &self.identity.id {
            request = request.with_preregistered_client(id.clone());
        }
        if let Some(secret) = &self.identity.secret {
            request = request.with_client_secret(secret.text());
        }
        if let Some(document) = &self.identity.document {
            request = request.with_client_metadata_url(document.clone());
        }
        let mut state = OAuthState::Unauthorized(manager);
        state.start_authorization(request).await.map_err(failed("find out who decides"))?;
        let address = state.get_authorization_url().await.map_err(failed("ask"))?;
        let callback = self.consent(&address).await?;
        state.handle_callback_url(&callback).await.map_err(failed("get a token"))?;
        let nothing = || OauthError::Failed { attempt: "get a token", why: "there is none".to_owned() };
        let authorized = state.into_authorization_manager().ok_or_else(nothing)?;
        *self.client.auth_manager.lock().await = authorized;
        Ok(())
    }

    async fn consent(&self, address: &str) -> Result<String, OauthError> {
        let consent = self.consent.as_ref().ok_or(OauthError::Nobody)?;
        let callback = consent.ask(address).await.map_err(OauthError::Refused)?;
        match callback.len() <= CALLBACK_BYTES_MAX {
            true => Ok(callback),
            false => Err(OauthError::Refused("the address they came back to is too long".to_owned())),
        }
    }
}

async fn manager(
    url: &Url,
    oauth: &Arc<dyn OAuthHttpClient>,
    wallet: &Arc<dyn Wallet>,
) -> Result<AuthorizationManager, AuthError> {
    let mut manager =
        AuthorizationManager::new_with_oauth_http_client(url.clone(), Arc::clone(oauth)).await?;
    manager.set_credential_store(Kept(Arc::clone(wallet)));
    Ok(manager)
}

/// Errors of the flow hold words of strangers and no tokens.
fn failed(attempt: &'static str) -> impl FnOnce(AuthError) -> OauthError {
    move |error| OauthError::Failed { attempt, why: causes(&error) }
}

/// A wallet as the flow knows it.
struct Kept(Arc<dyn Wallet>);

#[async_trait]
impl CredentialStore for Kept {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let Some(text) = self.0.load().await.map_err(unkept)? else { return Ok(None) };
        // The words of the parser could repeat what is kept.
        let broken = |_| AuthError::CredentialStoreError("what is kept cannot be read".to_owned());
        serde_json::from_str(&text).map(Some).map_err(broken)
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        let broken = |_| AuthError::CredentialStoreError("what is to be kept cannot be written".to_owned());
        let text = serde_json::to_string(&credentials).map_err(broken)?;
        self.0.keep(Some(text)).await.map_err(unkept)
    }

    async fn clear(&self) -> Result<(), AuthError> {
        self.0.keep(None).await.map_err(unkept)
    }
}

fn unkept(error: io::Error) -> AuthError {
    AuthError::CredentialStoreError(error.to_string())
}
