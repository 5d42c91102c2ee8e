//! One model of one vendor: where it is, how it is asked, what it costs.

use std::sync::Arc;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::answer::{Answer, Usage};
use crate::http::{Http, Post, Reader, Secret};
use crate::prices::Price;
use crate::vendors::{Dialect, Vendor};
use crate::{Anthropic, Chat, Responses};
use crate::{Cost, Provider, ProviderError, Quote, Raw, Request, Tokens, ToolCall, Turn, count};

/// A model, as it is configured.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Who serves it.
    pub vendor: &'static Vendor,
    /// Where, if not where the vendor is by default: `https://host/path`, without the operation's path.
    pub base_url: Option<String>,
    /// The key.
    pub key: Option<Secret>,
    /// The model's name at the vendor.
    pub model: String,
    /// Tokens that one answer may have, thinking included.
    pub output_tokens_max: u32,
    /// Whether the model is to think (Anthropic only; others think as they do by default).
    pub thinking: Thinking,
    /// What its tokens cost, if that is known.
    pub price: Option<Price>,
}

/// Whether a model of Anthropic's is to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// As the model does when nothing is said about it.
    #[default]
    Unasked,
    /// For so many tokens at the most: at least 1024, fewer than an answer may have.
    Budget(u32),
    /// As much as it finds useful; newer models take nothing else.
    Adaptive,
}

/// Why a model cannot be asked as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The vendor speaks another dialect.
    #[error("`{vendor}` speaks another dialect")]
    Dialect {
        /// The vendor.
        vendor: &'static str,
    },
    /// There is no usable address.
    #[error(
        "the base URL of `{vendor}` must be http(s)://host[:port][/path], without a user, query or fragment"
    )]
    BaseUrl {
        /// The vendor.
        vendor: &'static str,
    },
    /// The key would go over the network in plain sight.
    #[error("the key of `{vendor}` is sent over https only, or to this machine")]
    Plain {
        /// The vendor.
        vendor: &'static str,
    },
    /// There is no key.
    #[error("there is no key for `{vendor}`; by custom it is in {variable}")]
    NoKey {
        /// The vendor.
        vendor: &'static str,
        /// The environment variable that holds it by custom.
        variable: &'static str,
    },
    /// The key has characters that no key has.
    #[error("the key for `{vendor}` has characters that cannot be sent")]
    Key {
        /// The vendor.
        vendor: &'static str,
    },
    /// The model's name is empty, too long or not printable.
    #[error("`{vendor}` has no model of that name: 1 to {MODEL_BYTES_MAX} printable bytes")]
    Model {
        /// The vendor.
        vendor: &'static str,
    },
    /// The bounds on the answer contradict each other.
    #[error(
        "an answer needs at least one token, and thinking at least {THINKING_TOKENS_MIN} and fewer than the answer"
    )]
    Tokens,
}

/// Bytes that a model's name may have.
const MODEL_BYTES_MAX: usize = 200;
/// The smallest thinking budget that is accepted.
const THINKING_TOKENS_MIN: u32 = 1024;

/// A provider for the model, in the dialect of its vendor.
pub fn connect(endpoint: Endpoint, http: Arc<Http>) -> Result<Arc<dyn Provider>, EndpointError> {
    Ok(match endpoint.vendor.dialect {
        Dialect::Anthropic => Arc::new(Anthropic::new(endpoint, http)?),
        Dialect::Chat => Arc::new(Chat::new(endpoint, http)?),
        Dialect::Responses => Arc::new(Responses::new(endpoint, http)?),
    })
}

/// What a dialect needs to have of the answer it reads.
pub(crate) trait Reading: Reader {
    /// What has been read.
    fn answer(&self) -> Answer;

    /// What must be sent back unchanged, given the calls as the conversation knows them.
    fn raw(&self, calls: &[ToolCall]) -> Option<serde_json::Value>;
}

/// A model that can be asked.
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// `vendor:model`.
    pub(crate) name: String,
    url: Url,
    headers: HeaderMap,
    http: Arc<Http>,
}

impl Target {
    /// Checks an endpoint that answers in `dialect` at `path` below its base.
    pub(crate) fn new(
        endpoint: Endpoint,
        dialect: Dialect,
        path: &str,
        http: Arc<Http>,
    ) -> Result<Self, EndpointError> {
        let vendor = endpoint.vendor.name;
        if endpoint.vendor.dialect != dialect {
            return Err(EndpointError::Dialect { vendor });
        }
        let printable = |byte: u8| (b'!'..=b'~').contains(&byte);
        let model = &endpoint.model;
        if !(1..=MODEL_BYTES_MAX).contains(&model.len()) || !model.bytes().all(printable) {
            return Err(EndpointError::Model { vendor });
        }
        let thinks = match endpoint.thinking {
            Thinking::Budget(budget) => (THINKING_TOKENS_MIN..endpoint.output_tokens_max).contains(&budget),
            Thinking::Unasked | Thinking::Adaptive => endpoint.output_tokens_max > 0,
        };
        if !thinks {
            return Err(EndpointError::Tokens);
        }
        let url = url(&endpoint, path).ok_or(EndpointError::BaseUrl { vendor })?;
        let headers = key_headers(&endpoint, &url)?;
        let name = format!("{vendor}:{model}");
        Ok(Self { endpoint, name, url, headers, http })
    }

    /// Adds a header to every request.
    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// What a request may cost at the most.
    pub(crate) fn quote(&self, request: &Request) -> Quote {
        let output = u64::from(self.endpoint.output_tokens_max);
        let tokens = Tokens { input: count::request(request), output, ..Tokens::default() };
        // Writing to a cache costs more than reading the input without one.
        let written = Tokens { input: 0, cache_write: tokens.input, ..tokens };
        let most = |price: Price| price.of(&tokens).max(price.of(&written));
        let cost = match self.endpoint.price {
            _ if self.endpoint.vendor.local => Cost::Measured { micro_usd: 0 },
            Some(price) => Cost::Estimated { micro_usd: most(price) },
            None => Cost::Unknown,
        };
        Quote { tokens, cost }
    }

    /// Asks, and makes a turn of what `reader` reads.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        body: &serde_json::Value,
        mut reader: impl Reading,
    ) -> Result<Turn, ProviderError> {
        let post = Post {
            url: &self.url,
            headers: self.headers.clone(),
            body: body.to_string().into_bytes(),
            key: self.endpoint.key.as_ref(),
        };
        match self.http.stream(post, &mut reader).await {
            Ok(()) => Ok(self.turn(request, &reader)),
            Err(error) => Err(self.with_spent(error, request, &reader.answer())),
        }
    }

    fn turn(&self, request: &Request, reader: &impl Reading) -> Turn {
        let answer = reader.answer();
        let calls = answer.calls(request);
        let (tokens, cost) = self.settle(request, &answer);
        let end = answer.end();
        let raw = reader.raw(&calls).map(|content| Raw { from: self.name.clone(), content });
        Turn { text: answer.text, calls, tokens, cost, model: self.name.clone(), end, raw }
    }

    /// Adds what a broken answer has cost by then, if anything of it came.
    fn with_spent(&self, error: ProviderError, request: &Request, answer: &Answer) -> ProviderError {
        let came = answer.usage != Usage::default() || !answer.text.is_empty() || !answer.drafts.is_empty();
        match error {
            ProviderError::Transient { message, retry_after_ms, rate_limited, spent: None } if came => {
                let spent = Some(self.settle(request, answer));
                ProviderError::Transient { message, retry_after_ms, rate_limited, spent }
            }
            other => other,
        }
    }

    /// Tokens and money of an answer: as reported, or else as counted here.
    fn settle(&self, request: &Request, answer: &Answer) -> (Tokens, Cost) {
        let free = self.endpoint.vendor.local.then_some(0);
        let priced = |tokens: &Tokens| self.endpoint.price.map(|price| price.of(tokens));
        if let Some(tokens) = answer.usage.tokens {
            let money = free.or(answer.usage.micro_usd).or_else(|| priced(&tokens));
            return (tokens, money.map_or(Cost::Unknown, |micro_usd| Cost::Measured { micro_usd }));
        }
        let tokens = counted(request, answer);
        let cost = match free.or(answer.usage.micro_usd) {
            Some(micro_usd) => Cost::Measured { micro_usd },
            None => priced(&tokens).map_or(Cost::Unknown, |micro_usd| Cost::Estimated { micro_usd }),
        };
        (tokens, cost)
    }
}

/// Tokens as counted here.
fn counted(request: &Request, answer: &Answer) -> Tokens {
    let calls =
        answer.drafts.iter().map(|draft| count::tokens(&draft.tool) + count::tokens(&draft.arguments));
    let output = count::tokens(&answer.text) + calls.sum::<u64>();
    Tokens { input: count::request(request), output, ..Tokens::default() }
}

/// The address of an operation; `None` where the base is none.
fn url(endpoint: &Endpoint, path: &str) -> Option<Url> {
    let base = endpoint.base_url.as_deref().or(endpoint.vendor.base_url)?;
    let base = Url::parse(base).ok()?;
    let bare = base.username().is_empty() && base.password().is_none();
    let plain = base.query().is_none() && base.fragment().is_none() && base.host_str().is_some();
    if !bare || !plain || !matches!(base.scheme(), "http" | "https") {
        return None;
    }
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    Some(url)
}

/// The header with the key, if there is one and it may be sent there.
fn key_headers(endpoint: &Endpoint, url: &Url) -> Result<HeaderMap, EndpointError> {
    let Vendor { name: vendor, key_variable: variable, local, dialect, .. } = *endpoint.vendor;
    let Some(key) = endpoint.key.as_ref().filter(|key| !key.is_empty()) else {
        return if local { Ok(HeaderMap::new()) } else { Err(EndpointError::NoKey { vendor, variable }) };
    };
    // One's own servers may be elsewhere in one's own network.
    if url.scheme() != "https" && !local && !crate::http::is_this_machine(url) {
        return Err(EndpointError::Plain { vendor });
    }
    let (name, text) = match dialect {
        Dialect::Anthropic => (HeaderName::from_static("x-api-key"), key.expose().to_owned()),
        Dialect::Chat | Dialect::Responses => (AUTHORIZATION, format!("Bearer {}", key.expose())),
    };
    let sendable = key.expose().bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    let value = HeaderValue::from_str(&text).ok().filter(|_| sendable);
    let mut value = value.ok_or(EndpointError::Key { vendor })?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}

#[cfg(test)]
mod tests;
