use super::*;
use crate::error::ErrorKind;

struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

#[test]
fn results_and_talk_go_different_ways() {
    let (mut ui, out, err) = Ui::captured(Format::Text, Verbosity::Normal);
    ui.result(format_args!("42")).unwrap();
    ui.status(format_args!("Counting.")).unwrap();
    ui.detail(format_args!("unseen")).unwrap();
    ui.warning(format_args!("slow")).unwrap();
    assert_eq!(out.text(), "42\n");
    assert_eq!(err.text(), "Counting.\nwarning: slow\n");
}

#[test]
fn quiet_keeps_results_and_warnings() {
    let (mut ui, out, err) = Ui::captured(Format::Text, Verbosity::Quiet);
    ui.result(format_args!("42")).unwrap();
    ui.status(format_args!("Counting.")).unwrap();
    ui.warning(format_args!("slow")).unwrap();
    assert_eq!((out.text().as_str(), err.text().as_str()), ("42\n", "warning: slow\n"));
}

#[test]
fn verbose_adds_detail() {
    let (mut ui, _, err) = Ui::captured(Format::Text, Verbosity::Verbose);
    ui.detail(format_args!("seen")).unwrap();
    assert_eq!(err.text(), "seen\n");
}

#[test]
fn an_error_shows_causes_indented_then_hints() {
    let (mut ui, out, err) = Ui::captured(Format::Text, Verbosity::Quiet);
    let error = CommandError {
        kind: ErrorKind::Io,
        message: "failed to read `a\u{1b}[2J`".to_owned(),
        causes: vec!["denied".to_owned(), "by policy".to_owned()],
        hints: vec!["Ask.".to_owned()],
    };
    ui.error(&error).unwrap();
    assert_eq!(err.text(), "error: failed to read `a\u{fffd}[2J`\n  denied\n    by policy\nhint: Ask.\n");
    assert_eq!(out.text(), "");
}

#[test]
fn an_error_is_one_json_line_for_scripts() {
    let (mut ui, out, err) = Ui::captured(Format::Json, Verbosity::Normal);
    ui.error(&CommandError::new(ErrorKind::Usage, "no")).unwrap();
    let shown: serde_json::Value = serde_json::from_str(err.text().trim_end()).unwrap();
    assert_eq!(shown["error"]["exit_code"], 2);
    assert_eq!((err.text().lines().count(), out.text().as_str()), (1, ""));
}

#[test]
fn events_are_one_line_each() {
    let (mut ui, out, _) = Ui::captured(Format::Text, Verbosity::Normal);
    ui.event(&serde_json::json!({"text": "two\nlines"})).unwrap();
    ui.event(&serde_json::json!({"n": 2})).unwrap();
    assert_eq!(out.text(), "{\"text\":\"two\\nlines\"}\n{\"n\":2}\n");
}

#[test]
fn a_reader_that_went_away_is_no_error_but_a_full_disk_is() {
    let (mut ui, ..) = Ui::captured(Format::Text, Verbosity::Normal);
    ui.out = Stream::new(Box::new(Failing(io::ErrorKind::BrokenPipe)), false);
    ui.result(format_args!("1")).unwrap();
    ui.result(format_args!("2")).unwrap();
    assert!(!ui.out.open);
    ui.out = Stream::new(Box::new(Failing(io::ErrorKind::StorageFull)), false);
    let error = CommandError::from(ui.result(format_args!("1")).unwrap_err());
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Io, "failed to write the output"));
}
