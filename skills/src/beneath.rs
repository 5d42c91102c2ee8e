//! Files below a folder, reached step by step from an open folder: no link is followed, and nothing outside
//! can be reached, whatever is renamed in the meantime.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

/// Entries of one folder that are looked at.
const ENTRIES_MAX: usize = 2000;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    Link,
    /// A device, a pipe, a socket.
    Special,
}

/// A file's bytes, and whether its owner may run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) bytes: Vec<u8>,
    pub(crate) executable: bool,
}

impl Folder {
    /// The folder at `base`, by whatever path leads there, and from there along `below`, where no link may be.
    pub(crate) fn open(base: &Path, below: &str) -> io::Result<Folder> {
        let opened = openat(CWD, base, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())?;
        let mut steps = below.split('/').filter(|step| !step.is_empty());
        steps.try_fold(Folder(opened), |folder, step| folder.folder(step))
    }

    /// A folder in this one.
    pub(crate) fn folder(&self, name: &str) -> io::Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        openat(&self.0, step(name)?, flags, Mode::empty()).map(Folder).map_err(told)
    }

    /// A file in this one, which may have so many bytes.
    pub(crate) fn read(&self, name: &str, bytes_max: u64) -> io::Result<Contents> {
        // A pipe must not hold us up, so nothing waits.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::RDONLY;
        let file = openat(&self.0, step(name)?, flags, Mode::empty()).map_err(told)?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut bytes = Vec::new();
        File::from(file).take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            let message = format!("it has more than {bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(Contents { bytes, executable: stat.st_mode & 0o100 != 0 })
    }

    /// What lies in it, by name. Names that are not UTF-8 are an error.
    pub(crate) fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if entries.len() == ENTRIES_MAX {
                let message = format!("there are more than {ENTRIES_MAX} files in one folder");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            let found = match entry.file_type() {
                FileType::Unknown => {
                    FileType::from_raw_mode(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
                }
                found => found,
            };
            let Ok(name) = name.to_str() else {
                let shown = name.to_string_lossy().escape_debug().to_string();
                let message = format!("the name `{shown}` is not UTF-8");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            };
            entries.push(Entry { name: name.to_owned(), kind: kind(found) });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

fn kind(found: FileType) -> Kind {
    match found {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Link,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Kind::Special,
    }
}

/// One step of a path: never up, never absolute.
fn step(name: &str) -> io::Result<&str> {
    match name {
        "" | "." | ".." => Err(io::Error::new(io::ErrorKind::InvalidInput, "it leaves its folder")),
        name if name.contains(['/', '\0']) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is more than one name"))
        }
        name => Ok(name),
    }
}

/// What the kernel calls a loop is a link that was not followed.
fn told(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::MLINK => io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link"),
        error => error.into(),
    }
}
