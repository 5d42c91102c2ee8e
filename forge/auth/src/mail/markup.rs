//! Where in an HTML text a value is to stand, and so how it must be escaped there.
//!
//! Not a parser of HTML, only as much of one as tells text from tags and attributes: what it is unsure about is
//! no place for a value.

use super::escape::Escape;

/// Attributes whose values are addresses.
const ADDRESSES: [&str; 7] = ["href", "src", "action", "formaction", "background", "cite", "poster"];

/// Reads HTML character by character.
pub(super) struct Markup {
    state: State,
    /// The name of the tag, lower case.
    tag: String,
    /// The name of the attribute, lower case.
    attribute: String,
    /// The last characters, where an end is longer than one.
    tail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// Behind `<`.
    Open,
    TagName,
    /// Between attributes; `ended` once the name of the attribute before is complete.
    Tag {
        ended: bool,
    },
    /// Behind `=`.
    Equals,
    Unquoted,
    Quoted {
        quote: char,
        /// Whether there is anything of the value yet.
        begun: bool,
        /// Whether a question mark or a hash is behind.
        query: bool,
    },
    /// `<!…>` and `<?…>`.
    Declaration,
    Comment,
    /// In a script or a style sheet.
    Raw,
}

impl Markup {
    pub(super) fn new() -> Markup {
        Markup { state: State::Text, tag: String::new(), attribute: String::new(), tail: String::new() }
    }

    /// Reads on.
    pub(super) fn read(&mut self, text: &str) {
        for c in text.chars() {
            self.state = self.after(c.to_ascii_lowercase());
        }
    }

    /// How a value must be escaped that stands here; nothing where none may stand.
    pub(super) fn place(&mut self) -> Option<Escape> {
        match &mut self.state {
            State::Text | State::Comment => Some(Escape::Html),
            State::Quoted { .. } if self.attribute == "style" || self.attribute.starts_with("on") => None,
            State::Quoted { begun, query, .. } if ADDRESSES.contains(&self.attribute.as_str()) => {
                let first = !std::mem::replace(begun, true);
                Some(match (first, *query) {
                    (true, _) => Escape::Link,
                    (false, true) => Escape::Query,
                    (false, false) => Escape::Html,
                })
            }
            State::Quoted { .. } => Some(Escape::Html),
            State::Open
            | State::TagName
            | State::Tag { .. }
            | State::Equals
            | State::Unquoted
            | State::Declaration
            | State::Raw => None,
        }
    }

    fn after(&mut self, c: char) -> State {
        match self.state {
            State::Text if c == '<' => State::Open,
            State::Text => State::Text,
            State::Open => self.opened(c),
            State::TagName if c == '>' => self.closed(),
            State::TagName if c.is_whitespace() || c == '/' => self.next_attribute(),
            State::TagName => {
                self.tag.push(c);
                State::TagName
            }
            State::Tag { ended } => self.named(c, ended),
            State::Equals => match c {
                '"' | '\'' => State::Quoted { quote: c, begun: false, query: false },
                '>' => self.closed(),
                c if c.is_whitespace() => State::Equals,
                _ => State::Unquoted,
            },
            State::Unquoted if c == '>' => self.closed(),
            State::Unquoted if c.is_whitespace() => self.next_attribute(),
            State::Unquoted => State::Unquoted,
            State::Quoted { quote, .. } if c == quote => self.next_attribute(),
            State::Quoted { quote, query, .. } => {
                State::Quoted { quote, begun: true, query: query || c == '?' || c == '#' }
            }
            State::Declaration => self.declared(c),
            State::Comment => self.until("-->", c, State::Comment),
            State::Raw => {
                let end = format!("</{}>", self.tag);
                self.until(&end, c, State::Raw)
            }
        }
    }

    fn opened(&mut self, c: char) -> State {
        self.tail.clear();
        self.tag.clear();
        match c {
            '!' | '?' => State::Declaration,
            c if c == '/' || c.is_ascii_alphabetic() => {
                self.tag.push(c);
                State::TagName
            }
            '<' => State::Open,
            _ => State::Text,
        }
    }

    fn named(&mut self, c: char, ended: bool) -> State {
        match c {
            '>' => self.closed(),
            '=' => State::Equals,
            c if c.is_whitespace() || c == '/' => State::Tag { ended: true },
            c => {
                if ended {
                    self.attribute.clear();
                }
                self.attribute.push(c);
                State::Tag { ended: false }
            }
        }
    }

    fn declared(&mut self, c: char) -> State {
        self.tail.push(c);
        match self.tail.as_str() {
            "--" => {
                self.tail.clear();
                State::Comment
            }
            _ if c == '>' => State::Text,
            _ => State::Declaration,
        }
    }

    fn until(&mut self, end: &str, c: char, state: State) -> State {
        self.tail.push(c);
        if self.tail.ends_with(end) { State::Text } else { state }
    }

    fn next_attribute(&mut self) -> State {
        self.attribute.clear();
        State::Tag { ended: true }
    }

    fn closed(&mut self) -> State {
        self.tail.clear();
        if self.tag == "script" || self.tag == "style" { State::Raw } else { State::Text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(before: &str) -> Option<Escape> {
        let mut markup = Markup::new();
        markup.read(before);
        markup.place()
    }

    #[test]
    fn a_value_is_escaped_for_where_it_stands() {
        for (before, escape) in [
            ("", Escape::Html),
            ("<p>1 < 2 ", Escape::Html),
            ("<p class='a>b'>", Escape::Html),
            ("<br/>", Escape::Html),
            ("<!doctype html><title>", Escape::Html),
            ("<!-- a > b --><p>", Escape::Html),
            ("<!--[if mso]><a href=\"", Escape::Html),
            ("<style>a > b { }</style>", Escape::Html),
            ("<img alt=\"", Escape::Html),
            ("<a href=\"", Escape::Link),
            ("<A class=x HREF = '", Escape::Link),
            ("<a href=\"https://a.example/", Escape::Html),
            ("<a href=\"https://a.example/?x=", Escape::Query),
            ("<a href=\"https://a.example/#x=", Escape::Query),
            ("<a href=\"x\">", Escape::Html),
            ("<a href=\"x\" title=\"", Escape::Html),
        ] {
            assert_eq!(place(before), Some(escape), "{before}");
        }
    }

    #[test]
    fn some_places_are_for_no_value() {
        for before in [
            "<",
            "<a",
            "<a ",
            "<a href=",
            "<a href=x",
            "<a href=\"x\" ",
            "<a onclick=\"",
            "<p style=\"color: ",
            "<script>var x = \"",
            "<style>",
            "<script/>",
            "<!doctype ",
        ] {
            assert_eq!(place(before), None, "{before}");
        }
    }

    #[test]
    fn behind_a_value_the_address_has_begun() {
        let mut markup = Markup::new();
        markup.read("<a href=\"");
        assert_eq!(markup.place(), Some(Escape::Link));
        assert_eq!(markup.place(), Some(Escape::Html));
        markup.read("/confirm?token=");
        assert_eq!(markup.place(), Some(Escape::Query));
    }
}
