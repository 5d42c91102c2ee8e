//! Code in colours: strings, comments, numbers and words of the language, line by line. A line is looked at
//! by itself, so a comment or string over several lines is coloured in its first.

/// What a part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Nothing in particular.
    Plain,
    /// A word of the language.
    Keyword,
    /// A string.
    String,
    /// A comment.
    Comment,
    /// A number.
    Number,
}

/// A family of languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Comments begin with `//`: Rust, TypeScript, Go, C, Java.
    Braces,
    /// Comments begin with `#`: Python, YAML, TOML, shell.
    Hash,
    /// Comments begin with `--`: SQL.
    Sql,
    /// No code, or of a language that is not known.
    Text,
}

const BRACES: [&str; 44] = [
    "as",
    "async",
    "await",
    "break",
    "case",
    "class",
    "const",
    "continue",
    "default",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "fn",
    "for",
    "from",
    "function",
    "if",
    "impl",
    "import",
    "in",
    "interface",
    "let",
    "match",
    "mod",
    "mut",
    "new",
    "null",
    "pub",
    "return",
    "self",
    "static",
    "struct",
    "switch",
    "this",
    "trait",
    "true",
    "type",
    "use",
    "var",
    "where",
    "while",
    "func",
];
const HASH: [&str; 26] = [
    "and", "as", "async", "await", "class", "def", "elif", "else", "except", "false", "for", "from", "if",
    "import", "in", "lambda", "not", "or", "pass", "return", "self", "true", "try", "while", "with", "None",
];
const SQL: [&str; 32] = [
    "add",
    "alter",
    "and",
    "as",
    "by",
    "check",
    "column",
    "create",
    "default",
    "delete",
    "drop",
    "foreign",
    "from",
    "index",
    "insert",
    "into",
    "key",
    "not",
    "null",
    "on",
    "or",
    "policy",
    "primary",
    "references",
    "select",
    "set",
    "table",
    "unique",
    "update",
    "using",
    "values",
    "where",
];

impl Language {
    /// The family of a file, by the end of its name.
    pub fn of(path: &str) -> Self {
        match path.rsplit_once('.').map(|(_, end)| end) {
            Some(
                "rs" | "ts" | "tsx" | "js" | "jsx" | "mjs" | "go" | "c" | "h" | "cpp" | "java" | "css"
                | "json" | "swift" | "kt",
            ) => Self::Braces,
            Some("py" | "sh" | "yaml" | "yml" | "toml" | "rb") => Self::Hash,
            Some("sql") => Self::Sql,
            Some(_) | None => Self::Text,
        }
    }

    fn comment(self) -> Option<&'static str> {
        match self {
            Self::Braces => Some("//"),
            Self::Hash => Some("#"),
            Self::Sql => Some("--"),
            Self::Text => None,
        }
    }

    fn is_keyword(self, word: &str) -> bool {
        match self {
            Self::Braces => BRACES.contains(&word),
            Self::Hash => HASH.contains(&word),
            Self::Sql => SQL.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)),
            Self::Text => false,
        }
    }
}

/// The parts of a line, in order; together they are the line.
pub fn tokens(language: Language, line: &str) -> Vec<(Token, &str)> {
    let Some(comment) = language.comment() else { return vec![(Token::Plain, line)] };
    let mut parts = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        let (token, length) = if rest.starts_with(comment) {
            (Token::Comment, rest.len())
        } else if matches!(c, '"' | '\'' | '`') {
            (Token::String, string(rest, c))
        } else if c.is_alphanumeric() || c == '_' {
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            match c.is_ascii_digit() {
                true => (Token::Number, word),
                false if language.is_keyword(&rest[..word]) => (Token::Keyword, word),
                false => (Token::Plain, word),
            }
        } else {
            (Token::Plain, c.len_utf8())
        };
        if token != Token::Plain {
            if plain < at {
                parts.push((Token::Plain, &line[plain..at]));
            }
            parts.push((token, &line[at..at + length]));
            plain = at + length;
        }
        at += length;
    }
    if plain < line.len() {
        parts.push((Token::Plain, &line[plain..]));
    }
    parts
}

/// The length of the string that begins `rest`; to the end of the line where it is not closed.
fn string(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            c if c == quote && !escaped => return at + c.len_utf8(),
            _ => escaped = false,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_strings_numbers_and_comments_are_told_apart() {
        let told = tokens(Language::of("a.rs"), r#"let x = "a \" b" + 12; // why"#);
        let coloured: Vec<_> = told.into_iter().filter(|(token, _)| *token != Token::Plain).collect();
        assert_eq!(
            coloured,
            [
                (Token::Keyword, "let"),
                (Token::String, r#""a \" b""#),
                (Token::Number, "12"),
                (Token::Comment, "// why"),
            ]
        );
        assert_eq!(tokens(Language::of("README"), "let x"), [(Token::Plain, "let x")]);
        assert_eq!(tokens(Language::Sql, "SELECT a -- b")[0], (Token::Keyword, "SELECT"));
    }

    proptest! {
        #[test]
        fn nothing_of_a_line_is_lost(line in any::<String>()) {
            for language in [Language::Braces, Language::Hash, Language::Sql, Language::Text] {
                let whole: String = tokens(language, &line).into_iter().map(|(_, part)| part).collect();
                prop_assert_eq!(&whole, &line);
            }
        }
    }
}
