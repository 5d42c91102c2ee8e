//! The document as lines with structure: sections, paragraphs, list items, grids and code blocks.
//!
//! A hand-written line model rather than a Markdown parser: requirement documents are often plain
//! text with bullets and numbered or capitalised headings, which a strict parser takes for prose.

mod inline;
mod lines;
mod structured;

pub(crate) use inline::clean;
pub(crate) use lines::parse;
pub(crate) use structured::from_structured;

/// A whole document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The first heading, or the front matter's title.
    pub title: Option<String>,
    /// Sections in order; the first is the document itself.
    pub sections: Vec<Section>,
    /// Text in order.
    pub blocks: Vec<Block>,
    /// Tables of the document, not of a database.
    pub grids: Vec<Grid>,
    /// Code blocks.
    pub codes: Vec<Code>,
    /// For each block, the blocks that hang under it.
    children: Vec<Vec<usize>>,
}

/// A heading and what it stands under.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub title: String,
    pub level: u8,
    pub line: u32,
    pub parent: Option<usize>,
}

/// A paragraph, a list item, a heading or a row of a grid.
#[derive(Debug)]
pub(crate) struct Block {
    pub section: usize,
    pub kind: Kind,
    pub text: String,
    /// Where in `text` each source line starts.
    pub starts: Vec<(usize, u32)>,
    /// The item or paragraph this one hangs under.
    pub lead: Option<usize>,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Heading,
    Paragraph,
    Item { depth: u8 },
    Row,
}

/// A Markdown table.
#[derive(Debug)]
pub(crate) struct Grid {
    pub section: usize,
    pub lead: Option<usize>,
    pub line: u32,
    pub header: Vec<String>,
    pub rows: Vec<(u32, Vec<String>)>,
}

/// A code block; `line` is the line of its first line of code.
#[derive(Debug)]
pub(crate) struct Code {
    pub section: usize,
    pub lead: Option<usize>,
    pub language: Option<String>,
    pub text: String,
    pub line: u32,
}

impl Block {
    /// The source line of a byte of `text`.
    pub(crate) fn line_at(&self, offset: usize) -> u32 {
        let after = self.starts.partition_point(|(start, _)| *start <= offset);
        self.starts.get(after.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }

    /// The block's text by source line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        let ends = self.starts.iter().skip(1).map(|(start, _)| *start).chain([self.text.len()]);
        let line = |((start, number), end): (&(usize, u32), usize)| {
            self.text.get(*start..end).map(|text| (*number, text.trim()))
        };
        self.starts.iter().zip(ends).filter_map(line)
    }

    /// The block's first source line.
    pub(crate) fn line(&self) -> u32 {
        self.line_at(0)
    }
}

impl Document {
    /// The blocks that hang directly under `block`.
    pub(crate) fn children(&self, block: usize) -> impl Iterator<Item = (usize, &Block)> {
        let indices = self.children.get(block).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| Some((*index, self.blocks.get(*index)?)))
    }

    /// Fills in who hangs under whom, once all blocks are there.
    fn link_children(&mut self) {
        self.children = vec![Vec::new(); self.blocks.len()];
        for (index, block) in self.blocks.iter().enumerate() {
            if let Some(list) = block.lead.and_then(|lead| self.children.get_mut(lead)) {
                list.push(index);
            }
        }
    }

    /// The titles from the section up to the document.
    pub(crate) fn ancestry(&self, section: usize) -> impl Iterator<Item = &Section> {
        std::iter::successors(self.sections.get(section), |s| s.parent.and_then(|p| self.sections.get(p)))
    }
}
