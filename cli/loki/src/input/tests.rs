use super::*;
use crate::exit::Status;

/// Standard input that must not be touched.
struct Untouched;

impl Read for Untouched {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("standard input was read unasked")
    }
}

type Files<'a> = &'a [(&'a str, &'a [u8])];

fn folder(files: Files<'_>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

fn refusal(argument: &str, dir: &tempfile::TempDir) -> CommandError {
    let error = read_spec(argument, dir.path(), &mut Untouched).unwrap_err();
    assert_eq!((error.kind, error.status()), (ErrorKind::Input, Status::Refused), "{error:?}");
    assert!(!error.hints.is_empty(), "{error:?}");
    error
}

#[test]
fn a_file_is_read_with_its_name() {
    let dir = folder(&[("notes/Shop.md", b"# Shop\n")]);
    let spec = read_spec("notes/Shop.md", dir.path(), &mut Untouched).unwrap();
    assert_eq!(spec.origin, Origin::File(dir.path().join("notes/Shop.md")));
    assert_eq!((spec.file_name.as_deref(), spec.text.as_str()), (Some("Shop.md"), "# Shop\n"));
}

#[test]
fn a_folder_gives_its_usual_document_else_its_only_one_else_its_readme() {
    let cases: [(Files<'_>, &str); 4] = [
        (&[("docs/PRD.md", b"x"), ("SPEC.md", b"x"), ("other.md", b"x")], "docs/PRD.md"),
        (&[("shop.yaml", b"x"), ("README.md", b"x"), ("package.json", b"{}")], "shop.yaml"),
        (&[("README.md", b"x"), ("main.rs", b"x")], "README.md"),
        (&[("prd.md", b"x"), ("requirements.md", b"x")], "prd.md"),
    ];
    for (files, expected) in cases {
        let dir = folder(files);
        let spec = read_spec(".", dir.path(), &mut Untouched).unwrap();
        let Origin::File(path) = spec.origin else { panic!("{expected}") };
        assert_eq!(path.canonicalize().unwrap(), dir.path().join(expected).canonicalize().unwrap());
    }
}

#[test]
fn a_folder_without_one_document_is_refused() {
    let error = refusal(".", &folder(&[("main.rs", b"x"), (".hidden.md", b"x")]));
    assert!(error.message.ends_with("holds no document"), "{}", error.message);
    let error = refusal(".", &folder(&[("b.md", b"x"), ("a.txt", b"x")]));
    assert!(error.message.ends_with("holds 2 documents and none is called PRD.md"), "{}", error.message);
    assert_eq!(error.hints, ["Name the one that is meant: `a.txt`, `b.md`."]);
}

#[test]
fn standard_input_is_read_when_named() {
    let dir = folder(&[]);
    let spec = read_spec("-", dir.path(), &mut &b"# From a pipe"[..]).unwrap();
    assert_eq!((spec.origin, spec.text.as_str()), (Origin::Stdin, "# From a pipe"));
}

#[test]
fn several_words_that_are_no_path_are_a_brief() {
    let dir = folder(&[("with blank.md", b"# File")]);
    let spec = read_spec("a todo list with sign-in", dir.path(), &mut Untouched).unwrap();
    assert_eq!((spec.origin, spec.text.as_str()), (Origin::Brief, "a todo list with sign-in"));
    let file = read_spec("with blank.md", dir.path(), &mut Untouched).unwrap();
    assert_eq!(file.text, "# File");
    let slip = refusal("with blanks.md", &dir);
    assert_eq!(slip.message, "there is no file `with blanks.md`");
}

#[test]
fn what_cannot_be_used_is_one_clear_error() {
    let long = vec![b'x'; SPEC_BYTES_MAX as usize + 1];
    let dir = folder(&[
        ("empty.md", b""),
        ("blank.md", b"\xef\xbb\xbf \n\t\n"),
        ("binary.md", b"MZ\0\x01"),
        ("latin1.md", b"# Caf\n\xe9\n"),
        ("utf16.md", b"\xff\xfe#\0"),
        ("long.md", &long),
    ]);
    let message = |name: &str| {
        let message = refusal(name, &dir).message;
        message.replace(&format!("`{}`", dir.path().join(name).display()), "FILE")
    };
    assert_eq!(message("empty.md"), "FILE is empty");
    assert_eq!(message("blank.md"), "FILE is empty");
    assert_eq!(message("binary.md"), "FILE is binary");
    assert_eq!(message("latin1.md"), "FILE is not valid UTF-8 (line 2)");
    assert_eq!(message("utf16.md"), "FILE is UTF-16 text");
    assert_eq!(message("long.md"), "FILE is longer than the limit of 2 MiB (2097152 bytes)");
    assert_eq!(refusal("absent.md", &dir).message, "there is no file `absent.md`");
    assert_eq!(refusal(" ", &dir).message, "the document's name is empty");
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let error = unreadable("/x/PRD.md", &denied);
    assert_eq!(error.message, "failed to read `/x/PRD.md`");
    assert_eq!(error.causes, ["permission denied"]);
    assert_eq!(error.hints, ["Give this user read permission: `chmod u+r '/x/PRD.md'`."]);
}

#[test]
fn exactly_the_limit_is_taken() {
    let full = vec![b'x'; SPEC_BYTES_MAX as usize];
    let spec = read_spec("-", Path::new("."), &mut full.as_slice()).unwrap();
    assert_eq!(spec.text.len() as u64, SPEC_BYTES_MAX);
}

const ISSUE: &str = r#"{"number": 12, "title": "Shop", "body": "- [ ] cart", "state": "OPEN"}"#;

#[test]
fn an_export_is_read_wherever_it_comes_from() {
    let dir = folder(&[("issue.json", ISSUE.as_bytes()), ("schema.sql", ISSUE.as_bytes())]);
    let file = read_spec("issue.json", dir.path(), &mut Untouched).unwrap();
    let piped = read_spec("-", dir.path(), &mut ISSUE.as_bytes()).unwrap();
    // The document is Markdown, whatever the export's name would say about it.
    let named = read_spec("schema.sql", dir.path(), &mut Untouched).unwrap();
    for (spec, name) in [(file, Some("issue.json")), (piped, None), (named, None)] {
        assert_eq!((spec.kind, spec.file_name.as_deref()), (SourceKind::GitHubIssue, name));
        assert_eq!(
            (spec.text.as_str(), spec.checklist),
            ("# Shop\n\nIssue #12.\n\n- [ ] cart\n", vec!["cart".to_owned()])
        );
    }
}

#[test]
fn a_document_for_people_stays_as_it_is() {
    let dir = folder(&[("PRD.md", b"\xef\xbb\xbf# Shop\r\n\r\n<!-- note -->\r\nIt sells.\r\n")]);
    let spec = read_spec("PRD.md", dir.path(), &mut Untouched).unwrap();
    assert_eq!((spec.kind, spec.checklist), (SourceKind::Prose, vec![]));
    assert_eq!(spec.text, "\u{feff}# Shop\r\n\r\n<!-- note -->\r\nIt sells.\r\n");
}

#[test]
fn an_export_of_ten_megabytes_is_refused_like_any_other_document() {
    let issue = format!(r#"{{"number": 1, "title": "T", "body": "{}"}}"#, "x".repeat(10 * 1024 * 1024));
    let error = read_spec("-", Path::new("."), &mut issue.as_bytes()).unwrap_err();
    assert_eq!(error.message, "standard input is longer than the limit of 2 MiB (2097152 bytes)");
}
