//! What the proxy says in its own name: refusals, each with what would change it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, PROXY_AUTHENTICATE};
use hyper::{Response, StatusCode};

use super::address::{self, Class};
use super::record::{DenyReason, Entry, Failure, Verdict};
use super::secrets::Used;
use super::target::{Host, Target};

const DENIED: HeaderName = HeaderName::from_static("x-loki-denied");
const FAILED: HeaderName = HeaderName::from_static("x-loki-failed");

/// The line of a rule for a host that may be on a private address.
const PRIVATE: &str = "private = true\n";

/// What a client gets: the proxy's own words, or what a host has sent.
pub(super) type Answer = Response<Either<Full<Bytes>, Relayed>>;

/// A request that is not passed on, or could not be.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) verdict: Verdict,
    text: String,
}

impl Refusal {
    /// The policy or a limit is against it; the text says which rule would be for it.
    pub(super) fn denied(reason: DenyReason, target: Option<&Target>) -> Refusal {
        let what = target.map_or_else(|| "this request".to_owned(), Target::to_string);
        let rule = |private| target.map_or_else(String::new, |target| rule_for(target, private));
        let text = match reason {
            DenyReason::Host => format!("no rule allows {what}.{}", rule(None)),
            DenyReason::Port => {
                format!("the rule for this host does not allow {what}.{}", rule(None))
            }
            DenyReason::PrivateAddress => format!(
                "{what} is at a private address, which its rule does not allow.{}",
                rule(Some(PRIVATE))
            ),
            DenyReason::MetadataAddress => format!(
                "{what} is where a cloud hands out the machine's own credentials, which no rule allows."
            ),
            DenyReason::UnusableAddress => format!("{what} is at an address that no connection can go to."),
            DenyReason::Target => "the host is neither a name nor an address in its usual spelling, \
                                   or the port is missing."
                .to_owned(),
            DenyReason::Misdirected => format!("the Host header and the target, {what}, are not the same."),
            DenyReason::Token => "the proxy wants its token, as the password in its address.".to_owned(),
            DenyReason::Malformed => {
                "this is a proxy: it takes CONNECT host:port and http://host/path.".to_owned()
            }
            DenyReason::Method => format!("{what} gets a secret, and this method would send it back."),
            DenyReason::ConnectionsLimit => "the limit connections_max of the policy is reached.".to_owned(),
            DenyReason::TransferLimit => "the limit transfer_bytes_max of the policy is reached.".to_owned(),
        };
        Refusal { verdict: Verdict::Denied(reason), text }
    }

    /// It was allowed, and something else is in the way.
    pub(super) fn failed(failure: Failure, text: String) -> Refusal {
        Refusal { verdict: Verdict::Failed(failure), text }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.verdict {
            Verdict::Allowed => StatusCode::OK,
            Verdict::Denied(DenyReason::Token) => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Verdict::Denied(DenyReason::Malformed) => StatusCode::BAD_REQUEST,
            Verdict::Denied(DenyReason::Misdirected) => StatusCode::MISDIRECTED_REQUEST,
            Verdict::Denied(_) => StatusCode::FORBIDDEN,
            Verdict::Failed(Failure::ConnectTimeout | Failure::Idle) => StatusCode::GATEWAY_TIMEOUT,
            Verdict::Failed(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Tells the client, and ends the record.
    pub(super) fn into_answer(self, mut entry: Entry) -> Answer {
        let status = self.status();
        entry.ends(self.verdict, status.as_u16());
        let mut answer = Response::new(Either::Left(Full::from(format!("loki: {}\n", self.text))));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self.verdict {
            Verdict::Allowed => {}
            Verdict::Denied(reason) => {
                headers.insert(DENIED, HeaderValue::from_static(reason.code()));
            }
            Verdict::Failed(failure) => {
                headers.insert(FAILED, HeaderValue::from_static(failure.code()));
            }
        }
        if status == StatusCode::BAD_REQUEST {
            // Where one message ends and the next begins is not certain any more.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            headers.insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"loki\""));
        }
        answer
    }
}

/// An answer without words, such as the one that opens a tunnel.
pub(super) fn empty() -> Answer {
    Response::new(Either::Left(Full::default()))
}

/// The rule that would allow a target, if there can be one.
fn rule_for(target: &Target, private: Option<&str>) -> String {
    let class = match target.host {
        Host::Address(address) => address::class(address),
        Host::Name(_) => Class::Public,
    };
    let private = match class {
        Class::Public => private.unwrap_or_default(),
        Class::Private => PRIVATE,
        Class::Metadata | Class::Unusable => return String::new(),
    };
    let (host, port) = (target.host.bare(), target.port);
    format!(
        "\n\nThis rule would allow it:\n\n[[network]]\nhost = \"{host}\"\nports = [{port}]\n{private}reason = \"...\""
    )
}

/// A host's body on its way to the client. The record of the request ends with it.
pub(super) struct Relayed {
    body: Incoming,
    used: Used,
    _entry: Entry,
}

impl Relayed {
    pub(super) fn new(body: Incoming, used: Used, entry: Entry) -> Relayed {
        Relayed { body, used, _entry: entry }
    }
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            this.used.redact(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
