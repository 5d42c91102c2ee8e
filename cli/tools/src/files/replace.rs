//! Files that are there whole or not at all, by descriptors alone.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::fs::{fchmod, fstat, mkdirat, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{Before, FileError, Place, beneath};

/// Permissions of a folder and of a file that were not there; the process's mask takes away from them.
const FOLDER_MODE: u32 = 0o777;
const FILE_MODE: u32 = 0o644;
/// What is kept of the mode of a file that is replaced: a new content gets nobody's identity.
const KEPT_MODE: u32 = 0o777;

/// Writes the file beside its place, and moves it there.
pub(super) fn replace(
    root: BorrowedFd<'_>,
    place: &Place,
    bytes: &[u8],
    before: Before,
) -> Result<(), FileError> {
    if place.is_top() {
        return Err(FileError::IsFolder { path: place.shown() });
    }
    let (folder, name) = place.split();
    let folder = made(root, folder, place)?;
    let mode = mode_of(folder.as_fd(), name, place)?;
    if mode.is_some() && before == Before::Absent {
        return Err(FileError::Appeared { path: place.shown() });
    }
    let new = temporary(name);
    let written = write_new(folder.as_fd(), &new, bytes, mode)
        .and_then(|()| moved(folder.as_fd(), &new, name, before))
        // The new name must outlive a loss of power too.
        .and_then(|()| Ok(rustix::fs::fsync(&folder)?));
    written.map_err(|source| {
        // The old file stands; what is left of the new one is in nobody's way but the disk's.
        let _left = unlinkat(&folder, new.as_str(), AtFlags::empty());
        match source.kind() {
            io::ErrorKind::AlreadyExists => FileError::Appeared { path: place.shown() },
            _ => FileError::io("write", place, source),
        }
    })
}

/// The folder at `path` beneath the root, made where it is not there, open to be synchronised.
fn made(root: BorrowedFd<'_>, path: &str, place: &Place) -> Result<OwnedFd, FileError> {
    let failed = |errno| FileError::of(errno, place);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
    let mut folder = beneath(root, ".", flags, Mode::empty()).map_err(failed)?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        folder = match beneath(folder.as_fd(), name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                match mkdirat(&folder, name, Mode::from_raw_mode(FOLDER_MODE)) {
                    // A command may have made it meanwhile.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(failed(errno)),
                }
                beneath(folder.as_fd(), name, flags, Mode::empty()).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
    }
    Ok(folder)
}

/// The permissions of the regular file that is there; `None` where nothing is.
fn mode_of(folder: BorrowedFd<'_>, name: &str, place: &Place) -> Result<Option<u32>, FileError> {
    let found = match beneath(folder, name, OFlags::PATH, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        found => found.map_err(|errno| FileError::of(errno, place))?,
    };
    let stat = fstat(&found).map_err(|errno| FileError::of(errno, place))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Some(stat.st_mode & KEPT_MODE)),
        FileType::Directory => Err(FileError::IsFolder { path: place.shown() }),
        _ => Err(FileError::Special { path: place.shown() }),
    }
}

/// A name beside the file's own: the same each time, so that what a killed process left is found again.
fn temporary(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!(".{digest}.loki-new")
}

fn write_new(folder: BorrowedFd<'_>, new: &str, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    match unlinkat(folder, new, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, new, flags, Mode::from_raw_mode(FILE_MODE))?);
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        fchmod(&file, Mode::from_raw_mode(mode))?;
    }
    file.sync_all()
}

fn moved(folder: BorrowedFd<'_>, new: &str, name: &str, before: Before) -> io::Result<()> {
    if before == Before::Absent {
        match renameat_with(folder, new, folder, name, RenameFlags::NOREPLACE) {
            // Not every file system can tell.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            decided => return Ok(decided?),
        }
    }
    Ok(renameat(folder, new, folder, name)?)
}
