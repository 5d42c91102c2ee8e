//! Which text is about the product to build: in scope, an aside, a later phase, or ruled out.
//!
//! A heading rules what stands under it, a label (`Out of scope:`) rules its list, and a phrase
//! ("in the future") rules its sentence. The strictest wins.

use crate::document::{Block, Document, Kind, Section};
use crate::lexicon::{self, Hit, Tag};

/// What a piece of text is to the product, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// To be built now.
    In,
    /// Market, budget, tests, links: not about what to build.
    Aside,
    /// A later phase, a bonus, an option.
    Later,
    /// Ruled out.
    Out,
}

/// A sentence with what its words mean.
#[derive(Debug)]
pub(crate) struct Sentence {
    pub block: usize,
    pub section: usize,
    pub line: u32,
    pub kind: Kind,
    pub scope: Scope,
    pub text: String,
    pub norm: String,
    pub hits: Vec<Hit>,
}

/// The document with its scope judged.
pub(crate) struct Scoped<'d> {
    pub document: &'d Document,
    pub sections: Vec<Scope>,
    pub blocks: Vec<Scope>,
    pub sentences: Vec<Sentence>,
}

impl Sentence {
    /// True when the sentence says `tag` and does not deny it.
    pub(crate) fn has(&self, tag: Tag) -> bool {
        self.hits.iter().any(|h| h.tag == tag && !h.negated)
    }

    /// True when it says any of `tags` and does not deny it.
    pub(crate) fn has_any(&self, tags: &[Tag]) -> bool {
        self.hits.iter().any(|h| !h.negated && tags.contains(&h.tag))
    }

    /// True when it says `tag`, denied or not.
    pub(crate) fn mentions(&self, tag: Tag) -> bool {
        self.hits.iter().any(|h| h.tag == tag)
    }

    /// The words found for `tag`, undenied.
    pub(crate) fn words(&self, tag: Tag) -> impl Iterator<Item = &str> {
        self.hits.iter().filter(move |h| h.tag == tag && !h.negated).map(|h| &self.norm[h.start..h.end])
    }
}

impl Scoped<'_> {
    /// The sentences of one block; they stand together and in the order of blocks.
    pub(crate) fn sentences_of(&self, block: usize) -> &[Sentence] {
        let start = self.sentences.partition_point(|s| s.block < block);
        let end = self.sentences.partition_point(|s| s.block <= block);
        self.sentences.get(start..end).unwrap_or_default()
    }

    /// The sentences about the product to build.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Sentence> {
        self.sentences.iter().filter(|s| s.scope == Scope::In)
    }
}

/// Judges the scope of every section, block and sentence.
pub(crate) fn judge(document: &Document) -> Scoped<'_> {
    let sections = section_scopes(document);
    let blocks = block_scopes(document, &sections);
    let mut sentences = Vec::new();
    for (index, block) in document.blocks.iter().enumerate() {
        for (offset, text) in split(&block.text) {
            let norm = lexicon::normalise(text);
            let hits = lexicon::hits(&norm);
            let later = block.kind != Kind::Heading
                && hits.iter().any(|h| matches!(h.tag, Tag::Later | Tag::Rejected) && !h.negated);
            let scope = if later { blocks[index].max(Scope::Later) } else { blocks[index] };
            sentences.push(Sentence {
                block: index,
                section: block.section,
                line: block.line_at(offset),
                kind: block.kind,
                scope,
                text: text.to_owned(),
                norm,
                hits,
            });
        }
    }
    Scoped { document, sections, blocks, sentences }
}

fn section_scopes(document: &Document) -> Vec<Scope> {
    let phased = document.sections.iter().any(|s| s.title.to_lowercase().contains("mvp"));
    let mut scopes: Vec<Scope> = Vec::with_capacity(document.sections.len());
    for (index, section) in document.sections.iter().enumerate() {
        let inherited = section.parent.and_then(|p| scopes.get(p).copied()).unwrap_or(Scope::In);
        // The document's own title judges nothing: "Roadmap planner" is a product.
        let is_title = index == 1 && section.level == 1;
        let own =
            if is_title || section.level == 0 { Scope::In } else { title_scope(&section.title, phased) };
        let reset = inherited == Scope::Aside && is_model_title(&section.title);
        scopes.push(if reset { own } else { own.max(inherited) });
    }
    scopes
}

/// True when a heading announces tables.
pub(crate) fn is_model_title(title: &str) -> bool {
    let norm = lexicon::normalise(title);
    lexicon::hits(&norm).iter().any(|h| h.tag == Tag::HeadModel)
}

/// What a heading or a label says about what stands under it.
pub(crate) fn title_scope(title: &str, phased: bool) -> Scope {
    let norm = lexicon::normalise(title);
    let bare = norm
        .trim_start_matches(|c: char| !c.is_alphabetic())
        .trim_end_matches(|c: char| !c.is_alphanumeric());
    let hits = lexicon::hits(&norm);
    let of = |tag| hits.iter().find(|h| h.tag == tag);
    if let Some(scope) = priority(bare) {
        return scope;
    }
    if of(Tag::HeadOut).is_some() || rules_out(bare) {
        return Scope::Out;
    }
    if of(Tag::HeadLater).is_some() || phased && is_later_phase(bare) {
        return Scope::Later;
    }
    let covers = |h: &Hit| {
        let length = h.end - h.start;
        let words = &norm[h.start..h.end];
        let share_min = if words.contains(' ') || !words.is_ascii() { 50 } else { 80 };
        length * 100 >= bare.len() * share_min
    };
    if hits.iter().any(|h| h.tag == Tag::HeadAside && covers(h)) { Scope::Aside } else { Scope::In }
}

/// The classes of a MoSCoW list that are not built now, as a whole heading or cell.
fn priority(bare: &str) -> Option<Scope> {
    let bare = bare.strip_prefix("moscow: ").unwrap_or(bare);
    match bare.strip_suffix(" have").unwrap_or(bare) {
        "could" | "c could" | "could (c" | "nice to" => Some(Scope::Later),
        "won't" | "wont" | "will not" | "w won't" | "won't (w" | "would" => Some(Scope::Out),
        _ => None,
    }
}

/// "Not in this version", "What the shop will not do", "Things we don't build yet": a heading that
/// opens with a denial, or denies what "what" or "things" opens.
fn rules_out(bare: &str) -> bool {
    const DENIALS: &[&str] = &[" not ", " won't ", " don't ", " doesn't ", " never ", " no "];
    const TIMES: &[&str] =
        &["version", "release", "mvp", "v1", "now", "yet", "scope", "phase", "iteration", "launch"];
    let opens = bare.starts_with("not ") && TIMES.iter().any(|word| bare.contains(word));
    let lists = ["what ", "things ", "features "].iter().any(|word| bare.starts_with(word))
        && DENIALS.iter().any(|word| bare.contains(word));
    opens || lists
}

fn is_later_phase(bare: &str) -> bool {
    const PHASES: &[&str] = &[
        "phase ",
        "fase ",
        "フェーズ",
        "阶段",
        "version ",
        "v",
        "release ",
        "versione ",
        "versión ",
        "versão ",
        "версия ",
        "этап ",
        "фаза ",
        "sürüm ",
        "faz ",
        "versi ",
        "versie ",
        "tahap ",
        "etapa ",
        "étape ",
        "iteration ",
        "milestone ",
    ];
    PHASES.iter().any(|word| {
        bare.strip_prefix(word)
            .and_then(|rest| rest.trim_start().chars().next())
            .is_some_and(|digit| ('2'..='9').contains(&digit))
    })
}

fn block_scopes(document: &Document, sections: &[Scope]) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = Vec::with_capacity(document.blocks.len());
    // What a block says about the blocks under it.
    let mut under: Vec<Scope> = Vec::with_capacity(document.blocks.len());
    for block in &document.blocks {
        let section = sections.get(block.section).copied().unwrap_or(Scope::In);
        let led = block.lead.and_then(|lead| under.get(lead).copied()).unwrap_or(Scope::In);
        let own = label_scope(block);
        scopes.push(section.max(led).max(own.unwrap_or(Scope::In)));
        under.push(led.max(own.unwrap_or_else(|| lead_scope(block))));
    }
    scopes
}

/// The scope a label such as `Out of scope:` or a short item gives itself.
fn label_scope(block: &Block) -> Option<Scope> {
    if block.kind == Kind::Row {
        return row_scope(&block.text);
    }
    if !matches!(block.kind, Kind::Item { .. } | Kind::Paragraph) {
        return None;
    }
    const LABEL_CHARS_MAX: usize = 45;
    let end = block.text.find([':', '：']).unwrap_or(block.text.len());
    let label = &block.text[..end];
    if label.chars().count() > LABEL_CHARS_MAX {
        return None;
    }
    // A short item without a colon is a label only when it is hardly more than the phrase itself.
    let scope = title_scope(label, false);
    let is_label = end < block.text.len() || label.split_whitespace().count() <= 4;
    (is_label && matches!(scope, Scope::Out | Scope::Later)).then_some(scope)
}

/// The scope a cell such as `Won't have` or `Phase 2` gives its row.
fn row_scope(text: &str) -> Option<Scope> {
    const CELL_CHARS_MAX: usize = 24;
    let cells = text.split(" | ").skip(1).filter(|cell| cell.chars().count() <= CELL_CHARS_MAX);
    cells.filter_map(cell_scope).max()
}

fn cell_scope(cell: &str) -> Option<Scope> {
    let norm = lexicon::normalise(cell);
    let bare = norm.trim_matches(|c: char| !c.is_alphanumeric());
    let hits = lexicon::hits(bare);
    let is_all = |tag| hits.iter().any(|h| h.tag == tag && h.start == 0 && h.end == bare.len());
    if let Some(scope) = priority(bare) {
        return Some(scope);
    }
    // A column that need not be filled in is optional too, and is in scope.
    const OF_COLUMNS: &[&str] = &["optional", "opcional", "not required", "optionnel", "facultatif"];
    if OF_COLUMNS.contains(&bare) {
        None
    } else if is_all(Tag::HeadOut) {
        Some(Scope::Out)
    } else if is_all(Tag::HeadLater) || is_later_phase(bare) {
        Some(Scope::Later)
    } else {
        None
    }
}

/// The scope a leading paragraph ("you could also add the following:") gives its list.
fn lead_scope(block: &Block) -> Scope {
    if block.kind != Kind::Paragraph || !block.text.ends_with([':', '：']) {
        return Scope::In;
    }
    let norm = lexicon::normalise(&block.text);
    let hits = lexicon::hits(&norm);
    let says = |tag| hits.iter().any(|h| h.tag == tag && !h.negated);
    if says(Tag::HeadOut) || says(Tag::NegationAfter) {
        Scope::Out
    } else if says(Tag::Later) || says(Tag::HeadLater) {
        Scope::Later
    } else {
        Scope::In
    }
}

/// The sentences of a text with the byte each starts at.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, c)| *c);
        let ends = match letter {
            '。' | '！' | '？' | ';' | '；' => true,
            '!' | '?' => next.is_none_or(char::is_whitespace),
            '.' => next.is_none_or(char::is_whitespace) && !ends_short(&text[start..at]),
            _ => false,
        };
        if ends {
            push_sentence(&mut out, text, start, at + letter.len_utf8());
            start = at + letter.len_utf8();
        }
    }
    push_sentence(&mut out, text, start, text.len());
    out
}

/// True when the text ends in an abbreviation, whose full stop ends no sentence.
fn ends_short(text: &str) -> bool {
    const SHORT: &[&str] = &["e.g", "i.e", "etc", "vs", "approx", "no", "fig", "mr", "dr"];
    SHORT.iter().any(|short| {
        let at = text.len().checked_sub(short.len());
        at.and_then(|at| Some((text.get(at..)?, text.get(..at)?))).is_some_and(|(tail, head)| {
            tail.eq_ignore_ascii_case(short) && !head.ends_with(|c: char| c.is_alphanumeric())
        })
    })
}

fn push_sentence<'t>(out: &mut Vec<(usize, &'t str)>, text: &'t str, start: usize, end: usize) {
    let piece = &text[start..end];
    let trimmed = piece.trim_start();
    if !trimmed.trim_end().is_empty() {
        out.push((start + piece.len() - trimmed.len(), trimmed.trim_end()));
    }
}

/// The section's title without numbering and decoration.
pub(crate) fn bare_title(section: &Section) -> &str {
    section
        .title
        .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ')' | ' ' | '-' | '#'))
        .trim()
}
