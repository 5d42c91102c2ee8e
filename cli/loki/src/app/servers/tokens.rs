//! Tokens of texts of strangers, counted with the vocabulary `o200k_base`.

use tiktoken_rs::o200k_base_singleton;

/// Bytes that are counted at a time: a text can be made so that counting it whole takes very long.
const PIECE_BYTES_MAX: usize = 2_048;

/// How many tokens a text has, or a few more.
pub(super) fn count(text: &str) -> usize {
    pieces(text).map(of).sum()
}

/// The beginning of a text that has at most so many tokens, and the bytes that are left out.
pub(super) fn cut(text: &str, tokens_max: usize) -> (&str, usize) {
    // No token is shorter than a byte.
    if text.len() <= tokens_max {
        return (text, 0);
    }
    let (mut left, mut end) = (tokens_max, 0);
    for piece in pieces(text) {
        match left.checked_sub(of(piece)) {
            Some(rest) => {
                left = rest;
                end += piece.len();
            }
            None => {
                // Of the piece that does not fit, as many bytes as there are tokens: they fit whatever they are.
                end += piece.floor_char_boundary(left.min(piece.len()));
                break;
            }
        }
    }
    (&text[..end], text.len() - end)
}

fn of(piece: &str) -> usize {
    o200k_base_singleton().encode_ordinary(piece).len()
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.floor_char_boundary(PIECE_BYTES_MAX.min(rest.len()));
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_tokens_end() {
        assert_eq!(cut("short", 100), ("short", 0));
        let long = "hello world ".repeat(5_000);
        let (kept, left) = cut(&long, 1_000);
        assert_eq!(kept.len() + left, long.len());
        assert!((500..=1_000).contains(&count(kept)), "{}", count(kept));
        let wide = "世界".repeat(5_000);
        let (kept, _) = cut(&wide, 50);
        assert!(count(kept) <= 50 && !kept.is_empty());
        assert_eq!(count(""), 0);
    }

    #[test]
    fn a_text_that_is_made_to_be_slow_is_not() {
        // Whole, it would be counted in time that grows with the square of its length.
        assert!(pieces(&"ä".repeat(200_000)).all(|piece| piece.len() <= PIECE_BYTES_MAX));
        assert!(count(&"a".repeat(400_000)) > 0);
    }
}
