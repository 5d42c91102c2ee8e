use proptest::prelude::*;

use super::*;

#[test]
fn what_acts_on_a_terminal_is_shown() {
    assert_eq!(shown("plain text"), "plain text");
    assert_eq!(shown("\u{1b}[2J\u{7}gone\r"), "^[[2J^Ggone^M");
    assert_eq!(shown("\u{9b}31m\u{7f}"), "<U+009B>31m^?");
    assert_eq!(shown("abc\u{202e}cba\u{2066}"), "abc<U+202E>cba<U+2066>");
    assert_eq!(shown("a\u{200b}b\u{feff}"), "a<U+200B>b<U+FEFF>");
    assert_eq!(shown("one\ntwo\tthree"), "one two    three");
    assert_eq!(shown("größer 漢字"), "größer 漢字");
}

#[test]
fn marks_do_not_pile_up_on_one_character() {
    let piled = format!("a{}", "\u{301}".repeat(5));
    assert_eq!(shown(&piled), "a\u{301}\u{301}\u{301}<U+0301><U+0301>");
}

#[test]
fn a_text_is_cut_by_its_columns_and_not_by_its_bytes() {
    assert_eq!(fit("漢字漢字", 5, "…"), "漢字…");
    assert_eq!(fit("漢字漢字", 8, "…"), "漢字漢字");
    assert_eq!(fit("abcdef", 4, "..."), "a...");
    assert_eq!(fit("abcdef", 2, "..."), "");
}

#[test]
fn lines_break_at_blanks_and_long_words_anywhere() {
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
    assert_eq!(wrap("", 3), [""]);
    assert_eq!(wrap("  one two", 6), ["  one", "  two"]);
    assert_eq!(wrap("漢字", 1), ["漢", "字", ""]);
}

#[test]
fn figures_are_read_by_people() {
    assert_eq!(
        (age(5000, 4999), age(65_000, 1000), age(0, 3_000)),
        ("just now".into(), "1 min ago".into(), "in 3 s".into())
    );
    assert_eq!(usd(1_500_000), "$1.50");
    assert_eq!(usd(1234), "$0.0012");
    assert_eq!(
        (number(0), number(1234), number(1_234_567)),
        ("0".into(), "1,234".into(), "1,234,567".into())
    );
    assert_eq!(clock(i64::MAX), UNKNOWN);
}

proptest! {
    #[test]
    fn nothing_that_acts_is_left(text in any::<String>()) {
        let safe = shown(&text);
        prop_assert!(!safe.chars().any(|c| c.is_control() || acts(c)));
        // Once shown, it is shown as it is.
        prop_assert_eq!(shown(&safe).into_owned(), safe.clone().into_owned());
    }

    #[test]
    fn what_is_cut_fits(text in any::<String>(), columns in 0usize..40) {
        let safe = shown(&text);
        prop_assert!(width(&fit(&safe, columns, "…")) <= columns);
        for line in wrap(&safe, columns.max(4)) {
            prop_assert!(width(&line) <= columns.max(4));
        }
    }
}
