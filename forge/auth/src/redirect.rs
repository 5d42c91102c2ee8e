//! Where people may be sent.

use url::Url;

use crate::settings::Settings;

/// Bytes of an address.
const BYTES_MAX: usize = 2_048;

/// Where to send somebody who wants to go to `wanted`: there, if the settings allow it, else to the site.
pub(crate) fn target(settings: &Settings, wanted: Option<&str>) -> String {
    wanted.filter(|wanted| is_allowed(settings, wanted)).unwrap_or(&settings.site_url).to_owned()
}

/// Whether somebody may be sent there.
pub(crate) fn is_allowed(settings: &Settings, wanted: &str) -> bool {
    // What a browser would read otherwise than we do is not judged but refused.
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '<' | '>' | '"');
    if wanted.len() > BYTES_MAX || wanted.chars().any(odd) {
        return false;
    }
    let Ok(url) = Url::parse(wanted) else { return false };
    let runs = matches!(url.scheme(), "javascript" | "data" | "vbscript" | "file" | "blob" | "about");
    if runs || !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    let is_site = Url::parse(&settings.site_url).is_ok_and(|site| {
        site.host().is_some()
            && (site.scheme(), site.host(), site.port_or_known_default())
                == (url.scheme(), url.host(), url.port_or_known_default())
    });
    // The pattern is held against the address as it was read, without what is behind the `#`.
    let mut plain = url.clone();
    plain.set_fragment(None);
    is_site || settings.redirect_urls.iter().any(|pattern| fits(pattern, plain.as_str()))
}

/// Whether an address is of a pattern: `*` stands for anything but `.`, `/` and what begins a query, `**` for
/// anything within the path, `?` for one character.
fn fits(pattern: &str, url: &str) -> bool {
    // A pattern for a host alone means its root as well.
    let bare = url.strip_suffix('/');
    glob(pattern.as_bytes(), url.as_bytes())
        || bare.is_some_and(|bare| glob(pattern.as_bytes(), bare.as_bytes()))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    // By rows, so that no pattern makes it take longer than the product of the two lengths.
    let mut row: Vec<bool> = vec![false; text.len() + 1];
    row[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let (stands_for, wide) = match pattern[at] {
            b'*' if pattern.get(at + 1) == Some(&b'*') => (None, true),
            b'*' => (None, false),
            b'?' => (Some(None), false),
            byte => (Some(Some(byte)), false),
        };
        at += if wide { 2 } else { 1 };
        let mut next = vec![false; text.len() + 1];
        match stands_for {
            None => {
                for end in 0..=text.len() {
                    let passes = |byte: u8| wide || !matches!(byte, b'.' | b'/' | b'?' | b'#' | b':' | b'@');
                    next[end] = row[end] || (end > 0 && next[end - 1] && passes(text[end - 1]));
                }
            }
            Some(byte) => {
                for end in 1..=text.len() {
                    let same = byte.is_none_or(|byte| byte == text[end - 1]);
                    next[end] = row[end - 1] && same;
                }
            }
        }
        row = next;
    }
    row[text.len()]
}

/// An address with parameters added to its query, or behind the `#`.
pub(crate) fn with(target: &str, query: &[(&str, &str)], fragment: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse(target) else { return target.to_owned() };
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    if !fragment.is_empty() {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(fragment);
        url.set_fragment(Some(&pairs.finish()));
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            site_url: "https://app.example.com".to_owned(),
            redirect_urls: vec![
                "https://*.preview.example.com/**".to_owned(),
                "https://other.example.com/callback".to_owned(),
                "myapp://signed-in".to_owned(),
            ],
            ..Settings::default()
        }
    }

    #[test]
    fn the_site_and_what_the_list_has() {
        for wanted in [
            "https://app.example.com",
            "https://app.example.com/deep/page?x=1#y",
            "https://a.preview.example.com/x/y?z=1",
            "https://other.example.com/callback",
            "myapp://signed-in",
        ] {
            assert_eq!(target(&settings(), Some(wanted)), wanted);
        }
    }

    #[test]
    fn nowhere_else() {
        for wanted in [
            "",
            "/relative",
            "//evil.example",
            "https:evil.example",
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com.evil.example",
            "https://app.example.com@evil.example",
            "https://app.example.com:444",
            "https://evil.example/https://app.example.com",
            "https://evil.example#https://app.example.com",
            "https://evil.example?.preview.example.com/",
            "https://evil.example/.preview.example.com/",
            "https://a.b.preview.example.com/",
            "https://evil.example:1@x.preview.example.com/",
            "https://x%2eevil.example/.preview.example.com/",
            "https://other.example.com/callback/more",
            "https://other.example.com/callback?x=1",
            "https://app.example.com\\@evil.example",
            "https:\\\\evil.example",
            "https://app.example.com\t.evil.example",
            "\u{1}https://evil.example",
            " https://app.example.com",
            "javascript:alert(1)//app.example.com",
            "data:text/html,https://app.example.com",
            "JaVaScRiPt:alert(1)",
            "myapp://signed-in.evil",
            "https://user@app.example.com",
            "https://xn--pp-8ja.example.com.evil.example",
            "https://preview.example.com/",
        ] {
            assert_eq!(target(&settings(), Some(wanted)), "https://app.example.com", "{wanted:?}");
        }
        assert_eq!(target(&settings(), None), "https://app.example.com");
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "**a".repeat(200);
        assert!(!glob(pattern.as_bytes(), "a".repeat(2_000).as_bytes()[..1_999].split_at(150).0));
    }

    #[test]
    fn parameters_are_encoded() {
        let url = with("https://a.example/?x=1", &[("code", "a&b")], &[("error", "a b#c")]);
        assert_eq!(url, "https://a.example/?x=1&code=a%26b#error=a+b%23c");
    }
}
