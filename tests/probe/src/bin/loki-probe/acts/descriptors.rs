//! Descriptors that the caller left open: folders and files that no path is needed for.

use std::os::unix::fs::MetadataExt;

use super::Act;
use crate::sys::{self, Args, Outcome, call, no_effect, text};

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

fn write(args: &Args) -> Outcome {
    let fd = args.id(0)?;
    // A pipe or a null device takes bytes too, but nothing outside has changed then.
    call!(libc::SYS_lseek, fd, 0, libc::SEEK_SET)?;
    sys::write(fd, b"written")?;
    let end = call!(libc::SYS_lseek, fd, 0, libc::SEEK_END)?;
    if end > 0 { Ok(()) } else { Err(no_effect("it is no file")) }
}

fn chmod(args: &Args) -> Outcome {
    let fd = args.id(0)?;
    call!(libc::SYS_lseek, fd, 0, libc::SEEK_CUR)?;
    let file = std::fs::File::from(sys::owned(call!(libc::SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, 100)?));
    let now = file.metadata()?;
    // What is no file belongs to the whole machine, so there its own mode is set again.
    let change = if now.is_file() { 0o070 } else { 0 };
    let wanted = (now.mode() & 0o777) ^ change;
    call!(libc::SYS_fchmod, fd, wanted)?;
    if file.metadata()?.mode() & 0o777 == wanted { Ok(()) } else { Err(no_effect("the mode is as it was")) }
}

fn truncate(args: &Args) -> Outcome {
    call!(libc::SYS_ftruncate, args.id(0)?, 1)?;
    Ok(())
}

/// Writes from the folder that the caller was in.
fn cwd_write(args: &Args) -> Outcome {
    write_below(libc::AT_FDCWD, args.text(0)?)
}
