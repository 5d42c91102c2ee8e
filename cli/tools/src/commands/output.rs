//! What commands print, as models read it.

use loki_sandbox::workshop::Kept;

/// Bytes that are kept of what a command prints: half of them its beginning, half its end.
pub(super) const BYTES_MAX: usize = 32 << 10;

/// What was kept, without what only a terminal understands; what is left out is said.
pub(super) fn shown(kept: &Kept) -> String {
    plain(&kept.text())
}

/// What came after the first `from` bytes, as far as it was kept.
pub(super) fn shown_since(kept: &Kept, from: u64) -> String {
    let head = kept.head();
    let gap_ends = head.len() as u64 + kept.left_out();
    let tail = kept.tail();
    let since = |bytes: &[u8], begins: u64| {
        let skip = usize::try_from(from.saturating_sub(begins)).unwrap_or(usize::MAX);
        String::from_utf8_lossy(&bytes[skip.min(bytes.len())..]).into_owned()
    };
    let left_out = gap_ends.saturating_sub(from.max(head.len() as u64));
    let gap = if left_out > 0 { format!("\n[{left_out} bytes left out]\n") } else { String::new() };
    plain(&format!("{}{gap}{}", since(head, 0), since(&tail, gap_ends)))
}

/// Text without sequences that steer a terminal, without other control characters, and of a line that was
/// written over only what stood there last.
pub(super) fn plain(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let line = line.strip_suffix('\r').unwrap_or(line);
        let last = line.rsplit('\r').next().unwrap_or(line);
        without_sequences(last, &mut lines);
        lines.push_str(end);
    }
    lines
}

fn without_sequences(line: &str, to: &mut String) {
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' if characters.next_if_eq(&'[').is_some() => {
                // Parameters, up to a final character.
                while characters.next_if(|next| matches!(next, '\x20'..='\x3f')).is_some() {}
                let _final = characters.next_if(|next| matches!(next, '\x40'..='\x7e'));
            }
            '\x1b' if characters.next_if_eq(&']').is_some() => {
                while characters.next_if(|next| !matches!(next, '\x07' | '\x1b')).is_some() {}
            }
            '\t' => to.push('\t'),
            other if other.is_control() => {}
            other => to.push(other),
        }
    }
}
