//! What functions and policies may ask about a request: nothing that carries keys or tokens.

use http::{HeaderMap, Method};

use crate::engine::Context;

/// Words in names of headers and cookies that carry what nobody else should read.
const SECRET_WORDS: [&str; 8] =
    ["authorization", "apikey", "api-key", "api_key", "token", "secret", "password", "session"];

/// The context of a request.
pub(crate) fn context(method: &Method, path: &str, headers: &HeaderMap) -> Context {
    Context {
        method: method.as_str().to_owned(),
        path: path.to_owned(),
        headers: plain_headers(headers),
        cookies: plain_cookies(headers),
    }
}

/// The headers, those of one name joined.
fn plain_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let names = headers.keys().filter(|name| **name != http::header::COOKIE);
    names
        .filter_map(|name| {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            let value = values.join(", ");
            is_plain(name.as_str(), &value).then(|| (name.as_str().to_owned(), value))
        })
        .collect()
}

fn plain_cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut cookies = Vec::new();
    for header in headers.get_all(http::header::COOKIE) {
        let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
        for (name, value) in text.split(';').filter_map(|cookie| cookie.split_once('=')) {
            let (name, value) = (name.trim(), value.trim());
            if is_plain(name, value) {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    cookies
}

/// Whether neither the name nor the value speaks of a secret.
fn is_plain(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = SECRET_WORDS.iter().any(|word| name.contains(word)) || name.contains("auth");
    // A token is known by its beginning, `{"` in base64, and a key by its own.
    let held = value.contains("eyJ") || value.contains("sb_secret_");
    let scheme = value.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    !named && !held && !scheme
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_stay_outside() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer abc"),
            ("apikey", "sb_publishable_1"),
            ("x-api-key", "1"),
            ("x-forwarded-access-token", "1"),
            ("x-odd", "Bearer abc"),
            ("x-odder", "jwt=eyJhbGciOi.x.y"),
            ("x-oddest", "sb_secret_1"),
            ("proxy-authorization", "Basic x"),
            ("x-tenant", "acme"),
            ("accept", "a/b"),
            ("cookie", "sb-ref-auth-token=1; theme=dark; sid=eyJh; a = b"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        headers.append("x-tenant", "two".parse().unwrap());
        let context = context(&Method::GET, "/todos", &headers);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut found = context.headers.clone();
        found.sort();
        assert_eq!(found, [pair("accept", "a/b"), pair("x-tenant", "acme, two")]);
        assert_eq!(context.cookies, [pair("theme", "dark"), pair("a", "b")]);
        assert_eq!((context.method.as_str(), context.path.as_str()), ("GET", "/todos"));
    }
}
