//! JSON and YAML as one tree whose nodes know their lines.
//!
//! JSON is read with patience: comments, elisions (`...`), trailing and missing commas and an end
//! that never comes are all common in documents, and what can be read still counts.

/// How deep values may nest; what lies deeper is passed over.
pub(crate) const DEPTH_MAX: usize = 64;
/// The most nodes one tree gets.
pub(crate) const NODES_MAX: usize = 200_000;

/// A value and the line it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub line: u32,
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number, as written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its line and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub key: String,
    pub line: u32,
    pub node: Node,
}

impl Node {
    /// The entries of a map; none for other values.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none for other values.
    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The value under `key`, which is compared in any case and spelling of word breaks.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| same_key(&entry.key, key)).map(|entry| &entry.node)
    }

    /// The value under the first of `keys` that is there.
    pub(crate) fn any(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// A string, number or truth value in text form.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(yes) => Some(yes.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// True for the truth value.
    pub(crate) fn yes(&self) -> bool {
        match &self.value {
            Value::Bool(yes) => *yes,
            Value::Text(text) => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes"),
            Value::Null | Value::Number(_) | Value::List(_) | Value::Map(_) => false,
        }
    }
}

/// True when two keys differ only in case and in how their words are parted.
pub(crate) fn same_key(one: &str, other: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
    }
    one == other || letters(one).eq(letters(other)) && letters(one).next().is_some()
}

/// Reads JSON from the first bracket on. The flag is true when the text is one whole value.
pub(crate) fn json(text: &str, first_line: u32) -> Option<(Node, bool)> {
    let mut reader = Reader { text, at: 0, line: first_line, nodes: 0, torn: false };
    reader.space();
    if !matches!(reader.peek(), Some(b'{' | b'[')) {
        return None;
    }
    let node = reader.value(0)?;
    reader.space();
    let whole = reader.at >= text.len() && !reader.torn;
    Some((node, whole))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    nodes: usize,
    /// True when something was not JSON.
    torn: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    /// Passes over white space and comments.
    fn space(&mut self) {
        loop {
            let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
            match rest.first() {
                Some(byte) if byte.is_ascii_whitespace() => self.bump(),
                Some(b'/') if rest.starts_with(b"//") => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                Some(b'/') if rest.starts_with(b"/*") => {
                    while self.peek().is_some() && !self.text.as_bytes()[self.at..].starts_with(b"*/") {
                        self.bump();
                    }
                    self.at = (self.at + 2).min(self.text.len());
                }
                Some(_) | None => return,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            self.torn = true;
            return None;
        }
        let line = self.line;
        let value = match self.peek()? {
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'"' => Value::Text(self.string()),
            _ => self.bare(),
        };
        Some(Node { line, value })
    }

    fn map(&mut self, depth: usize) -> Value {
        let mut entries = Vec::new();
        self.bump();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.torn = true;
                    break;
                }
                Some(b'}') => {
                    self.bump();
                    break;
                }
                Some(b',') => self.bump(),
                Some(b'"') => {
                    let line = self.line;
                    let key = self.string();
                    self.entry(&mut entries, key, line, depth);
                }
                Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                    self.torn = true;
                    let (line, key) = (self.line, self.word());
                    self.entry(&mut entries, key, line, depth);
                }
                Some(b']') => {
                    self.torn = true;
                    break;
                }
                Some(_) => self.skip(),
            }
        }
        Value::Map(entries)
    }

    fn entry(&mut self, entries: &mut Vec<Entry>, key: String, line: u32, depth: usize) {
        self.space();
        if self.peek() != Some(b':') {
            self.torn = true;
            return;
        }
        self.bump();
        self.space();
        if let Some(node) = self.value(depth + 1) {
            entries.push(Entry { key, line, node });
        } else {
            self.pass_over();
        }
    }

    fn list(&mut self, depth: usize) -> Value {
        let mut items = Vec::new();
        self.bump();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.torn = true;
                    break;
                }
                Some(b']') => {
                    self.bump();
                    break;
                }
                Some(b',') => self.bump(),
                Some(b'}') => {
                    self.torn = true;
                    break;
                }
                Some(b'{' | b'[' | b'"' | b'-') => self.item(&mut items, depth),
                Some(byte) if byte.is_ascii_alphanumeric() => self.item(&mut items, depth),
                Some(_) => self.skip(),
            }
        }
        Value::List(items)
    }

    fn item(&mut self, items: &mut Vec<Node>, depth: usize) {
        match self.value(depth + 1) {
            Some(node) => items.push(node),
            None => self.pass_over(),
        }
    }

    /// Passes over a value that is too deep: to the bracket that closes it.
    fn pass_over(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => return,
                _ => {}
            }
            self.bump();
        }
    }

    fn skip(&mut self) {
        self.torn = true;
        let step = self.text[self.at..].chars().next().map_or(1, char::len_utf8);
        self.at += step;
    }

    fn string(&mut self) -> String {
        let mut out = String::new();
        self.at += 1;
        let text = self.text;
        let mut letters = text[self.at..].char_indices();
        let start = self.at;
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at = start + offset + 1;
                    return out;
                }
                '\n' => {
                    // Strings end with their line; this one was not closed.
                    self.torn = true;
                    self.at = start + offset;
                    return out;
                }
                '\\' => {
                    let escaped = letters.next().map(|(_, letter)| letter);
                    out.push(match escaped {
                        Some('n' | 'r') => '\n',
                        Some('t') => ' ',
                        Some('u') => {
                            let digits: String = letters.by_ref().take(4).map(|(_, letter)| letter).collect();
                            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or(' ')
                        }
                        Some(letter) => letter,
                        None => break,
                    });
                    continue;
                }
                _ => {}
            }
            out.push(letter);
        }
        self.torn = true;
        self.at = text.len();
        out
    }

    fn word(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    /// A number, `true`, `null`, or whatever stands where a value should.
    fn bare(&mut self) -> Value {
        let rest = &self.text[self.at..];
        let end = rest.find([',', '}', ']', '\n', '{', '[']).unwrap_or(rest.len());
        let word = rest[..end].split("//").next().unwrap_or_default().trim();
        self.at += end;
        match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ if word.parse::<f64>().is_ok() => Value::Number(word.to_owned()),
            _ => {
                self.torn = true;
                Value::Text(word.trim_matches(['\'', '"']).to_owned())
            }
        }
    }
}
