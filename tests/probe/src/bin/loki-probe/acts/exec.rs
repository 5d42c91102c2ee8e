//! Programs that might run with more than their caller has: set-user-id files, files with capabilities, and
//! programs without a name.

use std::path::{Path, PathBuf};

use super::Act;
use crate::sys::{self, Args, Outcome, Refusal, call, no_effect, status_field, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("exec-gain", gain),
    ("exec-gain-empty-path", gain_empty_path),
    ("gained", gained),
    ("memfd-exec", memfd_exec),
    ("exec-then", exec_then),
];

/// Effective identities and capabilities, as text that two processes can compare.
fn standing() -> String {
    let field = |name: &str, part: usize| {
        let text = status_field("self", name).unwrap_or_default();
        text.split_whitespace().nth(part).unwrap_or_default().to_owned()
    };
    format!("{}:{}:{}", field("Uid", 1), field("Gid", 1), field("CapEff", 0))
}

fn verdict(code: i32) -> Outcome {
    if code == 0 { Ok(()) } else { Err(no_effect("the program ran with nothing more")) }
}

/// Runs the probe's copy that has a bit or a capability, which then says whether that gave it anything.
fn gain(args: &Args) -> Outcome {
    let status = std::process::Command::new(args.text(0)?).args(["gained", &standing()]).status()?;
    verdict(status.code().unwrap_or(1))
}

/// The same by descriptor, where no path is looked at.
fn gain_empty_path(args: &Args) -> Outcome {
    let file = sys::open(args.text(0)?, libc::O_PATH)?;
    let words = [text("loki-probe"), text("gained"), text(&standing())];
    let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null::<libc::c_char>()];
    let Some(child) = sys::fork()? else {
        let _failed = call!(
            libc::SYS_execveat,
            file,
            text(""),
            pointers.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH
        );
        sys::leave(3)
    };
    verdict(sys::wait(child)?)
}

/// Inside: compares with what the caller had.
fn gained(args: &Args) -> Outcome {
    let (before, now) = (args.text(0)?.to_owned(), standing());
    let parts = |text: &str| -> Option<(u64, u64, u64)> {
        let mut parts = text.split(':');
        let mut next = |radix| u64::from_str_radix(parts.next()?, radix).ok();
        Some((next(10)?, next(10)?, next(16)?))
    };
    let (Some(before), Some(now)) = (parts(&before), parts(&now)) else {
        return Err(Refusal::Usage("a standing is uid:gid:capabilities".into()));
    };
    let more = (before.0 != 0 && now.0 == 0) || (before.1 != 0 && now.1 == 0) || now.2 & !before.2 != 0;
    if more { Ok(()) } else { Err(no_effect("nothing was gained")) }
}

/// Copies the probe into memory and does an act from there: a program that no rule for paths can name.
fn memfd_exec(args: &Args) -> Outcome {
    let memory = call!(libc::SYS_memfd_create, text("loki-probe"), 0)?;
    sys::write(memory as i32, &std::fs::read("/proc/self/exe")?)?;
    Err(sys::exec(&PathBuf::from(format!("/proc/self/fd/{memory}")), args.all()).into())
}

/// Does an act after another exec: what binds the command has to bind what it becomes.
fn exec_then(args: &Args) -> Outcome {
    Err(sys::exec(Path::new("/proc/self/exe"), args.all()).into())
}
