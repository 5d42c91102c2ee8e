//! Why a file of the project was not touched.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use super::Place;

/// Why a file of the project was not touched. Paths are as [`super::shown`] shows them.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The project's folder cannot be opened.
    #[error("failed to open the project's folder `{}`", path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The path is none.
    #[error("`{path}` is no path of a file in the project: {why}")]
    Bad {
        /// The path.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// It leads out of the project.
    #[error("`{path}` is outside of the project")]
    Outside {
        /// The path.
        path: String,
    },
    /// It is loki's or git's own.
    #[error("`{path}` is closed to tools: it is {whose} own")]
    Closed {
        /// The path.
        path: String,
        /// Whose it is.
        whose: &'static str,
    },
    /// The policy keeps it.
    #[error("`{path}` may not be {verb}: {reason}")]
    Protected {
        /// The path.
        path: String,
        /// `read` or `changed`.
        verb: &'static str,
        /// The rule's reason.
        reason: String,
    },
    /// There is no such file.
    #[error("there is no `{path}`")]
    Absent {
        /// The path.
        path: String,
    },
    /// It appeared meanwhile.
    #[error("`{path}` has appeared since it was looked for")]
    Appeared {
        /// The path.
        path: String,
    },
    /// A symbolic link is on the way.
    #[error("`{path}` is a symbolic link or lies behind one; tools follow none")]
    Link {
        /// The path.
        path: String,
    },
    /// It is a folder.
    #[error("`{path}` is a folder")]
    IsFolder {
        /// The path.
        path: String,
    },
    /// A file is where a folder must be.
    #[error("`{path}` is no folder, or lies below what is none")]
    NotFolder {
        /// The path.
        path: String,
    },
    /// It is a pipe, a socket or a device.
    #[error("`{path}` is no regular file")]
    Special {
        /// The path.
        path: String,
    },
    /// It has too many bytes.
    #[error("`{path}` has {bytes} bytes, and at most {bytes_max} are handled at once")]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes it has at least.
        bytes: u64,
        /// Bytes it may have.
        bytes_max: usize,
    },
    /// The kernel cannot open files safely.
    #[error("the kernel does not offer `openat2`, without which no file is opened safely")]
    Unsupported,
    /// The system refused.
    #[error("failed to {attempt} `{path}`: {source}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// The path.
        path: String,
        /// What went wrong: whoever called the tool sees nothing but this message.
        source: io::Error,
    },
}

impl FileError {
    /// What an error number of opening a place means.
    pub(super) fn of(errno: Errno, place: &Place) -> FileError {
        let path = place.shown();
        match errno {
            Errno::NOENT => FileError::Absent { path },
            Errno::LOOP => FileError::Link { path },
            Errno::XDEV => FileError::Outside { path },
            Errno::NOTDIR => FileError::NotFolder { path },
            Errno::ISDIR => FileError::IsFolder { path },
            Errno::NXIO | Errno::NODEV => FileError::Special { path },
            Errno::NAMETOOLONG => FileError::Bad { path, why: "a name in it is too long" },
            Errno::NOSYS => FileError::Unsupported,
            other => FileError::Io { attempt: "open", path, source: other.into() },
        }
    }

    pub(crate) fn io(attempt: &'static str, place: &Place, source: io::Error) -> FileError {
        FileError::Io { attempt, path: place.shown(), source }
    }

    pub(super) fn too_large(place: &Place, bytes: u64, bytes_max: usize) -> FileError {
        FileError::TooLarge { path: place.shown(), bytes, bytes_max }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            FileError::Bad { .. } | FileError::Outside { .. } => "bad_path",
            FileError::Closed { .. } | FileError::Protected { .. } => "closed",
            FileError::Absent { .. } => "not_found",
            FileError::Appeared { .. } => "changed_since_read",
            FileError::Link { .. } => "link",
            FileError::IsFolder { .. } => "is_a_folder",
            FileError::NotFolder { .. } => "not_a_folder",
            FileError::Special { .. } => "not_a_file",
            FileError::TooLarge { .. } => "too_large",
            FileError::Root { .. } | FileError::Unsupported | FileError::Io { .. } => "file_failed",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            FileError::Bad { .. } | FileError::Outside { .. } => {
                "give a path relative to the project's folder, such as `src/main.rs`"
            }
            FileError::Closed { .. } | FileError::Protected { .. } => {
                "leave it as it is, and go on without it"
            }
            FileError::Absent { .. } => "look at the folder with `list_files`",
            FileError::Appeared { .. } => "read it with `read_file` first",
            FileError::Link { .. } => "use the path of the file that is meant, without links",
            FileError::IsFolder { .. } => "name a file; `list_files` shows what is in the folder",
            FileError::NotFolder { .. } => "check the path with `list_files`",
            FileError::Special { .. } => "only regular files are read and written",
            FileError::TooLarge { .. } => "split it into smaller files",
            FileError::Root { .. } | FileError::Unsupported | FileError::Io { .. } => {
                "try another way, or go on without it"
            }
        }
    }
}
