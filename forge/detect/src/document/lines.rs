//! Splits text into sections and blocks, line by line.

use super::{Block, Code, Document, Grid, Kind, Section, clean};

/// Heading levels 1 to 6 are Markdown's; a line in bold type opens a section below all of them.
const LEVEL_BOLD: u8 = 8;
const HEADING_CHARS_MAX: usize = 90;

/// Reads the whole document. `first_line` is added where the text is a part of a larger one.
pub(crate) fn parse(text: &str) -> Document {
    let mut reader = Reader::new(text);
    reader.front_matter();
    while reader.at < reader.lines.len() {
        reader.step();
    }
    let mut document = reader.document;
    if document.title.is_none() {
        document.title =
            document.sections.iter().find(|s| s.level > 0 && s.level < LEVEL_BOLD).map(|s| s.title.clone());
    }
    document.link_children();
    document
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    at: usize,
    document: Document,
    section: usize,
    /// Open list items: indentation and block.
    items: Vec<(usize, usize)>,
    /// The paragraph or item directly before, which a list, grid or code block hangs under.
    lead: Option<usize>,
    /// The block that a plain line continues.
    open: Option<usize>,
    blank_before: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let document = Document { sections: vec![Section::default()], ..Document::default() };
        Reader {
            lines: text.lines().collect(),
            at: 0,
            document,
            section: 0,
            items: Vec::new(),
            lead: None,
            open: None,
            blank_before: true,
        }
    }

    fn line_number(&self, at: usize) -> u32 {
        u32::try_from(at + 1).unwrap_or(u32::MAX)
    }

    fn front_matter(&mut self) {
        if self.lines.first().is_none_or(|l| l.trim_end() != "---") {
            return;
        }
        let Some(end) = self.lines.iter().skip(1).take(100).position(|l| l.trim_end() == "---") else {
            return;
        };
        for line in &self.lines[1..=end] {
            if let Some(title) = line.strip_prefix("title:") {
                self.document.title = Some(title.trim().trim_matches(['\'', '"']).to_owned());
            }
        }
        self.at = end + 2;
    }

    fn step(&mut self) {
        let raw = self.lines[self.at];
        let line = raw.trim();
        if line.is_empty() {
            self.open = None;
            self.blank_before = true;
            self.at += 1;
            return;
        }
        if line.starts_with("<!--") {
            self.comment();
        } else if line.starts_with("```") || line.starts_with("~~~") {
            self.fence();
        } else if self.is_grid() {
            self.grid();
        } else if let Some((level, title)) = self.heading(line) {
            self.open_section(level, &title);
        } else if let Some((indent, rest)) = item(raw) {
            self.item(indent, rest);
        } else if self.is_indented_code(raw) {
            self.indented_code();
        } else if let Some(end) = self.braces() {
            self.braced_code(end);
        } else if !is_rule(line) {
            self.text(raw);
        } else {
            self.at += 1;
            self.open = None;
        }
        self.blank_before = false;
    }

    fn comment(&mut self) {
        let start = self.at;
        while self.at < self.lines.len() && !self.lines[self.at].contains("-->") {
            self.at += 1;
        }
        if self.at >= self.lines.len() {
            self.at = start; // Never closed: only this line is dropped.
        }
        self.at += 1;
    }

    fn fence(&mut self) {
        let line = self.lines[self.at].trim();
        let mark = &line[..3];
        let language = line
            .trim_start_matches(['`', '~'])
            .split([' ', '{', ','])
            .next()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        let start = self.at + 1;
        let length = self.lines[start..].iter().position(|l| l.trim().starts_with(mark));
        let end = length.map_or(self.lines.len(), |n| start + n);
        self.document.codes.push(Code {
            section: self.section,
            lead: self.lead,
            language: (!language.is_empty()).then_some(language),
            text: self.lines[start..end].join("\n"),
            line: self.line_number(start),
        });
        self.at = end + 1;
        self.open = None;
    }

    fn is_indented_code(&self, raw: &str) -> bool {
        self.blank_before && self.items.is_empty() && (raw.starts_with("    ") || raw.starts_with('\t'))
    }

    fn indented_code(&mut self) {
        let start = self.at;
        while self.at < self.lines.len() {
            let line = self.lines[self.at];
            if !line.trim().is_empty() && !line.starts_with("    ") && !line.starts_with('\t') {
                break;
            }
            self.at += 1;
        }
        self.document.codes.push(Code {
            section: self.section,
            lead: self.lead,
            language: None,
            text: self.lines[start..self.at].join("\n"),
            line: self.line_number(start),
        });
    }

    /// The line that closes a type written without a fence: `Task {`, fields, `}`.
    fn braces(&self) -> Option<usize> {
        const LINES_MAX: usize = 80;
        let line = self.lines[self.at];
        let head = line.strip_suffix('{').filter(|head| !head.starts_with(' '))?.trim();
        let named = head.split(' ').count() <= 4 && head.starts_with(char::is_alphabetic);
        let plain = head.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '='));
        if !named || !plain {
            return None;
        }
        let mut body = self.lines[self.at + 1..].iter().take(LINES_MAX);
        body.position(|l| l.starts_with('}')).map(|n| self.at + 1 + n)
    }

    fn braced_code(&mut self, end: usize) {
        self.document.codes.push(Code {
            section: self.section,
            lead: self.lead,
            language: None,
            text: self.lines[self.at..=end].join("\n"),
            line: self.line_number(self.at),
        });
        self.at = end + 1;
        self.open = None;
    }

    fn is_grid(&self) -> bool {
        let (Some(line), Some(next)) = (self.lines.get(self.at), self.lines.get(self.at + 1)) else {
            return false;
        };
        let next = next.trim();
        line.contains('|')
            && next.contains('-')
            && next.contains('|')
            && next.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t' | '+'))
    }

    fn grid(&mut self) {
        let header: Vec<String> = cells(self.lines[self.at]);
        let line = self.line_number(self.at);
        let mut rows = Vec::new();
        self.at += 2;
        while self.at < self.lines.len() && self.lines[self.at].contains('|') {
            let row = cells(self.lines[self.at]);
            let number = self.line_number(self.at);
            self.push(Kind::Row, &row.join(" | "), number, self.lead);
            rows.push((number, row));
            self.at += 1;
        }
        self.open = None;
        self.document.grids.push(Grid { section: self.section, lead: self.lead, line, header, rows });
    }

    /// The level and title, where the line is a heading of any style.
    fn heading(&self, line: &str) -> Option<(u8, String)> {
        let hashes = line.bytes().take_while(|b| *b == b'#').count();
        if (1..=6).contains(&hashes) && line[hashes..].starts_with([' ', '\t']) {
            let level = u8::try_from(hashes).unwrap_or(6);
            return Some((level, clean(line[hashes..].trim().trim_end_matches('#').trim())));
        }
        if line.chars().count() > HEADING_CHARS_MAX {
            return None;
        }
        let next = self.lines.get(self.at + 1).map_or("", |l| l.trim());
        if self.open.is_none() && next.len() > 2 && next.bytes().all(|b| b == b'=') {
            return Some((1, clean(line)));
        }
        if self.open.is_none()
            && self.blank_before
            && next.len() > 2
            && next.bytes().all(|b| b == b'-')
            && item(line).is_none()
        {
            return Some((2, clean(line)));
        }
        if !self.items.is_empty() && self.lines[self.at].starts_with([' ', '\t']) {
            return None;
        }
        plain_heading(line, self.open.is_none())
    }

    fn open_section(&mut self, level: u8, title: &str) {
        let mut parent = self.section;
        while self.document.sections[parent].level >= level {
            parent = self.document.sections[parent].parent.unwrap_or(0);
        }
        let line = self.line_number(self.at);
        self.document.sections.push(Section { title: title.to_owned(), level, line, parent: Some(parent) });
        self.section = self.document.sections.len() - 1;
        self.items.clear();
        self.lead = None;
        self.push(Kind::Heading, title, line, None);
        self.lead = None;
        self.open = None;
        self.at += 1;
    }

    fn item(&mut self, indent: usize, rest: &str) {
        while self.items.last().is_some_and(|(i, _)| *i >= indent) {
            self.items.pop();
        }
        let parent = self.items.last().map(|(_, block)| *block);
        let lead = parent.or_else(|| self.list_lead());
        let depth = u8::try_from(self.items.len()).unwrap_or(u8::MAX);
        let number = self.line_number(self.at);
        let block = self.push(Kind::Item { depth }, &clean(rest), number, lead);
        self.items.push((indent, block));
        self.open = Some(block);
        self.at += 1;
    }

    /// The paragraph a top-level item hangs under: the one before its list.
    fn list_lead(&self) -> Option<usize> {
        let lead = self.lead?;
        let block = self.document.blocks.get(lead)?;
        match block.kind {
            Kind::Paragraph => Some(lead),
            Kind::Item { .. } | Kind::Heading | Kind::Row => {
                block.lead.filter(|l| self.document.blocks.get(*l).is_some_and(|b| b.kind == Kind::Paragraph))
            }
        }
    }

    fn text(&mut self, raw: &str) {
        let number = self.line_number(self.at);
        let text = clean(raw.trim().trim_start_matches('>').trim());
        self.at += 1;
        if let Some(open) = self.open
            && let Some(block) = self.document.blocks.get_mut(open)
        {
            block.text.push(' ');
            block.starts.push((block.text.len(), number));
            block.text.push_str(&text);
            return;
        }
        let under =
            if raw.starts_with([' ', '\t']) { self.items.last().map(|(_, block)| *block) } else { None };
        if under.is_none() {
            self.items.clear();
        }
        let block = self.push(Kind::Paragraph, &text, number, under);
        self.open = Some(block);
    }

    fn push(&mut self, kind: Kind, text: &str, line: u32, lead: Option<usize>) -> usize {
        let block =
            Block { section: self.section, kind, text: text.to_owned(), starts: vec![(0, line)], lead };
        self.document.blocks.push(block);
        let index = self.document.blocks.len() - 1;
        if kind != Kind::Row {
            self.lead = Some(index);
        }
        index
    }
}

/// Indentation and text of a list item.
fn item(raw: &str) -> Option<(usize, &str)> {
    let indent: usize =
        raw.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 4 } else { 1 }).sum();
    let line = raw.trim();
    let mut chars = line.chars();
    let first = chars.next()?;
    let rest = match first {
        '-' | '*' | '+' => line[1..].strip_prefix([' ', '\t'])?,
        '•' | '◦' | '▪' | '‣' | '·' | '●' | '○' | '■' | '・' | '–' | '—' | '✓' | '✅' | '➤' => {
            line[first.len_utf8()..].trim_start()
        }
        '0'..='9' => {
            let digits = line.bytes().take_while(u8::is_ascii_digit).count();
            let after = &line[digits..];
            let mark = after.chars().next().filter(|c| matches!(c, '.' | ')' | '、' | '．' | '）'))?;
            let rest = &after[mark.len_utf8()..];
            if digits > 3 || mark.is_ascii() && !rest.starts_with([' ', '\t']) {
                return None;
            }
            rest
        }
        'a'..='z' => line[1..].strip_prefix(") ")?,
        _ => return None,
    };
    let rest = rest.trim_start();
    let boxed =
        rest.strip_prefix("[ ]").or_else(|| rest.strip_prefix("[x]")).or_else(|| rest.strip_prefix("[X]"));
    Some((indent, boxed.unwrap_or(rest).trim()))
}

/// Headings without marks: a bold line, a numbered line such as `2.1 Users`, a line in capitals.
fn plain_heading(line: &str, paragraph_starts: bool) -> Option<(u8, String)> {
    let bare = line.trim_end_matches([':', '：']);
    if let Some(inner) =
        bare.strip_prefix("**").and_then(|l| l.trim_end_matches([':', '：']).strip_suffix("**"))
        && !inner.contains("**")
        && !inner.is_empty()
    {
        return Some((LEVEL_BOLD, clean(inner.trim_end_matches([':', '：']))));
    }
    if !paragraph_starts {
        return None;
    }
    let numbering = line.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect::<String>();
    let dots = numbering.trim_end_matches('.').matches('.').count();
    let rest = line[numbering.len()..].trim();
    let capital = rest.chars().next().is_some_and(|c| c.is_uppercase() || !c.is_ascii());
    if dots > 0 && capital && line[numbering.len()..].starts_with(' ') && !rest.ends_with(['.', ';', ',']) {
        return Some((u8::try_from(dots + 1).unwrap_or(7).min(7), clean(rest.trim_end_matches(':'))));
    }
    let bullet = numbering.is_empty() && item(line).is_some();
    if bullet || rest.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return None; // Scripts without case are all capitals to a careless eye.
    }
    let letters = rest.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = letters > 3
        && rest.chars().all(|c| !c.is_lowercase())
        && rest.chars().any(|c| c.is_ascii_uppercase());
    if capitals && rest.split(' ').count() <= 8 && !rest.contains('_') && !rest.contains('=') {
        return Some((if numbering.is_empty() { 2 } else { 1 }, clean(rest.trim_end_matches(':'))));
    }
    None
}

fn is_rule(line: &str) -> bool {
    line.len() > 2 && line.bytes().all(|b| matches!(b, b'-' | b'=' | b'*' | b'_' | b' '))
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let line = line.strip_suffix('|').unwrap_or(line);
    let mut out = vec![String::new()];
    let mut escaped = false;
    for letter in line.chars() {
        if letter == '|' && !escaped {
            out.push(String::new());
        } else if let Some(last) = out.last_mut() {
            last.push(letter);
        }
        escaped = letter == '\\' && !escaped;
    }
    out.iter().map(|cell| clean(cell.trim())).collect()
}
