//! Descriptors that the caller left open: folders and files that no path is needed for.

use super::Act;
use crate::sys::{self, Args, Outcome, Refusal, call, no_effect, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("descriptor-folder", folder),
    ("descriptor-enter", enter),
    ("descriptor-parent", parent),
    ("descriptor-write", write),
    ("descriptor-chmod", chmod),
    ("descriptor-truncate", truncate),
    ("cwd-write", cwd_write),
];

fn write_below(folder: i32, name: &str) -> Outcome {
    let file = call!(libc::SYS_openat, folder, text(name), libc::O_WRONLY)?;
    sys::write(file as i32, b"by descriptor")?;
    Ok(())
}

/// Writes a file below the folder behind a descriptor.
fn folder(args: &Args) -> Outcome {
    write_below(args.id(0)?, args.text(1)?)
}

/// Makes that folder the current one, and writes from there.
fn enter(args: &Args) -> Outcome {
    call!(libc::SYS_fchdir, args.id(0)?)?;
    write_below(libc::AT_FDCWD, args.text(1)?)
}

/// Goes up from that folder, and writes below where it leads.
fn parent(args: &Args) -> Outcome {
    let above = call!(libc::SYS_openat, args.id(0)?, text(".."), libc::O_RDONLY | libc::O_DIRECTORY)?;
    write_below(above as i32, args.text(1)?)
}

fn expect_outside(args: &Args) -> Result<i32, Refusal> {
    let fd = args.id(0)?;
    let mut stat = [0_u64; 32];
    call!(libc::SYS_fstat, fd, stat.as_mut_ptr())?;
    Ok(fd)
}

fn write(args: &Args) -> Outcome {
    let fd = expect_outside(args)?;
    // A pipe or a null device takes bytes too, but nothing outside has changed then.
    call!(libc::SYS_lseek, fd, 0, libc::SEEK_SET)?;
    sys::write(fd, b"written")?;
    let end = call!(libc::SYS_lseek, fd, 0, libc::SEEK_END)?;
    if end > 0 { Ok(()) } else { Err(no_effect("it is no file")) }
}

fn chmod(args: &Args) -> Outcome {
    let fd = expect_outside(args)?;
    call!(libc::SYS_lseek, fd, 0, libc::SEEK_CUR)?;
    call!(libc::SYS_fchmod, fd, 0o777)?;
    Ok(())
}

fn truncate(args: &Args) -> Outcome {
    call!(libc::SYS_ftruncate, args.id(0)?, 1)?;
    Ok(())
}

/// Writes from the folder that the caller was in.
fn cwd_write(args: &Args) -> Outcome {
    write_below(libc::AT_FDCWD, args.text(0)?)
}
