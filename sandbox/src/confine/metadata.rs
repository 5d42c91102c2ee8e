//! Modes, owners, times and attributes of files, changed in the command's stead where it may write.
//!
//! Landlock judges none of these calls. With a file system of its own the command finds read-only mounts
//! in its way; where it has none, every such call comes here. The file is opened first and judged by where
//! it is, so that nothing can be put in its stead in between.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};

use super::connect::{descriptor_of, memory_of};
use crate::plan::{Plan, is_within};
use crate::policy::Access;
use crate::sys::{self, Answer, Question};

/// Bytes of a path at most, its NUL included (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;

/// Bytes of an attribute's value at most (`XATTR_SIZE_MAX`).
const VALUE_BYTES_MAX: usize = 65_536;

/// The folder that a relative path counts from, where none is named.
const AT_FDCWD: i32 = -100;

/// How a call names its file.
enum Named {
    /// By an open descriptor.
    Descriptor(u64),
    /// By the address of a path, from a folder's descriptor.
    Path { folder: i32, at: u64, follow: bool },
}

/// What a call changes.
enum Change {
    Mode(u32),
    Owner(u32, u32),
    /// Access and modification.
    Times(Box<Timestamps>),
    SetAttribute {
        name: CString,
        value: Vec<u8>,
        flags: u32,
    },
    RemoveAttribute {
        name: CString,
    },
}

/// Carries a call out. `Err`: it is about a file that may not be changed, at this path.
pub(super) fn change(listener: BorrowedFd<'_>, question: &Question, plan: &Plan) -> Result<Answer, String> {
    match try_change(listener, question, plan) {
        Ok(Ok(())) => Ok(Answer::Returns(0)),
        Ok(Err(path)) => Err(path),
        Err(error) => Ok(Answer::Fails(error.raw_os_error().unwrap_or(libc::EACCES))),
    }
}

fn try_change(listener: BorrowedFd<'_>, question: &Question, plan: &Plan) -> io::Result<Result<(), String>> {
    let (named, change) = read(question)?;
    let file = open(question, &named)?;
    if !sys::still_asks(listener, question.id) {
        return Err(io::Error::from_raw_os_error(libc::EINTR));
    }
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Symlink) {
        // Devices are everybody's; pipes and sockets have nothing that could be changed for others.
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if !may_write(&path, plan) {
        return Ok(Err(path.display().to_string()));
    }
    carry_out(&file, &change).map(Ok)
}

/// Whether the innermost place around a path may be written.
fn may_write(path: &Path, plan: &Plan) -> bool {
    let own = [&plan.home, &plan.tmp].into_iter().map(|own| (own.as_path(), Access::Write));
    let places = plan.places.iter().map(|place| (place.path.as_path(), place.access)).chain(own);
    let around = places.filter(|(place, _)| is_within(path, place));
    let innermost =
        around.max_by_key(|(place, access)| (place.components().count(), *access != Access::Write));
    path.is_absolute() && innermost.is_some_and(|(_, access)| access == Access::Write)
}

fn read(question: &Question) -> io::Result<(Named, Change)> {
    let [a0, a1, a2, a3, a4, _] = question.arguments;
    let folder = |argument: u64| low_bits(argument).cast_signed();
    let path = |at: u64, follow: bool| Named::Path { folder: AT_FDCWD, at, follow };
    let follows = |flags: u64| low_bits(flags) & AT_SYMLINK_NOFOLLOW == 0;
    let from = |argument: u64, at: u64, flags: u64| {
        let empty = low_bits(flags) & AT_EMPTY_PATH != 0
            && string(question, at, PATH_BYTES_MAX).is_ok_and(|path| path.is_empty());
        if empty {
            Named::Descriptor(argument)
        } else {
            Named::Path { folder: folder(argument), at, follow: follows(flags) }
        }
    };
    let owner = |user: u64, group: u64| Change::Owner(low_bits(user), low_bits(group));
    Ok(match question.number {
        libc::SYS_fchmod => (Named::Descriptor(a0), Change::Mode(low_bits(a1))),
        libc::SYS_fchmodat => (from(a0, a1, 0), Change::Mode(low_bits(a2))),
        libc::SYS_fchown => (Named::Descriptor(a0), owner(a1, a2)),
        libc::SYS_fchownat => (from(a0, a1, a4), owner(a2, a3)),
        libc::SYS_utimensat if a1 == 0 => (Named::Descriptor(a0), times(question, a2)?),
        libc::SYS_utimensat => (from(a0, a1, a3), times(question, a2)?),
        libc::SYS_setxattr => (path(a0, true), set_attribute(question)?),
        libc::SYS_lsetxattr => (path(a0, false), set_attribute(question)?),
        libc::SYS_fsetxattr => (Named::Descriptor(a0), set_attribute(question)?),
        libc::SYS_removexattr => (path(a0, true), remove_attribute(question)?),
        libc::SYS_lremovexattr => (path(a0, false), remove_attribute(question)?),
        libc::SYS_fremovexattr => (Named::Descriptor(a0), remove_attribute(question)?),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod => (path(a0, true), Change::Mode(low_bits(a1))),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chown => (path(a0, true), owner(a1, a2)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lchown => (path(a0, false), owner(a1, a2)),
        // fchmodat2, and the old forms of setting times: programs have the ones above.
        _ => return Err(io::Error::from_raw_os_error(libc::ENOSYS)),
    })
}

const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_EMPTY_PATH: u32 = 0x1000;

/// The kernel takes 32 bits of such arguments.
fn low_bits(argument: u64) -> u32 {
    u32::try_from(argument & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn times(question: &Question, at: u64) -> io::Result<Change> {
    let mut words = [0; 32];
    if at == 0 {
        let now = Timespec { tv_sec: 0, tv_nsec: libc::UTIME_NOW };
        return Ok(Change::Times(Box::new(Timestamps { last_access: now, last_modification: now })));
    }
    if memory_of(question, at, &mut words)? < words.len() {
        return Err(io::Error::from_raw_os_error(libc::EFAULT));
    }
    let word = |index: usize| {
        let bytes = words[index * 8..][..8].iter().rev();
        bytes.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)).cast_signed()
    };
    let time = |index: usize| Timespec { tv_sec: word(index), tv_nsec: word(index + 1) };
    Ok(Change::Times(Box::new(Timestamps { last_access: time(0), last_modification: time(2) })))
}

fn set_attribute(question: &Question) -> io::Result<Change> {
    let [_, name, at, size, flags, _] = question.arguments;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > VALUE_BYTES_MAX {
        return Err(io::Error::from_raw_os_error(libc::E2BIG));
    }
    let mut value = vec![0; size];
    if memory_of(question, at, &mut value)? < size {
        return Err(io::Error::from_raw_os_error(libc::EFAULT));
    }
    Ok(Change::SetAttribute { name: attribute_name(question, name)?, value, flags: low_bits(flags) })
}

fn remove_attribute(question: &Question) -> io::Result<Change> {
    Ok(Change::RemoveAttribute { name: attribute_name(question, question.arguments[1])? })
}

/// Only the user's own attributes: the others are privileges and labels.
fn attribute_name(question: &Question, at: u64) -> io::Result<CString> {
    let name = string(question, at, 256)?;
    if name.starts_with(b"user.") {
        CString::new(name).map_err(io::Error::other)
    } else {
        Err(io::Error::from_raw_os_error(libc::EPERM))
    }
}

/// The text at an address of the asking thread's memory, without its NUL.
fn string(question: &Question, at: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; bytes_max];
    let read = memory_of(question, at, &mut bytes)?;
    let end = bytes[..read].iter().position(|byte| *byte == 0);
    bytes.truncate(end.ok_or_else(|| io::Error::from_raw_os_error(libc::ENAMETOOLONG))?);
    Ok(bytes)
}

fn open(question: &Question, named: &Named) -> io::Result<OwnedFd> {
    match named {
        Named::Descriptor(number) => descriptor_of(question, *number),
        Named::Path { folder, at, follow } => {
            let bytes = string(question, *at, PATH_BYTES_MAX)?;
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(&bytes));
            let path = own_descriptor(question, &path).unwrap_or(path);
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let flags = if *follow { flags } else { flags | OFlags::NOFOLLOW };
            if *folder == AT_FDCWD || path.is_absolute() {
                super::connect::open_as(question, &path, flags)
            } else {
                let folder = descriptor_of(question, u64::from(folder.cast_unsigned()))?;
                Ok(rustix::fs::openat(&folder, &path, flags, Mode::empty())?)
            }
        }
    }
}

/// `/proc/self/fd/N` is the asking thread's, not the supervisor's.
fn own_descriptor(question: &Question, path: &Path) -> Option<PathBuf> {
    let number = path.strip_prefix("/proc/self/fd").ok()?.to_str()?.parse::<u32>().ok()?;
    fs::read_link(format!("/proc/{}/fd/{number}", question.pid)).ok()
}

fn carry_out(file: &OwnedFd, change: &Change) -> io::Result<()> {
    let through = format!("/proc/self/fd/{}", file.as_raw_fd());
    match change {
        // Programs that take on their owner's rights are how rights outlive a sandbox.
        Change::Mode(mode) if mode & libc::S_ISUID != 0 => {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        Change::Mode(mode) => rustix::fs::chmod(through, Mode::from_raw_mode(mode & 0o7777))?,
        Change::Owner(user, group) => {
            let unchanged = u32::MAX;
            let own_user = *user == unchanged || *user == rustix::process::geteuid().as_raw();
            let own_group = *group == unchanged || *group == rustix::process::getegid().as_raw();
            if !own_user || !own_group {
                return Err(io::Error::from_raw_os_error(libc::EPERM));
            }
            let id = |id: u32| (id != unchanged).then_some(id);
            let (user, group) = (id(*user).map(Uid::from_raw), id(*group).map(Gid::from_raw));
            rustix::fs::chownat(file, "", user, group, AtFlags::EMPTY_PATH)?;
        }
        Change::Times(times) => match rustix::fs::utimensat(file, "", times, AtFlags::EMPTY_PATH) {
            Err(rustix::io::Errno::INVAL) => rustix::fs::utimensat(CWD, through, times, AtFlags::empty())?,
            other => other?,
        },
        Change::SetAttribute { name, value, flags } => {
            rustix::fs::setxattr(through, name, value, XattrFlags::from_bits_retain(*flags))?;
        }
        Change::RemoveAttribute { name } => rustix::fs::removexattr(through, name)?,
    }
    Ok(())
}
