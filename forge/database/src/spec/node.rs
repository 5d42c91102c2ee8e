//! YAML as a tree that knows where everything stands.
//!
//! Read from the parser's events rather than through serde, because the text of a scalar counts
//! (`1.50` is not `1.5`) and so does its place.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::{
    TEXT_BYTES_MAX,
    error::{Place, SpecError},
};

/// The deepest nesting.
const DEPTH_MAX: usize = 16;
/// The most values in a text.
const NODES_MAX: usize = 200_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) kind: Kind,
    /// The bytes of the text it covers.
    range: (usize, usize),
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// "a list", for messages.
    pub(super) fn sort(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { text, plain: true } if is_null(text) => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// Where the character with this number (from 0) of a scalar stands.
    pub(super) fn place_of(&self, character: usize) -> Place {
        let quote = match &self.kind {
            Kind::Scalar { plain: false, .. } => 1,
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => 0,
        };
        Place { line: self.at.line, column: self.at.column + character + quote }
    }

    /// Whether it is a plain scalar that means null.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if is_null(text))
    }
}

/// Whether a plain scalar means null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Node, SpecError> {
    let start = Place { line: 1, column: 1 };
    if text.len() > TEXT_BYTES_MAX {
        let problem = format!("the text has {} bytes", text.len());
        return Err(SpecError::new(start, problem, format!("at most {TEXT_BYTES_MAX}"))
            .hint("split it into several migrations"));
    }
    let mut builder = Builder { text, open: Vec::new(), root: None, nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = Place { line: error.marker().line(), column: error.marker().col() + 1 };
            SpecError::new(at, format!("this is no YAML: {}", error.info()), "")
                .hint("quote texts that hold any of : { } [ ] , # and indent with spaces")
        })?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| SpecError::new(start, "the text is empty", "a migration"))
}

/// Joins items of a flow list that a comma inside parentheses has torn apart: in
/// `[price numeric(10,2) not null]` YAML sees two items.
pub(super) fn mend(text: &str, items: &[Node]) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(items.len());
    for item in items {
        if let Some(last) = out.last_mut()
            && let Kind::Scalar { text: start, plain: true } = &last.kind
            && matches!(&item.kind, Kind::Scalar { plain: true, .. })
            && unclosed(start)
            && let Some(joined) = text.get(last.range.0..item.range.1)
        {
            last.range.1 = item.range.1;
            last.kind = Kind::Scalar { text: joined.to_owned(), plain: true };
            continue;
        }
        out.push(item.clone());
    }
    out
}

fn unclosed(text: &str) -> bool {
    let count = |wanted: char| text.chars().filter(|c| *c == wanted).count();
    count('(') > count(')')
}

/// A list or mapping that is being read.
enum Open {
    List { at: Place, from: usize, items: Vec<Node> },
    Map { at: Place, from: usize, pairs: Vec<(Node, Node)>, key: Option<Node> },
}

struct Builder<'t> {
    text: &'t str,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SpecError> {
        let at = Place { line: span.start.line(), column: span.start.col() + 1 };
        let from = self.byte(&span, span.start.index());
        let refuse = |what: &str| {
            Err(SpecError::new(at, format!("{what} cannot be used here"), "plain YAML")
                .hint("write the value out"))
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if anchor > 0 || tag.is_some() {
                    return refuse("an anchor or a tag");
                }
                let plain = matches!(style, ScalarStyle::Plain);
                let to = self.byte(&span, span.end.index());
                self.put(Node {
                    at,
                    kind: Kind::Scalar { text: text.into_owned(), plain },
                    range: (from, to),
                })
            }
            Event::SequenceStart(_, anchor, tag) if anchor == 0 && tag.is_none() => {
                self.enter(Open::List { at, from, items: Vec::new() }, at)
            }
            Event::MappingStart(_, anchor, tag) if anchor == 0 && tag.is_none() => {
                self.enter(Open::Map { at, from, pairs: Vec::new(), key: None }, at)
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => refuse("an anchor or a tag"),
            Event::SequenceEnd | Event::MappingEnd => {
                let to = self.byte(&span, span.end.index());
                match self.open.pop() {
                    Some(Open::List { at, from, items }) => {
                        self.put(Node { at, kind: Kind::List(items), range: (from, to) })
                    }
                    Some(Open::Map { at, from, pairs, .. }) => {
                        self.put(Node { at, kind: Kind::Map(pairs), range: (from, to) })
                    }
                    None => Ok(()),
                }
            }
            Event::Alias(_) => refuse("an alias"),
            Event::DocumentStart(..) if self.root.is_some() => refuse("a second document"),
            // Comments, and the stream's own marks.
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: Open, at: Place) -> Result<(), SpecError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(SpecError::new(
                at,
                "the text is nested too deeply",
                format!("at most {DEPTH_MAX} levels"),
            ));
        }
        self.open.push(open);
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), SpecError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(SpecError::new(
                node.at,
                "the text has too many values",
                format!("at most {NODES_MAX}"),
            ));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { pairs, key, .. }) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => *key = Some(node),
            },
        }
        Ok(())
    }

    /// The byte at which the character with this number stands.
    fn byte(&self, span: &Span, character: usize) -> usize {
        let marker = if character == span.start.index() { span.start } else { span.end };
        marker.byte_offset().unwrap_or_else(|| {
            self.text.char_indices().nth(character).map_or(self.text.len(), |(byte, _)| byte)
        })
    }
}
