//! Tables out of Mermaid `erDiagram` blocks: entities, attributes and the relations between them.

use std::collections::BTreeMap;

use super::build::{self, Builder};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;

/// The tables that the diagram in `text` shows.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let mut diagram = Diagram::default();
    let mut open: Option<usize> = None;
    for (line, number) in text.lines().zip(first_line..) {
        let line = line.split("%%").next().unwrap_or(line).trim();
        if line.is_empty() || line.starts_with("erDiagram") {
            continue;
        }
        if let Some(place) = open {
            let body = line.trim_end_matches('}').trim();
            if !body.is_empty() {
                attribute(&mut diagram.tables[place], body, number);
            }
            if line.ends_with('}') {
                open = None;
            }
            continue;
        }
        if let Some((left, right, verb)) = relation(line) {
            diagram.relate(left, right, verb, number);
        } else if let Some((name, body)) = line.split_once('{') {
            let place = diagram.place(entity_name(name), number);
            let body = body.trim();
            let inside = body.trim_end_matches('}');
            for part in inside.split([';', ',']).filter(|part| !part.trim().is_empty()) {
                attribute(&mut diagram.tables[place], part.trim(), number);
            }
            open = (!body.ends_with('}')).then_some(place);
        } else if is_name(line) {
            diagram.place(line, number);
        }
    }
    diagram.finish()
}

#[derive(Default)]
struct Diagram {
    tables: Vec<Builder>,
    places: BTreeMap<String, usize>,
    /// Many side, one side, line.
    relations: Vec<(usize, usize, u32)>,
}

impl Diagram {
    fn place(&mut self, name: &str, line: u32) -> usize {
        let name = if name.chars().all(|c| !c.is_ascii_lowercase()) {
            name.to_ascii_lowercase()
        } else {
            name.to_owned()
        };
        let snake = names::snake(&name);
        if let Some(&place) = self.places.get(&snake) {
            self.tables[place].line(line);
            return place;
        }
        self.tables.push(Builder::entity(&name, line));
        self.places.insert(snake, self.tables.len() - 1);
        self.tables.len() - 1
    }

    fn relate(&mut self, left: &str, right: &str, signs: &str, line: u32) {
        let (left, right) = (self.place(left, line), self.place(right, line));
        let many_left = signs.starts_with(['}', '{']);
        let many_right = signs.ends_with(['{', '}']);
        match (many_left, many_right) {
            // One to one: the right side depends on the left by custom.
            (false, _) => self.relations.push((right, left, line)),
            (true, false) => self.relations.push((left, right, line)),
            // Many to many: a table of its own, which the diagram would show.
            (true, true) => {}
        }
    }

    fn finish(mut self) -> Vec<Draft> {
        for (many, one, line) in self.relations {
            let target = self.tables[one].need().name.clone();
            let column = format!("{}_id", names::singular(&target));
            let table = &mut self.tables[many];
            let marked =
                table.need().fks.iter().position(|fk| names::key(&fk.references) == names::key(&target));
            let known = table.need().columns.iter().any(|known| known.name == column);
            // Only where the diagram shows no column for it: a key of another name may be that column.
            if marked.is_none()
                && !known
                && many != one
                && !table.need().columns.iter().any(|c| c.name.ends_with(&column))
            {
                table.column(build::column(&column), line);
            }
            if marked.is_none() && table.has(&column) {
                table.reference(&column, &target, None, None);
            }
        }
        build::finish(self.tables, Source::Schema)
    }
}

/// `USER ||--o{ ORDER : places` as its two ends and the signs between them.
fn relation(line: &str) -> Option<(&str, &str, &str)> {
    let head = line.split(" : ").next().unwrap_or(line);
    let head = head.strip_suffix(':').unwrap_or(head);
    let mut words = head.split_whitespace();
    let (left, signs, right) = (words.next()?, words.next()?, words.next()?);
    let right = right.trim_end_matches(':');
    let drawn = (signs.contains("--") || signs.contains("..")) && signs.chars().all(|c| "|o{}-.".contains(c));
    (drawn && is_name(left) && is_name(right)).then_some((
        left.trim_matches('"'),
        right.trim_matches('"'),
        signs,
    ))
}

/// `string email UK "comment"`.
fn attribute(table: &mut Builder, body: &str, line: u32) {
    let plain = body.split('"').next().unwrap_or(body);
    let mut words = plain.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        if is_name(plain) {
            table.column(build::column(plain), line);
        }
        return;
    };
    // Type before name is the grammar; people also write it the other way round.
    let swapped = types::parse(first, "").is_none() && types::parse(second, "").is_some();
    let (kind, name) = if swapped { (second, first) } else { (first, second) };
    let snake = names::snake(name);
    let mut column = build::typed(name, types::parse(kind, &snake));
    let mut foreign = false;
    for key in words.flat_map(|word| word.split(',')) {
        match key {
            "PK" => column.primary_key = true,
            "UK" => column.unique = true,
            "FK" => foreign = true,
            _ => {}
        }
    }
    table.column(column, line);
    if foreign {
        table.mark_foreign(&snake);
    }
}

fn entity_name(text: &str) -> &str {
    let text = text.trim();
    text.split('[').next().unwrap_or(text).trim().trim_matches('"')
}

fn is_name(text: &str) -> bool {
    let text = text.trim_matches('"');
    !text.is_empty()
        && text.len() <= 60
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
