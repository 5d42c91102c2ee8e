use proptest::prelude::*;

use super::exact::edit;
use super::*;

fn only(text: &str, old: &str, new: &str) -> Result<String, Miss> {
    edit(text.as_bytes(), old, new, Which::Only).map(|edit| String::from_utf8(edit.content).unwrap())
}

fn all(text: &str, old: &str, new: &str) -> Result<String, Miss> {
    edit(text.as_bytes(), old, new, Which::All).map(|edit| String::from_utf8(edit.content).unwrap())
}

#[test]
fn one_occurrence_is_replaced_and_several_are_refused() {
    assert_eq!(only("a b c", "b", "x").unwrap(), "a x c");
    assert_eq!(only("a\nb\na\n", "a", "x"), Err(Miss::Several { lines: vec![1, 3] }));
    assert_eq!(only("aaa", "aa", "x"), Err(Miss::Several { lines: vec![1, 1] }), "either could be meant");
    assert_eq!(all("aaa", "aa", "x").unwrap(), "xa");
    assert_eq!(edit(b"l1\nl2 a\na", "a", "b", Which::All).unwrap().lines, [2, 3]);
    // Bytes around it are not touched, whatever they are.
    assert_eq!(edit(b"\xff\xfe old \xff", "old", "new", Which::Only).unwrap().content, b"\xff\xfe new \xff");
}

#[test]
fn lines_that_end_in_crlf_stay_so() {
    assert_eq!(only("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz").unwrap(), "x\r\ny\r\nz\r\nc\r\n");
    assert_eq!(only("a\r\nb\r\n", "a\r\nb", "x\r\ny").unwrap(), "x\r\ny\r\n");
    assert_eq!(only("a\r\nb\r\n", "b", "b\nc").unwrap(), "a\r\nb\r\nc\r\n");
    assert_eq!(only("a\nb\n", "b", "b\nc").unwrap(), "a\nb\nc\n");
    // Where ends are mixed, what is there decides.
    assert_eq!(only("a\r\nb\nc\n", "a\nb", "x\ny").unwrap(), "x\r\ny\nc\n");
    assert_eq!(only("a\r\nb\nc\n", "b\nc", "x\ny").unwrap(), "a\r\nx\ny\n");
}

#[test]
fn what_does_not_occur_is_answered_with_the_nearest_line() {
    let text = "fn main() {\n    let total = sum(&items);\n}\n";
    let near = |old: &str| match only(text, old, "x").unwrap_err() {
        Miss::Absent { nearest } => nearest.map(|near| (near.line, near.only_space)),
        other => panic!("{other:?}"),
    };
    assert_eq!(near("let totl = sum(&items);"), Some((2, false)));
    assert_eq!(near("\tlet total = sum(&items);"), Some((2, true)));
    assert_eq!(near("     2\t    let total = sum(&items);\n"), Some((2, true)));
    assert_eq!(near("completely different words"), None);
    assert!(near::has_line_numbers("    12\tx") && !near::has_line_numbers("12 x\n\ty"));
}

/// A hostile text takes neither long nor much.
#[test]
fn results_and_counts_are_bounded() {
    let text = "a".repeat(FILE_BYTES_MAX);
    assert_eq!(all(&text, "a", "aa"), Err(Miss::TooLarge));
    match only(&text, &"a".repeat(1_000), "x") {
        Err(Miss::Several { lines }) => assert_eq!(lines.len(), exact::OCCURRENCES_MAX),
        other => panic!("{:?}", other.map(|text| text.len())),
    }
    assert_eq!(counted(exact::OCCURRENCES_MAX), "at least 1000");
    assert!(matches!(
        only(&"x\n".repeat(FILE_BYTES_MAX / 2), "nothing like it", "y"),
        Err(Miss::Absent { .. })
    ));
}

proptest! {
    #[test]
    fn an_edit_is_what_replacing_a_string_is(
        text in "[ab\n]{0,40}", old in "[ab\n]{1,4}", new in "[abc\n]{0,4}",
    ) {
        let times = (0..text.len()).filter(|at| text[*at..].starts_with(&old)).count();
        match (only(&text, &old, &new), times) {
            (Ok(edited), 1) => prop_assert_eq!(edited, text.replacen(&old, &new, 1)),
            (Err(Miss::Absent { .. }), 0) => {}
            (Err(Miss::Several { lines }), 2..) => prop_assert_eq!(lines.len(), times),
            (other, times) => prop_assert!(false, "{:?} for {} occurrences", other, times),
        }
        match all(&text, &old, &new) {
            Ok(edited) => prop_assert_eq!(edited, text.replace(&old, &new)),
            Err(Miss::Absent { .. }) => prop_assert_eq!(times, 0),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }

    /// In CRLF text an edit in LF does what it does in LF text.
    #[test]
    fn crlf_is_lf_with_other_ends(
        text in "([ab]{0,3}\n){1,10}", old in "[ab\n]{1,4}", new in "[abc\n]{0,4}",
    ) {
        let crlf = text.replace('\n', "\r\n");
        let expected = all(&text, &old, &new).map(|text| text.replace('\n', "\r\n"));
        match (all(&crlf, &old, &new), expected) {
            (Ok(found), Ok(expected)) => prop_assert_eq!(found, expected),
            (Err(Miss::Absent { .. }), Err(Miss::Absent { .. })) => {}
            (found, expected) => prop_assert!(false, "{:?} and {:?}", found, expected),
        }
    }
}
