//! One try of one case.

use std::fs;
use std::io;
use std::process::{Command, ExitStatus};

use crate::cases::{Case, Evidence};
use crate::judge::Seen;
use crate::suite::Suite;
use crate::world::World;

const DENIED: i32 = 3;
const SENSELESS: i32 = 4;
/// 128 and the signal with which the kernel ends whoever makes a forbidden call.
const BAD_CALL: i32 = 128 + 31;

/// 128 and the signal with which survivors end themselves.
const ALARM: i32 = 128 + 14;

/// What of the probe's output goes into a report.
const OUTPUT_BYTES_MAX: usize = 400;

/// Tries the case, with `around` in front of the probe: nothing, or the words of a sandbox.
pub(crate) fn try_case(suite: &Suite, case: &Case, around: &[String], name: &str, token: &str) -> Seen {
    match tried(suite, case, around, name, token) {
        Ok(seen) => seen,
        Err(error) => Seen::Broken(format!("the harness: {error}")),
    }
}

fn tried(suite: &Suite, case: &Case, around: &[String], name: &str, token: &str) -> io::Result<Seen> {
    let world = World::new(suite, case, name, token)?;
    let mut words = vec!["launch".to_owned()];
    words.extend(case.scene.clone());
    if around.is_empty() {
        words.extend(case.control_scene.clone());
    }
    words.push("--".to_owned());
    words.extend(around.iter().cloned());
    words.push("{project}/loki-probe".to_owned());
    words.extend(case.words.clone());
    let status = world.command(&words)?.status()?;
    let survived = case.evidence == Evidence::Survivor && outlived(suite, &world, token)?;
    let said = |stream: &str| fs::read(world.path(stream)).unwrap_or_default();
    let output = [said("log/stderr"), said("log/stdout")].concat();
    let output = String::from_utf8_lossy(&output).trim().replace('\n', " / ");
    let output: String = output.chars().take(OUTPUT_BYTES_MAX).collect();
    let hits = world.end()?;
    Ok(seen(case.evidence, status, survived, &hits, &output))
}

/// Weighs the evidence of one try.
fn seen(evidence: Evidence, status: ExitStatus, survived: bool, hits: &[String], output: &str) -> Seen {
    let happened = hits.join("; ");
    let code = status.code().unwrap_or(-1);
    match (evidence, code) {
        (Evidence::Survivor, 0) if survived => Seen::Done("a process is left".into()),
        (Evidence::Survivor, 0) => Seen::Denied("no process is left".into()),
        (Evidence::Survivor, ALARM) if !survived => Seen::Denied("the sandbox waited for its end".into()),
        (Evidence::Survivor, _) if survived => Seen::Done(format!("a process is left; code {code}")),
        (Evidence::Witness, 0) if hits.is_empty() => Seen::Denied("nothing reached the witness".into()),
        (Evidence::Exit | Evidence::Witness, 0) if hits.is_empty() => Seen::Done("it succeeded".into()),
        (_, _) if !hits.is_empty() => Seen::Done(format!("code {code}, but {happened}")),
        (_, DENIED) => Seen::Denied(output.to_owned()),
        (_, SENSELESS) => Seen::Senseless(output.to_owned()),
        (_, BAD_CALL) => Seen::Denied("ended by the kernel for the call".into()),
        (_, other) => Seen::Broken(format!("code {other}: {output}")),
    }
}

/// Whether a process still holds the lock that survivors hold. Ends every one of them.
fn outlived(suite: &Suite, world: &World, token: &str) -> io::Result<bool> {
    let Ok(lock) = fs::File::options().write(true).open(world.path("project/alive")) else {
        return Ok(false);
    };
    if lock.try_lock().is_ok() {
        return Ok(false);
    }
    // They end by themselves after some seconds, so this does too.
    while lock.try_lock().is_err() {
        for entry in fs::read_dir("/proc")?.flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            let words = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            let mut words = words.split('\0');
            let is_probe = words.next().is_some_and(|program| program.ends_with("/project/loki-probe"));
            if is_probe && words.any(|word| word == token) {
                // It may have ended since.
                let _gone = Command::new(&suite.probe).args(["prepare", "end", &pid]).output()?;
            }
        }
    }
    Ok(true)
}
