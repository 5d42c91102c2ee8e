//! A document that is JSON, YAML or XML from end to end, as sections and items like any other.

use crate::formats::Structured;
use crate::names;

use super::{Block, Document, Kind, Section, clean};

/// Keys and elements become sections, their texts items.
pub(crate) fn from_structured(structured: &Structured) -> Document {
    let mut document = Document { sections: vec![Section::default()], ..Document::default() };
    let mut section = 0;
    let mut headings = structured.headings.iter().peekable();
    for (line, text) in &structured.prose {
        while let Some((at, depth, name)) = headings.next_if(|(at, _, _)| at <= line) {
            let mut parent = section;
            while document.sections[parent].level >= *depth {
                parent = document.sections[parent].parent.unwrap_or(0);
            }
            // `outOfScope` is read as "out of scope".
            let title = names::snake(name).replace('_', " ");
            let title = if title.is_empty() { name.clone() } else { title };
            document.sections.push(Section {
                title,
                level: (*depth).max(1),
                line: *at,
                parent: Some(parent),
            });
            section = document.sections.len() - 1;
        }
        for (number, part) in (*line..).zip(text.lines()) {
            let part = part.trim().trim_start_matches(['-', '*', '•']).trim();
            // A key whose value is empty says nothing.
            if !part.is_empty() && !part.ends_with(':') {
                document.blocks.push(Block {
                    section,
                    kind: Kind::Item { depth: 0 },
                    text: clean(part),
                    starts: vec![(0, number)],
                    lead: None,
                });
            }
        }
    }
    document.title = structured
        .prose
        .first()
        .map(|(_, text)| text.lines().next().unwrap_or_default().trim().to_owned())
        .filter(|t| t.len() <= 100);
    document.link_children();
    document
}
