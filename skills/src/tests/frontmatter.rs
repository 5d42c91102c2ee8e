//! What stands before the text.

use proptest::prelude::*;

use super::sound;
use crate::frontmatter::{parse, text_of};

#[test]
fn a_whole_one_is_read() {
    let text = "---\r\nname: pdf\r\ndescription: >\r\n  Fills\r\n  forms.\r\nlicense: MIT\r\ncompatibility: needs git\r\n\
        metadata:\r\n  version: 1.5\r\n  author: \"ada\"\r\nallowed-tools: Bash(git:*) Read\r\nmodel: x\r\n---\r\n\r\nText.\r\n---\r\nMore.\r\n";
    let (front, body) = parse(text).unwrap();
    assert_eq!((front.name.as_str(), front.description.as_str()), ("pdf", "Fills forms."));
    assert_eq!(front.license.as_deref(), Some("MIT"));
    assert_eq!(front.compatibility.as_deref(), Some("needs git"));
    assert_eq!(front.metadata["author"], "ada");
    assert_eq!(front.metadata["version"], "1.5");
    assert_eq!(front.allowed_tools.as_deref(), Some("Bash(git:*) Read"));
    assert!(front.unknown.contains("model"));
    assert_eq!(body, "Text.\r\n---\r\nMore.");
}

#[test]
fn tools_may_be_a_list_and_none_is_not_all() {
    let tools = |line: &str| {
        let text = format!("---\nname: a\ndescription: b\n{line}\n---\n");
        parse(&text).unwrap().0.allowed_tools
    };
    assert_eq!(tools("allowed-tools: [Read, Grep]").as_deref(), Some("Read Grep"));
    assert_eq!(tools("allowed-tools:").as_deref(), Some(""));
    assert_eq!(tools("license: MIT"), None);
}

#[test]
fn what_breaks_the_specification_is_refused_with_its_reason() {
    let block = |fields: &str| format!("---\n{fields}\n---\ntext\n");
    let bomb: String = (1..9)
        .map(|level| format!("  a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")))
        .collect();
    let cases = [
        (String::new(), "does not begin"),
        ("# Title\n".to_owned(), "does not begin"),
        (" ---\nname: a\n---\n".to_owned(), "does not begin"),
        ("---\nname: a\n".to_owned(), "not closed"),
        (format!("---\nname: a\n{}\n---\n", "# x\n".repeat(8000)), "bytes"),
        (block("- a"), "no fields"),
        (block("name: a"), "`description` is missing"),
        (block("name: a\ndescription: '  '"), "`description` is missing"),
        (block("description: b"), "`name` is missing"),
        (block("name: 7\ndescription: b"), "`name` is no text"),
        (block("name: [a]\ndescription: b"), "`name` is no text"),
        (block("name: ../../etc\ndescription: b"), "`../../etc`"),
        (block("name: PDF\ndescription: b"), "lower-case"),
        (block("name: \"a\\e[2J\"\ndescription: b"), "`a\\u{1b}[2J`"),
        (block("name: a\nname: b\ndescription: b"), "no YAML"),
        (block("name: a\ndescription: use: it"), "must be quoted"),
        (block(&format!("name: a\ndescription: {}", "x".repeat(1025))), "1025 characters"),
        (block(&format!("name: a\ndescription: b\ncompatibility: {}", "x".repeat(501))), "501 characters"),
        (block("name: a\ndescription: b\nmetadata: [x]"), "`metadata`"),
        (block("name: a\ndescription: b\nmetadata: {x: [y]}"), "`metadata`"),
        (block("name: a\ndescription: b\nallowed-tools: {x: y}"), "`allowed-tools`"),
        (
            block(&format!("name: a\ndescription: b\nmetadata: {}{}", "[".repeat(5000), "]".repeat(5000))),
            "no YAML",
        ),
        (block(&format!("name: a\ndescription: b\nmetadata: [{}]", "a,".repeat(3000))), "no YAML"),
        (block(&format!("name: a\ndescription: b\nmetadata:\n  a0: &a0 [x, x]\n{bomb}")), "no YAML"),
        (block("name: &n a\ndescription: *n"), "no YAML"),
    ];
    for (text, expected) in cases {
        let why = parse(&text).unwrap_err();
        assert!(why.contains(expected), "{expected}: {why}\n{}", &text[..text.len().min(200)]);
        assert!(!why.contains(['\u{1b}', '\n']) && why.len() < 600, "{why}");
    }
}

#[test]
fn only_utf8_is_text() {
    assert_eq!(text_of(b"\xef\xbb\xbf---\n".to_vec()).unwrap(), "---\n");
    let utf16: Vec<u8> = "---\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [&[0xff, 0xfe], utf16.as_slice()].concat();
    for (bytes, expected) in
        [(with_mark, "UTF-16"), (utf16, "no text"), (b"---\nname: \xe9".to_vec(), "not UTF-8 from byte 10")]
    {
        let why = text_of(bytes).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(block in "[ -~\\n\\t\u{1b}é&*!|>]{0,200}", rest in "\\PC{0,60}") {
        let _read = parse(&format!("---\n{block}\n---\n{rest}"));
        let _read = parse(&rest);
    }

    #[test]
    fn a_sound_one_stays_sound_below_any_text(rest in "\\PC{0,200}") {
        let text = format!("{}{rest}", sound("a"));
        prop_assert_eq!(parse(&text).unwrap().0.name, "a");
    }
}
