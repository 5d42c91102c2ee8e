//! Any page may ask: keys and tokens travel in headers, never in cookies, so that an origin proves nothing.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const EXPOSED: &str = "Content-Range, Content-Location, Preference-Applied, Location, Retry-After, X-Request-Id, X-Supabase-Api-Version, X-Sb-Error-Code, Sb-Auth-User-Id, Sb-Auth-Session-Id, X-Total-Count, Link";
/// What is allowed where no headers are asked for, or too many.
const USUAL: &str = "authorization, apikey, content-type, prefer, range, x-client-info";
/// Seconds for which a browser may remember.
const AGE_SECONDS: &str = "86400";
const ASKED_BYTES_MAX: usize = 4 * 1024;

/// True for a browser's question whether it may ask.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to it.
pub(crate) fn preflight(headers: &HeaderMap) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|asked| is_list(asked.as_bytes()));
    let allowed = asked.cloned().unwrap_or(HeaderValue::from_static(USUAL));
    let out = response.headers_mut();
    out.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    out.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(AGE_SECONDS));
    out.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    response
}

/// Puts what pages may see on an answer.
pub(crate) fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.entry(ACCESS_CONTROL_EXPOSE_HEADERS).or_insert(HeaderValue::from_static(EXPOSED));
}

/// Names of headers with commas between, and nothing else.
fn is_list(text: &[u8]) -> bool {
    text.len() <= ASKED_BYTES_MAX
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~, ".contains(byte))
}
