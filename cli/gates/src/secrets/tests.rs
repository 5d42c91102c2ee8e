//! What is a secret and what is none, by table; and that nothing of one gets out.

use std::sync::LazyLock;

use super::*;
use crate::diff::scope::Edit;
use loki_ledger::event::Verdict;

/// A verdict, a path and a line each. A tilde is left out: these files must not look like leaks themselves.
const POSITIVE: &str = include_str!("positive.txt");
/// A path and a line each.
const NEGATIVE: &str = include_str!("negative.txt");

/// Made once: that takes longer than a search.
static SEARCHER: LazyLock<Searcher> = LazyLock::new(|| Searcher::new(&[]));

fn searcher() -> &'static Searcher {
    &SEARCHER
}

fn added(path: &str, text: &str) -> Judgement {
    searcher().judge(&[Edit::text(path, Some("was = 1\n"), Some(text))])
}

fn without_marks(text: &str) -> String {
    text.replace('~', "")
}

#[test]
fn every_secret_of_the_table_is_found_and_nothing_of_it_gets_out() {
    let (mut cases, mut wrong) = (0, Vec::new());
    for case in POSITIVE.lines() {
        let mut parts = case.splitn(3, '\t');
        let (expected, path, marked) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let judgement = added(path, &without_marks(marked));
        let found = match judgement.verdict {
            Verdict::Fail => "fail",
            _ if judgement.concerns.is_empty() => "nothing",
            _ => "concern",
        };
        if found != expected {
            wrong.push(format!("{found} instead of {expected}: {path}: {marked}"));
        }
        // The secret goes on after the tilde: what follows its first characters is not shown.
        let tail: String = marked.split('~').nth(1).unwrap().chars().skip(2).take(6).collect();
        let shown = format!("{judgement:?}");
        assert!(tail.len() >= 3 && !shown.contains(&tail), "{tail} of {marked} got out: {shown}");
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
    assert!(wrong.is_empty(), "{} of {cases} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_that_is_no_secret_is_taken_for_one() {
    let (mut cases, mut wrong) = (0, Vec::new());
    for case in NEGATIVE.lines() {
        let (path, line) = case.split_once('\t').unwrap();
        let judgement = added(path, &without_marks(line));
        if judgement.verdict != Verdict::Pass || !judgement.concerns.is_empty() {
            wrong.push(format!("{line}: {:?} {:?}", judgement.summary, judgement.concerns));
        }
        cases += 1;
    }
    assert!(cases >= 100, "{cases} cases");
    assert!(wrong.is_empty(), "{} of {cases} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A line of the table that fails, ready to be used.
fn a_secret() -> String {
    let line = POSITIVE.lines().find(|line| line.contains("gh~p_")).unwrap();
    without_marks(line.splitn(3, '\t').nth(2).unwrap())
}

#[test]
fn what_was_there_before_is_no_new_leak_and_what_comes_is() {
    let line = a_secret();
    let was = format!("{line}\n");
    let judge = |edits: &[Edit]| searcher().judge(edits).verdict;
    let moved = format!("// moved\nfn f() {{ {line} }}\n");
    assert_eq!(judge(&[Edit::text("a.ts", Some(&was), Some(&moved))]), Verdict::Pass);
    assert_eq!(judge(&[Edit::text("a.ts", None, Some(&moved))]), Verdict::Fail);
    let renamed = [Edit::text("a.ts", Some(&was), None), Edit::text("b.ts", None, Some(&was))];
    assert_eq!(judge(&renamed), Verdict::Pass);
    assert_eq!(judge(&[Edit::text("a.ts", Some(&was), None)]), Verdict::Pass);
}

#[test]
fn private_keys_are_found_on_lines_of_their_own_and_within_a_text() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let lines = format!("-----BEGIN RSA {KEY}-----\n{body}\n{body}\n-----END RSA {KEY}-----\n");
    let within = format!("key = \"-----BEGIN {KEY}-----\\n{body}\\n-----END {KEY}-----\\n\"\n");
    for text in [&lines, &within] {
        let judgement = added("src/key.py", text);
        assert_eq!(judgement.verdict, Verdict::Fail, "{text}");
        assert!(!format!("{judgement:?}").contains("MIIEv"));
        assert_eq!(added("tests/key.py", text).concerns.len(), 1, "{text}");
    }
    for harmless in [
        format!("-----BEGIN {KEY}-----\n...\n-----END {KEY}-----\n"),
        format!("if text.startswith('-----BEGIN {KEY}-----'):\n    pass\n"),
        format!("-----BEGIN CERTIFICATE-----\n{body}\n{body}\n-----END CERTIFICATE-----\n"),
    ] {
        assert_eq!(added("src/key.py", &harmless).concerns.len(), 0, "{harmless}");
        assert_eq!(added("src/key.py", &harmless).verdict, Verdict::Pass, "{harmless}");
    }
}

const KEY: &str = "PRIVATE KEY";

#[test]
fn files_that_hold_keys_are_known_by_name() {
    let judge = |path: &str| searcher().judge(&[Edit::text(path, None, Some("x"))]);
    for path in ["id_rsa", "deploy/id_ed25519", "cert/site.p12", ".git-credentials"] {
        assert_eq!(judge(path).verdict, Verdict::Fail, "{path}");
    }
    for path in ["id_rsa.pub", "docs/id_rsa.md", "site.pem", "keystore.rs"] {
        assert_eq!(judge(path).verdict, Verdict::Pass, "{path}");
    }
    assert_eq!(judge("tests/fixtures/id_rsa").verdict, Verdict::Pass);
    assert_eq!(judge("tests/fixtures/id_rsa").concerns.len(), 1);
}

#[test]
fn configured_secrets_are_found_however_they_are_written() {
    use base64::Engine;
    let value = "correct horse/battery=42";
    let searcher = Searcher::new(&[value.as_bytes().to_vec(), b"ab".to_vec()]);
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let written = [
        format!("x {value} y"),
        encode(value),
        encode(&format!("a{value}")),
        encode(&format!("ab:{value}:c")),
        hex.clone(),
        hex.to_uppercase(),
    ];
    for text in &written {
        let text = format!("first\n{text}\n");
        let edit = Edit::text("tests/data.bin", Some("first\n"), Some(&text));
        let judgement = searcher.judge(std::slice::from_ref(&edit));
        assert_eq!(judgement.verdict, Verdict::Fail, "{text}");
        assert_eq!(judgement.facts["findings"][0]["line"], 2);
        assert!(!format!("{judgement:?}").contains("battery"));
        let there = Edit::text("tests/data.bin", Some(&text), Some(&format!("{text}more\n")));
        assert_eq!(searcher.judge(&[there]).verdict, Verdict::Pass, "it was there: {text}");
    }
    let binary =
        Edit { after: File::Bytes([b"\0\0", value.as_bytes()].concat()), ..Edit::text("a.bin", None, None) };
    assert_eq!(searcher.judge(&[binary]).verdict, Verdict::Fail);
    let none = Edit::text("a.txt", None, Some("grab a cab\n"));
    assert_eq!(searcher.judge(&[none]).verdict, Verdict::Pass, "two letters are no secret");
}

#[test]
fn a_secret_in_a_name_is_found_and_not_shown() {
    let token = a_secret().split('\'').nth(1).unwrap().to_owned();
    let searcher = Searcher::new(&[b"Configured-77".to_vec()]);
    for name in [format!("out/{token}.txt"), "out/Configured-77.txt".to_owned()] {
        let judgement = searcher.judge(&[Edit::text(&name, None, Some("x"))]);
        assert_eq!(judgement.verdict, Verdict::Fail, "{name}");
        let shown = format!("{judgement:?}");
        assert!(!shown.contains(&token) && !shown.contains("Configured-77"), "{shown}");
    }
}

#[test]
fn what_is_too_large_is_said_to_be_unsearched() {
    let edit = Edit { after: File::Unread(100_000_000), ..Edit::text("big.txt", None, None) };
    let judgement = searcher().judge(&[edit]);
    assert_eq!((judgement.verdict, judgement.concerns.len()), (Verdict::Pass, 1));
}

#[test]
fn a_text_is_shown_without_its_secrets() {
    let line = a_secret();
    let token = line.split('\'').nth(1).unwrap();
    let shown = searcher().without_secrets("a.ts", &format!("+{line}\n+x = 1\n"));
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let key = format!("+-----BEGIN {KEY}-----\n+{body}\n+{body}\n+-----END {KEY}-----\n+rest\n");
    let without = searcher().without_secrets("a.pem", &key);
    assert!(!without.contains("MIIE") && without.contains("+rest"), "{without}");
    assert!(!shown.contains(token) && shown.contains("[a secret]") && shown.ends_with("+x = 1\n"), "{shown}");
}
