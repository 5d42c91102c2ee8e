//! The detector answers or refuses; it never panics, and it stays linear.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::{DOCUMENT_BYTES_MAX, DetectError, Options, detect, detect_bytes};

const SAMPLE: &str = "---\ntitle: 'Shop'\n---\n# Shop\n\n## Features\n1. **Orders**: create, edit, `delete` orders (id, total)\n   - [ ] upload a photo — every day at 9:30 PM PST\n\n| Field | Type |\n|:--|--|\n| a\\|b | varchar(20) |\n\n```sql\nCREATE TABLE x (id int);\n```\n\nPOST /api/orders/:id/items\nユーザーは毎日9時に注文を作成する。用户登录（含：a, b）\nEach order has the following fields: id -> uuid, items: enum(a|b), default: now()\n";

#[test]
fn refuses_what_is_no_document() {
    let options = Options::default();
    assert_eq!(detect(" \n\t", &options), Err(DetectError::Empty));
    assert_eq!(detect_bytes(b"PK\x03\x04\x00", &options), Err(DetectError::Binary { offset: 4 }));
    assert_eq!(detect_bytes(b"ab\xff", &options), Err(DetectError::NotUtf8 { offset: 2 }));
    let large = "a".repeat(DOCUMENT_BYTES_MAX + 1);
    let refused = detect(&large, &options);
    assert_eq!(
        refused,
        Err(DetectError::TooLarge { size: DOCUMENT_BYTES_MAX + 1, limit: DOCUMENT_BYTES_MAX })
    );
}

#[test]
fn tables_and_columns_are_limited() {
    let mut document = String::from("## Database schema\n");
    for table in 0..700 {
        let _ = writeln!(document, "- depot{table}: id, name");
    }
    document.push_str("- wide: id");
    for column in 0..400 {
        let _ = write!(document, ", c{column}");
    }
    let found = detect(&document, &Options::default()).expect("readable");
    assert_eq!(found.tables.len(), crate::merge::TABLES_MAX);
    assert!(found.tables.iter().all(|t| t.columns.len() <= 200));
}

#[test]
fn repeated_marks_are_read_in_linear_time() {
    // Each of these was chosen to make a careless scan quadratic; 20 kB would then take minutes.
    for piece in [
        "[", "![", "<", "*", "`", "|", "- ", "a and ", "(", "> ", "no ", "# x\n", "- x\n", "POST ",
        "\u{3002}", "users ",
    ] {
        let document = piece.repeat(20_000 / piece.len());
        let answer = detect(&document, &Options::default());
        assert!(answer.is_ok() || answer == Err(DetectError::Empty), "{piece}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in "\\PC{0,400}") {
        let _answer = detect(&text, &Options::default());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _answer = detect_bytes(&bytes, &Options::default());
    }

    #[test]
    fn a_mutated_document_is_read(at in 0..SAMPLE.len(), length in 0..40_usize, piece in "\\PC{0,12}") {
        let mut text: Vec<char> = SAMPLE.chars().collect();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        text.splice(at..end, piece.chars());
        let text: String = text.into_iter().collect();
        let once = detect(&text, &Options::default());
        prop_assert_eq!(&once, &detect(&text, &Options::default()));
        if let Ok(found) = once {
            let lines = u32::try_from(text.lines().count()).expect("short");
            prop_assert!(found.tables.iter().flat_map(|t| &t.lines).all(|l| (1..=lines).contains(l)));
            prop_assert!(!found.none || found.tables.is_empty() && found.auth.is_empty());
        }
    }
}
