//! Takes the markup out of one line of Markdown, leaving the words.

/// How far a link's text and its address are looked for.
const LINK_BYTES_MAX: usize = 400;

/// How long an HTML tag may be.
const TAG_BYTES_MAX: usize = 200;

/// The line's words: no emphasis, no back-ticks, links by their text, images and tags dropped.
pub(crate) fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let bytes = raw.as_bytes();
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        match bytes[at] {
            b'\\' if bytes.get(at + 1).is_some_and(u8::is_ascii_punctuation) => {
                out.push(bytes[at + 1] as char);
                at += 2;
            }
            b'*' if is_cron_star(raw, at) => push(&mut out, rest, &mut at),
            b'*' | b'`' => at += 1,
            b'~' if rest.starts_with("~~") => at += 2,
            b'_' if at_word_edge(raw, at) => at += 1,
            b'!' if rest.starts_with("![") => match link(&rest[1..]) {
                Some((_, length)) => at += 1 + length,
                None => push(&mut out, rest, &mut at),
            },
            b'[' => match link(rest) {
                Some((text, length)) => {
                    out.push_str(&text.replace(['*', '`'], ""));
                    at += length;
                }
                None => push(&mut out, rest, &mut at),
            },
            b'<' => match tag(rest) {
                Some(length) => {
                    out.push(' ');
                    at += length;
                }
                None => push(&mut out, rest, &mut at),
            },
            _ => push(&mut out, rest, &mut at),
        }
    }
    out.trim().to_owned()
}

fn push(out: &mut String, rest: &str, at: &mut usize) {
    if let Some(letter) = rest.chars().next() {
        out.push(if letter == '\u{2019}' { '\'' } else { letter });
        *at += letter.len_utf8();
    } else {
        *at += 1;
    }
}

/// A star standing alone or before a slash is a field of a cron expression, not emphasis.
fn is_cron_star(raw: &str, at: usize) -> bool {
    let blank = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || c == '`');
    let before = raw[..at].chars().next_back();
    let after = raw[at + 1..].chars().next();
    blank(before) && (blank(after) || after == Some('/'))
}

fn at_word_edge(raw: &str, at: usize) -> bool {
    let before = raw[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
    let after = raw[at + 1..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    !(before && after)
}

/// `[text](address)` at the start: its text and its whole length.
fn link(rest: &str) -> Option<(&str, usize)> {
    let window = &rest.as_bytes()[..rest.len().min(LINK_BYTES_MAX)];
    let close = window.iter().position(|b| *b == b']')?;
    if window.get(close + 1) != Some(&b'(') {
        return None;
    }
    let end = window[close + 1..].iter().position(|b| *b == b')')? + close + 1;
    Some((&rest[1..close], end + 1))
}

/// The length of an HTML tag at the start; a placeholder such as `<username>` is no tag.
fn tag(rest: &str) -> Option<usize> {
    const TAGS: &[&str] = &[
        "a", "b", "br", "code", "dd", "details", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "hr", "i",
        "img", "kbd", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "summary", "sup",
        "table", "tbody", "td", "th", "thead", "tr", "u", "ul", "center",
    ];
    let window = &rest.as_bytes()[..rest.len().min(TAG_BYTES_MAX)];
    let end = window.iter().position(|b| *b == b'>')?;
    let inner = std::str::from_utf8(&window[1..end]).ok()?;
    if inner.starts_with("!--") {
        return Some(end + 1);
    }
    let name = inner.trim_start_matches('/').split([' ', '/', '\n']).next()?.to_ascii_lowercase();
    TAGS.contains(&name.as_str()).then_some(end + 1)
}
