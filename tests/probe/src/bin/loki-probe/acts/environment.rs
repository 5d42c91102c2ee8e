//! Secrets in the caller's environment.

use std::fs;

use super::Act;
use super::procfs::neighbours;
use crate::sys::{Args, Outcome, holds, no_effect};

pub(super) const ACTS: &[(&str, Act)] =
    &[("variable", variable), ("environ-self", environ_self), ("environ-any", environ_any)];

fn variable(args: &Args) -> Outcome {
    let token = args.text(0)?;
    let seen = std::env::vars_os().any(|(_, value)| holds(value.as_encoded_bytes(), token));
    if seen { Ok(()) } else { Err(no_effect("no variable holds it")) }
}

fn environ_self(args: &Args) -> Outcome {
    let bytes = fs::read("/proc/self/environ")?;
    if holds(&bytes, args.text(0)?) { Ok(()) } else { Err(no_effect("the environment does not hold it")) }
}

/// The processes between the caller and the command have environments too.
fn environ_any(args: &Args) -> Outcome {
    let mut last = no_effect("no environment holds it");
    for pid in neighbours(args.id(0)?)? {
        match fs::read(format!("/proc/{pid}/environ")) {
            Ok(bytes) if holds(&bytes, args.text(1)?) => return Ok(()),
            Ok(_) => {}
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}
