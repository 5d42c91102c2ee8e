//! Checks that whoever writes the project cannot see: `.loki/checks.toml`.
//!
//! ```toml
//! [[check]]
//! name = "an unknown user is refused"
//! run = "python3 -m app login nobody"
//! expect_exit = 1                  # 0 where it is left out
//! stdout_contains = "unknown user" # anything where it is left out
//! ```
//!
//! What the gate says is how many hold. Names, commands and outputs are in its facts, which no provider
//! sees, and failures are named by hashes that cannot be guessed without the file. The commands have a home
//! that no other gate's commands have, and the copy they ran in is removed afterwards: the program under
//! check sees the arguments it is called with, and must not find a place to keep them for one whose output
//! is told.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Case, Gate, Judgement};
use loki_ledger::event::Verdict;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::account::{Run, Said};
use crate::bench::{Bench, Session, inconclusive, not_applicable};
use crate::checkout::Whose;
use crate::confined::{Task, told};
use crate::project::Step;

/// Its name.
pub(crate) const ID: &str = "held-out";

/// The file, in the project's state.
const FILE: &str = "checks.toml";

/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Checks in it.
const CHECKS_MAX: usize = 64;

/// Characters of a check's name, and bytes of its command and of what it must print.
const NAME_CHARS_MAX: usize = 200;
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Seconds that one check may take.
const SECONDS_MAX: u64 = 300;

/// Characters of each output that facts hold.
const SHOWN_CHARS_MAX: usize = 2_000;

/// Passes where every check holds.
pub(crate) struct HeldOut(pub(crate) Arc<Mutex<Bench>>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    #[serde(default)]
    check: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    name: String,
    run: String,
    #[serde(default)]
    expect_exit: u8,
    #[serde(default)]
    stdout_contains: Option<String>,
}

/// Why there are no checks to be run. Its words are for people alone: a parser quotes what it reads.
#[derive(Debug, thiserror::Error)]
enum ChecksError {
    #[error("failed to read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to understand the checks")]
    Parse(#[from] toml::de::Error),
    #[error("the checks break a rule: {0}")]
    Rule(&'static str),
}

/// Whether a check holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Unknown,
}

#[async_trait]
impl Gate for HeldOut {
    fn id(&self) -> &str {
        ID
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        let mut bench = self.0.lock().await;
        let judgement = judge(&mut bench).await;
        // Nothing that these commands left may be found by others.
        bench.clear().await;
        judgement
    }
}

async fn judge(bench: &mut Bench) -> Judgement {
    let path = bench.state.join(FILE);
    let (checks, salt) = match spawn_blocking(move || read(&path)).await {
        Ok(Ok(Some(found))) => found,
        Ok(Ok(None)) => return not_applicable("there are no held-out checks"),
        Ok(Err(error)) => {
            let judgement = inconclusive("the held-out checks cannot be read: a person has to look at them");
            return Judgement { facts: json!({ "error": told(&error) }), ..judgement };
        }
        Err(error) => return inconclusive(&format!("the held-out checks were not read: {error}")),
    };
    let session = match bench.enter(ID).await {
        Ok(session) => session,
        Err(judgement) => return judgement,
    };
    if let Some(failed) = session.install_all().await {
        let judgement = inconclusive("what the project depends on could not be installed");
        return Judgement { facts: json!({ "command": failed.step.command }), ..judgement };
    }
    let mut seen = Vec::new();
    for check in &checks {
        seen.push(run(session, check).await);
    }
    let judgement = judgement(session.tree(), &checks, &seen, &salt);
    bench.leave(judgement).await
}

/// The checks, and a hash of the file as it is.
fn read(path: &Path) -> Result<Option<(Vec<Check>, String)>, ChecksError> {
    let failed = |source| ChecksError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    let checks = parse(&text)?;
    Ok(Some((checks, hex(&Sha256::digest(text.as_bytes())))))
}

fn parse(text: &str) -> Result<Vec<Check>, ChecksError> {
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(ChecksError::Rule("the file has at most 64 KiB"));
    }
    let Checks { check: checks } = toml::from_str(text)?;
    let long = |text: &str| text.len() > TEXT_BYTES_MAX;
    let rules = [
        (checks.is_empty(), "there is at least one check"),
        (checks.len() > CHECKS_MAX, "there are at most 64 checks"),
        (
            checks
                .iter()
                .any(|check| check.name.trim().is_empty() || check.name.chars().count() > NAME_CHARS_MAX),
            "a name has between 1 and 200 characters",
        ),
        (
            checks
                .iter()
                .enumerate()
                .any(|(at, check)| checks[..at].iter().any(|other| other.name == check.name)),
            "no two checks have the same name",
        ),
        (
            checks
                .iter()
                .any(|check| check.run.trim().is_empty() || long(&check.run) || check.run.contains('\0')),
            "a command has between 1 byte and 8 KiB, none of them NUL",
        ),
        (
            checks.iter().any(|check| {
                check.stdout_contains.as_deref().is_some_and(|text| text.is_empty() || long(text))
            }),
            "what a check must print has between 1 byte and 8 KiB",
        ),
    ];
    match rules.iter().find(|(broken, _)| *broken) {
        Some((_, rule)) => Err(ChecksError::Rule(rule)),
        None => Ok(checks),
    }
}

async fn run(session: &Session, check: &Check) -> (Holds, Value) {
    let step = Step::shell(&check.run);
    let task = Task { command: step.command.clone(), folder: String::new(), seconds_max: SECONDS_MAX };
    let ran = session.hands().run(&session.place(Whose::HeldOut), &task).await;
    let run = Run::of("project", &step, SECONDS_MAX, ran);
    let contains = check.stdout_contains.as_ref().is_none_or(|text| run.stdout.contains(text));
    let holds = match &run.said {
        Said::Ended(code) if *code == i32::from(check.expect_exit) && contains => Holds::Yes,
        Said::Ended(_) | Said::WentOn => Holds::No,
        // A check may well be about a program that is not there.
        Said::Unable(_) => Holds::Unknown,
    };
    let facts = json!({
        "name": check.name,
        "run": check.run,
        "holds": holds == Holds::Yes,
        "ended": match &run.said {
            Said::Ended(code) => json!({ "exit_code": code }),
            Said::WentOn => json!({}),
            Said::Unable(why) => json!({ "unable": why }),
        },
        "stdout": shown(&run.stdout),
        "stderr": shown(&run.stderr),
        "duration_ms": run.wall_ms,
    });
    (holds, facts)
}

fn judgement(tree: &str, checks: &[Check], seen: &[(Holds, Value)], salt: &str) -> Judgement {
    let number = |which: Holds| seen.iter().filter(|(holds, _)| *holds == which).count();
    let (held, broken, unknown) = (number(Holds::Yes), number(Holds::No), number(Holds::Unknown));
    let verdict = match (broken, unknown) {
        (0, 0) => Verdict::Pass,
        (0, _) => Verdict::Inconclusive,
        (_, _) => Verdict::Fail,
    };
    let mut summary = format!("{held} of {} held-out checks hold", checks.len());
    if unknown > 0 {
        summary = format!("{summary}; {unknown} could not be run");
    }
    let hashes = seen.iter().enumerate().filter(|(_, (holds, _))| *holds == Holds::No);
    let failing =
        hashes.map(|(at, _)| format!("{ID} {}", &hex(&Sha256::digest(format!("{salt} {at}")))[..16]));
    let facts: Vec<&Value> = seen.iter().map(|(_, facts)| facts).collect();
    Judgement {
        failing: failing.collect(),
        facts: json!({ "tree": tree, "checks": facts, "held": held, "broken": broken, "unknown": unknown }),
        ..Judgement::new(verdict, summary)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read_strictly() {
        let minimal = parse("[[check]]\nname = 'a'\nrun = 'b'\n").unwrap();
        let expected = Check { name: "a".into(), run: "b".into(), expect_exit: 0, stdout_contains: None };
        assert_eq!(minimal, [expected]);
        let full = "[[check]]\nname='a'\nrun='b'\nexpect_exit=3\nstdout_contains='x'\n";
        assert_eq!(parse(full).unwrap()[0].expect_exit, 3);
        let long = format!("[[check]]\nname='a'\nrun='{}'\n", "x".repeat(TEXT_BYTES_MAX + 1));
        let many: String = (0..=CHECKS_MAX).map(|at| format!("[[check]]\nname='{at}'\nrun='b'\n")).collect();
        let wrong = [
            "",
            "not toml",
            "check = 1",
            "[[check]]\nname='a'\n",
            "[[check]]\nname=''\nrun='b'\n",
            "[[check]]\nname='a'\nrun=' '\n",
            "[[check]]\nname='a'\nrun='b'\nexit=1\n",
            "[[check]]\nname='a'\nrun='b'\nexpect_exit=300\n",
            "[[check]]\nname='a'\nrun='b'\nexpect_exit=-1\n",
            "[[check]]\nname='a'\nrun='b'\nstdout_contains=''\n",
            "[[check]]\nname='a'\nrun='b'\n[[check]]\nname='a'\nrun='c'\n",
            "[[check]]\nname='a'\nrun='b'\n[other]\n",
            &long,
            &many,
        ];
        for text in wrong {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
