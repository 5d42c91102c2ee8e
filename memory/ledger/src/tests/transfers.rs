//! Export and import.

use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestRunner};

use super::{fresh, id, play, started};
use crate::event::{ArtifactId, Command, Event, Limits, Stop};
use crate::{ImportReport, Ledger, LedgerError};

fn export(ledger: &Ledger, run: &str) -> Vec<u8> {
    let mut out = Vec::new();
    ledger.reader().export(&id(run), &mut out).unwrap();
    out
}

fn empty(ledger: &Ledger) -> bool {
    let kept = ledger.reader().artifact(&ArtifactId::of(b"request"));
    ledger.reader().runs().unwrap().is_empty() && matches!(kept, Err(LedgerError::UnknownArtifact { .. }))
}

#[test]
fn a_run_goes_into_another_ledger_and_comes_out_the_same() {
    let ((_here, from), (_there, to)) = (fresh(), fresh());
    play(&from, &id("a"));
    let file = export(&from, "a");
    assert_eq!(from.reader().export(&id("a"), std::io::sink()).unwrap(), 8);
    for known in [false, true] {
        let report = to.import(&*file).unwrap();
        assert_eq!(report, ImportReport { run: id("a"), events: 8, artifacts: 5, known });
    }
    assert_eq!(export(&to, "a"), file);
    assert_eq!(to.reader().verify(&id("a")).unwrap(), from.reader().verify(&id("a")).unwrap());
    assert_eq!(to.reader().runs().unwrap(), from.reader().runs().unwrap());
}

#[test]
fn other_events_under_the_same_name_are_refused() {
    let ((_here, from), (_there, to)) = (fresh(), fresh());
    play(&from, &id("a"));
    to.append(&id("a"), started(&to)).unwrap();
    let before = export(&to, "a");
    let refused = to.import(&*export(&from, "a"));
    assert!(matches!(refused, Err(LedgerError::RunExists { .. })), "{refused:?}");
    assert_eq!(export(&to, "a"), before);
}

/// Whatever single line is lost, doubled, exchanged with the next or changed: nothing is taken over.
#[test]
fn a_file_that_was_changed_is_refused_whole() {
    let ((_here, from), (_there, to)) = (fresh(), fresh());
    play(&from, &id("a"));
    let file = String::from_utf8(export(&from, "a")).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    let artifacts = 1..6;
    let refused = |lines: &[&str], what: &str| {
        let result = to.import(lines.join("\n").as_bytes());
        assert!(matches!(result, Err(LedgerError::Import { .. })), "{what}: {result:?}");
        assert!(empty(&to), "{what}");
    };
    for at in 0..lines.len() {
        let mut lost = lines.clone();
        lost.remove(at);
        refused(&lost, &format!("line {at} lost"));
        if !artifacts.contains(&at) {
            let mut doubled = lines.clone();
            doubled.insert(at, lines[at]);
            refused(&doubled, &format!("line {at} doubled"));
        }
        // Where an artifact stands does not matter, as long as it comes before the event that names it.
        if at + 1 < lines.len() && !artifacts.contains(&at) {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            refused(&swapped, &format!("line {at} exchanged with the next"));
        }
        let cut = &lines[at][..lines[at].len() - 3];
        let mut shortened = lines.clone();
        shortened[at] = cut;
        refused(&shortened, &format!("line {at} cut"));
    }
    for (from, to) in [
        (r#"\"pid\":7"#, r#"\"pid\":8"#),
        (r#""seq":3"#, r#""seq":4"#),
        (r#""version":1"#, r#""version":2"#),
        (r#""at_ms":"#, r#""at_ms":1"#),
        (r#""base64":""#, r#""base64":"AAAA"#),
        (r#""run":"a""#, r#""run":"b""#),
        (r#""run":"a""#, r#""run":"../a""#),
    ] {
        let changed = file.replacen(from, to, 1);
        assert_ne!(changed, file, "{from}");
        refused(&changed.lines().collect::<Vec<_>>(), from);
    }
    let extra = ArtifactId::of(b"extra");
    let line = format!(r#"{{"kind":"artifact","id":"{extra}","base64":"ZXh0cmE="}}"#);
    let mut added = lines.clone();
    added.insert(1, &line);
    refused(&added, "an artifact that no event names");
    let mut replaced = lines.clone();
    replaced[1] = &line;
    refused(&replaced, "an artifact in the place of another");
    refused(&[], "an empty file");
    refused(&["# Notes"], "no export");
    assert!(!to.import(file.as_bytes()).unwrap().known, "and the file itself is taken");
}

#[test]
fn a_line_without_end_is_refused() {
    let (_dir, ledger) = fresh();
    let endless = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b'x'), 1 << 30));
    let refused = ledger.import(endless);
    assert!(matches!(refused, Err(LedgerError::Import { line: 1, .. })), "{refused:?}");
}

/// Events that may come at any time, with any text in them.
fn anything() -> impl Strategy<Value = Vec<Event>> {
    let event = (any::<u8>(), any::<u32>(), any::<String>()).prop_map(|(kind, number, text)| {
        let command = match kind % 4 {
            0 => return vec![Event::Attached { pid: number, attended: kind > 100 }],
            1 => Command::Steer { text },
            2 => Command::Approve { subject: text.clone(), name: text, reason: String::new() },
            _ => {
                let stop = Stop::ProviderFailed { message: text };
                return vec![Event::RunStopped { stop }, Event::Reopened { limits: Limits::default() }];
            }
        };
        vec![Event::CommandTaken { id: number.into(), command, iteration: 0 }]
    });
    proptest::collection::vec(event, 0..8).prop_map(|events| events.concat())
}

#[test]
fn any_run_survives_the_journey() {
    let ((_here, from), (_there, to)) = (fresh(), fresh());
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 24, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let count = std::cell::Cell::new(0);
    runner
        .run(&anything(), |events| {
            count.set(count.get() + 1);
            let run = format!("run-{}", count.get());
            from.append(&id(&run), started(&from)).unwrap();
            for event in events {
                from.append(&id(&run), event).unwrap();
            }
            let file = export(&from, &run);
            to.import(&*file).unwrap();
            assert_eq!(export(&to, &run), file);
            assert_eq!(to.reader().fold(&id(&run)).unwrap(), from.reader().fold(&id(&run)).unwrap());
            assert_eq!(
                to.reader().events(&id(&run), 0).unwrap(),
                from.reader().events(&id(&run), 0).unwrap()
            );
            Ok(())
        })
        .unwrap();
}
