//! How long a server asks to be left alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;

/// The longest wait that is believed, in milliseconds: 31 days.
const WAIT_MS_MAX: u64 = 31 * 24 * 3600 * 1000;
/// A number of seconds from which on `x-ratelimit-reset` is a moment, and one from which on that is in
/// milliseconds.
const EPOCH_SECONDS_MIN: f64 = 1e9;
const EPOCH_MS_MIN: f64 = 1e12;

/// Limits of which a header says what remains, and another when it is whole again.
const LIMITS: [(&str, &str); 7] = [
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
];

/// The longest wait in milliseconds that the headers of an answer ask for at `now_ms`, milliseconds since
/// 1970. A limit counts if nothing remains of it.
pub(crate) fn wait_ms(headers: &HeaderMap, now_ms: i64) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let spent =
        |name: &str| text(name).and_then(|left| left.parse::<f64>().ok()).is_some_and(|left| left <= 0.0);
    let asked = [
        text("retry-after-ms").and_then(|value| number(value).and_then(|ms| from_seconds(ms / 1000.0))),
        text("retry-after").and_then(|value| span(value).or_else(|| until_http_date(value, now_ms))),
    ];
    let resets = LIMITS.iter().filter(|(left, _)| spent(left)).map(|(_, reset)| {
        let value = text(reset)?;
        until_timestamp(value, now_ms).or_else(|| until_epoch(value, now_ms)).or_else(|| span(value))
    });
    asked.into_iter().chain(resets).flatten().max()
}

/// A length of time such as `20`, `1.5s`, `6m0s` or `120ms`, in milliseconds; a bare number is seconds.
pub(crate) fn span(text: &str) -> Option<u64> {
    if let Some(seconds) = number(text) {
        return from_seconds(seconds);
    }
    if text.starts_with(['-', 'P', 'p', '+']) || text.len() > 64 {
        return None;
    }
    let span: SignedDuration = text.parse().ok()?;
    from_seconds(span.as_secs_f64())
}

fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

/// Milliseconds, rounded up: a wait that ends too early is none.
fn from_seconds(seconds: f64) -> Option<u64> {
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    let ms = wait.as_nanos().div_ceil(1_000_000);
    Some(u64::try_from(ms).unwrap_or(u64::MAX).min(WAIT_MS_MAX))
}

fn until_http_date(text: &str, now_ms: i64) -> Option<u64> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(until(date.as_millisecond(), now_ms))
}

fn until_timestamp(text: &str, now_ms: i64) -> Option<u64> {
    Some(until(text.parse::<Timestamp>().ok()?.as_millisecond(), now_ms))
}

/// A moment as seconds or milliseconds since 1970.
fn until_epoch(text: &str, now_ms: i64) -> Option<u64> {
    let moment = number(text).filter(|moment| *moment >= EPOCH_SECONDS_MIN)?;
    let seconds = if moment >= EPOCH_MS_MIN { moment / 1000.0 } else { moment };
    let at = Duration::try_from_secs_f64(seconds).ok()?.as_millis();
    Some(until(i64::try_from(at).unwrap_or(i64::MAX), now_ms))
}

fn until(at_ms: i64, now_ms: i64) -> u64 {
    u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0).min(WAIT_MS_MAX)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// 2025-10-21T07:28:00Z.
    const NOW_MS: i64 = 1_761_031_680_000;

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        wait_ms(&headers, NOW_MS)
    }

    #[test]
    fn retry_after_is_seconds_milliseconds_or_a_date() {
        for (name, value, ms) in [
            ("retry-after", "20", Some(20_000)),
            ("retry-after", "0.25", Some(250)),
            ("retry-after", "0", Some(0)),
            ("retry-after", "Tue, 21 Oct 2025 07:28:30 GMT", Some(30_000)),
            ("retry-after", "Tue, 21 Oct 2025 07:27:00 GMT", Some(0)),
            ("retry-after", "99999999999999999999999", None),
            ("retry-after", "9999999999", Some(WAIT_MS_MAX)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after", "", None),
            ("retry-after-ms", "1500", Some(1500)),
            ("retry-after-ms", "1.2.3", None),
        ] {
            assert_eq!(wait(&[(name, value)]), ms, "{name}: {value}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn spans_have_units() {
        for (text, ms) in [
            ("1s", Some(1000)),
            ("6m0s", Some(360_000)),
            ("120ms", Some(120)),
            ("2m59.56s", Some(179_560)),
            ("7.66s", Some(7660)),
            ("1h2m3s", Some(3_723_000)),
            ("-1s", None),
            ("1 fortnight", None),
        ] {
            assert_eq!(span(text), ms, "{text}");
        }
    }

    #[test]
    fn a_reset_counts_where_nothing_remains_and_the_longest_wins() {
        let reset = "2025-10-21T07:29:00Z";
        assert_eq!(
            wait(&[
                ("retry-after", "5"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", reset),
                ("anthropic-ratelimit-requests-remaining", "12"),
                ("anthropic-ratelimit-requests-reset", "2025-10-21T09:00:00Z"),
            ]),
            Some(60_000)
        );
        assert_eq!(
            wait(&[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "120ms"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ]),
            Some(360_000)
        );
        assert_eq!(
            wait(&[("x-ratelimit-remaining-tokens", "3"), ("x-ratelimit-reset-tokens", "6m0s")]),
            None
        );
        assert_eq!(wait(&[("x-ratelimit-reset-tokens", "6m0s")]), None);
    }

    #[test]
    fn a_reset_may_be_a_moment_since_1970() {
        for value in ["1761031690000", "1761031690"] {
            assert_eq!(wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", value)]), Some(10_000));
        }
        assert_eq!(wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "10")]), Some(10_000));
    }
}
