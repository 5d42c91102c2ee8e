//! Files below a folder, reached one component at a time and never through a symbolic link.
//!
//! Commands of the project may run at the same moment, so a path that was looked at is not trusted: every
//! folder on the way is opened by its name in the one above it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, readlinkat};
use rustix::fs::{statat, symlinkat, unlinkat};

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
}

/// What tells that a file is still the one that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) mode: u32,
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) modified: i64,
    /// Nanoseconds since 1970, of the last change to content or properties.
    pub(crate) changed: i64,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// Reaches files by their paths below a folder. Files that lie together are reached the quicker when they
/// are asked for one after the other.
pub(super) struct Paths {
    top: Folder,
    last: Option<(PathBuf, Folder)>,
}

impl Folder {
    /// The folder at `path`, which the caller trusts.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { descriptor: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// A folder in this one; a link to one is none.
    pub(super) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { descriptor: openat(&self.descriptor, name, flags, Mode::empty())? })
    }

    /// The names in it, in no order.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// What the name stands for, itself and not what it may link to.
    pub(super) fn stamp(&self, name: &OsStr) -> io::Result<Stamp> {
        Ok(Stamp::of(&statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// A regular file, to read. Never waits for the other end of a pipe.
    pub(super) fn file(&self, name: &OsStr) -> io::Result<(File, Stamp)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let descriptor = openat(&self.descriptor, name, flags, Mode::empty())?;
        let stamp = Stamp::of(&fstat(&descriptor)?);
        if !stamp.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok((File::from(descriptor), stamp))
    }

    /// What a symbolic link says.
    pub(super) fn link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&self.descriptor, name, Vec::new())?.into_bytes())
    }

    /// A new file, to write. Fails where there is anything of that name.
    pub(super) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.descriptor, name, flags, Mode::from_raw_mode(mode))?))
    }

    /// A new symbolic link.
    pub(super) fn create_link(&self, name: &OsStr, target: &[u8]) -> io::Result<()> {
        Ok(symlinkat(OsStr::from_bytes(target), &self.descriptor, name)?)
    }

    /// Takes the name away, unless it is a folder.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    /// Takes an empty folder away.
    pub(super) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR)?)
    }

    /// The folder of that name, made where there is none. What is no folder and was taken into no
    /// snapshot (a link, a pipe, a socket) makes way.
    fn enter_or_make(&self, name: &OsStr) -> io::Result<Self> {
        match self.stamp(name) {
            Ok(found) if found.is_folder() => {}
            Ok(found) if found.is_file() => {
                return Err(io::Error::new(io::ErrorKind::NotADirectory, "a file is where a folder was"));
            }
            Ok(_) => {
                self.remove(name)?;
                mkdirat(&self.descriptor, name, Mode::from_raw_mode(0o777))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                mkdirat(&self.descriptor, name, Mode::from_raw_mode(0o777))?;
            }
            Err(error) => return Err(error),
        }
        self.enter(name)
    }
}

impl Stamp {
    fn of(stat: &Stat) -> Self {
        Self {
            mode: stat.st_mode,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }

    fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind() == FileType::RegularFile
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind() == FileType::Directory
    }

    pub(super) fn is_link(&self) -> bool {
        self.kind() == FileType::Symlink
    }

    /// Whether another stamp of the same path is of the same content, as far as can be told.
    pub(crate) fn has_content_of(&self, other: &Self) -> bool {
        let told = |stamp: &Self| (stamp.mode, stamp.size, stamp.modified, stamp.inode);
        told(self) == told(other)
    }

    /// Whether its owner may run it.
    pub(super) fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }
}

impl Paths {
    /// Paths below that folder.
    pub(super) fn below(top: Folder) -> Self {
        Self { top, last: None }
    }

    /// The folder that a file is in, and the file's name there.
    pub(super) fn parent<'p>(&mut self, path: &'p Path) -> io::Result<(&Folder, &'p OsStr)> {
        self.reach(path, Folder::enter)
    }

    /// As [`Paths::parent`], and makes the folders that are not there.
    pub(super) fn made_parent<'p>(&mut self, path: &'p Path) -> io::Result<(&Folder, &'p OsStr)> {
        self.reach(path, Folder::enter_or_make)
    }

    /// Forgets what was reached last: to be called where a folder may have gone.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    fn reach<'p>(
        &mut self,
        path: &'p Path,
        step: impl Fn(&Folder, &OsStr) -> io::Result<Folder>,
    ) -> io::Result<(&Folder, &'p OsStr)> {
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "the path leads out of the project");
        let name = path.file_name().ok_or_else(outside)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok((&self.top, name));
        }
        if self.last.as_ref().is_none_or(|(last, _)| last != parent) {
            let mut reached: Option<Folder> = None;
            for component in parent.components() {
                let Component::Normal(name) = component else { return Err(outside()) };
                reached = Some(step(reached.as_ref().unwrap_or(&self.top), name)?);
            }
            self.last = reached.map(|folder| (parent.to_owned(), folder));
        }
        self.last.as_ref().map(|(_, folder)| (folder, name)).ok_or_else(outside)
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}
