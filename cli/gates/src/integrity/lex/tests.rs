//! Comments and strings are read as each language writes them.

use super::{Kind, Language, tokens};

fn words(language: Language, text: &str) -> Vec<&str> {
    tokens(language, text).into_iter().filter(|t| t.kind == Kind::Word).map(|t| t.text).collect()
}

#[test]
fn what_is_in_comments_and_strings_is_no_code() {
    let cases = [
        (Language::Rust, "a /* b /* c */ d */ e // f\n\"g\\\" h\" i r#\"j\" k\"# l 'm' 'n o b\"p\" '\\'' q"),
        (Language::Python, "a # b\n'''c\n# d''' e \"f\\\" g\" i # ' \nl rb'x' n o q"),
        (Language::Script, "a // b\n/* c */ e `d ${ x('`') + `y` } z` i /[/'] f/g.l 'it' n o; q"),
        (Language::Go, "a // b\n`c\n\" d` e \"f\\\" g\" 'x' i /* k */ l n o q"),
        (Language::Jvm, "a // b\n\"\"\"c\n\" d\"\"\" e \"f\\\" g\" '\"' i l n o /* */ q"),
    ];
    for (language, text) in cases {
        let found: Vec<&str> = words(language, text).into_iter().filter(|w| *w != "g").collect();
        assert_eq!(found, ["a", "e", "i", "l", "n", "o", "q"], "{language:?}: {text}");
    }
}

#[test]
fn whatever_does_not_end_ends_with_its_line_or_the_file() {
    for language in [Language::Rust, Language::Python, Language::Script, Language::Go, Language::Jvm] {
        for text in [
            "\"",
            "'",
            "`",
            "/*",
            "\\",
            "'\\",
            "\"\\",
            "r#\"",
            "`${",
            "é\\é'\u{1F600}",
            "0x",
            "1e+",
            "/[",
            "\"\"\"\\",
        ] {
            tokens(language, text);
        }
    }
    assert_eq!(words(Language::Script, "it's\nfoo"), ["it", "foo"]);
}

#[test]
fn a_slash_divides_after_a_value_and_begins_a_pattern_elsewhere() {
    assert_eq!(words(Language::Script, "a / b / c; x = /d e/; return /f/"), ["a", "b", "c", "x", "return"]);
}

#[test]
fn lines_and_columns_are_counted() {
    let found = tokens(Language::Python, "a\n  '''x\n y''' b\n\n c");
    let places: Vec<(u32, u32, bool)> = found.iter().map(|t| (t.line, t.column, t.leads)).collect();
    assert_eq!(places, [(1, 0, true), (2, 2, true), (3, 6, false), (5, 1, true)]);
}
