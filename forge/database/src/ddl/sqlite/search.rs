//! Search vectors in the text form in which Postgres writes them: `'fat':2,4A 'rat':3`.

use std::collections::BTreeMap;

/// The longest lexeme in bytes, the highest position and the most positions of a lexeme: Postgres' own.
const LEXEME_BYTES_MAX: usize = 2046;
const POSITION_MAX: u32 = 16_383;
const POSITIONS_MAX: usize = 256;

type Positions = BTreeMap<u32, char>;

/// The vector that `text` names: lexemes in order, each once, with positions and weights; `None` where it
/// names none.
pub(super) fn canonical(text: &str) -> Option<String> {
    let mut lexemes: BTreeMap<Vec<u8>, (String, Positions)> = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (lexeme, after) =
            if let Some(quoted) = rest.strip_prefix('\'') { word(quoted, true)? } else { word(rest, false)? };
        if lexeme.is_empty() || lexeme.len() > LEXEME_BYTES_MAX {
            return None;
        }
        let entry = lexemes.entry(lexeme.clone().into_bytes()).or_insert((lexeme, Positions::new()));
        rest = match after.strip_prefix(':') {
            Some(list) => positions(list, &mut entry.1)?,
            None => after,
        };
        let next = rest.trim_start();
        if next.len() == rest.len() && !rest.is_empty() {
            return None;
        }
        rest = next;
    }
    let shown: Vec<String> = lexemes.into_values().map(|(lexeme, at)| show(&lexeme, &at)).collect();
    Some(shown.join(" "))
}

/// A lexeme and what follows it.
fn word(text: &str, quoted: bool) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?.1),
            '\'' if quoted && chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                chars.next();
                out.push('\'');
            }
            '\'' if quoted => return Some((out, &text[at + 1..])),
            '\'' => return None,
            c if !quoted && (c == ':' || c.is_whitespace()) => return Some((out, &text[at..])),
            c => out.push(c),
        }
    }
    (!quoted).then_some((out, ""))
}

/// `1,2A,3`, and what follows it. The weight of a position that is named twice is the higher one.
fn positions<'t>(mut text: &'t str, out: &mut Positions) -> Option<&'t str> {
    loop {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        // Beyond the highest, positions are the highest.
        let position = text[..digits].parse::<u64>().ok().filter(|number| *number > 0)?;
        let position = u32::try_from(position).unwrap_or(POSITION_MAX).min(POSITION_MAX);
        text = &text[digits..];
        let mut weight = 'D';
        if let Some(letter) = text.chars().next().map(|c| c.to_ascii_uppercase())
            && matches!(letter, 'A'..='D' | '*')
        {
            weight = if letter == '*' { 'A' } else { letter };
            text = &text[1..];
        }
        if out.len() < POSITIONS_MAX || out.contains_key(&position) {
            let known = out.entry(position).or_insert(weight);
            *known = (*known).min(weight);
        }
        match text.strip_prefix(',') {
            Some(rest) => text = rest,
            None => return Some(text),
        }
    }
}

fn show(lexeme: &str, positions: &Positions) -> String {
    let quoted = lexeme.replace('\\', "\\\\").replace('\'', "''");
    let list: Vec<String> = positions
        .iter()
        .map(|(at, weight)| if *weight == 'D' { at.to_string() } else { format!("{at}{weight}") })
        .collect();
    if list.is_empty() { format!("'{quoted}'") } else { format!("'{quoted}':{}", list.join(",")) }
}
