//! What setting up a case needs and only system calls give: `loki-probe prepare WHAT PATH`.

use crate::acts;
use crate::sys::{Args, Outcome, Refusal, call, text};

pub(crate) fn prepare(args: &Args) -> Outcome {
    let path = args.text(1)?;
    match args.text(0)? {
        "handle" => print_handle(path),
        "capability" => grant_capability(path),
        "end" => end(args.id(1)?),
        other => Err(Refusal::Usage(format!("there is nothing to prepare called `{other}`"))),
    }
}

/// Prints the handle by which a file can be opened without its name; nothing where it has none or the
/// caller may not ask.
fn print_handle(path: &str) -> Outcome {
    use std::io::Write;
    let word = acts::handle_of(path)?;
    Ok(writeln!(std::io::stdout(), "{word}")?)
}

/// Gives a program a capability (to set the clock), as the `security.capability` attribute holds it.
fn grant_capability(path: &str) -> Outcome {
    let (revision_2_effective, set_time) = (0x0200_0001_u32, 1_u32 << 25);
    let value = [revision_2_effective, set_time, 0, 0, 0];
    let (path, name) = (text(path), text("security.capability"));
    call!(libc::SYS_setxattr, path, name, value.as_ptr(), size_of_val(&value), 0)?;
    Ok(())
}

/// Ends a process that outlived its test.
fn end(pid: i32) -> Outcome {
    call!(libc::SYS_kill, pid, libc::SIGKILL)?;
    Ok(())
}
