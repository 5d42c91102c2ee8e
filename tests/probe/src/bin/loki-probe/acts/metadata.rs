//! Metadata: modes, owners, times, attributes and flags, by every door there is to each.
//!
//! Landlock has no rule for any of these, so a sandbox that shows a file may leave all of it open.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use super::Act;
use crate::sys::{self, Args, Outcome, call, no_effect, reached, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("chmod", chmod),
    ("fchmod", fchmod),
    ("fchmodat2", fchmodat2),
    ("chmod-by-descriptor", chmod_by_descriptor),
    ("chmod-same", chmod_same),
    ("chown", chown),
    ("lchown", lchown),
    ("fchown", fchown),
    ("fchownat", fchownat),
    ("utimensat", utimensat),
    ("futimens", futimens),
    ("utimes-same", utimes_same),
    ("setxattr", setxattr),
    ("lsetxattr", lsetxattr),
    ("fsetxattr", fsetxattr),
    ("setxattrat", setxattrat),
    ("setxattr-by-descriptor", setxattr_by_descriptor),
    ("setxattr-replace", setxattr_replace),
    ("removexattr", removexattr),
    ("fremovexattr", fremovexattr),
    ("removexattrat", removexattrat),
    ("ioctl-setflags", ioctl_setflags),
    ("ioctl-fssetxattr", ioctl_fssetxattr),
    ("file-setattr", file_setattr),
];

const HERE: i32 = libc::AT_FDCWD;
/// The attribute that acts add.
const NEW: &str = "user.loki-probe";
/// The attribute that the witness put there, for acts to remove.
const KEPT: &str = "user.kept";

// Calls that came with Linux 6.6, 6.13 and 6.17.
const FCHMODAT2: i64 = 452;
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;
const FILE_GETATTR: i64 = 468;
const FILE_SETATTR: i64 = 469;

fn mode(path: &str) -> Result<u32, sys::Refusal> {
    Ok(fs::metadata(path)?.mode() & 0o7777)
}

/// Changes the mode by `change`, and believes only what the file says afterwards.
fn changed_mode(path: &str, change: impl Fn(u32) -> Outcome) -> Outcome {
    let wanted = mode(path)? ^ 0o001;
    change(wanted)?;
    if mode(path)? == wanted { Ok(()) } else { Err(no_effect("the mode is as it was")) }
}

fn handle(path: &str) -> Result<OwnedFd, sys::Refusal> {
    Ok(sys::open(path, libc::O_PATH)?)
}

fn name_of(fd: &impl AsRawFd) -> std::ffi::CString {
    text(&format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn chmod(args: &Args) -> Outcome {
    let path = args.text(0)?;
    changed_mode(path, |mode| Ok(call!(libc::SYS_fchmodat, HERE, text(path), mode).map(drop)?))
}

fn fchmod(args: &Args) -> Outcome {
    let path = args.text(0)?;
    let file = File::open(path)?;
    changed_mode(path, |mode| Ok(call!(libc::SYS_fchmod, &file, mode).map(drop)?))
}

fn fchmodat2(args: &Args) -> Outcome {
    let path = args.text(0)?;
    let file = handle(path)?;
    changed_mode(path, |mode| Ok(call!(FCHMODAT2, file, text(""), mode, libc::AT_EMPTY_PATH).map(drop)?))
}

fn chmod_by_descriptor(args: &Args) -> Outcome {
    let path = args.text(0)?;
    let file = handle(path)?;
    changed_mode(path, |mode| Ok(call!(libc::SYS_fchmodat, HERE, name_of(&file), mode).map(drop)?))
}

/// For files of the system: the mode stays, but the kernel has to be willing to set it.
fn chmod_same(args: &Args) -> Outcome {
    let path = args.text(0)?;
    call!(libc::SYS_fchmodat, HERE, text(path), mode(path)?)?;
    Ok(())
}

/// Owners stay as they are, since an ordinary user cannot give files away; the kernel has to be willing all
/// the same, and clears set-user-id bits on the way.
fn owner(path: &str) -> Result<(u32, u32), sys::Refusal> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.uid(), metadata.gid()))
}

fn chown(args: &Args) -> Outcome {
    let (uid, gid) = owner(args.text(0)?)?;
    call!(libc::SYS_fchownat, HERE, text(args.text(0)?), uid, gid, 0)?;
    Ok(())
}

fn lchown(args: &Args) -> Outcome {
    let (uid, gid) = owner(args.text(0)?)?;
    call!(libc::SYS_fchownat, HERE, text(args.text(0)?), uid, gid, libc::AT_SYMLINK_NOFOLLOW)?;
    Ok(())
}

fn fchown(args: &Args) -> Outcome {
    let (uid, gid) = owner(args.text(0)?)?;
    call!(libc::SYS_fchown, &File::open(args.text(0)?)?, uid, gid)?;
    Ok(())
}

fn fchownat(args: &Args) -> Outcome {
    let (uid, gid) = owner(args.text(0)?)?;
    call!(libc::SYS_fchownat, handle(args.text(0)?)?, text(""), uid, gid, libc::AT_EMPTY_PATH)?;
    Ok(())
}

fn moment(seconds: i64, nanoseconds: i64) -> libc::timespec {
    libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds }
}

fn utimensat(args: &Args) -> Outcome {
    let path = args.text(0)?;
    let times = [moment(1, 0), moment(1, 0)];
    call!(libc::SYS_utimensat, HERE, text(path), times.as_ptr(), 0)?;
    if fs::metadata(path)?.mtime() == 1 { Ok(()) } else { Err(no_effect("the time is as it was")) }
}

fn futimens(args: &Args) -> Outcome {
    let file = File::open(args.text(0)?)?;
    let times = [moment(1, 0), moment(1, 0)];
    call!(libc::SYS_utimensat, &file, 0, times.as_ptr(), 0)?;
    if file.metadata()?.mtime() == 1 { Ok(()) } else { Err(no_effect("the time is as it was")) }
}

fn utimes_same(args: &Args) -> Outcome {
    let path = args.text(0)?;
    let now = fs::metadata(path)?;
    let times = [moment(now.atime(), now.atime_nsec()), moment(now.mtime(), now.mtime_nsec())];
    call!(libc::SYS_utimensat, HERE, text(path), times.as_ptr(), 0)?;
    Ok(())
}

const VALUE: &[u8] = b"set";

fn setxattr(args: &Args) -> Outcome {
    call!(libc::SYS_setxattr, text(args.text(0)?), text(NEW), VALUE.as_ptr(), VALUE.len(), 0)?;
    Ok(())
}

fn lsetxattr(args: &Args) -> Outcome {
    call!(libc::SYS_lsetxattr, text(args.text(0)?), text(NEW), VALUE.as_ptr(), VALUE.len(), 0)?;
    Ok(())
}

fn fsetxattr(args: &Args) -> Outcome {
    let file = File::open(args.text(0)?)?;
    call!(libc::SYS_fsetxattr, &file, text(NEW), VALUE.as_ptr(), VALUE.len(), 0)?;
    Ok(())
}

#[repr(C)]
struct XattrArgs {
    value: u64,
    size: u32,
    flags: u32,
}

fn setxattrat(args: &Args) -> Outcome {
    let value = XattrArgs { value: VALUE.as_ptr().addr() as u64, size: VALUE.len() as u32, flags: 0 };
    let (path, name) = (text(args.text(0)?), text(NEW));
    call!(SETXATTRAT, HERE, path, 0, name, &raw const value, size_of::<XattrArgs>())?;
    Ok(())
}

fn setxattr_by_descriptor(args: &Args) -> Outcome {
    let file = handle(args.text(0)?)?;
    call!(libc::SYS_setxattr, name_of(&file), text(NEW), VALUE.as_ptr(), VALUE.len(), 0)?;
    Ok(())
}

/// For files of the system: replacing what is not there changes nothing. The kernel says so only after it
/// has found the place writable and the caller allowed.
fn setxattr_replace(args: &Args) -> Outcome {
    let (path, name) = (text(args.text(0)?), text(NEW));
    let replace = 2;
    let result = call!(libc::SYS_setxattr, path, name, VALUE.as_ptr(), VALUE.len(), replace);
    reached(result, &[libc::ENODATA])
}

fn removexattr(args: &Args) -> Outcome {
    call!(libc::SYS_removexattr, text(args.text(0)?), text(KEPT))?;
    Ok(())
}

fn fremovexattr(args: &Args) -> Outcome {
    call!(libc::SYS_fremovexattr, &File::open(args.text(0)?)?, text(KEPT))?;
    Ok(())
}

fn removexattrat(args: &Args) -> Outcome {
    call!(REMOVEXATTRAT, HERE, text(args.text(0)?), 0, text(KEPT))?;
    Ok(())
}

/// `FS_IOC_SETFLAGS` asks for no descriptor that may write; "leave it out of dumps" is the harmless flag.
fn ioctl_setflags(args: &Args) -> Outcome {
    let (get, set, no_dump) = (0x8008_6601_u32, 0x4008_6602_u32, 0x40_i64);
    let file = File::open(args.text(0)?)?;
    let mut flags = 0_i64;
    call!(libc::SYS_ioctl, &file, get, &raw mut flags)?;
    flags ^= no_dump;
    call!(libc::SYS_ioctl, &file, set, &raw const flags)?;
    Ok(())
}

/// The same flag as the other calls name it.
const XFLAG_NO_DUMP: u32 = 0x80;

fn ioctl_fssetxattr(args: &Args) -> Outcome {
    let (get, set) = (0x801c_581f_u32, 0x401c_5820_u32);
    let file = File::open(args.text(0)?)?;
    let mut attributes = [0_u32; 7];
    call!(libc::SYS_ioctl, &file, get, attributes.as_mut_ptr())?;
    attributes[0] ^= XFLAG_NO_DUMP;
    call!(libc::SYS_ioctl, &file, set, attributes.as_ptr())?;
    Ok(())
}

fn file_setattr(args: &Args) -> Outcome {
    let path = text(args.text(0)?);
    let mut attributes = [0_u32; 6];
    let size = size_of_val(&attributes);
    call!(FILE_GETATTR, HERE, &path, attributes.as_mut_ptr(), size, 0)?;
    attributes[0] ^= XFLAG_NO_DUMP;
    call!(FILE_SETATTR, HERE, &path, attributes.as_ptr(), size, 0)?;
    Ok(())
}
