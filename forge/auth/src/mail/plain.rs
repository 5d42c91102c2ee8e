//! The plain body of a mail for which the settings have an HTML body only.
//!
//! It is the template that is turned into text, not a finished mail: what users gave is never read as HTML.

/// Tags that begin a line.
const BLOCKS: [&str; 20] = [
    "p",
    "div",
    "br",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "table",
    "tr",
    "section",
    "article",
    "header",
    "footer",
    "blockquote",
];
/// Tags whose content is no text.
const HIDDEN: [&str; 4] = ["script", "style", "head", "title"];

/// The text of an HTML template: a paragraph a line, and the address of a link behind it in angle brackets.
pub(super) fn of(html: &str) -> String {
    let mut text = Text::default();
    let mut rest = html;
    while let Some((before, tag, after)) = next_tag(rest) {
        text.words(before);
        rest = after;
        let (name, closes) = name(tag);
        if HIDDEN.contains(&name.as_str()) && !closes {
            rest = behind(rest, &name);
        } else if name == "a" {
            let link = if closes { text.link.take() } else { href(tag) };
            match (closes, link) {
                (true, Some(link)) => text.words(&format!(" &lt;{link}&gt;")),
                (true, None) => {}
                (false, link) => text.link = link,
            }
        } else if BLOCKS.contains(&name.as_str()) {
            text.line();
        }
    }
    text.words(rest);
    text.finish()
}

#[derive(Default)]
struct Text {
    lines: Vec<String>,
    open: String,
    /// The address of the link that is open.
    link: Option<String>,
}

impl Text {
    /// Adds words; white space between them is one space.
    fn words(&mut self, html: &str) {
        let begins_apart = html.starts_with(char::is_whitespace);
        for (at, word) in html.split_whitespace().enumerate() {
            if (at > 0 || begins_apart) && !self.open.is_empty() && !self.open.ends_with(' ') {
                self.open.push(' ');
            }
            self.open.push_str(&characters(word));
        }
        if html.ends_with(char::is_whitespace) && !self.open.is_empty() && !self.open.ends_with(' ') {
            self.open.push(' ');
        }
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.open);
        if !line.trim().is_empty() {
            self.lines.push(line.trim().to_owned());
        }
    }

    fn finish(mut self) -> String {
        self.line();
        let mut text = self.lines.join("\n\n");
        text.push('\n');
        text
    }
}

/// What is before the next tag, the tag without its brackets, and what is behind it.
fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
    let at = html.match_indices('<').map(|(at, _)| at).find(|at| begins(&html[at + 1..]))?;
    let inner = &html[at + 1..];
    if let Some(comment) = inner.strip_prefix("!--") {
        let (_, after) = comment.split_once("-->").unwrap_or((comment, ""));
        return Some((&html[..at], "!", after));
    }
    let mut quote = None;
    let end = inner.find(|c: char| match quote {
        Some(open) => {
            quote = quote.filter(|_| c != open);
            false
        }
        None if c == '"' || c == '\'' => {
            quote = Some(c);
            false
        }
        None => c == '>',
    });
    let end = end.unwrap_or(inner.len());
    Some((&html[..at], &inner[..end], inner.get(end + 1..).unwrap_or_default()))
}

fn name(tag: &str) -> (String, bool) {
    let closes = tag.starts_with('/');
    let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
    (name.unwrap_or_default().to_ascii_lowercase(), closes)
}

/// What is behind the end of a tag whose content is no text.
fn behind<'a>(html: &'a str, name: &str) -> &'a str {
    let end = format!("</{name}>");
    let at = html.to_ascii_lowercase().find(&end);
    at.map_or("", |at| &html[at + end.len()..])
}

/// The value of `href`, which is in quotes.
fn href(tag: &str) -> Option<String> {
    let at = tag.to_ascii_lowercase().find("href")?;
    let value = tag[at + 4..].trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    value[1..].split(quote).next().map(|link| link.trim().to_owned())
}

/// A word with its character references replaced.
fn characters(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, reference)) = rest.split_once('&') {
        text.push_str(before);
        let known = reference.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (c, after) = known.unwrap_or(('&', reference));
        text.push(c);
        rest = after;
    }
    text.push_str(rest);
    text
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number).filter(|c| !c.is_control())?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn html_becomes_text() {
        for (html, text) in [
            (
                "<h2>Confirm</h2><p>Follow <a href=\"{{ .ConfirmationURL }}\">this  link</a>.</p>",
                "Confirm\n\nFollow this link <{{ .ConfirmationURL }}>.\n",
            ),
            (
                "Code: {{ .Token }}<br>\n<br/> a &amp; b &lt;c&gt; &#39;&#x41;&bogus; &",
                "Code: {{ .Token }}\n\na & b <c> 'A&bogus; &\n",
            ),
            (
                "<html><head><title>x</title><style>p > a {}</style></head><!-- <p>no</p> --><body>1 < 2</body>",
                "1 < 2\n",
            ),
            ("<p title='a>b'>one</p><a name=x>two</a> <b>three</b>four", "one\n\ntwo threefour\n"),
            (
                "<a href='https://a.example/?x={{ .Token }}&amp;y=1'>go</a>",
                "go <https://a.example/?x={{ .Token }}&y=1>\n",
            ),
            ("<a href=\"x\">open <p>and", "open\n\nand\n"),
            ("", "\n"),
        ] {
            assert_eq!(of(html), text, "{html}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(html in "[<>/!a\"'&;= \\-x#p\u{e4}]{0,60}") {
            of(&html);
        }
    }
}
