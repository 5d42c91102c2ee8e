//! Examples in documents: blocks of code whose first line says how they are tried.
//!
//! A block that begins with three backticks, a language and a word, such as `sh loki`, is an example; one
//! that has a language alone is there to be read.

/// An example of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its line in the document.
    pub line: usize,
    /// What language it is in, such as `sh`.
    pub language: String,
    /// What it is tried with, such as `loki`.
    pub with: String,
    /// What else its first line says.
    pub rest: String,
    /// The block.
    pub body: String,
}

/// The examples of a document, in order.
pub fn examples(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut open: Option<Example> = None;
    for (n, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let mut words = info.splitn(3, ' ').map(str::to_owned);
                let mut next = || words.next().unwrap_or_default();
                let (language, with, rest) = (next(), next(), next());
                open = Some(Example { line: n + 1, language, with, rest, body: String::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(example)) => {
                example.body.push_str(line);
                example.body.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found.retain(|example| !example.with.is_empty());
    found
}

/// A line of an `sh loki` example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What the program reads.
    pub stdin: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How it must end; `None`: in whatever way.
    pub code: Option<i32>,
    /// What it must say.
    pub says: Vec<String>,
}

impl Line {
    /// `echo VALUE | loki ARGUMENTS  # exit CODE, says "TEXT"`. Arguments have no quotes.
    pub fn parse(line: &str) -> Line {
        let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
        let (stdin, command) = match command.split_once(" | ") {
            Some((value, command)) => {
                let value = value.strip_prefix("echo ").unwrap_or_else(|| panic!("no echo: {line}"));
                (format!("{}\n", value.trim()), command)
            }
            None => (String::new(), command),
        };
        let mut words = command.split_whitespace().map(str::to_owned);
        assert_eq!(words.next().as_deref(), Some("loki"), "{line}");
        let says = comment.split("says \"").skip(1).filter_map(|rest| rest.split('"').next());
        let exit = comment.trim().strip_prefix("exit ");
        let code = match exit.map(|rest| rest.split(',').next().unwrap_or_default().trim()) {
            None => Some(0),
            Some("any") => None,
            Some(code) => Some(code.parse().unwrap_or_else(|_| panic!("no exit code: {line}"))),
        };
        Line { stdin, arguments: words.collect(), code, says: says.map(str::to_owned).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_blocks_that_say_how_they_are_tried() {
        let text = "a\n```sh\nread me\n```\n```json forge_x FRG041\n{}\n```\n```sh loki\nloki why\n```\n";
        let found = examples(text);
        let short: Vec<_> =
            found.iter().map(|e| (e.line, e.language.as_str(), e.with.as_str(), e.rest.as_str())).collect();
        assert_eq!(short, [(5, "json", "forge_x", "FRG041"), (8, "sh", "loki", "")]);
        assert_eq!(found[1].body, "loki why\n");
    }

    #[test]
    fn a_line_says_how_it_must_end() {
        let line = Line::parse("echo abc | loki set X   # exit 2, says \"a b\", says \"c\"");
        assert_eq!((line.stdin.as_str(), line.code), ("abc\n", Some(2)));
        assert_eq!(
            (line.arguments, line.says),
            (vec!["set".into(), "X".into()], vec!["a b".into(), "c".into()])
        );
        assert_eq!(Line::parse("loki why").code, Some(0));
        assert_eq!(Line::parse("loki doctor  # exit any").code, None);
    }
}
