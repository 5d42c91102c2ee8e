//! Answers made smaller, for callers that take them so.

use std::io::Write;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// Below this an answer fits a packet anyway.
const BYTES_MIN: usize = 1_024;
/// From this on it is done away from the threads that serve.
const BYTES_BIG: usize = 128 * 1024;
/// All are told to be quick: what is saved on the wire beyond this costs more than it saves.
const GZIP_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;
const BROTLI_QUALITY: u32 = 3;
const BROTLI_WINDOW_LOG: u32 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }
}

/// What the caller likes best of what there is; of two that it likes equally the quicker one.
pub(crate) fn wanted(headers: &HeaderMap) -> Option<Coding> {
    let mut best: Option<(Coding, u16)> = None;
    for part in headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for item in part.split(',') {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let coding = match name.trim() {
                name if name.eq_ignore_ascii_case("zstd") => Coding::Zstd,
                name if name.eq_ignore_ascii_case("br") => Coding::Brotli,
                name if name.eq_ignore_ascii_case("gzip") => Coding::Gzip,
                _ => continue,
            };
            let weight = weight_of(weight);
            let order = |coding: Coding| {
                [Coding::Gzip, Coding::Brotli, Coding::Zstd].iter().position(|c| *c == coding)
            };
            if weight > 0 && best.is_none_or(|(other, most)| (weight, order(coding)) > (most, order(other))) {
                best = Some((coding, weight));
            }
        }
    }
    best.map(|(coding, _)| coding)
}

/// `q=0.5` in thousandths; what is no weight counts in full.
fn weight_of(text: &str) -> u16 {
    let number = text.trim().strip_prefix("q=").and_then(|text| text.trim().parse::<f32>().ok());
    number.map_or(1_000, |q| (q.clamp(0.0, 1.0) * 1_000.0) as u16)
}

/// The answer, smaller if that is worth it.
pub(crate) async fn compress(mut response: Response<Bytes>, wanted: Option<Coding>) -> Response<Bytes> {
    if !is_worth_it(&response) {
        return response;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some(coding) = wanted else { return response };
    let body = response.body().clone();
    let smaller = if body.len() < BYTES_BIG {
        encode(&body, coding)
    } else {
        tokio::task::spawn_blocking(move || encode(&body, coding)).await.unwrap_or_default()
    };
    let Some(smaller) = smaller else { return response }; // As it is, then.
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(CONTENT_LENGTH);
    *response.body_mut() = smaller;
    response
}

fn is_worth_it(response: &Response<Bytes>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let has = |part: &[u8]| kind.windows(part.len()).any(|window| window == part);
    response.body().len() >= BYTES_MIN
        && response.status() != StatusCode::NOT_MODIFIED
        && !response.headers().contains_key(CONTENT_ENCODING)
        && (kind.starts_with(b"text/") || has(b"json") || has(b"xml"))
}

fn encode(body: &[u8], coding: Coding) -> Option<Bytes> {
    let room = Vec::with_capacity(body.len() / 4);
    let encoded = match coding {
        Coding::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(room, flate2::Compression::new(GZIP_LEVEL));
            writer.write_all(body).and_then(|()| writer.finish())
        }
        Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
        Coding::Brotli => {
            let mut writer = brotli::CompressorWriter::new(room, 4_096, BROTLI_QUALITY, BROTLI_WINDOW_LOG);
            writer.write_all(body).map(|()| writer.into_inner())
        }
    };
    encoded.ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
        wanted(&headers)
    }

    #[test]
    fn weights_decide_then_speed() {
        assert_eq!(of("gzip, deflate, br, zstd"), Some(Coding::Zstd));
        assert_eq!(of("gzip;q=1.0, br;q=0.5"), Some(Coding::Gzip));
        assert_eq!(of("GZIP, zstd;q=0"), Some(Coding::Gzip));
        assert_eq!(of("identity, deflate;q=0.5"), None);
        assert_eq!(of("gzip;q=0"), None);
        assert_eq!(wanted(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn only_what_is_worth_it_is_made_smaller() {
        let answer = |kind: &str, bytes: usize| {
            let mut response = Response::new(Bytes::from(vec![b'a'; bytes]));
            response.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
            response
        };
        for (response, expected) in [
            (answer("application/json", BYTES_MIN), true),
            (answer("text/csv", BYTES_BIG + 1), true),
            (answer("application/json", BYTES_MIN - 1), false),
            (answer("image/png", 9_000), false),
        ] {
            let sent = compress(response.clone(), Some(Coding::Gzip)).await;
            assert_eq!(sent.headers().contains_key(CONTENT_ENCODING), expected);
            assert_eq!(sent.body().len() < response.body().len(), expected);
        }
    }
}
