//! What the helper that confines is told, and what it answers. Both ends are the same program.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::outcome::{Denial, End, Usage};
use crate::policy::{Access, Limits};

/// Everything the helper needs: nothing of it is looked up in its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What holds the command.
    pub(crate) level: Level,
    /// Landlock's version, as far as it is used.
    pub(crate) landlock_abi: u8,
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, OsString)>,
    /// The folder it starts in.
    pub(crate) folder: PathBuf,
    /// Places by their absolute path; among nested ones the innermost decides.
    pub(crate) places: Vec<Place>,
    /// What of the user's home the command's own is to have, as links: the path in it, and where it leads.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// The folder on disk that is the command's home.
    pub(crate) home: PathBuf,
    /// The folder on disk that is its `/tmp`.
    pub(crate) tmp: PathBuf,
    /// What it may use up.
    pub(crate) limits: Limits,
    /// Certificate authorities (PEM) for the command's [`AUTHORITIES_FILE`].
    pub(crate) authorities: Option<String>,
    /// How it gets out.
    pub(crate) way_out: WayOut,
    /// A Unix socket of loki's, on disk and without links, that it may connect to.
    pub(crate) door: Option<PathBuf>,
    /// Whether loki wants to be told when the command is under way.
    pub(crate) announces: bool,
    /// Whether it may listen on everybody's loopback, where it has no network of its own.
    pub(crate) listens: bool,
}

/// A place and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Where.
    pub(crate) path: PathBuf,
    /// What.
    pub(crate) access: Access,
}

impl Plan {
    /// Where the command finds its home.
    pub(crate) fn home_seen(&self) -> &Path {
        if self.level.has_namespaces() { Path::new(HOME_INSIDE) } else { &self.home }
    }

    /// Where the command finds its folder for passing files.
    pub(crate) fn tmp_seen(&self) -> &Path {
        if self.level.has_namespaces() { Path::new("/tmp") } else { &self.tmp }
    }

    /// Where the command finds its door, if it has one.
    pub(crate) fn door_seen(&self) -> Option<&Path> {
        let door = self.door.as_deref()?;
        Some(if self.level.has_namespaces() { Path::new(DOOR_INSIDE) } else { door })
    }
}

/// Where the command finds its door, in a file system of its own.
pub(crate) const DOOR_INSIDE: &str = "/run/loki/door";

/// Whether `path` is `root` or below it. Both are absolute and plain, so that their bytes tell; comparing
/// them part by part showed in profiles: there are hundreds of places.
pub(crate) fn is_within(path: &Path, root: &Path) -> bool {
    let (path, root) = (path.as_os_str().as_bytes(), root.as_os_str().as_bytes());
    match path.strip_prefix(root) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || root == b"/",
        None => false,
    }
}

/// How a command reaches the egress proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WayOut {
    /// Not at all.
    None,
    /// The helper makes a listener in the command's network namespace and passes it over.
    Listener,
    /// The proxy listens on this port of everybody's loopback.
    Port(u16),
}

/// Where the command's home is mounted, in a file system of its own.
pub(crate) const HOME_INSIDE: &str = "/sandbox";

/// The file of certificate authorities in the command's folder for passing files, where the proxy looks
/// into tunnels.
pub(crate) const AUTHORITIES_FILE: &str = ".certificate-authorities.pem";

/// Where the proxy listens, in a network of the command's own.
pub(crate) const PROXY_PORT_INSIDE: u16 = 3128;

/// What the helper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The proxy's listener is beside this frame.
    Listening,
    /// The command is confined and under way. Only where the plan asks for it.
    Began,
    /// A TCP socket of the command's network.
    Socket {
        /// Whether it is beside this frame. None could be made where it is not.
        made: bool,
    },
    /// Something in the command's network listens on these TCP ports.
    Ports(Vec<u16>),
    /// The command could not be confined. Nothing of it ran.
    Failed(Failure),
    /// How it ended. Nothing of it is left.
    Ended(Report),
    /// Protected files that appeared meanwhile and were taken away again. The last message.
    Swept(Vec<Denial>),
}

/// What is known at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How it ended.
    pub(crate) end: End,
    /// What it used up, but for what only the caller sees.
    pub(crate) usage: Usage,
    /// What was denied.
    pub(crate) denials: Vec<Denial>,
}

/// Why a command could not be confined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("failed to {attempt}: {cause}")]
pub struct Failure {
    /// What was attempted.
    pub attempt: String,
    /// What the system said.
    pub cause: String,
    /// True where the machine does not offer what was attempted, so that a lower level may still work.
    pub unavailable: bool,
}

impl Failure {
    /// A failure of something that should have worked.
    pub(crate) fn new(attempt: impl Into<String>, cause: &dyn std::fmt::Display) -> Failure {
        Failure { attempt: attempt.into(), cause: cause.to_string(), unavailable: false }
    }

    /// A failure that means: not on this machine.
    pub(crate) fn unavailable(attempt: impl Into<String>, cause: &dyn std::fmt::Display) -> Failure {
        Failure { unavailable: true, ..Failure::new(attempt, cause) }
    }
}

/// Names what was attempted, for `map_err`.
pub(crate) fn doing<E: std::fmt::Display>(attempt: impl Into<String>) -> impl FnOnce(E) -> Failure {
    move |cause| Failure::new(attempt, &cause)
}
