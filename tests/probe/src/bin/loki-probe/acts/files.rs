//! Files: contents and names in places that are not the command's own.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;

use super::Act;
use crate::sys::{self, Args, Outcome, call, holds, no_effect, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("write", write),
    ("append", append),
    ("truncate", truncate),
    ("open-truncate", open_truncate),
    ("create", create),
    ("mkdir", mkdir),
    ("unlink", unlink),
    ("read", read),
    ("list", list),
    ("peek", peek),
    ("open-read", open_read),
    ("open-write", open_write),
    ("rewrite", rewrite),
    ("symlink", make_symlink),
    ("symlink-write", symlink_write),
    ("hardlink-write", hardlink_write),
    ("rename", rename),
    ("exchange", exchange),
    ("replace", replace),
    ("swap-folder", swap_folder),
    ("tmpfile-link", tmpfile_link),
    ("reopen", reopen),
];

fn write(args: &Args) -> Outcome {
    OpenOptions::new().write(true).open(args.text(0)?)?.write_all(b"written")?;
    Ok(())
}

fn append(args: &Args) -> Outcome {
    OpenOptions::new().append(true).open(args.text(0)?)?.write_all(b"appended")?;
    Ok(())
}

fn truncate(args: &Args) -> Outcome {
    let path = text(args.text(0)?);
    call!(libc::SYS_truncate, path, 1)?;
    Ok(())
}

/// Linux truncates for `O_RDONLY | O_TRUNC` too, which a filter that looks for write modes overlooks.
fn open_truncate(args: &Args) -> Outcome {
    let path = args.text(0)?;
    sys::open(path, libc::O_RDONLY | libc::O_TRUNC)?;
    if fs::metadata(path)?.len() == 0 { Ok(()) } else { Err(no_effect("the file kept its length")) }
}

fn create(args: &Args) -> Outcome {
    OpenOptions::new().write(true).create_new(true).open(args.text(0)?)?.write_all(b"created")?;
    Ok(())
}

fn mkdir(args: &Args) -> Outcome {
    Ok(fs::create_dir(args.text(0)?)?)
}

fn unlink(args: &Args) -> Outcome {
    Ok(fs::remove_file(args.text(0)?)?)
}

/// Only the real contents count: a sandbox may well put an empty file in their place.
fn read(args: &Args) -> Outcome {
    let mut bytes = Vec::new();
    File::open(args.text(0)?)?.read_to_end(&mut bytes)?;
    if holds(&bytes, args.text(1)?) { Ok(()) } else { Err(no_effect("the file holds something else")) }
}

fn list(args: &Args) -> Outcome {
    let wanted = args.text(1)?;
    for entry in fs::read_dir(args.text(0)?)? {
        if entry?.file_name() == wanted {
            return Ok(());
        }
    }
    Err(no_effect("the folder shows something else"))
}

/// Whether the contents could be had. They are left unread: they are nobody's business.
fn peek(args: &Args) -> Outcome {
    let size = File::open(args.text(0)?)?.metadata()?.len();
    if size > 0 { Ok(()) } else { Err(no_effect("the file is empty")) }
}

fn open_read(args: &Args) -> Outcome {
    sys::open(args.text(0)?, libc::O_RDONLY | libc::O_NONBLOCK)?;
    Ok(())
}

fn open_write(args: &Args) -> Outcome {
    sys::open(args.text(0)?, libc::O_WRONLY | libc::O_NONBLOCK)?;
    Ok(())
}

/// Writes a setting's own value back to it: a real write without a change.
fn rewrite(args: &Args) -> Outcome {
    let value = fs::read(args.text(0)?)?;
    OpenOptions::new().write(true).open(args.text(0)?)?.write_all(&value)?;
    Ok(())
}

fn make_symlink(args: &Args) -> Outcome {
    Ok(symlink(args.text(1)?, args.text(0)?)?)
}

fn symlink_write(args: &Args) -> Outcome {
    let link = args.text(0)?;
    symlink(args.text(1)?, link)?;
    OpenOptions::new().write(true).open(link)?.write_all(b"by symlink")?;
    Ok(())
}

fn hardlink_write(args: &Args) -> Outcome {
    let link = args.text(0)?;
    fs::hard_link(args.text(1)?, link)?;
    OpenOptions::new().write(true).open(link)?.write_all(b"by hard link")?;
    Ok(())
}

fn rename(args: &Args) -> Outcome {
    Ok(fs::rename(args.text(0)?, args.text(1)?)?)
}

fn exchange(args: &Args) -> Outcome {
    let (one, other) = (text(args.text(0)?), text(args.text(1)?));
    let here = libc::AT_FDCWD;
    call!(libc::SYS_renameat2, here, one, here, other, libc::RENAME_EXCHANGE)?;
    Ok(())
}

/// Puts a new file over an old one, the way editors save.
fn replace(args: &Args) -> Outcome {
    fs::write(args.text(0)?, "replaced")?;
    Ok(fs::rename(args.text(0)?, args.text(1)?)?)
}

/// Moves a folder away and makes another of that name.
fn swap_folder(args: &Args) -> Outcome {
    let folder = args.text(0)?;
    fs::rename(folder, format!("{folder}.away"))?;
    Ok(fs::create_dir(folder)?)
}

/// Makes a nameless file in a folder of one's own and gives it a name elsewhere.
fn tmpfile_link(args: &Args) -> Outcome {
    let file = sys::open(args.text(0)?, libc::O_WRONLY | libc::O_TMPFILE)?;
    let (from, to) = (text(&format!("/proc/self/fd/{}", file.as_raw_fd())), text(args.text(1)?));
    let here = libc::AT_FDCWD;
    call!(libc::SYS_linkat, here, from, here, to, libc::AT_SYMLINK_FOLLOW)?;
    Ok(())
}

/// Opens for reading, then opens the descriptor's own name for writing.
fn reopen(args: &Args) -> Outcome {
    let file = File::open(args.text(0)?)?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new().write(true).open(name)?.write_all(b"reopened")?;
    Ok(())
}
